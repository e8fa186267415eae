/**
 * The PostgreSQL of a test run: the one that runs at `POSTGRES_URL`, by default on this machine; else one started for the run, and stopped
 * at its end. `POSTGRES_URL=embedded` asks for the latter whatever runs.
 */
import type { TestProject } from "vitest/node"
import { answers, Server } from "./process.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** `undefined`: there is none. */
    readonly postgres: string | undefined
  }
}

const usual = "postgres://postgres@127.0.0.1:5432/test"

export default async function({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const address = process.env["POSTGRES_URL"] ?? usual
  if (address !== "embedded" && await answers(address)) {
    provide("postgres", address)
    return
  }
  // whoever names a server wants that one
  if (address !== "embedded" && address !== usual) return missing(`none answers at ${address}`)
  try {
    const server = await Server.make()
    try {
      await server.start()
      provide("postgres", server.url)
      return () => server.remove()
    } catch (error) {
      await server.remove()
      throw error
    }
  } catch (error) {
    return missing(`none answers at ${usual}, and none can be started here: ${error}`)
  }

  function missing(why: string): undefined {
    provide("postgres", undefined)
    process.stderr.write(`\n*** SKIPPED: the tests of PostgresJobStore need a PostgreSQL; ${why} ***\n\n`)
  }
}
