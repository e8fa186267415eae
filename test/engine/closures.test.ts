import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Effect, Schedule, Tracer } from "effect"
import { Run, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, turns, world } from "../support/world.ts"

const stamp = (log: Array<number>) => Effect.map(Clock.currentTimeMillis, (now) => void log.push(now))

class Mailer extends Context.Service<Mailer, { readonly name: string }>()("test/Mailer") {}

describe("closures", () => {
  it.effect("every, cron and at", () => {
    const every: Array<number> = []
    const cron: Array<number> = []
    const at: Array<number> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.every("20 seconds", stamp(every))
      yield* scheduler.cron("* * * * *", stamp(cron))
      yield* scheduler.at(DateTime.makeUnsafe(30_000), stamp(at))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(every, [20_000, 40_000, 60_000, 80_000, 100_000, 120_000])
      assert.deepStrictEqual(cron, [60_000, 120_000])
      assert.deepStrictEqual(at, [30_000])
      assert.strictEqual((yield* job.runs).length, 6)
      yield* job.pause
      yield* TestClock.adjust("1 minute")
      yield* job.resume
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(every.slice(6), [200_000])
      yield* job.remove
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(every.length, 7)
      assert.strictEqual((yield* Effect.flip(job.job))._tag, "JobNotFound")
      // They live beside the store's jobs, not among them.
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("a failure does not end them, and history tells what was wrong", () => {
    let n = 0
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.every(
        "10 seconds",
        Effect.suspend(() => ++n === 1 ? Effect.fail("no luck") : Effect.void)
      )
      yield* TestClock.adjust("20 seconds")
      const runs = yield* job.runs
      assert.deepStrictEqual(runs.map((run) => run.outcome), ["succeeded", "failed"])
      assert.deepStrictEqual(runs[1]?.result, { message: "no luck" })
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("bad triggers are typed errors, and nothing is added", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const bad = yield* Effect.flip(scheduler.cron("61 * * * *", Effect.void))
      assert.strictEqual(bad._tag, "TriggerError")
      assert.include(String(bad), "61")
      assert.strictEqual((yield* Effect.flip(scheduler.every("-1 seconds", Effect.void)))._tag, "TriggerError")
      assert.strictEqual(
        (yield* Effect.flip(scheduler.cron("0 9 * * *", Effect.void, { timeZone: "Mars/Olympus" })))._tag,
        "TriggerError"
      )
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("they keep the caller's services, but not its scope, span and run", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const seen: Array<unknown> = []
      const finalized: Array<number> = []
      const effect = Effect.gen(function*() {
        const mailer = yield* Mailer
        const run = yield* Run.CurrentRun
        const span = yield* Effect.serviceOption(Tracer.ParentSpan)
        yield* Effect.addFinalizer(() => Effect.sync(() => finalized.push(1)))
        seen.push(mailer.name, run.scheduledAt.epochMilliseconds, span._tag)
      })
      yield* Effect.scoped(scheduler.every("10 seconds", effect)).pipe(
        Effect.provideService(Mailer, { name: "post" }),
        Effect.withSpan("caller")
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(seen, ["post", 10_000, "None"])
      assert.strictEqual(finalized.length, 1)
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("under an id that exists a closure takes the place of the other", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.every("10 seconds", Effect.sync(() => log.push("one")), { id: "x" })
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.every("10 seconds", Effect.sync(() => log.push("two")), { id: "x" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, ["one", "two"])
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("remove interrupts and waits for finalizers", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.every(
        "10 seconds",
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("finalized")))
      )
      yield* TestClock.adjust("10 seconds")
      yield* job.remove
      assert.deepStrictEqual(log, ["finalized"])
    }).pipe(Effect.provide(inMemory(world())))
  })
})

describe("repeat", () => {
  it.effect("runs at once and then as any Schedule says, failures included", () => {
    const log: Array<number> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const repetition = yield* scheduler.repeat(
        Effect.andThen(stamp(log), Effect.suspend(() => log.length === 2 ? Effect.fail("second") : Effect.void)),
        Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))
      )
      yield* TestClock.adjust("1 minute")
      yield* repetition.await
      assert.deepStrictEqual(log, [0, 1_000, 3_000, 7_000])
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("a Trigger piped through Schedule's combinators is a Schedule like any other", () => {
    const log: Array<number> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.repeat(stamp(log), Trigger.cron("*/10 * * * * *").pipe(Schedule.upTo({ times: 2 })))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log, [0, 10_000, 20_000])
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("remove ends it, finalizers first", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const repetition = yield* scheduler.repeat(
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("finalized"))),
        Schedule.spaced("1 second")
      )
      yield* turns
      yield* repetition.remove
      assert.deepStrictEqual(log, ["finalized"])
    }).pipe(Effect.provide(inMemory(world())))
  })
})

describe("closures that are over", () => {
  it.effect("an unnamed one leaves no job behind, and its closure is let go of", () => {
    let ran = 0
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const handles = []
      for (let n = 0; n < 2_000; n++) {
        const handle = yield* scheduler.at(DateTime.makeUnsafe(n), Effect.sync(() => ran++))
        handles.push(handle)
        yield* TestClock.adjust(1)
      }
      yield* turns
      assert.strictEqual(ran, 2_000)
      for (const handle of handles) assert.strictEqual((yield* Effect.flip(handle.job))._tag, "JobNotFound")
    }).pipe(Effect.provide(inMemory(world())))
  })

  it.effect("one that takes a name while its predecessor is being removed is not lost with it", () => {
    const log: Array<number> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
      const first = yield* scheduler.every("10 seconds", slow, { id: "a" })
      yield* TestClock.adjust("10 seconds")
      yield* Effect.forkChild(first.remove, { startImmediately: true })
      yield* turns
      yield* scheduler.every("10 seconds", stamp(log), { id: "a" })
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(log, [20_000, 30_000])
    }).pipe(Effect.provide(inMemory(world())))
  })
})
