/** The PostgreSQL of the tests, and places in it that are gone with the scope. */
import { PgClient } from "@effect/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { inject } from "vitest"

const address = inject("postgres")

/** Without a server the tests of the store are left out; whoever looked for one has said so. */
export const isRunning = address !== undefined

export const url = Redacted.make(address ?? "postgres://nowhere.invalid")

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
