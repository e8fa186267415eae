import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import {
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Scheduler,
  SchedulerError,
  type SchedulerEvent,
  Trigger
} from "effect-scheduler"
import { TestClock } from "effect/testing"
import { counting } from "../support/counting.ts"
import { handlers, inMemory, policyText, start, turns, withVerbs, Work, world } from "../support/world.ts"

const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }
const unavailable = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "the store is away" })

/** Collects events until the scheduler stops. */
const collect = Effect.fnUntraced(function*(events: Stream.Stream<SchedulerEvent.SchedulerEvent>) {
  const seen: Array<SchedulerEvent.SchedulerEvent> = []
  yield* Effect.forkChild(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))), {
    startImmediately: true
  })
  yield* turns
  return seen
})

describe("the whole scheduler", () => {
  it.effect("pauses, resumes and tells its state", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, job)
      assert.strictEqual(yield* scheduler.state, "running")
      yield* scheduler.pauseNode
      assert.strictEqual(yield* scheduler.state, "paused")
      yield* scheduler.enqueue(Work, { payload: { name: "adhoc" } })
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.resumeNode
      assert.deepStrictEqual(w.log.toSorted(), ["a 1 @15000", "adhoc 1 @15000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("started paused, it waits", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.resumeNode
      assert.deepStrictEqual(w.log, ["x 1 @0"])
    }).pipe(Effect.provide(inMemory(w, { paused: true })))
  })

  it.effect("closing: runs may end within the grace period, the others are interrupted and handed back", () => {
    const w = world()
    w.behave = ({ name }) => Effect.as(Effect.sleep(name === "short" ? "5 seconds" : "1 hour"), "ok")
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w, { grace: "10 seconds" })
      const seen = yield* collect(scheduler.events)
      yield* scheduler.enqueue(Work, { id: "short", payload: { name: "short" } })
      yield* scheduler.enqueue(Work, { id: "long", payload: { name: "long" } })
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* turns
      yield* scheduler.enqueue(Work, { id: "late", payload: { name: "late" } })
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      const rows = yield* store.runs({ limit: 10 })
      assert.deepStrictEqual(
        rows.map((row) => `${row.id} ${row.state} ${row.outcome} ${row.attempt}`).toSorted(),
        ["late ready null 0", "long ready null 0", "short done succeeded 1"]
      )
      yield* turns
      const tags = seen.map((event) => event._tag)
      assert.deepStrictEqual(tags.slice(tags.indexOf("SchedulerStopping")), [
        "SchedulerStopping",
        "RunQueued",
        "RunEnded",
        "RunReleased",
        "SchedulerStopped"
      ])

      // Another node takes up what was handed back; the interrupted attempt did not count.
      const next = yield* start(store, w, { grace: "1 millis" })
      yield* turns
      assert.deepStrictEqual(w.log.filter((line) => line.endsWith("@10000") && !line.includes("failed")).toSorted(), [
        "late 1 @10000",
        "long 1 @10000"
      ])
      const closed = yield* Effect.forkChild(next.close, { startImmediately: true })
      yield* turns
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closed)
    })
  })

  it.live("a store call that never comes back does not keep the scope from closing (live clock, about 5 seconds)", () =>
    Effect.gen(function*() {
      const w = world()
      w.behave = () => Effect.never
      const store = withVerbs(yield* MemoryJobStore.make(), () => ({ settle: () => Effect.never }))
      const { close, scheduler } = yield* start(store, w, { grace: 0 })
      yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* Effect.repeat(Effect.sleep(5), { until: () => w.log.length > 0 })
      yield* close
      assert.deepStrictEqual(w.log.length, 2)
    }))

  it.effect("closing while the store is asked what a rate has left: the claim is handed back, and its slot", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { executor, free } = counting(yield* FiberExecutor.make({ concurrency: 3 }), 3)
      const asked = yield* Deferred.make<void>()
      const settled = yield* Deferred.make<void>()
      const released: Array<string> = []
      const slow = withVerbs(store, (store) => ({
        take: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
        settle: (request) =>
          Effect.andThen(Deferred.await(settled), store.settle(request)).pipe(
            Effect.tap(() => Effect.sync(() => released.push(...request.settlements.map(({ next }) => next._tag))))
          )
      }))
      const scope = yield* Scope.make()
      const layer = Scheduler.layer({ tasks: [Work] }).pipe(
        Layer.provide([handlers(world()), Layer.succeed(Executor.Executor, executor)]),
        Layer.provide(Layer.succeed(JobStore.JobStore, slow))
      )
      const context = yield* Layer.buildWithScope(layer, scope)
      const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
      yield* scheduler.enqueue(Work, { id: "x", payload: { name: "x" }, rate: { limit: 1, per: "1 minute" } })
      yield* Deferred.await(asked)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* turns
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(settled, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(released, ["Release"])
      assert.strictEqual(free(), 3)
    }))

  it.effect("an atMostOnce run that shutdown interrupts is abandoned, not handed back", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w)
      yield* scheduler.enqueue(Work, { payload: { name: "x" }, delivery: "atMostOnce" })
      yield* close
      const [row] = yield* store.runs({ limit: 1 })
      assert.strictEqual(row?.outcome, "abandoned")
    })
  })
})

