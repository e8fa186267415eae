import { assert, describe, it } from "@effect/vitest"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { JobStore, type Service, type Signal } from "../../src/JobStore.ts"
import type { StoreError } from "../../src/SchedulerError.ts"
import * as MemoryJobStore from "../../src/stores/MemoryJobStore.ts"
import * as Foreign from "./mysql/foreign.ts"
import * as Proxy from "./mysql/proxy.ts"
import { client, isRunning, temporaryDatabase, url } from "./mysql/server.ts"
import { opener, several } from "./mysql/stores.ts"

const { at, job, occurrence, run } = Suite

const lanes = ["default/Task"]

/** What a subscriber has heard so far. */
const listen = Effect.fnUntraced(function*(store: Service) {
  const heard: Array<Signal> = []
  yield* Effect.forkScoped(Stream.runForEach(store.signals, (signal) => Effect.sync(() => void heard.push(signal))), {
    startImmediately: true
  })
  yield* Effect.yieldNow
  return heard
})

const until = (condition: () => boolean) =>
  Effect.gen(function*() {
    while (!condition()) yield* Effect.sleep("5 millis")
  }).pipe(Effect.timeout("10 seconds"))

describe.runIf(isRunning)("MySqlJobStore", () => {
  describe("on the caller's client", () => {
    it.live("commits with the caller's transaction, and hints go out after the commit", () =>
      Effect.gen(function*() {
        const { sql, store } = yield* Effect.flatMap(opener, ({ open }) => open())
        const heard = yield* listen(store)
        yield* sql`CREATE TABLE orders (id VARCHAR(10))`
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`INSERT INTO orders VALUES ('o1')`
          assert.deepStrictEqual(yield* store.insertJobs([job("j1")]), ["inserted"])
          assert.deepStrictEqual(yield* store.enqueue({ runs: [run("r1")], now: at(0) }), ["added"])
          yield* Effect.sleep("20 millis")
          assert.deepStrictEqual(heard, [])
        }))
        yield* until(() => heard.length === 2)
        assert.deepStrictEqual(heard.map(({ _tag }) => _tag), ["jobs", "ready"])
        assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
        assert.strictEqual((yield* sql`SELECT * FROM orders`).length, 1)
      }))

    it.live("rolls back with it, and nobody hears of it", () =>
      Effect.gen(function*() {
        const { sql, store } = yield* Effect.flatMap(opener, ({ open }) => open())
        yield* store.enqueue({ runs: [run("before")], now: at(0) })
        const heard = yield* listen(store)
        yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
          yield* store.insertJobs([job("j1")])
          yield* store.enqueue({ runs: [run("r1")], now: at(0) })
          const { runs } = yield* store.claim({ node: "n1", lanes, limit: 10, now: at(0) })
          assert.strictEqual(runs.length, 2)
          yield* store.settle({ settlements: runs.map((run) => Suite.done(run, at(1))), now: at(1) })
          return yield* Effect.fail("the order was refused")
        })))
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(heard, [])
        assert.deepStrictEqual(yield* store.jobs({ limit: 10 }), [])
        const rows = yield* store.runs({ limit: 10 })
        assert.deepStrictEqual(rows.map(({ id, state }) => [id, state]), [["before", "ready"]])
      }))

    it.live("a verb that fails inside it leaves the caller's writes alone", () =>
      Effect.gen(function*() {
        const { sql, store } = yield* Effect.flatMap(opener, ({ open }) => open())
        yield* sql`CREATE TABLE orders (id VARCHAR(10))`
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`INSERT INTO orders VALUES ('o1')`
          const error = yield* Effect.flip(store.enqueue({ runs: [run("r1", { lane: null as any })], now: at(0) }))
          assert.strictEqual(error._tag, "StoreError")
          assert.strictEqual(error.verb, "enqueue")
          assert.isFalse(error.retryable)
          yield* store.enqueue({ runs: [run("r2")], now: at(0) })
        }))
        assert.strictEqual((yield* sql`SELECT * FROM orders`).length, 1)
        assert.deepStrictEqual((yield* store.runs({ limit: 10 })).map(({ id }) => id), ["r2"])
      }))

    it.live("two transactions that add the same go on, one after the other", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        const add = ({ sql, store }: { readonly sql: SqlClient; readonly store: Service }, name: string) =>
          sql.withTransaction(Effect.gen(function*() {
            const before = yield* store.enqueue({ runs: [run(name)], now: at(0) })
            const same = yield* store.enqueue({ runs: [run("same"), run(`${name}2`, { uniqueKey: "k" })], now: at(0) })
            const jobs = yield* store.insertJobs([job("same"), job(name)])
            yield* Effect.sleep("50 millis")
            return [...before, ...same, ...jobs]
          }))
        // InnoDB finds a deadlock here once in some hundred times: then the transaction is to be tried again
        const again = <A>(transaction: Effect.Effect<A, StoreError | SqlError>) =>
          Effect.retry(transaction, { times: 5, while: (error) => error._tag === "StoreError" && error.retryable })
        const answers = yield* Effect.all([again(add(one!, "a")), again(add(two!, "b"))], { concurrency: 2 })
        assert.deepStrictEqual(
          answers.map((answer) => answer.join(" ")).toSorted(),
          ["added added added inserted inserted", "added duplicate duplicate exists inserted"]
        )
      }))

    it.live(
      "a deadlock in it is the transaction's end: what follows is refused, and nothing of it stays",
      () =>
        Effect.gen(function*() {
          const [one, two] = yield* several(2)
          yield* one!.store.insertJobs([job("a"), job("b")])
          const first = yield* Deferred.make<void>()
          const second = yield* Deferred.make<void>()
          const pause = (store: Service, id: string) =>
            store.commit({ changes: [Suite.replace(job(id), { payload: "1" })], now: at(1) })
          const crossing = (
            { sql, store }: { readonly sql: SqlClient; readonly store: Service },
            name: string,
            [id, other]: readonly [string, string],
            [mine, theirs]: readonly [Deferred.Deferred<void>, Deferred.Deferred<void>]
          ) => {
            const errors: Array<unknown> = []
            const noting = Effect.tapError((error: unknown) => Effect.sync(() => void errors.push(error)))
            const transaction = sql.withTransaction(Effect.gen(function*() {
              yield* store.enqueue({ runs: [run(`${name}-before`)], now: at(0) })
              yield* pause(store, id)
              yield* Deferred.succeed(mine, undefined)
              yield* Deferred.await(theirs)
              // the program does not mind, and goes on
              yield* Effect.ignore(noting(pause(store, other)))
              yield* Effect.ignore(noting(store.enqueue({ runs: [run(`${name}-after`)], now: at(0) })))
              yield* Effect.ignore(noting(sql`SELECT 1`))
            }))
            return Effect.map(Effect.exit(transaction), ({ _tag }) => ({ name, _tag, errors }))
          }
          const outcomes = yield* Effect.all([
            crossing(one!, "one", ["a", "b"], [first, second]),
            crossing(two!, "two", ["b", "a"], [second, first])
          ], { concurrency: 2 })
          const [lost] = outcomes.filter(({ _tag }) => _tag === "Failure")
          const [won] = outcomes.filter(({ _tag }) => _tag === "Success")
          assert.deepStrictEqual(won?.errors, [])
          assert.strictEqual(lost?.errors.length, 3)
          const [paused] = lost!.errors as [StoreError]
          assert.strictEqual(paused._tag, "StoreError")
          assert.isTrue(paused.retryable)
          assert.match(paused.message, /deadlock/i)
          const ids = (yield* one!.store.runs({ limit: 10 })).map(({ id }) => id)
          assert.deepStrictEqual(ids.toSorted(), [`${won!.name}-after`, `${won!.name}-before`])
          // and the connections are as good as new
          for (const { store } of [one!, two!]) yield* store.enqueue({ runs: [run("later")], now: at(0) })
        }),
      60_000
    )

    for (const isolation of ["REPEATABLE READ", "SERIALIZABLE"] as const) {
      it.live(`keeps the contract where transactions are ${isolation}`, () =>
        Effect.gen(function*() {
          const { store } = yield* Effect.flatMap(opener, ({ open }) => open({}, { isolation }))
          yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 5, steps: 60 })
        }), 60_000)
    }

    it.live("decides by what is committed, not by what a REPEATABLE READ transaction has seen before", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2, {}, { isolation: "REPEATABLE READ" })
        yield* one!.store.insertJobs([job("a")])
        const add = (store: Service, n: number) =>
          store.enqueue({ runs: [occurrence(job("a"), at(n), { serial: 1 })], now: at(9) })
        yield* one!.sql.withTransaction(Effect.gen(function*() {
          assert.deepStrictEqual(yield* one!.store.runs({ limit: 10 }), [])
          yield* add(two!.store, 1)
          // not yet to be seen
          assert.deepStrictEqual(yield* one!.store.runs({ limit: 10 }), [])
          assert.deepStrictEqual(yield* add(one!.store, 1), ["duplicate"])
          assert.deepStrictEqual(yield* add(one!.store, 2), ["added"])
        }))
        const runs = yield* one!.store.runs({ limit: 10 })
        assert.deepStrictEqual(runs.map(({ state }) => state).toSorted(), ["blocked", "ready"])
      }))

    it.live(
      "works on a client of somebody else's, where a deadlock is the end of the caller's transaction too",
      () =>
        Effect.gen(function*() {
          const database = yield* temporaryDatabase
          const context = yield* Layer.build(MySqlJobStore.layer().pipe(Layer.provideMerge(Foreign.client(database))))
          const store = Context.get(context, JobStore)
          const sql = Context.get(context, SqlClient)
          const change = (id: string) =>
            store.commit({ changes: [Suite.replace(job(id), { payload: "1" })], now: at(1) })
          yield* store.insertJobs([job("a"), job("b")])
          const first = yield* Deferred.make<void>()
          const second = yield* Deferred.make<void>()
          const crossing = (
            ids: readonly [string, string],
            mine: Deferred.Deferred<void>,
            other: Deferred.Deferred<void>
          ) =>
            Effect.result(sql.withTransaction(
              change(ids[0]).pipe(
                Effect.andThen(Deferred.succeed(mine, undefined)),
                Effect.andThen(Deferred.await(other)),
                Effect.andThen(change(ids[1]))
              )
            ))
          const results = yield* Effect.all(
            [crossing(["a", "b"], first, second), crossing(["b", "a"], second, first)],
            { concurrency: 2 }
          )
          const [lost] = results.flatMap((result) => result._tag === "Failure" ? [result.failure] : [])
          assert.strictEqual(results.filter(({ _tag }) => _tag === "Failure").length, 1)
          assert.isTrue(lost?._tag === "StoreError" && lost.retryable, lost?.message)
          yield* store.commit({
            now: at(1),
            changes: (yield* store.jobs({ limit: 10 })).map((job) => Suite.remove(job))
          })
          yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 5, steps: 60 })
        }),
      60_000
    )

    it.live("works where the client has one connection only", () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        yield* Effect.gen(function*() {
          const store = yield* JobStore
          const sql = yield* SqlClient
          yield* sql.withTransaction(store.enqueue({ runs: [run("r1")], now: at(0) }))
          assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
        }).pipe(Effect.provide(MySqlJobStore.layerUrl(url(database), { client: { maxConnections: 1 } })))
      }))

    it.live("keeps names apart that differ in their case or the spaces after them, and long texts whole", () =>
      Effect.gen(function*() {
        const { store } = yield* Effect.flatMap(opener, ({ open }) => open())
        const names = ["a", "A", "a ", "á", "ａ", "😀", "a'\\\"?", "x".repeat(255)]
        const payload = JSON.stringify("żółć 😀\u0000\n\\'\"? ".repeat(20_000))
        assert.deepStrictEqual(
          yield* store.insertJobs(names.map((name) => job(name, { payload }))),
          names.map(() => "inserted" as const)
        )
        const rows = yield* store.jobs({ ids: names, limit: 100 })
        assert.deepStrictEqual(rows.map(({ id }) => id).toSorted(), names.toSorted())
        assert.isTrue(rows.every((row) => row.payload === payload))
        yield* store.enqueue({ runs: names.map((name) => occurrence(job(name), at(1))), now: at(1) })
        assert.strictEqual((yield* store.claim({ node: "n", lanes, limit: 100, now: at(1) })).runs.length, names.length)
      }))

    it.live("refuses what is longer than a column, and cuts nothing off", () =>
      Effect.gen(function*() {
        const { store } = yield* Effect.flatMap(opener, ({ open }) => open())
        const error = yield* Effect.flip(store.enqueue({ runs: [run("r".repeat(321))], now: at(0) }))
        assert.match(error.message, /too long/i)
        assert.isFalse(error.retryable)
        assert.deepStrictEqual(yield* store.runs({ limit: 10 }), [])
      }))

    it.live("several may share a database: by their prefixes, or by their namespaces", () =>
      Effect.gen(function*() {
        const { open, database } = yield* opener
        const stores = [
          yield* open(),
          yield* open({ prefix: "other_" }),
          yield* open({ namespace: "other" }),
          yield* open({ prefix: "" })
        ]
        for (const [n, { store }] of stores.entries()) {
          assert.deepStrictEqual(yield* store.insertJobs([job("same"), job(`j${n}`)]), ["inserted", "inserted"])
          yield* store.enqueue({ runs: [run("same")], now: at(0) })
        }
        for (const [n, { store }] of stores.entries()) {
          assert.deepStrictEqual((yield* store.jobs({ limit: 10 })).map(({ id }) => id), [`j${n}`, "same"])
          assert.strictEqual((yield* store.claim({ node: "n", lanes, limit: 9, now: at(0) })).runs.length, 1)
        }
        const sql = Context.get(yield* Layer.build(client(database)), SqlClient)
        const tables = yield* sql`SHOW TABLES`.values
        assert.isTrue(tables.some(([name]) => name === "other_runs") && tables.some(([name]) => name === "runs"))
      }))
  })

  describe("other processes", () => {
    it.live("are not woken, but this one is", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        assert.deepStrictEqual(one!.store.capabilities, {
          shared: true,
          push: false,
          transactions: true,
          durability: "power"
        })
        const [here, there] = yield* Effect.forEach([one!, two!], ({ store }) => listen(store))
        yield* one!.store.insertJobs([job("j1")])
        yield* until(() => here!.length === 1)
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(there, [])
      }))

    it.live("one that is gone is recognised by its number on the same machine, at once", () =>
      Effect.gen(function*() {
        const { store } = yield* Effect.flatMap(opener, ({ open }) => open({ host: "here" }))
        yield* store.beat({ id: "n1", host: "here", pid: 2 ** 30, expiresAt: at(1e6) })
        yield* store.enqueue({ runs: [run("r1")], now: at(0) })
        yield* store.claim({ node: "n1", lanes, limit: 1, now: at(0) })
        assert.deepStrictEqual((yield* store.reap({ now: at(1), includeExpired: false, limit: 10 })).released, ["r1"])
      }))
  })

  describe("a connection that is cut", () => {
    const everything = (store: Service) =>
      Effect.all([
        store.jobs({ limit: 100 }),
        store.runs({ limit: 100 }),
        store.verdicts({ job: "a", limit: 100 })
      ])
    const populate = Effect.fnUntraced(function*(store: Service) {
      const jobs = ["a", "b"].map((id) => job(id))
      yield* store.insertJobs(jobs)
      yield* store.enqueue({
        runs: jobs.flatMap((job) => [1, 2, 3].map((n) => occurrence(job, at(n), { serial: 1 }))),
        now: at(5)
      })
      yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(10) })
      yield* store.claim({ node: "n1", lanes, limit: 1, now: at(5) })
    })
    /** Cuts at every message in turn, until the verb comes through. What is lost after the commit's is only the answer. */
    const cutting = (verb: (store: Service) => Effect.Effect<unknown, StoreError>, lost: Proxy.Cut["lost"]) =>
      Effect.gen(function*() {
        const { database, open } = yield* opener
        const network = yield* Proxy.make()
        const { store: spared } = yield* open({ namespace: "spared" })
        const { store: observer } = yield* open()
        yield* Effect.forEach([spared, observer], populate)
        const before = yield* everything(observer)
        yield* verb(spared)
        const after = yield* everything(spared)
        assert.notDeepEqual(before, after)
        const { sql, store } = yield* open({}, { url: network.url(database), maxConnections: 1 })
        let cuts = 0
        for (;; cuts++) {
          // handshakes are not what is cut
          yield* sql`SELECT 1`
          network.cutAt({ message: cuts, lost })
          const exit = yield* Effect.exit(verb(store))
          if (!network.hasCut()) {
            assert.strictEqual(exit._tag, "Success")
            break
          }
          assert.strictEqual(exit._tag, "Failure")
          const [reason] = (exit as Extract<typeof exit, { _tag: "Failure" }>).cause.reasons
          assert.strictEqual(reason?._tag, "Fail", `${exit}`)
          const { error } = reason as Cause.Fail<StoreError>
          assert.strictEqual(error._tag, "StoreError")
          assert.isTrue(error.retryable, error.message)
          const found = yield* everything(observer)
          if (found[1].length === after[1].length && JSON.stringify(found) === JSON.stringify(after)) {
            assert.strictEqual(lost, "reply")
            return cuts
          }
          assert.deepStrictEqual(found, before, `after the cut at message ${cuts}`)
        }
        assert.deepStrictEqual(yield* everything(observer), after)
        return cuts
      })
    const verbs: Record<string, (store: Service) => Effect.Effect<unknown, StoreError>> = {
      commit: (store) =>
        store.commit({
          now: at(2000),
          changes: [
            Suite.replace(job("a"), { payload: "1" }, {
              cancel: { reason: "r", by: "b" },
              runs: [occurrence(job("a"), at(2000), { serial: 1 })],
              verdicts: [Suite.verdict(job("a"), null, at(1999))]
            }),
            Suite.remove(job("b"))
          ]
        }),
      enqueue: (store) => store.enqueue({ runs: [run("new"), occurrence(job("a"), at(9), { serial: 1 })], now: at(5) }),
      claim: (store) => store.claim({ node: "n2", lanes, limit: 10, now: at(5) }),
      settle: (store) =>
        store.settle({
          settlements: [Suite.done({ id: `a:i1:${at(1)}`, fence: 1 }, at(6), {}, [run("follow")])],
          now: at(6)
        }),
      reap: (store) => store.reap({ now: at(100), includeExpired: true, limit: 10 }),
      cancel: (store) => store.cancel({ job: "b", request: { reason: "r", by: "b" }, now: at(7) })
    }
    for (const [name, verb] of Object.entries(verbs)) {
      for (const lost of ["message", "reply"] as const) {
        it.live(
          `in the middle of ${name}, with a ${lost}, is a StoreError, and nothing is half done`,
          () => Effect.map(cutting(verb, lost), (cuts) => assert.isAtLeast(cuts, 4)),
          60_000
        )
      }
    }

    it.live("while a verb waits for a lock is a StoreError that may be tried again", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        yield* one!.store.insertJobs([job("a")])
        const change = (store: Service) =>
          store.commit({ changes: [Suite.replace(job("a"), { payload: "1" })], now: at(1) })
        const error = yield* Effect.scoped(one!.sql.withTransaction(Effect.gen(function*() {
          yield* change(one!.store)
          const waiting = yield* Effect.forkScoped(Effect.flip(change(two!.store)), { startImmediately: true })
          let found: ReadonlyArray<ReadonlyArray<unknown>> = []
          while (found.length === 0) {
            yield* Effect.sleep("10 millis")
            found = yield* one!.sql`SELECT id FROM information_schema.processlist
              WHERE db = DATABASE() AND info LIKE 'SELECT j.id%FOR UPDATE' AND id <> CONNECTION_ID()`.values
          }
          yield* one!.sql.unsafe(`KILL CONNECTION ${found[0]![0]}`)
          return yield* Fiber.join(waiting)
        })))
        assert.strictEqual(error._tag, "StoreError")
        assert.isTrue(error.retryable, error.message)
        // the pool has another one
        assert.strictEqual((yield* two!.store.jobs({ limit: 10 }))[0]?.payload, "1")
      }), 60_000)
  })

  describe("its tables", () => {
    const script = fileURLToPath(new URL("./mysql/starter.ts", import.meta.url))
    const start = (database: string, name: string) =>
      Effect.promise(() =>
        promisify(execFile)(process.execPath, [
          "--conditions=source",
          "--disable-warning=ExperimentalWarning",
          script,
          Redacted.value(url(database)),
          name
        ])
      )

    it.live("are made once by processes that start at once", () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        const outputs = yield* Effect.forEach(["a", "b", "c"], (name) => start(database, name), {
          concurrency: "unbounded"
        })
        const answers = outputs.map(({ stdout }) => stdout.trim())
        assert.deepStrictEqual(answers.toSorted(), ["inserted,exists", "inserted,exists", "inserted,inserted"])
      }), 60_000)

    it.live("are made once by stores that are opened at once, over and over", () =>
      Effect.gen(function*() {
        for (let n = 0; n < 3; n++) {
          const stores = yield* several(4)
          yield* Effect.forEach(stores, ({ store }) => store.runs({ limit: 1 }))
        }
      }), 60_000)

    it.live("are finished where somebody died who was making them, wherever he was", () =>
      Effect.gen(function*() {
        const { database, open } = yield* opener
        const network = yield* Proxy.make()
        const through = MySqlJobStore.layer().pipe(
          Layer.provideMerge(client(database, { url: network.url(database), maxConnections: 1 }))
        )
        const sql = Context.get(yield* Layer.build(client(database)), SqlClient)
        let cuts = 5
        for (;; cuts += 2) {
          network.cutAt({ message: cuts, lost: "reply" })
          const exit = yield* Effect.exit(Effect.scoped(Layer.build(through)))
          if (exit._tag === "Success") break
          // as good as dead: nothing was recorded for what is half done
          assert.isTrue(network.hasCut())
        }
        assert.isAbove(cuts, 20)
        const { store } = yield* open()
        assert.deepStrictEqual(yield* store.insertJobs([job("j1")]), ["inserted"])
        const shape = (prefix: string) =>
          sql`SELECT SUBSTRING(table_name, ${prefix.length + 1}), column_name, column_type, is_nullable, collation_name
            FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name LIKE ${`${prefix}%`}
            ORDER BY table_name, column_name`.values
        yield* open({ prefix: "whole_" })
        assert.deepStrictEqual(yield* shape("scheduler_"), yield* shape("whole_"))
      }), 60_000)

    const using = (database: string, options?: MySqlJobStore.Options) =>
      Effect.flatMap(JobStore, (store) => store.insertJobs([job("j1")])).pipe(
        Effect.provide(MySqlJobStore.layer(options).pipe(Layer.provide(client(database))))
      )

    it.live("of a newer version are refused with both versions, and not touched", () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        yield* using(database)
        const sql = Context.get(yield* Layer.build(client(database)), SqlClient)
        yield* sql`INSERT INTO scheduler_migrations (migration_id, name) VALUES (77, 'future')`
        for (const migrate of [true, false]) {
          const error = yield* Effect.flip(using(database, { migrate }))
          assert.isFalse(error._tag === "StoreError" && error.retryable)
          assert.match(error.message, /version 77\b.*version \d+\b/)
        }
      }))

    it.live("are refused when they are missing and may not be made", () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        const error = yield* Effect.flip(using(database, { migrate: false }))
        assert.match(error.message, /version 0\b.*version \d+\b/)
        yield* Layer.build(MySqlJobStore.layerMigrate().pipe(Layer.provide(client(database))))
        assert.deepStrictEqual(yield* using(database, { migrate: false }), ["inserted"])
      }))

    it.live("have names that need no quotes, and namespaces that fit", () =>
      Effect.gen(function*() {
        const refused: ReadonlyArray<readonly [string, string]> = [
          ["prefix", "Jobs_"],
          ["prefix", "a-b"],
          ["prefix", "x".repeat(41)],
          ["namespace", "x".repeat(65)]
        ]
        for (const [field, value] of refused) {
          const error = yield* Effect.flip(using("test", { [field]: value }))
          assert.include(error.message, `${field}: got ${JSON.stringify(value)}`)
        }
      }))

    it.live("need a database to be in", () =>
      Effect.gen(function*() {
        const nowhere = new URL(Redacted.value(url()))
        nowhere.pathname = "/"
        const opening = Effect.provide(Effect.asVoid(JobStore), MySqlJobStore.layerUrl(Redacted.make(nowhere.href)))
        const error = yield* Effect.flip(opening)
        assert.isFalse(error.retryable)
        assert.match(error.message, /^database: got none, expected one in the client's url/)
      }))

    it.live("are not trusted to a server that cuts off what is too long", () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        const error = yield* Effect.gen(function*() {
          const sql = yield* SqlClient
          yield* sql`SET SESSION sql_mode = ''`
          return yield* Effect.flip(MySqlJobStore.make())
        }).pipe(Effect.provide(client(database, { maxConnections: 1 })))
        assert.match(error.message, /sql_mode: got "", expected STRICT_ALL_TABLES/)
      }))
  })

  it.live("a server that does not answer is a StoreError that may be tried again, a wrong password is not", () =>
    Effect.gen(function*() {
      const opening = (url: string) =>
        Effect.flip(Effect.provide(Effect.asVoid(JobStore), MySqlJobStore.layerUrl(Redacted.make(url))))
      const nowhere = yield* opening("mysql://root@127.0.0.1:1/test")
      assert.strictEqual(nowhere._tag, "StoreError")
      assert.isTrue(nowhere.retryable)
      const there = new URL(Redacted.value(url()))
      there.username = "nobody"
      there.password = "wrong"
      const stranger = yield* opening(there.href)
      assert.strictEqual(stranger._tag, "StoreError")
      assert.isFalse(stranger.retryable, stranger.message)
    }))
})
