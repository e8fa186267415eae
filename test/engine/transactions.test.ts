/** Verbs in a transaction of the caller's that is rolled back: as if they had not been called. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { JobStore, Scheduler, type SchedulerEvent, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { on, turns, Work, type World, world } from "../support/world.ts"

const a = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") } as const

const fixture = Effect.fnUntraced(function*(w: World) {
  const database = yield* Effect.orDie(Layer.build(SqliteJobStore.layerFile(":memory:")))
  const sql = Context.get(database, SqlClient.SqlClient)
  const context = yield* Effect.orDie(Layer.build(on(Context.get(database, JobStore.JobStore), w)))
  const scheduler = Context.get(context, Scheduler.Scheduler)
  const told: Array<SchedulerEvent.SchedulerEvent["_tag"]> = []
  yield* Effect.forkScoped(Stream.runForEach(scheduler.events, ({ _tag }) => Effect.sync(() => told.push(_tag))), {
    startImmediately: true
  })
  const rolledBack = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.exit(sql.withTransaction(Effect.andThen(effect, Effect.fail("rolled back"))))
  return { scheduler, sql, rolledBack, told }
})

describe("in a transaction that is rolled back", () => {
  it.effect("a replacement interrupts nothing", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("5 seconds"), "done")
    return Effect.gen(function*() {
      const { rolledBack, scheduler } = yield* fixture(w)
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("11 seconds")
      yield* rolledBack(scheduler.schedule(Work, { ...a, payload: { name: "b" }, conflict: "replace" }))
      yield* turns
      yield* TestClock.adjust("5 seconds")
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.outcome, run?.cancel, w.log], ["succeeded", undefined, ["a 1 @10000"]])
    })
  })

  it.effect("a change that would cancel what is going cancels nothing", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("15 seconds"), "done")
    return Effect.gen(function*() {
      const { rolledBack, scheduler } = yield* fixture(w)
      yield* scheduler.schedule(Work, { ...a, overlap: "cancelRunning" })
      yield* TestClock.adjust("11 seconds")
      yield* scheduler.pauseNode
      yield* TestClock.adjust("10 seconds")
      yield* rolledBack(scheduler.pause("a"))
      yield* turns
      yield* TestClock.adjust("5 seconds")
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.outcome, run?.cancel], ["succeeded", undefined])
    })
  })

  it.effect("nobody is told of anything, and after a commit everybody is", () => {
    const w = world()
    return Effect.gen(function*() {
      const { rolledBack, scheduler, sql, told } = yield* fixture(w)
      yield* scheduler.schedule(Work, { ...a, id: "before" })
      yield* turns
      told.length = 0
      const all = Effect.gen(function*() {
        yield* scheduler.schedule(Work, a)
        yield* scheduler.scheduleAll(Work, [{ ...a, id: "b" }])
        yield* scheduler.enqueue(Work, { payload: { name: "r" }, delay: "1 hour" })
        yield* scheduler.pause("a")
        yield* scheduler.remove("before", { running: "leave" })
      })
      yield* rolledBack(all)
      yield* turns
      assert.deepStrictEqual(told, [])
      yield* sql.withTransaction(all)
      yield* turns
      assert.deepStrictEqual(told, ["JobAdded", "JobAdded", "RunQueued", "JobPaused", "JobRemoved"])
    })
  })
})

describe("in a transaction", () => {
  it.effect("an import that replaces a job waits for none of its runs, which are interrupted at the commit", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const { rolledBack, scheduler, sql } = yield* fixture(w)
      yield* scheduler.schedule(Work, a)
      const lines = yield* Stream.runCollect(scheduler.exportJobs())
      yield* scheduler.remove("a")
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("11 seconds")
      const replaced = scheduler.importJobs(lines, { conflict: "replace" })
      yield* rolledBack(replaced)
      const outcomes = Effect.map(scheduler.runs(), (runs) => runs.map(({ outcome, state }) => outcome ?? state))
      assert.deepStrictEqual(yield* outcomes, ["running"])
      assert.propertyVal(yield* sql.withTransaction(replaced), "replaced", 1)
      yield* turns
      // the job of the line catches up
      assert.deepStrictEqual(yield* outcomes, ["running", "cancelled"])
    })
  })

  it.effect("what waits says what does not", () =>
    Effect.gen(function*() {
      const { scheduler, sql } = yield* fixture(world())
      const said = <A, E extends { readonly message: string }>(verb: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(sql.withTransaction(verb)), ({ message }) => message)
      yield* scheduler.schedule(Work, a)
      assert.match(yield* said(scheduler.remove("a")), /after the commit, or give it running: "leave"$/)
      assert.match(yield* said(scheduler.run(Work, { payload: { name: "a" } })), /after the commit, or use enqueue,/)
      assert.match(yield* said(scheduler.cancel("a")), /call it after the commit$/)
      yield* sql.withTransaction(scheduler.remove("a", { running: "leave" }))
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }))
})
