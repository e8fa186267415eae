import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { Job, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, start, turns, Work, world } from "../support/world.ts"

const minutely = Trigger.interval("1 minute")
const a = { id: "a", payload: { name: "a" }, trigger: minutely } as const
const atSecond = (seconds: number) => DateTime.makeUnsafe(seconds * 1_000)
const secondsOf = (at: DateTime.Utc | undefined) => at === undefined ? undefined : at.epochMilliseconds / 1_000

describe("move", () => {
  it.effect("the next occurrence runs at another instant, later or earlier, and keeps its nominal one", () => {
    const w = world()
    const seen: Array<number> = []
    w.behave = ({ scheduledAt }) => Effect.sync(() => (seen.push(scheduledAt / 1_000), "done"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      const later = yield* scheduler.move("a", { to: atSecond(100) })
      assert.deepStrictEqual([secondsOf(later.next), secondsOf(later.due)], [60, 100])
      const why = yield* scheduler.explain("a", atSecond(60))
      assert.strictEqual(why._tag === "Undecided" ? secondsOf(why.due) : why._tag, 100)
      yield* TestClock.adjust("100 seconds")
      yield* scheduler.move("a", { to: atSecond(110) })
      yield* TestClock.adjust("110 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @100000", "a 1 @110000", "a 1 @180000"])
      assert.deepStrictEqual(seen, [60, 120, 180])
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => [secondsOf(run.nominal), secondsOf(run.planned)]), [
        [180, 180],
        [120, 110],
        [60, 100]
      ])
      assert.deepStrictEqual((yield* scheduler.get("a")).exceptions.moved, [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a later occurrence can be named, shows among the coming ones, and can be moved back", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.skipNext("a")
      const job = yield* scheduler.move("a", { from: atSecond(180), to: "1970-01-01T00:02:30Z" })
      assert.deepStrictEqual(
        Job.upcoming(job, 4).map(({ due, exception, nominal }) => [secondsOf(nominal), secondsOf(due), exception]),
        [[60, 60, "skipped"], [120, 120, undefined], [180, 150, "moved"], [240, 240, undefined]]
      )
      assert.deepStrictEqual(job.exceptions, {
        skipped: [atSecond(60)],
        moved: [{ nominal: atSecond(180), due: atSecond(150) }]
      })
      const back = yield* scheduler.move("a", { from: atSecond(180), to: atSecond(180) })
      assert.deepStrictEqual(back.exceptions.moved, [])
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(w.log, ["a 1 @120000", "a 1 @180000", "a 1 @240000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("beyond its neighbours, into the past, or of what is no occurrence ahead: refused, saying what would do", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("70 seconds")
      const refused = Effect.fnUntraced(function*(options: { from?: DateTime.Utc; to: DateTime.Utc | string }) {
        const error = yield* Effect.flip(scheduler.move("a", options))
        return error._tag === "InvalidOption" ? `${error.field}: ${error.expected}` : error._tag
      })
      const next = "an instant from now (1970-01-01T00:01:10.000Z) on and before 1970-01-01T00:03:00.000Z"
      const ahead = "an occurrence that is not decided, 1970-01-01T00:02:00.000Z or one after it"
      assert.strictEqual(yield* refused({ to: atSecond(60) }), `to: ${next}`)
      assert.strictEqual(yield* refused({ to: atSecond(69) }), `to: ${next}`)
      assert.strictEqual(yield* refused({ to: atSecond(180) }), `to: ${next}`)
      assert.strictEqual(
        yield* refused({ from: atSecond(180), to: atSecond(120) }),
        "to: an instant after 1970-01-01T00:02:00.000Z and before 1970-01-01T00:04:00.000Z"
      )
      assert.strictEqual(yield* refused({ from: atSecond(60), to: atSecond(80) }), `from: ${ahead}`)
      assert.strictEqual(yield* refused({ from: atSecond(121), to: atSecond(130) }), `from: ${ahead}`)
      assert.match(yield* refused({ to: "soon" }), /^to: an instant/)
      // A neighbour that was moved towards it narrows the span.
      yield* scheduler.move("a", { from: atSecond(180), to: atSecond(130) })
      assert.match(yield* refused({ to: atSecond(130) }), /before 1970-01-01T00:02:10/)
      yield* scheduler.schedule(Work, { ...a, id: "once", trigger: Trigger.date(75_000) })
      yield* TestClock.adjust("5 seconds")
      const error = yield* Effect.flip(scheduler.move("once", { to: atSecond(100) }))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "from")
      assert.strictEqual((yield* Effect.flip(scheduler.move("nobody", { to: atSecond(100) })))._tag, "JobNotFound")
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("a new trigger and a removal know nothing of it; another payload does", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.move("a", { to: atSecond(90) })
      const kept = yield* scheduler.schedule(Work, { ...a, payload: { name: "b" } })
      assert.strictEqual(secondsOf(kept.due), 90)
      const other = yield* scheduler.reschedule("a", Trigger.interval("2 minutes"))
      assert.deepStrictEqual([secondsOf(other.due), other.exceptions.moved], [120, []])
      yield* scheduler.move("a", { to: atSecond(150) })
      yield* TestClock.adjust("140 seconds")
      yield* scheduler.remove("a")
      const why = yield* scheduler.explain("a", atSecond(120))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "removed")
      assert.deepStrictEqual(w.log, [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("nobody there when it was due: it is caught up like any other, by when it was due", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const first = yield* start(store, w)
      yield* first.scheduler.schedule(Work, { ...a, catchUp: "all", misfireGrace: "70 seconds" })
      yield* first.scheduler.move("a", { from: atSecond(180), to: atSecond(125) })
      yield* first.scheduler.move("a", { to: atSecond(110) })
      yield* first.close
      yield* TestClock.adjust("175 seconds")
      const second = yield* start(store, w)
      yield* turns
      const runs = yield* second.scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => secondsOf(run.nominal)).toSorted(), [120, 180, 60])
      yield* TestClock.adjust("65 seconds")
      assert.strictEqual(secondsOf((yield* second.scheduler.get("a")).next), 300)
      yield* second.close
    })
  })

  it.effect("what it was moved into a pause is skipped with it, what was moved out of it runs", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.move("a", { from: atSecond(60), to: atSecond(100) })
      yield* scheduler.move("a", { from: atSecond(180), to: atSecond(130) })
      yield* scheduler.pause("a", { until: atSecond(90) })
      yield* TestClock.adjust("125 seconds")
      yield* scheduler.pause("a", { until: atSecond(150) })
      yield* TestClock.adjust("125 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @100000", "a 1 @120000", "a 1 @240000"])
      const why = yield* scheduler.explain("a", atSecond(180))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "paused")
    }).pipe(Effect.provide(inMemory(w)))
  })
})
