/**
 * What released versions wrote stays readable, on MariaDB and MySQL too. `schema-1.mysql.sql` is a database of version 1 as text, with the rows
 * for which `schema-1.json` stands. A fixture is written once, when its version is released, and not edited:
 *
 *     WRITE_FIXTURES=fixture npx vitest run test/stores/mysql/fixtures
 *     mariadb-dump --compact --skip-extended-insert --complete-insert fixture …
 *
 * without what is a comment to other servers, with `{collation}` for the collation's name.
 */
import { assert, describe, it } from "@effect/vitest"
import { MySqlJobStore } from "effect-scheduler/mysql"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { readFileSync } from "node:fs"
import { JobStore } from "../../../src/JobStore.ts"
import { fixture, goesOn, isRead, newest, populate } from "../fixtures/rows.ts"
import { client, isRunning, temporaryDatabase } from "./server.ts"

const open = (database: string) =>
  MySqlJobStore.layer({ host: "a host of its own" }).pipe(Layer.provide(client(database)))

const restored = Effect.fnUntraced(function*(version: number) {
  const database = yield* temporaryDatabase
  const text = readFileSync(fixture(`schema-${version}.mysql.sql`), "utf8")
  const restoring = Effect.gen(function*() {
    const sql = yield* SqlClient
    const [server] = yield* sql`SELECT VERSION()`.values
    const collation = /mariadb/i.test(String(server?.[0])) ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin"
    const statements = text.replaceAll("{collation}", collation).split(/;\n/)
    for (const statement of statements) if (statement.trim() !== "") yield* sql.unsafe(statement)
  })
  yield* Effect.provide(restoring, client(database, { maxConnections: 1 }))
  return database
})

describe.runIf(isRunning)("fixtures of MariaDB", () => {
  const write = process.env["WRITE_FIXTURES"] === undefined ? undefined : it.live
  write?.(
    "are written",
    () => Effect.flatMap(JobStore, populate).pipe(Effect.provide(open(process.env["WRITE_FIXTURES"]!)))
  )

  const versions = Array.from({ length: newest }, (_, n) => n + 1)

  it.live.each(versions)("rows of version %i are read as they were written", (version) =>
    Effect.gen(function*() {
      const database = yield* restored(version)
      yield* Effect.flatMap(JobStore, (store) => isRead(store, version)).pipe(Effect.provide(open(database)))
    }), 60_000)

  it.live.each(versions)("work of version %i goes on", (version) =>
    Effect.gen(function*() {
      const database = yield* restored(version)
      yield* Effect.flatMap(JobStore, (store) => goesOn(store, version)).pipe(Effect.provide(open(database)))
    }), 60_000)

  it.live.each(versions)("tables of version %i come to be like fresh ones", (version) =>
    Effect.gen(function*() {
      const database = yield* restored(version)
      yield* Effect.provide(Effect.asVoid(JobStore), open(database))
      const drift = MySqlJobStore.drift().pipe(Effect.provide(client(database, { maxConnections: 1 })))
      assert.deepStrictEqual(yield* drift, [])
    }), 60_000)
})
