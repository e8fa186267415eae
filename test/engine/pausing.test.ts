import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Stream } from "effect"
import { type JobStore, MemoryJobStore, type Policy, Scheduler, type SchedulerEvent, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, on, Refused, Retried, start, turns, withVerbs, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 } as const
const atSecond = (seconds: number) => DateTime.makeUnsafe(seconds * 1_000)
const fail = () => Effect.fail(new Refused({ why: "no" }))

/** What became of an instant, in a word or two. */
const explained = Effect.fnUntraced(function*(seconds: number) {
  const scheduler = yield* Scheduler.Scheduler
  const why = yield* scheduler.explain("a", atSecond(seconds))
  return why._tag === "NotRun" ? `${why.verdict.kind}(${why.verdict.reason})` : why._tag
})

describe("a pause with an end", () => {
  it.effect("shows why, by whom and until when, and ends by itself: an occurrence at that instant runs", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const paused = yield* scheduler.pause("a", { reason: "flood", by: "ops", until: atSecond(40) })
      assert.deepStrictEqual([paused.state, paused.pause, paused.next], [
        "paused",
        { reason: "flood", by: "ops", until: atSecond(40) },
        undefined
      ])
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
      yield* TestClock.adjust("1 second")
      const resumed = yield* scheduler.get("a")
      assert.deepStrictEqual([resumed.state, resumed.pause, resumed.next], ["active", undefined, atSecond(50)])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @40000", "a 1 @50000"])
      assert.deepStrictEqual(yield* Effect.forEach([20, 30, 40], explained), [
        "skipped(paused)",
        "skipped(paused)",
        "Fired"
      ])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("two occurrences due at once in a pause are one stretch of skipped(paused)", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a", { until: atSecond(25) })
      yield* TestClock.adjust("30 seconds")
      const why = yield* scheduler.explain("a", atSecond(10))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.count : why._tag, 2)
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.to.epochMilliseconds : 0, 20_000)
      assert.deepStrictEqual(w.log, ["a 1 @30000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("that ended while nobody was there: what came due since is caught up by policy, and nothing of the pause", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const first = yield* start(store, w)
      yield* first.scheduler.schedule(Work, { ...a, catchUp: "all" })
      yield* first.scheduler.pause("a", { until: "1970-01-01T00:00:25Z" })
      yield* first.close
      yield* TestClock.adjust("45 seconds")
      const second = yield* start(store, w)
      yield* turns
      const runs = yield* second.scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.nominal?.epochMilliseconds).toSorted(), [30_000, 40_000])
      yield* second.close
    })
  })

  it.effect("is over for every verb once its end has come, whether or not a planner has seen it", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a", { until: atSecond(15) })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("35 seconds")
      // The change decides the past first: one occurrence in the pause, then two of which the newest runs.
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 hour") })
      assert.deepStrictEqual(yield* Effect.forEach([10, 20, 30], explained), [
        "skipped(paused)",
        "coalesced(catchUp)",
        "Fired"
      ])
      yield* scheduler.schedule(Work, { ...a, id: "b" })
      yield* scheduler.pause("b", { until: atSecond(50) })
      yield* TestClock.adjust("25 seconds")
      yield* scheduler.remove("b")
      const verdicts = yield* Effect.forEach([45, 55], (seconds) => scheduler.explain("b", atSecond(seconds)))
      assert.deepStrictEqual(
        verdicts.map((why) => why._tag === "NotRun" ? why.verdict.reason : why._tag),
        ["paused", "removed"]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("can be given another end, another reason, or none, and goes on from where it began", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a", { reason: "flood", until: atSecond(15) })
      const longer = yield* scheduler.pause("a", { reason: "still wet", until: atSecond(35) })
      assert.deepStrictEqual(longer.pause, { reason: "still wet", by: "", until: atSecond(35) })
      yield* TestClock.adjust("30 seconds")
      const open = yield* scheduler.pause("a", { reason: "for good" })
      assert.isUndefined(open.pause?.until)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.resume("a")
      assert.strictEqual(yield* explained(10), "skipped(paused)")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("in the past is refused, and so is what is no instant", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.schedule(Work, a)
      for (const until of [atSecond(10), atSecond(5), "tomorrow"]) {
        const error = yield* Effect.flip(scheduler.pause("a", { until }))
        assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "until")
      }
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("survives a definition that changes, and a new trigger", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a", { until: atSecond(30) })
      yield* scheduler.schedule(Work, { ...a, payload: { name: "b" } })
      yield* scheduler.reschedule("a", Trigger.interval("20 seconds"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(w.log, ["b 1 @40000", "b 1 @60000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("of a trigger that has no occurrence after it: the job is done", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.after("10 seconds") })
      const nameless = yield* scheduler.schedule(Work, { payload: a.payload, trigger: Trigger.after("10 seconds") })
      yield* scheduler.pause("a", { until: atSecond(30) })
      yield* scheduler.pause(nameless.id, { until: atSecond(30) })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id, state }) => [id, state]), [["a", "done"]])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("a clock that steps back makes it longer, and decides nothing again", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("20 seconds")
      yield* scheduler.pause("a", { until: atSecond(40) })
      yield* TestClock.setTime(5_000)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @20000", "a 1 @40000"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("a paused job", () => {
  it.effect("lets the runs that wait in its queue run, and piles up no others", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("15 seconds"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, overlap: "queue" })
      yield* TestClock.adjust("20 seconds")
      yield* scheduler.pause("a")
      yield* TestClock.adjust("1 hour")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.outcome), ["succeeded", "succeeded"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("pauseAfter", () => {
  it.effect("pauses the job when so many runs in a row have failed, and says which and how many", () => {
    const w = world()
    w.behave = fail
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const paused = yield* scheduler.events.pipe(
        Stream.filter((event): event is SchedulerEvent.Of<"JobPaused"> => event._tag === "JobPaused"),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      const job = yield* scheduler.schedule(Work, { ...a, pauseAfter: 3 })
      yield* TestClock.adjust("1 hour")
      const { pause, state } = yield* scheduler.get("a")
      assert.strictEqual(state, "paused")
      assert.deepStrictEqual(pause, {
        reason: `3 runs in a row have failed, the last of them a:${job.incarnation}:30000 (failed)`,
        by: "effect-scheduler",
        until: undefined
      })
      assert.lengthOf(yield* scheduler.runs({ job: "a" }), 3)
      const event = yield* Fiber.join(paused)
      assert.strictEqual(event._tag === "Some" ? event.value.by : "", "effect-scheduler")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("starts to count anew after a success, after resume, and when the job is changed", () => {
    const w = world()
    w.behave = ({ at }) => at === 20_000 ? Effect.succeed("done") : fail()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, pauseAfter: 2 })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
      yield* scheduler.resume("a")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      yield* scheduler.schedule(Work, { ...a, payload: { name: "b" }, pauseAfter: 2 })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
      assert.strictEqual(w.log.length / 2, 6.5)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("counts a run once, after its retries, and by whatever end: failed, died, timed out", () => {
    const w = world()
    w.behave = ({ scheduledAt }) =>
      scheduledAt === 100_000 ? fail() : scheduledAt === 200_000 ? Effect.die(new Error("bug")) : Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Retried, {
        ...a,
        trigger: Trigger.interval("100 seconds"),
        timeout: "1 second",
        pauseAfter: 3
      })
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      yield* TestClock.adjust("101 seconds")
      assert.strictEqual((yield* scheduler.get("a")).state, "paused")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.outcome), ["timedOut", "died", "failed"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("looks at what other nodes and earlier processes stored, and pauses once", () => {
    const w = world()
    w.behave = fail
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const first = yield* start(store, w)
      yield* first.scheduler.schedule(Work, { ...a, pauseAfter: 3 })
      yield* TestClock.adjust("20 seconds")
      yield* first.close
      const [second, third] = [yield* start(store, w), yield* start(store, w)]
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* second.scheduler.get("a")).state, "paused")
      assert.lengthOf(yield* third.scheduler.runs({ job: "a" }), 3)
      yield* second.close
      yield* third.close
    })
  })

  it.effect("a node that is lost before it has looked leaves that to the next run that fails", () => {
    const w = world()
    w.behave = fail
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      let isLost = true
      /** The node that ends the first two runs never comes to asking for the history. */
      const losing = withVerbs(store, (verbs) => ({
        runs: (query: JobStore.RunQuery) => isLost && query.going === false ? Effect.never : verbs.runs(query)
      }))
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.schedule(Work, { ...a, pauseAfter: 2 } satisfies Policy.Options & typeof a)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* scheduler.get("a")).state, "active")
        isLost = false
        yield* TestClock.adjust("10 seconds")
        const { pause, state } = yield* scheduler.get("a")
        assert.strictEqual(state, "paused")
        assert.include(pause?.reason, "3 runs in a row")
      }).pipe(Effect.provide(on(losing, w)))
    })
  })
})
