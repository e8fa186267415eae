/**
 * What released versions wrote stays readable, on PostgreSQL too. `schema-1.postgres.sql` is a schema of version 1 as text, with the rows for
 * which `schema-1.json` stands. A fixture is written once, when its version is released, and not edited:
 *
 *     WRITE_FIXTURES=fixture npx vitest run test/stores/postgres/fixtures
 *     pg_dump --schema=fixture --inserts --no-owner --no-privileges …
 *
 * without the comments and settings of `pg_dump`, with `{schema}` for the schema's name.
 */
import { assert, describe, it } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { readFileSync } from "node:fs"
import { JobStore } from "../../../src/JobStore.ts"
import { fixture, goesOn, isRead, newest, populate } from "../fixtures/rows.ts"
import { client, isRunning, temporarySchema } from "./server.ts"

const options = { host: "a host of its own", listen: false }
const open = (schema: string) => PostgresJobStore.layer({ ...options, schema }).pipe(Layer.provide(client()))

const restored = Effect.fnUntraced(function*(version: number) {
  const schema = yield* temporarySchema
  const text = readFileSync(fixture(`schema-${version}.postgres.sql`), "utf8").replaceAll("{schema}", schema)
  const restoring = Effect.gen(function*() {
    const sql = yield* SqlClient
    for (const statement of text.split(/;\n/)) if (statement.trim() !== "") yield* sql.unsafe(statement)
  })
  yield* Effect.provide(restoring, client({ maxConnections: 1 }))
  return schema
})

describe.runIf(isRunning)("fixtures of PostgreSQL", () => {
  const write = process.env["WRITE_FIXTURES"] === undefined ? undefined : it.live
  write?.(
    "are written",
    () => Effect.flatMap(JobStore, populate).pipe(Effect.provide(open(process.env["WRITE_FIXTURES"]!)))
  )

  const versions = Array.from({ length: newest }, (_, n) => n + 1)

  it.live.each(versions)("rows of version %i are read as they were written", (version) =>
    Effect.gen(function*() {
      const schema = yield* restored(version)
      yield* Effect.flatMap(JobStore, (store) => isRead(store, version)).pipe(Effect.provide(open(schema)))
    }), 60_000)

  it.live.each(versions)("work of version %i goes on", (version) =>
    Effect.gen(function*() {
      const schema = yield* restored(version)
      yield* Effect.flatMap(JobStore, (store) => goesOn(store, version)).pipe(Effect.provide(open(schema)))
    }), 60_000)

  it.live.each(versions)("tables of version %i come to be like fresh ones", (version) =>
    Effect.gen(function*() {
      const schema = yield* restored(version)
      yield* Effect.provide(Effect.asVoid(JobStore), open(schema))
      const drift = PostgresJobStore.drift({ schema }).pipe(Effect.provide(client({ maxConnections: 1 })))
      assert.deepStrictEqual(yield* drift, [])
    }), 60_000)
})
