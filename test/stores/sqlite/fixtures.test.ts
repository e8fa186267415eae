/**
 * What released versions wrote stays readable. `schema-1.sql` is a database of version 1 as text, `schema-1.json` is what its store answered.
 * A fixture is written once, when its version is released (`WRITE_FIXTURES=1 npx vitest run test/stores/sqlite/fixtures`), and not edited.
 */
import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { JobStore } from "../../../src/JobStore.ts"
import { everything, fixture, goesOn, isRead, newest, populate } from "../fixtures/rows.ts"
import { dump, temporaryFile } from "./files.ts"

const open = (filename: string) =>
  SqliteJobStore.layerFile(filename, { host: "a host of its own", synchronous: "normal" })

describe("fixtures", () => {
  const write = process.env["WRITE_FIXTURES"] === undefined ? undefined : it.effect
  write?.("are written", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const rows = yield* Effect.gen(function*() {
        const store = yield* JobStore
        yield* populate(store)
        return yield* everything(store)
      }).pipe(Effect.provide(open(filename)))
      writeFileSync(
        fixture(`schema-${newest}.sql`),
        dump(filename).replace(/'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'/g, "'2026-01-01 00:00:00'")
      )
      writeFileSync(fixture(`schema-${newest}.json`), JSON.stringify(rows, null, 2) + "\n")
    }))

  const restored = Effect.fnUntraced(function*(version: number) {
    const filename = yield* temporaryFile
    const db = new DatabaseSync(filename)
    db.exec(readFileSync(fixture(`schema-${version}.sql`), "utf8"))
    db.close()
    return filename
  })

  const schema = (text: string) => text.split(/;\n/).filter((statement) => statement.startsWith("CREATE"))
  const schemaOf = (version: number) => schema(readFileSync(fixture(`schema-${version}.sql`), "utf8"))

  it.effect.each([1, 2])("rows of version %i are read as they were written", (version) =>
    Effect.gen(function*() {
      const store = yield* JobStore
      yield* isRead(store, version)
    }).pipe((test) => Effect.flatMap(restored(version), (filename) => Effect.provide(test, open(filename)))))

  it.effect.each([1, 2])("work of version %i goes on", (version) =>
    Effect.gen(function*() {
      const store = yield* JobStore
      yield* goesOn(store, version)
    }).pipe((test) => Effect.flatMap(restored(version), (filename) => Effect.provide(test, open(filename)))))

  it.effect("a fresh database has the tables of the fixture: a released version is never edited", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.provide(Effect.asVoid(JobStore), open(filename))
      assert.deepStrictEqual(schema(dump(filename)), schemaOf(newest))
    }))

  it.effect("an old database comes to have the same tables as a fresh one", () =>
    Effect.gen(function*() {
      const filename = yield* restored(1)
      yield* Effect.provide(Effect.asVoid(JobStore), open(filename))
      assert.sameMembers(schema(dump(filename)), schemaOf(newest))
    }))
})