describe("times that make no sense are refused", () => {
  const refuses = (options: object, field: string) =>
    it.effect(JSON.stringify(options), () =>
      Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const error = yield* Effect.flip(Effect.scoped(start(store, world(), options)))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.field, field)
      }))
  refuses({ lease: "soon" }, "lease")
  refuses({ beat: 0 }, "beat")
  refuses({ lease: "4 seconds", beat: "3 seconds" }, "beat")
  refuses({ grace: -1 }, "grace")
  refuses({ concurrency: 0 }, "concurrency")
})

describe("supervision", () => {
  it.effect("a fiber that dies starts again, and says so", () => {
    const w = world()
    let bugs = 1
    return Effect.gen(function*() {
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        due: (request) =>
          Effect.suspend(() =>
            request.now >= 10_000 && bugs-- > 0 ? Effect.die(new Error("a bug")) : inner.due(request)
          )
      }))
      const { close, scheduler } = yield* start(store, w)
      const seen = yield* collect(scheduler.events)
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10010"])
      const restarted = seen.find((event) => event._tag === "RoleRestarted")
      assert.strictEqual(restarted?._tag === "RoleRestarted" ? restarted.role : "", "planner")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(w.log.length, 2)
      yield* close
    })
  })

  it.effect("a store outage is ridden out: said once, outcomes kept and flushed, planning catches up by policy", () => {
    const w = world()
    w.behave = ({ name }) => Effect.as(Effect.sleep(name === "long" ? "30 seconds" : 0), "ok")
    let down = false
    return Effect.gen(function*() {
      const cut = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
        Effect.suspend((): Effect.Effect<A, SchedulerError.StoreError> => down ? Effect.fail(unavailable) : verb)
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        due: (request) => cut(inner.due(request)),
        commit: (request) => cut(inner.commit(request)),
        claim: (request) => cut(inner.claim(request)),
        settle: (request) => cut(inner.settle(request))
      }))
      const { close, scheduler } = yield* start(store, w)
      const seen = yield* collect(scheduler.events)
      yield* scheduler.schedule(Work, { ...job, trigger: Trigger.interval("1 minute") })
      yield* scheduler.enqueue(Work, { id: "long", payload: { name: "long" } })
      yield* TestClock.adjust("15 seconds")
      down = true
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(w.log, ["long 1 @0"])
      down = false
      yield* TestClock.adjust("5 seconds")
      const [long] = yield* scheduler.runs({ ids: ["long"] })
      assert.deepStrictEqual([long?.outcome, long?.finished?.epochMilliseconds], ["succeeded", 30_000])
      const [caughtUp] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([caughtUp?.nominal?.epochMilliseconds, caughtUp?.outcome], [60_000, "succeeded"])
      assert.isAtLeast(caughtUp!.started!.epochMilliseconds, 75_000)
      assert.strictEqual(w.log.length, 2)
      const words = seen.map((event) => event._tag)
      assert.strictEqual(words.filter((tag) => tag === "StoreUnavailable").length, 1)
      assert.strictEqual(words.filter((tag) => tag === "StoreRecovered").length, 1)
      yield* close
    })
  })

  it.effect("a lost reply of any verb loses nothing and does nothing twice", () => {
    const verbs = ["due", "commit", "claim", "settle"] as const
    return Effect.forEach(verbs, (verb) => {
      const w = world()
      let losses = 2
      return Effect.gen(function*() {
        const lossy = <A>(done: Effect.Effect<A, SchedulerError.StoreError>) =>
          Effect.flatMap(done, (answer) => losses-- > 0 ? Effect.fail(unavailable) : Effect.succeed(answer))
        const memory = yield* MemoryJobStore.make()
        // A shared store, because a claim whose reply is lost is found by the heartbeat.
        const store = withVerbs(memory, (inner) => ({
          capabilities: { ...inner.capabilities, shared: true },
          [verb]: (request: never) => lossy(inner[verb](request) as Effect.Effect<unknown, SchedulerError.StoreError>)
        }))
        const { close, scheduler } = yield* start(store, w)
        yield* scheduler.schedule(Work, job)
        yield* TestClock.adjust("45 seconds")
        const runs = yield* scheduler.runs({ job: "a" })
        const nominal = runs.map((run) => run.nominal!.epochMilliseconds)
        assert.deepStrictEqual(new Set(nominal).size, nominal.length, verb)
        assert.deepStrictEqual(runs.filter((run) => run.outcome === "succeeded").length, runs.length, verb)
        for (const at of [10_000, 20_000, 30_000, 40_000]) {
          const ran = nominal.includes(at)
          const verdicts = yield* store.verdicts({ job: "a", at, limit: 10 })
          assert.strictEqual(verdicts.length + (ran ? 1 : 0), 1, `${verb}: ${at} has one verdict`)
        }
        yield* close
        yield* TestClock.setTime(0)
      })
    }, { discard: true })
  })
})

