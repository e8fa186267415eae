import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Exit, Fiber } from "effect"
import { type JobStore, MemoryJobStore, Run, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, on, start, turns, withVerbs, Work, world } from "../support/world.ts"

const minutely = Trigger.interval("1 minute")
const a = { id: "a", payload: { name: "a" }, trigger: minutely } as const
const atMinute = (minutes: number) => DateTime.makeUnsafe(minutes * 60_000)
const minuteOf = (at: DateTime.Utc | undefined) => at === undefined ? undefined : at.epochMilliseconds / 60_000

/** What became of the job's backfilled runs, oldest occurrence first. */
const backfilled = Effect.fnUntraced(function*() {
  const scheduler = yield* Scheduler.Scheduler
  const runs = yield* scheduler.runs({ job: "a", limit: 10_000 })
  return runs.filter(({ origin }) => origin === "backfill").toSorted((x, y) =>
    minuteOf(x.nominal)! - minuteOf(y.nominal)!
  )
})

describe("backfill", () => {
  it.effect("runs each occurrence of the range once, one after another, says so in the handler, and changes no verdict", () => {
    const w = world()
    const seen: Array<string> = []
    w.behave = ({ scheduledAt }) =>
      Effect.flatMap(
        Run.CurrentRun,
        (run) => Effect.sync(() => (seen.push(`${run.origin} ${scheduledAt / 60_000}`), "done"))
      )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a")
      yield* TestClock.adjust("10 minutes")
      yield* scheduler.resume("a")
      const ids = yield* scheduler.backfill("a", { from: atMinute(2), to: atMinute(5) })
      assert.deepStrictEqual(ids, [3, 4, 5].map((minute) => `a:${job.incarnation}:backfill:${minute * 60_000}`))
      yield* turns
      assert.deepStrictEqual(seen, ["backfill 3", "backfill 4", "backfill 5"])
      const runs = yield* backfilled()
      assert.deepStrictEqual(runs.map(({ incarnation, outcome }) => [incarnation, outcome]), [
        [job.incarnation, "succeeded"],
        [job.incarnation, "succeeded"],
        [job.incarnation, "succeeded"]
      ])
      const why = yield* scheduler.explain("a", atMinute(3))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "paused")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("asked again it adds nothing; until now, unless told", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("5 minutes")
      const once = yield* scheduler.backfill("a", { from: atMinute(0) })
      const again = yield* scheduler.backfill("a", { from: atMinute(0) })
      assert.deepStrictEqual(again, once)
      yield* turns
      assert.deepStrictEqual((yield* backfilled()).map(({ nominal }) => minuteOf(nominal)), [1, 2, 3, 4, 5])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("does not stand in the way of the job's own occurrences, nor they in its", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("10 minutes"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("15 minutes"), misfireGrace: "1 minute" })
      yield* TestClock.adjust("1 hour")
      yield* scheduler.backfill("a", { from: atMinute(0), to: atMinute(45) })
      yield* TestClock.adjust("1 hour")
      const runs = yield* scheduler.runs({ job: "a" })
      const own = runs.filter(({ origin }) => origin === "trigger")
      assert.deepStrictEqual(own.map(({ nominal }) => minuteOf(nominal)).toSorted((x, y) => x! - y!), [
        15,
        30,
        45,
        60,
        75,
        90,
        105,
        120
      ])
      // One after another, and never too late: its age is not what counts.
      assert.deepStrictEqual(
        (yield* backfilled()).map(({ finished, outcome }) => [minuteOf(finished), outcome]),
        [[70, "succeeded"], [80, "succeeded"], [90, "succeeded"]]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("stands behind live runs in the queue", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("10 seconds"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("5 minutes")
      // The slot is taken: what is queued now is chosen from when it is free.
      yield* scheduler.backfill("a", { from: atMinute(0), to: atMinute(3), overlap: { allow: 3 } })
      for (const name of ["x", "y"]) yield* scheduler.enqueue(Work, { id: name, payload: { name } })
      w.log.length = 0
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(w.log.map((line) => line[0]), ["x", "y", "a", "a", "a"])
    }).pipe(Effect.provide(inMemory(w, { concurrency: 1 })))
  })

  it.effect("side by side, and at a pace", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("10 minutes"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 hour") })
      yield* TestClock.adjust("10 hours")
      yield* scheduler.backfill("a", {
        from: atMinute(0),
        to: atMinute(6 * 60),
        overlap: { allow: 2 },
        pace: "3 minutes"
      })
      yield* TestClock.adjust("55 minutes")
      assert.deepStrictEqual(
        (yield* backfilled()).map(({ started }) => minuteOf(started)! - 600),
        [0, 3, 10, 13, 20, 23]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("of a range before the job was added: its trigger counts from there", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* TestClock.setTime(Date.UTC(2026, 0, 10, 12))
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.cron("0 9 * * *") })
      yield* scheduler.backfill("a", { from: "2026-01-05T00:00:00Z", to: "2026-01-08T09:00:00Z" })
      yield* turns
      assert.deepStrictEqual((yield* backfilled()).map(({ nominal }) => nominal?.toJSON()), [
        "2026-01-05T09:00:00.000Z",
        "2026-01-06T09:00:00.000Z",
        "2026-01-07T09:00:00.000Z",
        "2026-01-08T09:00:00.000Z"
      ])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("more than the limit, the future, or what is no range is refused, and nothing is run", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 second") })
      yield* TestClock.adjust("1 hour")
      const refused = Effect.fnUntraced(function*(options: object) {
        const error = yield* Effect.flip(scheduler.backfill("a", { from: atMinute(0), ...options }))
        return error._tag === "InvalidOption" ? `${error.field}: ${error.expected}` : error._tag
      })
      assert.strictEqual(yield* refused({}), "limit: a range with at most 1000 occurrences; this one has 3600")
      assert.strictEqual(
        yield* refused({ limit: 59, to: atMinute(1) }),
        "limit: a range with at most 59 occurrences; this one has 60"
      )
      assert.match(yield* refused({ limit: 0 }), /^limit: a whole/)
      assert.match(yield* refused({ to: atMinute(61) }), /^to: an instant until now/)
      assert.match(yield* refused({ from: atMinute(2), to: atMinute(2) }), /^from: an instant before/)
      assert.match(yield* refused({ overlap: "skip" }), /^overlap: "sequential"/)
      assert.match(yield* refused({ overlap: { allow: 0 } }), /^overlap/)
      assert.match(yield* refused({ pace: "slowly" }), /^pace/)
      assert.match(yield* refused({ from: "yesterday" }), /^from: an instant/)
      assert.strictEqual((yield* Effect.flip(scheduler.backfill("b", { from: 0 })))._tag, "JobNotFound")
      assert.deepStrictEqual(yield* backfilled(), [])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("failures do not pause the job, and a new trigger does not touch what is queued", () => {
    const w = world()
    w.behave = () => Effect.die(new Error("bug"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, pauseAfter: 2, trigger: Trigger.cron("0 0 1 1 *") })
      yield* TestClock.adjust(new Date(Date.UTC(1976, 0, 2)).getTime())
      yield* scheduler.resume("a")
      yield* scheduler.backfill("a", { from: 0 })
      yield* scheduler.reschedule("a", Trigger.interval("10 days"))
      yield* turns
      const runs = yield* backfilled()
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      assert.deepStrictEqual(runs.map(({ outcome }) => outcome), ["died", "died", "died", "died", "died", "died"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("removing a job that is being backfilled", () => {
  it.effect("ends its backfilled runs too, running and queued, after their finalizers, on whatever node", () => {
    const w = world()
    const finalizing = Deferred.makeUnsafe<void>()
    w.behave = () => Effect.onInterrupt(Effect.never, () => Deferred.await(finalizing))
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, w)
      const other = yield* start(store, w, { paused: true })
      yield* one.scheduler.schedule(Work, { ...a, paused: true })
      yield* TestClock.adjust("3 minutes")
      yield* one.scheduler.backfill("a", { from: 0 })
      const removing = yield* Effect.forkChild(other.scheduler.remove("a"), { startImmediately: true })
      yield* turns
      assert.isUndefined(removing.pollUnsafe())
      yield* Deferred.succeed(finalizing, undefined)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(removing)))
      const runs = yield* one.scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map(({ outcome }) => outcome), ["cancelled", "cancelled", "cancelled"])
      assert.lengthOf(w.log.filter((line) => !line.includes("failed")), 1)
      yield* one.close
      yield* other.close
    })
  })

  it.effect("from one of them: that one goes on to its end", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        w.behave = () => Effect.as(Effect.orDie(scheduler.remove("a")), "removed it")
        yield* scheduler.schedule(Work, { ...a, paused: true })
        yield* TestClock.adjust("3 minutes")
        yield* scheduler.backfill("a", { from: 0 })
        yield* turns
        assert.deepStrictEqual((yield* backfilled()).map(({ outcome }) => outcome), [
          "succeeded",
          "cancelled",
          "cancelled"
        ])
      }).pipe(Effect.provide(on(store, w)))
    })
  })

  it.effect("at the same time: the job is gone, and so are the runs that were added after it", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const before = Deferred.makeUnsafe<void>()
      const slow = withVerbs(store, (verbs) => ({
        enqueue: (request: Parameters<JobStore.Service["enqueue"]>[0]) =>
          Effect.andThen(Deferred.await(before), verbs.enqueue(request))
      }))
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...a, paused: true })
        yield* TestClock.adjust("3 minutes")
        const filling = yield* Effect.forkChild(Effect.flip(scheduler.backfill("a", { from: 0 })), {
          startImmediately: true
        })
        yield* turns
        yield* scheduler.remove("a")
        yield* Deferred.succeed(before, undefined)
        assert.strictEqual((yield* Fiber.join(filling))._tag, "JobNotFound")
        yield* turns
        assert.deepStrictEqual((yield* backfilled()).map(({ outcome }) => outcome), [
          "cancelled",
          "cancelled",
          "cancelled"
        ])
      }).pipe(Effect.provide(on(slow, w)))
    })
  })
})
