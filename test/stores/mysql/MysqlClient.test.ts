import { assert, describe, it } from "@effect/vitest"
import { MysqlClient } from "effect-scheduler/mysql"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Tracer from "effect/Tracer"
import { isInstalled, started } from "./process.ts"
import { client, isRunning, temporaryDatabase, url } from "./server.ts"

/** A client of a database of its own, which has a table of numbers. */
const connected = Effect.fnUntraced(function*(options: Partial<MysqlClient.Options> = {}) {
  const database = yield* temporaryDatabase
  const connect = Effect.map(Layer.build(client(database, options)), Context.get(SqlClient))
  const sql = yield* connect
  yield* sql`CREATE TABLE numbers (n BIGINT PRIMARY KEY)`
  const add = (n: number) => sql`INSERT INTO numbers VALUES (${n})`
  const stored = Effect.map(sql`SELECT n FROM numbers ORDER BY n`.values, (rows) => rows.map(([n]) => n))
  return { database, connect, sql, add, stored }
})

describe.runIf(isRunning)("MysqlClient", () => {
  it.live("answers with rows, values and raw results", () =>
    Effect.gen(function*() {
      const { sql } = yield* connected()
      assert.deepStrictEqual(yield* sql`INSERT INTO numbers ${sql.insert([{ n: 1 }, { n: 2 }])}`, [])
      assert.deepStrictEqual(yield* sql`SELECT n FROM ${sql("numbers")} WHERE ${sql.in("n", [1, 2, 3])}`, [
        { n: 1 },
        { n: 2 }
      ])
      assert.deepStrictEqual(yield* sql`SELECT n, n FROM numbers ORDER BY n LIMIT ${1}`.values, [[1, 1]])
      assert.deepInclude(yield* sql`DELETE FROM numbers`.raw, { affectedRows: 2 })
    }))

  it.live("values come back as they went, whatever is in them", () =>
    Effect.gen(function*() {
      const { sql } = yield* connected()
      yield* sql`CREATE TABLE things (id INT, text LONGTEXT, bytes BLOB, instant DATETIME(3), big BIGINT) CHARACTER SET utf8mb4`
      const texts = [
        "'; DROP TABLE things; --",
        `\\' OR 1=1 #`,
        "?",
        "żółć 😀\u0000\r\n\t\u001a",
        "\\",
        "`\"'",
        "{\"a\":1}"
      ]
      for (const [id, text] of texts.entries()) {
        yield* sql`INSERT INTO things (id, text) VALUES (${id}, ${text})`
        assert.deepStrictEqual(yield* sql`SELECT text FROM things WHERE text = ${text} AND '?' <> ${String(id)}`, [{
          text
        }])
      }
      const instant = new Date("2026-07-01T12:34:56.789Z")
      const bytes = Buffer.from([0, 1, 39, 92, 255])
      yield* sql`DELETE FROM things`
      yield* sql`INSERT INTO things VALUES (1, NULL, ${bytes}, ${instant}, ${Number.MAX_SAFE_INTEGER}),
        (2, ${{ a: "x'" }}, NULL, NULL, ${2n ** 62n}), (3, ${undefined}, NULL, NULL, ${true})`
      assert.deepStrictEqual(yield* sql`SELECT * FROM things ORDER BY id`, [
        { id: 1, text: null, bytes, instant, big: Number.MAX_SAFE_INTEGER },
        // beyond what a number can hold
        { id: 2, text: `{"a":"x'"}`, bytes: null, instant: null, big: String(2n ** 62n) },
        { id: 3, text: null, bytes: null, instant: null, big: 1 }
      ])
    }))

  it.live("a failure rolls the transaction back, a nested one only its savepoint", () =>
    Effect.gen(function*() {
      const { add, sql, stored } = yield* connected()
      yield* Effect.exit(sql.withTransaction(Effect.andThen(add(1), Effect.fail("no"))))
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* add(2)
        yield* Effect.exit(sql.withTransaction(Effect.andThen(add(3), Effect.fail("no"))))
        yield* sql.withTransaction(add(4))
      }))
      assert.deepStrictEqual(yield* stored, [2, 4])
    }))

  it.live("transactions are READ COMMITTED, unless told otherwise", () =>
    Effect.gen(function*() {
      const { add, connect, sql, stored } = yield* connected()
      const other = yield* connect
      const looking = sql.withTransaction(Effect.gen(function*() {
        const before = yield* stored
        yield* other`INSERT INTO numbers VALUES (${before.length})`
        return yield* stored
      }))
      assert.deepStrictEqual(yield* looking, [0])
      yield* add(10)
      const { sql: strict } = yield* connected({ isolation: "REPEATABLE READ" })
      assert.strictEqual(
        (yield* strict`SHOW SESSION VARIABLES LIKE 't%x%_isolation'`.values)[0]?.[1],
        "REPEATABLE-READ"
      )
    }))

  it.live("an interrupt stops the statement on the server, and rolls back", () =>
    Effect.gen(function*() {
      const { connect, sql, stored } = yield* connected({ maxConnections: 1 })
      const other = yield* connect
      const written = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        sql.withTransaction(
          sql`INSERT INTO numbers VALUES (1)`.pipe(
            Effect.andThen(Deferred.succeed(written, undefined)),
            Effect.andThen(sql`SELECT SLEEP(60)`)
          )
        )
      )
      yield* Deferred.await(written)
      const running = other`SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'
        AND db = DATABASE()`
      while ((yield* running).length === 0) yield* Effect.sleep("5 millis")
      yield* Effect.timeout(Fiber.interrupt(fiber), "5 seconds")
      assert.deepStrictEqual(yield* running, [])
      // on the only connection
      assert.deepStrictEqual(yield* stored, [])
    }))

  it.live("a fiber that waits for a connection can be interrupted, and takes none along", () =>
    Effect.gen(function*() {
      const { add, sql, stored } = yield* connected({ maxConnections: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* sql.reserve
        const waiting = yield* Effect.forkChild(add(2), { startImmediately: true })
        yield* Effect.timeout(Fiber.interrupt(waiting), "5 seconds")
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      }))
      yield* add(1)
      assert.deepStrictEqual(yield* stored, [1])
    }))

  it.live("a connection that was cut while idle is replaced", () =>
    Effect.gen(function*() {
      const { connect, sql, stored } = yield* connected({ maxConnections: 1 })
      const killer = yield* connect
      const [row] = yield* sql`SELECT CONNECTION_ID()`.values
      yield* killer.unsafe(`KILL CONNECTION ${row![0]}`)
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(yield* stored, [])
    }))

  it.live(
    "a transaction that is left open is ended by the server, where that is bounded",
    () =>
      Effect.gen(function*() {
        const { add, connect, sql, stored } = yield* connected({ idleTransactionTimeout: "1 second" })
        const other = yield* connect
        const late = yield* Effect.flip(sql.withTransaction(Effect.gen(function*() {
          yield* add(1)
          // it waits until the row is not locked any more
          yield* other`INSERT INTO numbers VALUES (1), (2)`
          yield* add(3)
        })))
        assert.strictEqual((late as SqlError).reason._tag, "ConnectionError")
        assert.deepStrictEqual(yield* stored, [1, 2])
      }),
    20_000
  )

  it.live("such a bound may be none, and must not be nothing", () =>
    Effect.gen(function*() {
      const { stored } = yield* connected({ idleTransactionTimeout: Infinity })
      assert.deepStrictEqual(yield* stored, [])
      const refused = yield* Effect.flip(connected({ idleTransactionTimeout: 0 }))
      assert.strictEqual((refused as SqlError).message, "idleTransactionTimeout: got 0, expected more than nothing")
    }))

  it.live("a cut within a transaction is a ConnectionError, and what follows one too", () =>
    Effect.gen(function*() {
      const { add, connect, sql, stored } = yield* connected()
      const killer = yield* connect
      const errors: Array<unknown> = []
      const exit = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
        yield* add(1)
        const [row] = yield* sql`SELECT CONNECTION_ID()`.values
        yield* killer.unsafe(`KILL CONNECTION ${row![0]}`)
        for (const n of [2, 3]) errors.push(yield* Effect.flip(add(n)))
      })))
      assert.deepStrictEqual(errors.map((error: any) => error.reason._tag), ["ConnectionError", "ConnectionError"])
      assert.strictEqual(exit._tag, "Failure")
      assert.deepStrictEqual(yield* stored, [])
    }))

  it.live("errors say what they are, and which may be tried again", () =>
    Effect.gen(function*() {
      const { add, connect, sql } = yield* connected()
      const kind = (error: { readonly reason: { readonly _tag: string }; readonly isRetryable: boolean }) =>
        `${error.reason._tag}${error.isRetryable ? ", again" : ""}`
      yield* add(1)
      assert.strictEqual(kind(yield* Effect.flip(add(1))), "UniqueViolation")
      assert.strictEqual(kind(yield* Effect.flip(sql`INSERT INTO numbers VALUES (NULL)`)), "ConstraintError")
      assert.strictEqual(kind(yield* Effect.flip(sql`SELEKT`)), "SqlSyntaxError")
      assert.strictEqual(kind(yield* Effect.flip(sql`SELECT * FROM nowhere`)), "SqlSyntaxError")
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`UPDATE numbers SET n = 2`
        const other = yield* connect
        const waiting = other.withTransaction(
          Effect.andThen(other`SET SESSION innodb_lock_wait_timeout = 1`, other`SELECT * FROM numbers FOR UPDATE`)
        )
        assert.strictEqual(kind(yield* Effect.flip(waiting)), "LockTimeoutError, again")
      }))
      const nowhere = Effect.scoped(
        Layer.build(MysqlClient.layer({ url: Redacted.make("mysql://root@127.0.0.1:1/test") }))
      )
      assert.strictEqual(kind(yield* Effect.flip(nowhere)), "ConnectionError, again")
      const stranger = new URL(Redacted.value(url()))
      stranger.username = "nobody"
      stranger.password = "wrong"
      const refused = Effect.scoped(Layer.build(MysqlClient.layer({ url: Redacted.make(stranger.href) })))
      assert.strictEqual(kind(yield* Effect.flip(refused)), "AuthenticationError")
    }))

  it.live("spans name the database", () =>
    Effect.gen(function*() {
      const { database, sql } = yield* connected()
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* Effect.withTracer(sql`SELECT 1`, tracer)
      assert.deepInclude(Object.fromEntries(spans[0]!.attributes), {
        "db.system.name": "mysql",
        "db.namespace": database,
        "db.query.text": "SELECT 1"
      })
    }))

  it.live(
    "what is larger than the server takes is refused, and the connection is as it was",
    () =>
      Effect.gen(function*() {
        const { sql } = yield* connected({ maxConnections: 1 })
        const [{ id, most }] = yield* sql<{ id: number; most: number }>`
        SELECT CONNECTION_ID() AS id, @@max_allowed_packet AS most`.pipe(Effect.map((rows) => [rows[0]!]))
        // the quotes around it, and what makes it a statement
        const around = Buffer.byteLength("?SELECT LENGTH('')")
        const length = (text: string) => sql`SELECT LENGTH(${text})`.values
        for (const bytes of [most - around, 4 * most]) {
          const error = yield* Effect.flip(length("x".repeat(bytes)))
          assert.match(error.message, /^The statement has \d+ bytes, and the server takes \d+ at most/)
          assert.isFalse(error.isRetryable)
        }
        yield* Effect.flip(length("'".repeat(most / 2)))
        yield* Effect.flip(length("é".repeat(most / 2)))
        yield* Effect.flip(sql`SELECT LENGTH(${new Uint8Array(most / 2)})`)
        const largest = most - around - 1
        assert.deepStrictEqual(yield* length("x".repeat(largest)), [[largest]])
        assert.deepStrictEqual(yield* sql`SELECT CONNECTION_ID() AS id`, [{ id }])
      }),
    30_000
  )

  it.live.runIf(isInstalled)(
    "a server where a backslash is a character like others takes texts as they are",
    () =>
      Effect.gen(function*() {
        const url = yield* started("--sql-mode=STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES,ANSI")
        const sql = Context.get(yield* Layer.build(MysqlClient.layer({ url })), SqlClient)
        for (const text of ["'; DROP TABLE things; --", "x' OR 1=1 -- ", "\\' OR 1=1 -- ", "\\"]) {
          assert.deepStrictEqual(yield* sql`SELECT ${text} AS text`, [{ text }])
        }
        const [[modes]] = (yield* sql`SELECT @@SESSION.sql_mode`.values) as [[string]]
        assert.includeMembers(modes.split(","), ["STRICT_TRANS_TABLES", "ANSI"])
      }),
    60_000
  )

  it.live("an address that is none is refused at once, without showing it", () =>
    Effect.gen(function*() {
      const refused = [
        ["nonsense", "a text that is no URL"],
        ["localhost:3306/test", "one that begins with localhost:"],
        ["postgres://root:secret@127.0.0.1:5432/test", "one that begins with postgres:"],
        ["mysql://root:se#cret@127.0.0.1:3306/test", "a text that is no URL"],
        ["mysql://root:100%secret@127.0.0.1:3306/test", "one with a % that stands for nothing"]
      ] as const
      for (const [url, what] of refused) {
        const error = yield* Effect.flip(Layer.build(MysqlClient.layer({ url: Redacted.make(url) })))
        assert.include(error.message, `url: got ${what}, expected one such as mysql://user:password@`)
        assert.notInclude(error.message, "secret")
        assert.isFalse(error.isRetryable)
      }
    }))
})
