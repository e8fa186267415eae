import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { Run, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, turns, Work, world } from "../support/world.ts"

const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }

describe("runNow", () => {
  it.effect("runs a job besides its occurrences, paused or not, and changes no verdict", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("4 seconds")
      const id = yield* scheduler.runNow("a")
      yield* TestClock.adjust("6 seconds")
      yield* scheduler.pause("a")
      yield* scheduler.runNow("a")
      assert.deepStrictEqual(w.log, ["a 1 @4000", "a 1 @10000", "a 1 @10000"])
      const [manual] = yield* scheduler.runs({ ids: [id] })
      assert.deepStrictEqual([manual?.origin, manual?.job, manual?.nominal, manual?.outcome], [
        "manual",
        "a",
        undefined,
        "succeeded"
      ])
      assert.strictEqual((yield* scheduler.explain("a", DateTime.makeUnsafe(4_000)))._tag, "NotAnOccurrence")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("waits for its turn, unless overlap is ignored", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("5 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("12 seconds")
      yield* scheduler.runNow("a")
      yield* scheduler.runNow("a", { overlap: "ignore" })
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @12000"])
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(w.log[2], "a 1 @17000")
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("skipNext", () => {
  it.effect("skips exactly the next occurrence; again, the one after it; and explains", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.skipNext("a"))?.epochMilliseconds, 20_000)
      assert.strictEqual((yield* scheduler.skipNext("a"))?.epochMilliseconds, 30_000)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @40000"])
      for (const at of [20_000, 30_000]) {
        const why = yield* scheduler.explain("a", DateTime.makeUnsafe(at))
        assert.strictEqual(
          why._tag === "NotRun" ? `${why.verdict.kind} ${why.verdict.reason}` : why._tag,
          "skipped requested"
        )
      }
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("another trigger knows nothing of it, and there may be nothing to skip", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      yield* scheduler.skipNext("a")
      yield* scheduler.reschedule("a", Trigger.interval("5 seconds"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @5000", "a 1 @10000"])
      yield* scheduler.reschedule("a", Trigger.after("1 second"))
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(yield* scheduler.skipNext("a"))
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("progress", () => {
  it.effect("is seen while the run goes on, and kept with it", () => {
    const w = world()
    w.behave = () =>
      Effect.gen(function*() {
        const run = yield* Run.CurrentRun
        yield* run.progress({ page: 1, of: 2 })
        yield* Effect.sleep("1 minute")
        yield* run.progress({ page: 2, of: 2 })
        return "ok"
      })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      assert.deepStrictEqual((yield* scheduler.runs({ ids: [id] }))[0]?.progress, { page: 1, of: 2 })
      yield* TestClock.adjust("1 minute")
      yield* turns
      const [run] = yield* scheduler.runs({ ids: [id] })
      assert.deepStrictEqual([run?.outcome, run?.progress], ["succeeded", { page: 2, of: 2 }])
    }).pipe(Effect.provide(inMemory(w)))
  })
})
