/**
 * What docs/policies.md says about the corner cases, for each overlap policy.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { JobStore, type Policy, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { link, shared, times } from "../support/cluster.ts"
import { inMemory, Refused, Retried, start, turns, Work, world } from "../support/world.ts"

const overlaps: ReadonlyArray<Policy.Overlap> = ["skip", "queue", { queueAll: 2 }, "cancelRunning", { allow: 2 }]
const show = (overlap: Policy.Overlap) => typeof overlap === "string" ? overlap : JSON.stringify(overlap)
const sideBySide = (overlap: Policy.Overlap) => typeof overlap === "object" && "allow" in overlap ? overlap.allow : 1

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 } as const
const secondsOf = (at: DateTime.Utc | undefined) => at === undefined ? undefined : at.epochMilliseconds / 1_000

const runsOf = Effect.fnUntraced(function*(scheduler: Scheduler.Service) {
  const runs = yield* scheduler.runs({ job: "a", limit: 1_000 })
  return runs.toSorted((x, y) => secondsOf(x.nominal)! - secondsOf(y.nominal)!)
})

/** Handlers that take so long, and the most of them at a time. */
const busy = (w: ReturnType<typeof world>, seconds: number) => {
  const seen = { going: 0, most: 0 }
  w.behave = () =>
    Effect.acquireUseRelease(
      Effect.sync(() => seen.most = Math.max(seen.most, ++seen.going)),
      () => Effect.as(Effect.sleep(seconds * 1_000), "done"),
      () => Effect.sync(() => seen.going--)
    )
  return seen
}

