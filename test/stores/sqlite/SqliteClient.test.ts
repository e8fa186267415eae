import { assert, describe, it } from "@effect/vitest"
import { SqliteClient } from "effect-scheduler/sqlite"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryDirectory, temporaryFile } from "./files.ts"

const memory = SqliteClient.layer({ filename: ":memory:" })
const numbers = Effect.flatMap(SqlClient, (sql) => sql`CREATE TABLE numbers (n INTEGER PRIMARY KEY)`)
const stored = Effect.flatMap(
  SqlClient,
  (sql) => Effect.map(sql<{ n: number }>`SELECT n FROM numbers ORDER BY n`, (rows) => rows.map(({ n }) => n))
)
const add = (n: number) => Effect.flatMap(SqlClient, (sql) => sql`INSERT INTO numbers VALUES (${n})`)

describe("SqliteClient", () => {
  it.effect("answers with rows, values and raw results", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      assert.deepStrictEqual(yield* sql`INSERT INTO numbers ${sql.insert([{ n: 1 }, { n: 2 }])}`, [])
      assert.deepStrictEqual(yield* sql`SELECT n FROM numbers`.values, [[1], [2]])
      assert.deepInclude(yield* sql`DELETE FROM numbers`.raw, { changes: 2 })
    }).pipe(Effect.provide(memory)))

  it.effect("a failure rolls the transaction back, a nested one only its savepoint", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      yield* Effect.exit(sql.withTransaction(Effect.andThen(add(1), Effect.fail("no"))))
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* add(2)
        yield* Effect.exit(sql.withTransaction(Effect.andThen(add(3), Effect.fail("no"))))
        yield* sql.withTransaction(add(4))
      }))
      assert.deepStrictEqual(yield* stored, [2, 4])
    }).pipe(Effect.provide(memory)))

  it.effect("an interrupt rolls back", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      const written = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        sql.withTransaction(
          add(1).pipe(Effect.andThen(Deferred.succeed(written, undefined)), Effect.andThen(Effect.never))
        )
      )
      yield* Deferred.await(written)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* stored, [])
    }).pipe(Effect.provide(memory)))

  it.effect("transactions of several fibers take turns", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      const next = sql.withTransaction(Effect.gen(function*() {
        const before = yield* stored
        yield* Effect.yieldNow
        yield* add(before.length)
      }))
      yield* Effect.all(Array.from({ length: 10 }, () => next), { concurrency: "unbounded" })
      assert.strictEqual((yield* stored).length, 10)
    }).pipe(Effect.provide(memory)))

  it.effect("afterCommit runs after the outermost commit, and not after a rollback", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      const log: Array<string> = []
      const say = (word: string) => sql.afterCommit(Effect.sync(() => void log.push(word)))
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql.withTransaction(say("inner"))
        assert.deepStrictEqual(log, [])
      }))
      yield* Effect.exit(sql.withTransaction(Effect.andThen(say("lost"), Effect.fail("no"))))
      assert.deepStrictEqual(log, ["inner"])
    }).pipe(Effect.provide(memory)))

  it.effect("a duplicate key is a UniqueViolation, primary or not", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* numbers
      yield* sql`CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT UNIQUE)`
      yield* add(1)
      yield* sql`INSERT INTO words (word) VALUES ('a')`
      assert.strictEqual((yield* Effect.flip(add(1))).reason._tag, "UniqueViolation")
      assert.strictEqual(
        (yield* Effect.flip(sql`INSERT INTO words (word) VALUES ('a')`)).reason._tag,
        "UniqueViolation"
      )
    }).pipe(Effect.provide(memory)))

  it.effect("what cannot be opened is named", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const text = join(directory, "text.db")
      writeFileSync(text, "this is not a database, but it is long enough to be mistaken for one".repeat(10))
      mkdirSync(join(directory, "folder"))
      for (const filename of [join(directory, "missing", "jobs.db"), join(directory, "folder"), text]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(SqliteClient.layer({ filename }))))
        assert.strictEqual(error._tag, "SqlError")
        assert.include(error.message, filename)
        assert.isFalse(error.isRetryable)
      }
    }))

  describe("two connections to one file", () => {
    const connections = Effect.gen(function*() {
      const filename = yield* temporaryFile
      const connect = Effect.map(
        Layer.build(Layer.fresh(SqliteClient.layer({ filename, busyTimeout: "10 seconds" }))),
        (context) => <A, E>(effect: Effect.Effect<A, E, SqlClient>) => Effect.provideContext(effect, context)
      )
      return [yield* connect, yield* connect] as const
    })

    it.effect("one waits for the other's lock, and the event loop goes on, also under the TestClock", () =>
      Effect.gen(function*() {
        const [here, there] = yield* connections
        yield* here(numbers)
        const locked = yield* Deferred.make<void>()
        const release = yield* Deferred.make<void>()
        const holder = yield* Effect.forkChild(
          here(Effect.flatMap(SqlClient, (sql) =>
            sql.withTransaction(Effect.gen(function*() {
              yield* add(1)
              yield* Deferred.succeed(locked, undefined)
              yield* Deferred.await(release)
            }))))
        )
        yield* Deferred.await(locked)
        const inTransaction = yield* Effect.forkChild(
          there(Effect.flatMap(SqlClient, (sql) => sql.withTransaction(add(2)))),
          { startImmediately: true }
        )
        const alone = yield* Effect.forkChild(there(add(3)), { startImmediately: true })
        let ticks = 0
        while (ticks < 50) {
          yield* TestClock.withLive(Effect.sleep("2 millis"))
          ticks++
        }
        assert.isUndefined(inTransaction.pollUnsafe())
        assert.isUndefined(alone.pollUnsafe())
        // reading needs no lock, and who waits for one does not hold the connection
        assert.deepStrictEqual(yield* there(stored), [])
        yield* Deferred.succeed(release, undefined)
        yield* Fiber.join(holder)
        yield* Fiber.join(inTransaction)
        yield* Fiber.join(alone)
        assert.deepStrictEqual(yield* here(stored), [1, 2, 3])
      }))

    it.effect("who waits can be interrupted", () =>
      Effect.gen(function*() {
        const [here, there] = yield* connections
        yield* here(numbers)
        const locked = yield* Deferred.make<void>()
        const holder = yield* Effect.forkChild(here(Effect.flatMap(SqlClient, (sql) =>
          sql.withTransaction(Effect.andThen(Deferred.succeed(locked, undefined), Effect.never)))))
        yield* Deferred.await(locked)
        const waiter = yield* Effect.forkChild(
          there(Effect.flatMap(SqlClient, (sql) =>
            sql.withTransaction(add(2)))),
          { startImmediately: true }
        )
        yield* TestClock.withLive(Effect.sleep("20 millis"))
        yield* Fiber.interrupt(waiter)
        yield* Fiber.interrupt(holder)
        assert.deepStrictEqual(yield* there(stored), [])
      }))

    it.effect("waiting ends with an error that says it may be tried again", () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const open = Effect.map(
          Layer.build(Layer.fresh(SqliteClient.layer({ filename, busyTimeout: "30 millis" }))),
          (context) => <A, E>(effect: Effect.Effect<A, E, SqlClient>) => Effect.provideContext(effect, context)
        )
        const here = yield* open
        const there = yield* open
        yield* here(numbers)
        const exit = yield* here(Effect.flatMap(SqlClient, (sql) =>
          sql.withTransaction(Effect.exit(there(Effect.flatMap(SqlClient, (sql) =>
            sql.withTransaction(add(1))))))))
        assert.isTrue(Exit.isFailure(exit))
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error.reason._tag, "LockTimeoutError")
        assert.isTrue(error.isRetryable)
      }))
  })
})
