/**
 * The promises of the README, one test for each, by name. The tests of the parts show the corners.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber } from "effect"
import { JobStore, MemoryJobStore, SchedulerError, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

const shared = Effect.map(
  MemoryJobStore.make(),
  (store) => withVerbs(store, (inner) => ({ capabilities: { ...inner.capabilities, shared: true } }))
)
const times = { lease: "20 seconds", beat: "5 seconds", reap: "5 seconds", poll: "1 second" } as const

/** Which of these occurrences have a run, and which a verdict. */
const verdictsOf = Effect.fnUntraced(
  function*(store: JobStore.Service, job: string, occurrences: ReadonlyArray<number>) {
    const runs = yield* store.runs({ job, limit: 10_000 })
    const decided: Array<number> = []
    for (const at of occurrences) {
      const fired = runs.filter((run) => run.nominal === at).length
      const not = (yield* store.verdicts({ job, at, limit: 10 })).length
      decided.push(fired + not)
    }
    return decided
  }
)

describe("the promises", () => {
  it.effect("1. decided exactly once, however many nodes plan at once", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const w = world()
      w.behave = ({ at }) => Effect.as(Effect.sleep(at % 3_000), "ok")
      const nodes = yield* Effect.all([start(store, w, times), start(store, w, times), start(store, w, times)])
      const overlaps = ["skip", "queue", "cancelRunning", { allow: 2 }] as const
      for (let i = 0; i < 40; i++) {
        yield* nodes[i % 3]!.scheduler.schedule(Work, {
          id: `job/${i}`,
          payload: { name: `job/${i}` },
          trigger: Trigger.interval(1_000 + (i % 7) * 250),
          overlap: overlaps[i % overlaps.length]!
        })
      }
      yield* TestClock.adjust("30 seconds")
      for (let i = 0; i < 40; i++) {
        const period = 1_000 + (i % 7) * 250
        const due = Array.from({ length: Math.floor(30_000 / period) }, (_, k) => (k + 1) * period)
        const decided = yield* verdictsOf(store, `job/${i}`, due)
        assert.deepStrictEqual(decided, due.map(() => 1), `job/${i}`)
      }
      yield* Effect.forEach(nodes, ({ close }) => close)
    }))

  it.effect("2. delivered at least once: a run whose node dies runs again within a lease and a beat, under the same key", () =>
    Effect.gen(function*() {
      const store = yield* shared
      let dead = false
      const grave = withVerbs(store, (inner) => ({
        settle: (request) => dead ? Effect.never : inner.settle(request),
        beat: (node) => dead ? Effect.never : inner.beat(node),
        leave: (request) => dead ? Effect.void : inner.leave(request)
      }))
      const [first, second] = [world(), world()]
      first.behave = () => Effect.never
      const a = yield* start(grave, first, times)
      yield* a.scheduler.enqueue(Work, { id: "payroll", payload: { name: "payroll" } })
      const b = yield* start(store, second, times)
      yield* TestClock.adjust("25 seconds")
      dead = true
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(second.log.length, 1)
      assert.strictEqual((yield* store.runs({ ids: ["payroll"], limit: 1 }))[0]?.outcome, "succeeded")
      yield* b.close
    }))

  it.effect("3. a stale worker changes nothing in the store", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const w = world()
      w.behave = () => Effect.never
      const a = yield* start(store, w, times)
      yield* a.scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      const [claimed] = yield* store.runs({ ids: ["x"], limit: 1 })
      const late = {
        run: "x",
        fence: claimed!.fence - 1,
        follow: [],
        next: { _tag: "Retry", readyAt: 0, started: 0, attempt: 9, attempts: "[]" }
      } as const
      assert.deepStrictEqual(yield* store.settle({ settlements: [late], now: 1 }), ["stale"])
      assert.deepStrictEqual(yield* store.runs({ ids: ["x"], limit: 1 }), [claimed!])
      yield* a.close
    }))

  it.effect("4. removal is complete: when it returns, every run of the job has run its finalizers", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const w = world()
      let inside = 0
      w.behave = () =>
        Effect.acquireUseRelease(
          Effect.sync(() => inside++),
          () => Effect.never,
          () => Effect.andThen(Effect.sleep("2 seconds"), Effect.sync(() => inside--))
        )
      const nodes = yield* Effect.all([start(store, w, times), start(store, w, times)])
      yield* nodes[0].scheduler.schedule(Work, {
        id: "a",
        payload: { name: "a" },
        trigger: Trigger.interval("1 second"),
        overlap: { allow: 8 }
      })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(inside, 5)
      const removing = yield* Effect.forkChild(nodes[1].scheduler.remove("a"), { startImmediately: true })
      yield* turns
      assert.isUndefined(removing.pollUnsafe())
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(removing)
      assert.strictEqual(inside, 0)
      yield* Effect.forEach(nodes, ({ close }) => close)
    }))

  it.effect("5. nothing is dropped in silence: an outage is ridden out, what cannot be read is kept", () =>
    Effect.gen(function*() {
      let down = false
      const away = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "away" })
      const cut = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
        Effect.suspend((): typeof verb => down ? Effect.fail(away) : verb)
      const memory = yield* MemoryJobStore.make()
      const store = withVerbs(memory, (inner) => ({
        due: (request) => cut(inner.due(request)),
        commit: (request) => cut(inner.commit(request)),
        claim: (request) => cut(inner.claim(request)),
        settle: (request) => cut(inner.settle(request))
      }))
      const w = world()
      w.behave = ({ name }) => Effect.as(Effect.sleep(name === "long" ? "20 seconds" : 0), "kept")
      const a = yield* start(store, w)
      yield* a.scheduler.enqueue(Work, { id: "long", payload: { name: "long" } })
      yield* a.scheduler.schedule(Work, {
        id: "minutely",
        payload: { name: "m" },
        trigger: Trigger.interval("1 minute")
      })
      const [row] = yield* memory.jobs({ limit: 1 })
      yield* memory.insertJobs([{ ...row!, id: "unreadable", payload: `{"name":17}` }])
      yield* TestClock.adjust("10 seconds")
      down = true
      yield* TestClock.adjust("2 minutes")
      down = false
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* a.scheduler.runs({ ids: ["long"] }))[0]?.result, "kept")
      assert.deepStrictEqual(yield* verdictsOf(memory, "minutely", [60_000, 120_000]), [1, 1])
      assert.strictEqual((yield* a.scheduler.get("unreadable")).state, "quarantined")
      yield* a.close
    }))

  it.effect("6. bounded: a year's absence of an every-second job is one verdict and as many runs as its limit allows", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const w = world()
      const a = yield* start(store, w)
      yield* a.scheduler.schedule(Work, {
        id: "a",
        payload: { name: "a" },
        trigger: Trigger.interval("1 second"),
        catchUp: "all",
        catchUpLimit: 5
      })
      yield* a.scheduler.pauseNode
      yield* TestClock.adjust("365 days")
      yield* a.scheduler.resumeNode
      yield* turns
      assert.strictEqual(w.log.length, 5)
      const verdicts = yield* store.verdicts({ job: "a", limit: 10 })
      assert.deepStrictEqual(
        verdicts.map(({ count, kind, reason }) => ({ count, kind, reason })),
        [{ count: 365 * 86_400 - 5, kind: "missed", reason: "cap" }]
      )
      yield* a.close
    }))

  it.effect("7. time is an input: a year of mornings under TestClock, and a clock that steps back decides nothing again", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const w = world()
      const a = yield* start(store, w)
      yield* a.scheduler.schedule(Work, {
        id: "a",
        payload: { name: "a" },
        trigger: Trigger.cron("0 9 * * *", { timeZone: "America/New_York" })
      })
      yield* TestClock.adjust("365 days")
      assert.strictEqual(w.log.length, 365)
      const last = (yield* a.scheduler.get("a")).cursor!
      yield* TestClock.setTime(last.epochMilliseconds - 3 * 86_400_000)
      yield* TestClock.adjust("3 days")
      assert.strictEqual(w.log.length, 365)
      const next = (yield* a.scheduler.get("a")).next!
      assert.isTrue(DateTime.isLessThan(last, next))
      yield* TestClock.adjust("1 day")
      assert.strictEqual(w.log.length, 366)
      yield* a.close
    }))
})