describe("quarantine", () => {
  const broken = [
    ["a trigger of an unknown kind", { trigger: `{"_tag":"Unheard"}` }, "trigger"],
    ["a trigger that is no JSON", { trigger: "{" }, "trigger"],
    ["a policy of another shape", { policy: `{"overlap":17}` }, "policy"],
    ["a payload that no longer fits", { payload: `{"name":17}` }, "payload"]
  ] as const
  for (const [name, row, field] of broken) {
    it.effect(`${name}: kept, shown, told, and not in the way of others`, () => {
      const w = world()
      return Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const { close, scheduler } = yield* start(store, w)
        const seen = yield* collect(scheduler.events)
        yield* scheduler.schedule(Work, { ...job, id: "good" })
        const [good] = yield* store.jobs({ limit: 1 })
        yield* store.insertJobs([{ ...good!, id: "bad", policy: policyText({}), ...row }])
        yield* TestClock.adjust("25 seconds")
        assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @20000"])
        const bad = yield* scheduler.get("bad")
        assert.strictEqual(bad.state, "quarantined")
        assert.include(bad.problem, field)
        const told = seen.filter((event) => event._tag === "JobQuarantined")
        assert.strictEqual(told.length, 1)
        assert.deepStrictEqual((yield* scheduler.list()).map((job) => job.id), ["bad", "good"])

        // Scheduling the id anew repairs it.
        const repaired = yield* scheduler.schedule(Work, { ...job, id: "bad" })
        assert.strictEqual(repaired.state, "active")
        yield* TestClock.adjust("10 seconds")
        assert.isAbove((yield* scheduler.runs({ job: "bad" })).length, 0)
        yield* close
      })
    })
  }
})

describe("events", () => {
  it.effect("tell the life of a job and of its runs", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w)
      const seen = yield* collect(scheduler.events)
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.pause("a", { reason: "why", by: "who" })
      yield* scheduler.resume("a")
      yield* scheduler.schedule(Work, { ...job, payload: { name: "b" } })
      yield* scheduler.remove("a")
      yield* close
      yield* turns
      assert.deepStrictEqual(seen.map((event) => event._tag), [
        "JobAdded",
        "RunQueued",
        "RunStarted",
        "RunEnded",
        "JobPaused",
        "JobResumed",
        "JobUpdated",
        "JobRemoved",
        "SchedulerStopping",
        "SchedulerStopped"
      ])
      const started = seen.find((event) => event._tag === "RunStarted")
      assert.deepStrictEqual(
        started?._tag === "RunStarted" ? [started.lateness, started.attempt, started.at.epochMilliseconds] : [],
        [0, 1, 10_000]
      )
    })
  })
})
