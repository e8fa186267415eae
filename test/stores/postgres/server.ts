/** The PostgreSQL of the tests, and places in it that are gone with the scope. */
import { PgClient } from "@effect/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { connect } from "node:net"

const address = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"

export const url = Redacted.make(address)

/** Whether a server answers. Without one the tests of the store are left out, and say so. */
export const isRunning = await new Promise<boolean>((resolve) => {
  const { hostname, port } = new URL(address)
  const socket = connect({ host: hostname, port: Number(port || 5432), timeout: 2000 })
  const answer = (answer: boolean) => () => {
    socket.destroy()
    resolve(answer)
  }
  socket.on("connect", answer(true)).on("error", answer(false)).on("timeout", answer(false))
})

if (!isRunning) {
  console.warn(
    `\n*** no PostgreSQL at ${address}: PostgresJobStore is NOT TESTED (POSTGRES_URL names another one) ***\n`
  )
}

/** The name of a schema of one's own. */
export const temporarySchema = Effect.acquireRelease(
  Effect.map(Random.nextIntBetween(0, 2 ** 31), (n) => `test_${process.pid}_${n}`),
  (schema) =>
    Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)).pipe(
      Effect.provide(client({ maxConnections: 1 })),
      Effect.ignore
    )
)

/** A client that does not wait for the disk. */
export const client = (config: PgClient.PgPoolConfig = {}) =>
  Layer.fresh(PgClient.layer({ url, startupParameters: { synchronous_commit: "off" }, ...config }))
