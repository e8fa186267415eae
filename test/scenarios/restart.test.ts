import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Scope } from "effect"
import { JobStore, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

const databaseFile = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/jobs.db"
})

/** Opens the file as a process would, until the scope given back is closed. */
const open = Effect.fnUntraced(function*(file: string) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(SqliteJobStore.layerFile(file), scope)
  return {
    store: yield* Effect.provideContext(JobStore.JobStore, context),
    sql: yield* Effect.provideContext(SqlClient.SqlClient, context),
    close: Scope.close(scope, Exit.void)
  }
})

const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }

describe("restart on the same SQLite file", () => {
  it.effect("nothing is lost and nothing happens twice", () =>
    Effect.gen(function*() {
      const file = yield* databaseFile
      const w = world()
      const first = yield* open(file)
      const one = yield* start(first.store, w)
      yield* one.scheduler.schedule(Work, { ...job, catchUp: "all" })
      yield* TestClock.adjust("25 seconds")
      yield* one.close
      yield* first.close
      yield* TestClock.adjust("30 seconds")

      const second = yield* open(file)
      const two = yield* start(second.store, w)
      yield* turns
      yield* two.scheduler.schedule(Work, { ...job, catchUp: "all" })
      yield* TestClock.adjust("10 seconds")
      const runs = yield* two.scheduler.runs({ job: "a" })
      assert.deepStrictEqual(
        runs.map((run) => [run.nominal!.epochMilliseconds, run.started!.epochMilliseconds, run.outcome])
          .toSorted((x, y) => Number(x[0]) - Number(y[0])),
        [
          [10_000, 10_000, "succeeded"],
          [20_000, 20_000, "succeeded"],
          [30_000, 55_000, "succeeded"],
          [40_000, 55_000, "succeeded"],
          [50_000, 55_000, "succeeded"],
          [60_000, 60_000, "succeeded"]
        ]
      )
      assert.strictEqual(w.log.length, 6)
      yield* two.close
      yield* second.close
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("a run in flight when its process was lost runs again, under the same idempotency key", () =>
    Effect.gen(function*() {
      const file = yield* databaseFile
      const w = world()
      w.behave = ({ attempt, at }) => at < 15_000 && attempt === 1 ? Effect.never : Effect.succeed("again")
      const first = yield* open(file)
      // The process is lost: whatever it would still write does not arrive.
      let lost = false
      const dead = withVerbs(first.store, (inner) => ({
        settle: (request) => Effect.suspend(() => lost ? Effect.never : inner.settle(request)),
        beat: (request) => Effect.suspend(() => lost ? Effect.never : inner.beat(request)),
        leave: (request) => Effect.suspend(() => lost ? Effect.void : inner.leave(request))
      }))
      const one = yield* start(dead, w)
      yield* one.scheduler.schedule(Work, { ...job, trigger: Trigger.after("10 seconds") })
      yield* TestClock.adjust("12 seconds")
      lost = true

      const second = yield* open(file)
      const two = yield* start(second.store, w, { reap: "5 seconds" })
      yield* TestClock.adjust("60 seconds")
      const runs = yield* two.scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => [run.outcome, run.attempts]), [["succeeded", 1]])
      assert.deepStrictEqual(w.log.map((line) => line.split(" @")[0]), ["a 1", "a 1"])
      yield* two.close
      yield* second.close
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("the caller's transaction", () => {
  it.effect("a job scheduled in it commits with the caller's own writes, and wakes the planner after the commit", () =>
    Effect.gen(function*() {
      const w = world()
      const { close, sql, store } = yield* open(yield* databaseFile)
      const one = yield* start(store, w)
      yield* sql`CREATE TABLE orders (id TEXT PRIMARY KEY)`
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`INSERT INTO orders VALUES ('o1')`
        yield* one.scheduler.schedule(Work, job)
        yield* one.scheduler.enqueue(Work, { payload: { name: "adhoc" } })
        assert.deepStrictEqual(w.log, [])
      }))
      yield* turns
      assert.deepStrictEqual(w.log, ["adhoc 1 @0"])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["adhoc 1 @0", "a 1 @10000"])
      yield* one.close
      yield* close
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("and rolls back with them", () =>
    Effect.gen(function*() {
      const w = world()
      const { close, sql, store } = yield* open(yield* databaseFile)
      const one = yield* start(store, w)
      const rolledBack = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
        yield* one.scheduler.schedule(Work, job)
        yield* one.scheduler.enqueue(Work, { payload: { name: "adhoc" } })
        return yield* Effect.fail("changed my mind")
      })))
      assert.isTrue(Exit.isFailure(rolledBack))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([w.log, yield* one.scheduler.list(), yield* one.scheduler.runs()], [[], [], []])
      yield* one.close
      yield* close
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("verbs that wait for runs refuse to wait inside it", () =>
    Effect.gen(function*() {
      const { close, sql, store } = yield* open(yield* databaseFile)
      const one = yield* start(store, world())
      yield* one.scheduler.schedule(Work, job)
      const run = yield* Effect.flip(sql.withTransaction(one.scheduler.run(Work, { payload: { name: "x" } })))
      assert.strictEqual(run._tag, "WaitInTransaction")
      const remove = yield* Effect.flip(sql.withTransaction(one.scheduler.remove("a")))
      assert.strictEqual(remove._tag, "WaitInTransaction")
      yield* sql.withTransaction(one.scheduler.remove("a", { running: "leave" }))
      assert.deepStrictEqual(yield* one.scheduler.list(), [])
      yield* one.close
      yield* close
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("the same program on memory and on SQLite", () => {
  it.effect("has the same history", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...job, overlap: "queue" })
        yield* scheduler.schedule(Work, { ...job, id: "b", trigger: Trigger.cron("*/7 * * * * *") })
        yield* TestClock.adjust("61 seconds")
        yield* scheduler.pause("b")
        yield* TestClock.adjust("20 seconds")
        yield* scheduler.resume("b")
        yield* TestClock.adjust("9 seconds")
        const runs = yield* scheduler.runs({ limit: 1_000 })
        return runs.map((run) =>
          [run.job, run.nominal?.epochMilliseconds, run.started?.epochMilliseconds, run.outcome].join()
        )
          .toSorted()
      })
      const on = (store: JobStore.Service) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(0)
          const w = world()
          w.behave = ({ name }) => Effect.as(Effect.sleep(name === "a" ? "13 seconds" : 0), "ok")
          const { close, scheduler } = yield* start(store, w)
          const seen = yield* Effect.provideService(program, Scheduler.Scheduler, scheduler)
          yield* close
          return seen
        })
      const memory = yield* on(yield* MemoryJobStore.make())
      const { close, store } = yield* open(yield* databaseFile)
      const sqlite = yield* on(store)
      yield* close
      assert.isAbove(memory.length, 10)
      assert.deepStrictEqual(sqlite, memory)
    }).pipe(Effect.provide(NodeServices.layer)))
})
