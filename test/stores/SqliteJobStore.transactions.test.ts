import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { JobStore, type Service, type Signal } from "../../src/JobStore.ts"
import type { StoreError } from "../../src/SchedulerError.ts"
import { dump, temporaryFile } from "./sqlite/files.ts"

const { at, job, occurrence, run } = Suite

/** What a subscriber has heard so far. */
const listen = Effect.gen(function*() {
  const { signals } = yield* JobStore
  const heard: Array<Signal["_tag"]> = []
  yield* Effect.forkScoped(Stream.runForEach(signals, ({ _tag }) => Effect.sync(() => void heard.push(_tag))), {
    startImmediately: true
  })
  const settle = Effect.repeat(Effect.yieldNow, { times: 20 })
  yield* settle
  return { heard: Effect.andThen(settle, Effect.sync(() => heard.splice(0))) }
})

describe("a store on the caller's client", () => {
  const store = SqliteJobStore.layerFile(":memory:")

  it.effect("commits with the caller's transaction, and hints go out after the commit", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const store = yield* JobStore
      const { heard } = yield* listen
      yield* sql`CREATE TABLE orders (id TEXT)`
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`INSERT INTO orders VALUES ('o1')`
        assert.deepStrictEqual(yield* store.insertJobs([job("j1")]), ["inserted"])
        assert.deepStrictEqual(yield* store.enqueue({ runs: [run("r1")], now: at(0) }), ["added"])
        assert.deepStrictEqual(yield* heard, [])
      }))
      assert.deepStrictEqual(yield* heard, ["jobs", "ready"])
      assert.strictEqual((yield* sql`SELECT * FROM orders`).length, 1)
      assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
    }).pipe(Effect.provide(store)))

  it.effect("rolls back with it, and nobody hears of it", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const store = yield* JobStore
      const { heard } = yield* listen
      yield* store.enqueue({ runs: [run("before")], now: at(0) })
      assert.deepStrictEqual(yield* heard, ["ready"])
      yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
        yield* store.insertJobs([job("j1")])
        yield* store.enqueue({ runs: [run("r1")], now: at(0) })
        const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 10, now: at(0) })
        yield* store.settle({ settlements: runs.map((run) => Suite.done(run, at(1))), now: at(1) })
        return yield* Effect.fail("the order was refused")
      })))
      assert.deepStrictEqual(yield* heard, [])
      assert.deepStrictEqual(yield* store.jobs({ limit: 10 }), [])
      const rows = yield* store.runs({ limit: 10 })
      assert.deepStrictEqual(rows.map(({ id, state }) => [id, state]), [["before", "ready"]])
    }).pipe(Effect.provide(store)))

  it.effect("is gone when the commit itself fails, and the next transaction works", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const store = yield* JobStore
      const { heard } = yield* listen
      yield* sql`CREATE TABLE customers (id TEXT PRIMARY KEY)`
      yield* sql`CREATE TABLE orders (customer TEXT REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED)`
      const order = (id: string) =>
        sql.withTransaction(Effect.andThen(
          sql`INSERT INTO orders VALUES ('nobody')`,
          store.enqueue({ runs: [run(id)], now: at(0) })
        ))
      assert.strictEqual((yield* Effect.flip(order("r1")))._tag, "SqlError")
      assert.deepStrictEqual(yield* store.runs({ limit: 10 }), [])
      assert.deepStrictEqual(yield* heard, [])
      yield* sql`INSERT INTO customers VALUES ('nobody')`
      yield* order("r2")
      assert.deepStrictEqual(yield* heard, ["ready"])
    }).pipe(Effect.provide(store)))

  it.effect("a verb that fails inside it leaves the caller's writes alone", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const store = yield* JobStore
      yield* sql`CREATE TABLE orders (id TEXT)`
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
    }).pipe(Effect.provide(store)))

  it.effect("a handler settles its run in the transaction of its own writes", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const store = yield* JobStore
      yield* sql`CREATE TABLE sent (id TEXT)`
      yield* store.enqueue({ runs: [run("r1")], now: at(0) })
      const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
      const finish = (fence: number) =>
        sql.withTransaction(Effect.gen(function*() {
          yield* sql`INSERT INTO sent VALUES ('r1')`
          const answers = yield* store.settle({ settlements: [Suite.done({ id: "r1", fence }, at(1))], now: at(1) })
          if (answers[0] !== "ok") return yield* Effect.fail(answers[0])
        }))
      assert.strictEqual(yield* Effect.flip(finish(runs[0]!.fence + 1)), "stale")
      assert.deepStrictEqual(yield* sql`SELECT * FROM sent`, [])
      yield* finish(runs[0]!.fence)
      assert.strictEqual((yield* sql`SELECT * FROM sent`).length, 1)
    }).pipe(Effect.provide(store)))
})