for (const overlap of overlaps) {
  describe(`overlap ${show(overlap)}`, () => {
    it.effect("three occurrences due at once, all to be caught up: they run, and never more at a time than it allows", () => {
      const w = world()
      const seen = busy(w, 5)
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, {
          ...a,
          overlap,
          catchUp: "all",
          trigger: Trigger.dates([10_000, 20_000, 30_000])
        })
        yield* scheduler.pauseNode
        yield* TestClock.adjust("35 seconds")
        yield* scheduler.resumeNode
        yield* TestClock.adjust("1 minute")
        const runs = yield* runsOf(scheduler)
        assert.deepStrictEqual(runs.map(({ nominal, outcome }) => [secondsOf(nominal), outcome]), [
          [10, "succeeded"],
          [20, "succeeded"],
          [30, "succeeded"]
        ])
        assert.strictEqual(seen.most, sideBySide(overlap))
      }).pipe(Effect.provide(inMemory(w)))
    })

    it.effect("its limit is reached and the job is paused: what is queued runs, nothing is added, and it goes on after", () => {
      const w = world()
      busy(w, 35)
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...a, overlap })
        yield* TestClock.adjust("45 seconds")
        const before = yield* runsOf(scheduler)
        yield* scheduler.pause("a")
        yield* TestClock.adjust("10 minutes")
        const after = yield* runsOf(scheduler)
        assert.deepStrictEqual(after.map(({ id }) => id), before.map(({ id }) => id))
        assert.isTrue(after.every(({ state }) => state === "done"))
        assert.strictEqual(after.at(-1)?.outcome, "succeeded")
        yield* scheduler.resume("a")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(secondsOf((yield* runsOf(scheduler)).at(-1)?.nominal), 650)
      }).pipe(Effect.provide(inMemory(w)))
    })

    it.effect("a retry is pending when the job is removed: it is cancelled, with all that waits behind it", () => {
      const w = world()
      w.behave = () => Effect.fail(new Refused({ why: "no" }))
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Retried, { ...a, overlap, trigger: Trigger.interval("500 millis") })
        yield* TestClock.adjust("1200 millis")
        assert.isTrue((yield* runsOf(scheduler)).some(({ state }) => state === "waiting"))
        yield* scheduler.remove("a")
        const attempts = w.log.length
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(w.log, attempts)
        const runs = yield* runsOf(scheduler)
        assert.deepStrictEqual(runs.map(({ outcome }) => outcome), runs.map(() => "cancelled" as const))
      }).pipe(Effect.provide(inMemory(w)))
    })

    it.effect("the trigger and the payload are changed while runs are going: those keep what they were decided with", () => {
      const w = world()
      busy(w, 25)
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...a, overlap })
        yield* TestClock.adjust("25 seconds")
        const before = yield* runsOf(scheduler)
        yield* scheduler.schedule(Work, {
          ...a,
          overlap,
          payload: { name: "new" },
          trigger: Trigger.interval("1 hour")
        })
        yield* TestClock.adjust("1 hour")
        const runs = yield* runsOf(scheduler)
        assert.deepStrictEqual(runs.map(({ nominal }) => secondsOf(nominal)), [
          ...before.map(({ nominal }) => secondsOf(nominal)),
          3_625
        ])
        const started = w.log.filter((line) => !line.includes("failed")).map((line) => line.split(" ")[0])
        assert.deepStrictEqual(started, [...before.map(() => "a"), "new"])
      }).pipe(Effect.provide(inMemory(w)))
    })

    it.effect("a node is lost in the middle: every occurrence is decided, and no two runs overlap more than it allows", () => {
      const lost = world()
      lost.behave = () => Effect.never
      const w = world()
      const seen = busy(w, 12)
      return Effect.gen(function*() {
        const store = yield* shared
        const cutOff = link(store)
        const one = yield* start(cutOff.store, lost, times)
        const other = yield* start(store, w, { ...times, paused: true })
        yield* one.scheduler.schedule(Work, { ...a, overlap, misfireGrace: "1 minute" })
        yield* TestClock.adjust("15 seconds")
        assert.lengthOf(lost.log, 1)
        cutOff.state.cut = true
        yield* other.scheduler.resumeNode
        yield* TestClock.adjust("2 minutes")
        for (let second = 10; second <= 130; second += 10) {
          const why = yield* other.scheduler.explain("a", DateTime.makeUnsafe(second * 1_000))
          assert.include(["Fired", "NotRun"], why._tag, String(second))
        }
        const [first] = yield* runsOf(other.scheduler)
        // It is not late: it had begun. Asked to end, it is not run again, and nobody knows how it ended.
        assert.strictEqual(first?.outcome, overlap === "cancelRunning" ? "abandoned" : "succeeded")
        assert.strictEqual(seen.most, sideBySide(overlap))
        cutOff.state.cut = false
        yield* TestClock.adjust("1 minute")
        yield* one.close
        yield* other.close
      })
    })

    it.effect("the clock steps back: nothing is decided again, and it goes on when the clock is there again", () => {
      const w = world()
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...a, overlap })
        yield* TestClock.adjust("30 seconds")
        yield* TestClock.setTime(5_000)
        yield* TestClock.adjust("30 seconds")
        assert.lengthOf(yield* runsOf(scheduler), 3)
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual((yield* runsOf(scheduler)).map(({ nominal }) => secondsOf(nominal)), [
          10,
          20,
          30,
          40,
          50
        ])
      }).pipe(Effect.provide(inMemory(w)))
    })
  })
}

describe("a retry that is pending when the job is removed", () => {
  for (const running of ["wait", "leave"] as const) {
    it.effect(`with running: "${running}" it has its attempts`, () => {
      const w = world()
      w.behave = () => Effect.fail(new Refused({ why: "no" }))
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Retried, { ...a, trigger: Trigger.after("10 seconds") })
        yield* TestClock.adjust("10 seconds")
        yield* Effect.forkChild(scheduler.remove("a", { running }), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        const [run] = yield* runsOf(scheduler)
        assert.deepStrictEqual([run?.outcome, run?.attempts], ["failed", 4])
      }).pipe(Effect.provide(inMemory(w)))
    })
  }
})

