import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, start, turns, Work, world } from "../support/world.ts"

const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }

/** A handler that never ends, and whose finalizer takes three seconds. */
const stubborn = (w: ReturnType<typeof world>) => () =>
  Effect.never.pipe(
    Effect.onInterrupt(() => Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => w.log.push("finalized"))))
  )

describe("remove", () => {
  it.effect("returns when the running run has run its finalizers, and not before", () => {
    const w = world()
    w.behave = stubborn(w)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("12 seconds")
      const removing = yield* Effect.forkChild(
        Effect.andThen(scheduler.remove("a", { reason: "gone", by: "test" }), Effect.sync(() => w.log.push("removed"))),
        { startImmediately: true }
      )
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @10000"])
      assert.deepStrictEqual(yield* scheduler.list(), [])
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(removing)
      assert.deepStrictEqual(w.log, ["a 1 @10000", "finalized", "a 1 failed @15000", "removed"])
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.strictEqual(run?.outcome, "cancelled")
      assert.deepStrictEqual(run?.cancel, { reason: "gone", by: "test" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(w.log.length, 4)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a timeout names the runs that have not ended; the job is gone all the same", () => {
    const w = world()
    w.behave = stubborn(w)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      const removing = yield* Effect.forkChild(
        Effect.flip(scheduler.remove("a", { timeout: "1 second" })),
        { startImmediately: true }
      )
      yield* turns
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(removing)
      assert.strictEqual(error._tag, "RemovalTimeout")
      if (error._tag === "RemovalTimeout") assert.strictEqual(error.runs.length, 1)
      assert.deepStrictEqual(yield* scheduler.list(), [])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(w.log.slice(1), ["finalized", "a 1 failed @13000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("wait lets the run come to its own end", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("8 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      const removing = yield* Effect.forkChild(scheduler.remove("a", { running: "wait" }), { startImmediately: true })
      yield* turns
      yield* TestClock.adjust("7999 millis")
      assert.isUndefined(removing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(removing)
      assert.strictEqual((yield* scheduler.runs({ job: "a" }))[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("leave returns at once", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("8 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.remove("a", { running: "leave" })
      assert.strictEqual((yield* scheduler.runs({ job: "a" }))[0]?.state, "running")
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual((yield* scheduler.runs({ job: "a" }))[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("queued runs end as cancelled without having started", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("1 minute"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...job, overlap: { queueAll: 5 } })
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.remove("a")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.outcome), ["cancelled", "cancelled", "cancelled"])
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 failed @35000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("called from the job's own run it does not wait for that run, which goes on to its end", () => {
    const w = world()
    const done = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      w.behave = () =>
        Effect.gen(function*() {
          yield* Effect.orDie(scheduler.remove("a"))
          yield* Effect.sleep("1 second")
          yield* Deferred.succeed(done, void 0)
          return "went on"
        })
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("11 seconds")
      yield* Deferred.await(done)
      yield* turns
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.strictEqual((yield* scheduler.runs({ job: "a" }))[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("added again, the id is a new incarnation with a time line of its own", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const first = yield* scheduler.schedule(Work, { ...job, trigger: Trigger.date(5_000) })
      yield* TestClock.adjust("6 seconds")
      yield* scheduler.remove("a")
      const second = yield* scheduler.schedule(Work, { ...job, trigger: Trigger.date(5_000) })
      assert.notStrictEqual(second.incarnation, first.incarnation)
      assert.strictEqual(w.log.length, 2)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("on another node: returns when that node has run the finalizers", () => {
    const w = world()
    w.behave = stubborn(w)
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const worker = yield* start(store, w)
      const client = yield* start(store, world(), { paused: true })
      yield* client.scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000"])
      const removing = yield* Effect.forkChild(client.scheduler.remove("a"), { startImmediately: true })
      yield* turns
      assert.isUndefined(removing.pollUnsafe())
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(removing)
      assert.deepStrictEqual(w.log.slice(1), ["finalized", "a 1 failed @13000"])
      yield* client.close
      yield* worker.close
    })
  })
})
