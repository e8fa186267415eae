import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { MemoryJobStore, Run, Scheduler, type SchedulerEvent, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, start, turns, Work, type World, world } from "../support/world.ts"

const a = { id: "a", payload: { name: "a" }, trigger: Trigger.after("10 seconds") } as const

/** Snoozes for 30 seconds while the clock is before an instant. */
const snoozingUntil = (second: number): World["behave"] => ({ at }) =>
  at >= second * 1_000 ? Effect.succeed("done") : Effect.flatMap(Run.CurrentRun, (run) => run.snooze("30 seconds"))

describe("snooze", () => {
  it.effect("ends the attempt, runs its finalizers and nothing after it; the run waits, and the attempt does not count", () => {
    const w = world()
    const log: Array<string> = []
    w.behave = ({ at }) =>
      at > 30_000 ? Effect.succeed("done") : Effect.gen(function*() {
        const run = yield* Run.CurrentRun
        yield* Effect.addFinalizer(() => Effect.sync(() => log.push("finalizer")))
        const never: Effect.Effect<string> = run.snooze("30 seconds")
        const after = yield* never
        log.push("after")
        return after
      })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const snoozed = yield* scheduler.events.pipe(
        Stream.filter((event): event is SchedulerEvent.Of<"RunSnoozed"> => event._tag === "RunSnoozed"),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      yield* scheduler.schedule(Work, { ...a, maxAttempts: 1 })
      yield* TestClock.adjust("20 seconds")
      const [waiting] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(
        [waiting?.state, waiting?.attempts, waiting?.readyAt?.epochMilliseconds],
        ["waiting", 0, 40_000]
      )
      assert.deepStrictEqual(log, ["finalizer"])
      const event = yield* Fiber.join(snoozed)
      assert.strictEqual(event._tag === "Some" ? event.value.readyAt.epochMilliseconds : 0, 40_000)
      yield* TestClock.adjust("20 seconds")
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.outcome, run?.attempts, run?.fence], ["succeeded", 1, 2])
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 failed @10000", "a 1 @40000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("uses up no retry, and forgets none", () => {
    const w = world()
    let n = 0
    // The retry Schedule allows three more attempts after 1, 2 and 4 seconds; a snooze lies between all of them.
    w.behave = () =>
      n++ % 2 === 0
        ? Effect.flatMap(Run.CurrentRun, (run) => run.snooze("1 minute"))
        : Effect.fail(new Refused({ why: "no" }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Retried, a)
      yield* TestClock.adjust("1 hour")
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.outcome, run?.attempts, run?.fence], ["failed", 4, 8])
      assert.strictEqual(run?.finished?.epochMilliseconds, 10_000 + 4 * 60_000 + 7_000)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a snoozed run is going: overlap sees it, and removal and cancel end it", () => {
    const w = world()
    w.behave = snoozingUntil(Infinity)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("10 seconds") })
      yield* TestClock.adjust("20 seconds")
      const [run, ...others] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.state, others], ["waiting", []])
      const ended = yield* scheduler.cancel(run!.id)
      assert.strictEqual(ended.outcome, "cancelled")
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.remove("a")
      assert.deepStrictEqual((yield* scheduler.runs({ job: "a" })).map(({ outcome }) => outcome), [
        "cancelled",
        "cancelled"
      ])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("another node may take it up, and atMostOnce may snooze", () => {
    const w = world()
    w.behave = snoozingUntil(40)
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const first = yield* start(store, w)
      yield* first.scheduler.schedule(Work, { ...a, delivery: "atMostOnce" })
      yield* TestClock.adjust("20 seconds")
      yield* first.close
      const second = yield* start(store, w)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* second.scheduler.runs({ job: "a" }))[0]?.outcome, "succeeded")
      yield* second.close
    })
  })

  it.effect("works where nothing else can interrupt, and in a fiber of the handler's own", () => {
    const w = world()
    w.behave = ({ at, name }) =>
      at > 0 ? Effect.succeed("done") : Effect.flatMap(Run.CurrentRun, (run) =>
        name === "uninterruptible"
          ? Effect.uninterruptible(run.snooze("1 second"))
          : Effect.as(Effect.all([Effect.never, run.snooze("1 second")], { concurrency: 2 }), "never"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const name of ["uninterruptible", "child"]) yield* scheduler.enqueue(Work, { id: name, payload: { name } })
      yield* TestClock.adjust("1 second")
      const runs = yield* scheduler.runs()
      assert.deepStrictEqual(runs.map(({ outcome }) => outcome), ["succeeded", "succeeded"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("for no time at all or for what is no duration", () => {
    const w = world()
    w.behave = ({ name }) =>
      Effect.flatMap(Run.CurrentRun, (run) => run.fence > 1 ? Effect.succeed("done") : run.snooze(name as never))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const none = yield* Effect.exit(scheduler.run(Work, { payload: { name: "0 seconds" } }))
      assert.isTrue(Exit.isSuccess(none))
      for (const name of ["soon", "Infinity"]) {
        const error = yield* Effect.flip(scheduler.run(Work, { payload: { name } }))
        assert.include(String(error), "snooze")
        assert.strictEqual(error._tag === "RunFailed" ? error.outcome : error._tag, "died")
      }
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("that comes after the order to stop does not undo it", () => {
    const w = world()
    w.behave = () =>
      Effect.onInterrupt(
        Effect.never,
        () => Effect.flatMap(Run.CurrentRun, (run) => Effect.ignore(run.snooze("1 second")))
      )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* turns
      const run = yield* scheduler.cancel(id)
      assert.strictEqual(run.outcome, "cancelled")
    }).pipe(Effect.provide(inMemory(w)))
  })
})