describe("delivery", () => {
  it.effect("atMostOnce: a retry that is pending when its node is lost is not lost, nor abandoned", () => {
    const w = world()
    w.behave = ({ attempt }) => attempt === 1 ? Effect.fail(new Refused({ why: "no" })) : Effect.succeed("done")
    return Effect.gen(function*() {
      const store = yield* shared
      const cutOff = link(store)
      const one = yield* start(cutOff.store, w, times)
      const other = yield* start(store, w, { ...times, paused: true })
      const id = yield* one.scheduler.enqueue(Retried, { payload: { name: "a" }, delivery: "atMostOnce" })
      yield* turns
      cutOff.state.cut = true
      yield* other.scheduler.resumeNode
      yield* TestClock.adjust("1 second")
      const [run] = yield* other.scheduler.runs({ ids: [id] })
      assert.deepStrictEqual([run?.outcome, run?.attempts], ["succeeded", 2])
      cutOff.state.cut = false
      yield* TestClock.adjust("1 minute")
      yield* one.close
      yield* other.close
    })
  })
})

describe("maxAttempts and timeout", () => {
  it.effect("an attempt that its node lost does not count, and the next one has all its time", () => {
    const lost = world()
    lost.behave = () => Effect.never
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("50 seconds"), "done")
    return Effect.gen(function*() {
      const store = yield* shared
      const cutOff = link(store)
      const one = yield* start(cutOff.store, lost, times)
      const other = yield* start(store, w, { ...times, paused: true })
      const id = yield* one.scheduler.enqueue(Work, {
        payload: { name: "a" },
        timeout: "1 minute",
        maxAttempts: 1,
        misfireGrace: "1 second"
      })
      yield* turns
      cutOff.state.cut = true
      yield* other.scheduler.resumeNode
      yield* TestClock.adjust("100 seconds")
      const [run] = yield* other.scheduler.runs({ ids: [id] })
      assert.deepStrictEqual([run?.outcome, run?.attempts], ["succeeded", 1])
      cutOff.state.cut = false
      yield* TestClock.adjust("1 minute")
      yield* one.close
      yield* other.close
    })
  })
})

describe("catchUp and misfireGrace", () => {
  it.effect("what came due in a pause is nothing to catch up on, unless resume says so; then its age counts", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, catchUp: "all", misfireGrace: "15 seconds", overlap: { queueAll: 10 } })
      yield* scheduler.pause("a")
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.resume("a")
      assert.deepStrictEqual(yield* runsOf(scheduler), [])
      yield* scheduler.pause("a")
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.resume("a", { catchUp: true })
      yield* turns
      assert.deepStrictEqual((yield* runsOf(scheduler)).map(({ nominal }) => secondsOf(nominal)), [60, 70])
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(50_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "age")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("of a trigger that is changed: its missed occurrences are caught up first, by the policy of then", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, catchUp: "earliest" })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.schedule(Work, { ...a, catchUp: "none", trigger: Trigger.interval("1 hour") })
      assert.deepStrictEqual((yield* runsOf(scheduler)).map(({ nominal }) => secondsOf(nominal)), [10])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("retention and whenDone", () => {
  it.effect("a removed job's runs are remembered for as long as they would have been", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, retention: "1 hour" })
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.remove("a")
      assert.lengthOf(yield* runsOf(scheduler), 1)
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(10_000))
      assert.strictEqual(why._tag, "Fired")
      const store = yield* JobStore.JobStore
      yield* store.sweep({ now: 3_609_999, before: 0, limit: 10 })
      assert.lengthOf(yield* runsOf(scheduler), 1)
      yield* store.sweep({ now: 3_610_000, before: 0, limit: 10 })
      assert.lengthOf(yield* runsOf(scheduler), 0)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("remove: the job is gone with its last occurrence, and what is queued of it runs", () => {
    const w = world()
    busy(w, 60)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const trigger = Trigger.dates([10_000, 20_000])
      yield* scheduler.schedule(Work, { ...a, trigger, overlap: "queue", whenDone: "remove" })
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.deepStrictEqual((yield* runsOf(scheduler)).map(({ state }) => state), ["running", "blocked"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual((yield* runsOf(scheduler)).map(({ outcome }) => outcome), ["succeeded", "succeeded"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})