describe("every verb happens wholly or not at all", () => {
  /** The first `n` statements work; the next one does not. */
  const failingAfter = (n: number) => {
    let count = 0
    const transformer: Statement.Transformer = (statement, sql) =>
      Effect.succeed(count++ < n ? statement : sql`SELECT injected_failure()`)
    return Effect.provideService(Statement.CurrentTransformer, transformer)
  }

  const scenario = (
    name: string,
    prepare: (store: Service) => Effect.Effect<unknown, StoreError>,
    verb: (store: Service) => Effect.Effect<unknown, StoreError>
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* Effect.gen(function*() {
          const store = yield* JobStore
          yield* prepare(store)
          const { heard } = yield* listen
          const before = dump(filename)
          let failures = 0
          for (;; failures++) {
            const exit = yield* Effect.exit(failingAfter(failures)(verb(store)))
            if (exit._tag === "Success") break
            assert.include(String(exit.cause), "injected_failure")
            assert.strictEqual(dump(filename), before, `after the failure of statement ${failures + 1}`)
            assert.deepStrictEqual(yield* heard, [])
          }
          assert.isAbove(failures, 3)
          assert.notStrictEqual(dump(filename), before)
          assert.isNotEmpty(yield* heard)
        }).pipe(Effect.provide(SqliteJobStore.layerFile(filename, { synchronous: "normal" })))
      }))

  const jobs = ["a", "b", "c"].map((id) => job(id))
  const claim = (store: Service) => store.claim({ node: "n1", lanes: ["default/Task"], limit: 10, now: at(0) })

  scenario(
    "commit",
    (store) =>
      Effect.gen(function*() {
        yield* store.insertJobs(jobs)
        yield* store.commit({
          now: at(0),
          changes: [Suite.advance(jobs[0]!, at(1000), {
            runs: [1, 2, 3].map((n) => occurrence(jobs[0]!, at(n), { serial: 1 })),
            verdicts: [Suite.verdict(jobs[0]!, null, at(500))]
          })]
        })
        yield* claim(store)
      }),
    (store) =>
      store.commit({
        now: at(2000),
        changes: [
          Suite.replace({ ...jobs[0]!, revision: 2 }, { payload: `{"n":2}` }, {
            cancel: { reason: "replaced", by: "me" },
            runs: [occurrence(jobs[0]!, at(2000), { serial: 2, uniqueKey: "k" })],
            verdicts: [
              Suite.verdict(jobs[0]!, at(500), at(700)),
              Suite.verdict(jobs[0]!, at(700), at(800), { kind: "missed" })
            ]
          }),
          Suite.advance(jobs[1]!, at(2000), { runs: [occurrence(jobs[1]!, at(2000))] }),
          Suite.remove(jobs[2]!)
        ]
      })
  )

  scenario(
    "settle",
    (store) =>
      Effect.gen(function*() {
        yield* store.enqueue({
          now: at(0),
          runs: ["a", "b", "c"].flatMap((name) =>
            [1, 2].map((n) => run(`${name}${n}`, { job: name, incarnation: "i1", planned: at(n), serial: 1 }))
          )
        })
        yield* claim(store)
      }),
    (store) =>
      store.settle({
        now: at(5),
        settlements: [
          Suite.done({ id: "a1", fence: 1 }, at(5), {}, [run("follow", { uniqueKey: "k" })]),
          Suite.retry({ id: "b1", fence: 1 }, at(9000)),
          Suite.release({ id: "c1", fence: 1 })
        ]
      })
  )

  scenario(
    "reap",
    (store) =>
      Effect.gen(function*() {
        yield* store.enqueue({
          now: at(0),
          runs: [1, 2, 3].map((n) =>
            run(`r${n}`, { job: "a", incarnation: "i1", planned: at(n), serial: 2, atMostOnce: n === 1 })
          )
        })
        yield* store.beat({ id: "n1", host: "elsewhere", pid: 1, expiresAt: at(10) })
        yield* claim(store)
      }),
    (store) => store.reap({ now: at(11), includeExpired: true, limit: 10 })
  )

  scenario(
    "cancel",
    (store) =>
      Effect.gen(function*() {
        yield* store.enqueue({
          now: at(0),
          runs: [1, 2, 3].map((n) => run(`r${n}`, { job: "a", incarnation: "i1", planned: at(n), serial: 1 }))
        })
        yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
        yield* store.enqueue({ now: at(0), runs: [run("alone", { job: "b", incarnation: "i1", serial: 1 })] })
        yield* store.enqueue({ now: at(0), runs: [run("next", { job: "b", incarnation: "i1", serial: 1 })] })
      }),
    (store) => store.cancel({ runs: ["r1", "r2", "alone"], request: { reason: "no", by: "me" }, now: at(5) })
  )
})
