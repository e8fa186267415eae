import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { MemoryJobStore, Scheduler, type SchedulerEvent, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import * as Events from "../../src/engine/events.ts"
import { inMemory, start, turns, Work, world } from "../support/world.ts"

const jobOf = (event: SchedulerEvent.SchedulerEvent) => event._tag === "JobUpdated" ? Number(event.job) : event._tag

describe("events", () => {
  it.effect("a slow subscriber loses the oldest, is told how many, and still hears of the end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hub = yield* Scope.provide(Events.make, scope)
      const gate = Deferred.makeUnsafe<void>()
      const seen: Array<SchedulerEvent.SchedulerEvent> = []
      const slow = Stream.runForEach(
        hub.subscribe(),
        (event) => Effect.andThen(Deferred.await(gate), Effect.sync(() => seen.push(event)))
      )
      yield* Effect.forkChild(slow, { startImmediately: true })
      yield* turns
      const many = 50_000
      for (let n = 0; n < many; n++) {
        hub.publish(0, { _tag: "JobUpdated", store: "default", job: String(n) })
      }
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      yield* Effect.repeat(turns, {
        times: 600,
        until: () => seen.at(-1)?._tag === "SchedulerStopped"
      })
      const told = seen.map(jobOf)
      assert.deepStrictEqual(told.slice(-2), [many - 1, "SchedulerStopped"])
      assert.isBelow(told.length, many)
      // Those it has seen and those it was told to have lost are all there were, the lost ones between what came before and after.
      const lost = seen.findIndex((event) => event._tag === "EventsLost")
      const first = told.slice(0, lost)
      assert.deepStrictEqual(first, first.map((_, i) => i))
      const counted = seen[lost]
      const count = counted?._tag === "EventsLost" ? counted.count : 0
      assert.strictEqual(told[lost + 1], first.length + count)
      assert.strictEqual(told.length - 2 + count, many)
      assert.isFalse(hub.heard())
    }))

  it.effect("are made for those who listen, and nobody is counted who has left", () =>
    Effect.scoped(Effect.gen(function*() {
      const hub = yield* Events.make
      assert.isFalse(hub.heard())
      for (let n = 0; n < 10; n++) {
        const left = Deferred.makeUnsafe<void>()
        const leaving = [
          Stream.runDrain(Stream.interruptWhen(hub.subscribe(), Deferred.await(left))),
          Stream.runForEach(hub.subscribe(), () => Effect.die(new Error("a bad listener"))),
          Stream.runHead(hub.subscribe())
        ]
        for (const listener of leaving) yield* Effect.forkChild(Effect.exit(listener), { startImmediately: true })
        yield* turns
        assert.isTrue(hub.heard())
        hub.publish(0, { _tag: "JobUpdated", store: "default", job: "0" })
        yield* Deferred.succeed(left, undefined)
        yield* turns
        assert.isFalse(hub.heard())
      }
    })))
})

/** Publishes a job's whole life in both stores. */
const life = (hub: Events.EventHub) => {
  for (const store of ["default", "other"]) {
    const events = Events.ofStore(hub, store)
    for (const job of ["a", "b"]) {
      const run = { run: `${job}:1`, job, task: `task of ${job}`, nominal: undefined }
      events.publish(1, { _tag: "JobAdded", job, task: run.task })
      events.publish(2, { _tag: "RunQueued", ...run })
      events.publish(3, { _tag: "RunStarted", ...run, attempt: 1, fence: 1, lateness: 0 })
      events.publish(4, { _tag: "JobRemoved", job })
    }
    events.publish(5, { _tag: "RunQueued", run: "adhoc", job: undefined, task: "task of a", nominal: undefined })
  }
  hub.publish(6, { _tag: "SchedulerPaused" })
}

const named = (event: SchedulerEvent.SchedulerEvent) =>
  [event._tag, "store" in event ? event.store : "", "run" in event ? event.run : ""].join(" ").trim()

describe("subscribe", () => {
  it.effect("hears what its filter means, by kind, job, run, task and store", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hub = yield* Scope.provide(Events.make, scope)
      const hear = (filter: SchedulerEvent.EventFilter) =>
        Effect.forkChild(Effect.map(Stream.runCollect(hub.subscribe(filter)), (events) => events.map(named)), {
          startImmediately: true
        })
      const byKind = yield* hear({ kinds: ["JobAdded", "SchedulerPaused"] })
      const byJob = yield* hear({ job: "a", store: "other" })
      const byRun = yield* hear({ run: "b:1", kinds: ["RunStarted"] })
      const byTask = yield* hear({ task: "task of a", store: "default" })
      const nothing = yield* hear({ kinds: [] })
      yield* turns
      life(hub)
      yield* Scope.close(scope, Exit.void)
      const heard = yield* Fiber.joinAll([byKind, byJob, byRun, byTask, nothing])
      assert.deepStrictEqual(heard, [
        ["JobAdded default", "JobAdded default", "JobAdded other", "JobAdded other", "SchedulerPaused"],
        ["JobAdded other", "RunQueued other a:1", "RunStarted other a:1", "JobRemoved other"],
        ["RunStarted default b:1", "RunStarted other b:1"],
        ["JobAdded default", "RunQueued default a:1", "RunStarted default a:1", "RunQueued default adhoc"],
        []
      ])
    }))

  it.effect("each subscriber has a buffer of its own: who is slow loses, who is not does not", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hub = yield* Scope.provide(Events.make, scope)
      const gate = Deferred.makeUnsafe<void>()
      const slow = (filter: SchedulerEvent.EventFilter) =>
        hub.subscribe(filter).pipe(
          Stream.mapEffect((event) => Effect.as(Deferred.await(gate), event)),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
      const small = yield* slow({ kinds: ["JobUpdated"], buffer: 3 })
      const picky = yield* slow({ kinds: ["JobPaused"], buffer: 3 })
      const quick = yield* Effect.forkChild(Stream.runCollect(hub.subscribe({ buffer: 3 })), { startImmediately: true })
      yield* turns
      const events = Events.ofStore(hub, "default")
      for (let n = 0; n < 100; n++) {
        events.publish(n, { _tag: "JobUpdated", job: String(n) })
        if (n % 50 === 0) {
          events.publish(n, { _tag: "JobPaused", job: String(n), reason: "", by: "", until: undefined })
        }
        yield* turns
      }
      yield* Deferred.succeed(gate, undefined)
      yield* Scope.close(scope, Exit.void)
      const heard = yield* Fiber.join(small)
      assert.deepStrictEqual(heard.map((event) => event._tag === "EventsLost" ? -event.count : jobOf(event)), [
        0,
        -96,
        97,
        98,
        99
      ])
      assert.strictEqual(heard[1]?.at.epochMilliseconds, 96)
      assert.lengthOf(yield* Fiber.join(picky), 2)
      assert.lengthOf(yield* Fiber.join(quick), 103)
    }))

  it.effect("after the end it ends at once", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hub = yield* Scope.provide(Events.make, scope)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Stream.runCollect(hub.subscribe()), [])
    }))
})

describe("nextEvent", () => {
  it.effect("is the first that the filter means, typed by its kind, and none when the scheduler stops before", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w)
      const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
      const started = yield* fork(scheduler.nextEvent({ kinds: ["RunStarted"], job: "b" }))
      const removed = yield* fork(scheduler.nextEvent({ kinds: ["JobRemoved"] }))
      for (const id of ["a", "b"]) {
        yield* scheduler.schedule(Work, { id, payload: { name: id }, trigger: Trigger.interval("10 seconds") })
      }
      yield* TestClock.adjust("20 seconds")
      const event = yield* Fiber.join(started)
      assert.deepStrictEqual(
        Option.map(event, ({ attempt, job, nominal }) => [attempt, job, nominal?.epochMilliseconds]),
        Option.some([1, "b", 10_000])
      )
      yield* close
      assert.deepStrictEqual(yield* Fiber.join(removed), Option.none())
    })
  })

  it.effect("a queued run that is cancelled has ended too", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const ended = yield* Effect.forkChild(scheduler.nextEvent({ kinds: ["RunEnded"], run: "r" }), {
        startImmediately: true
      })
      yield* scheduler.pauseNode
      yield* scheduler.enqueue(Work, { id: "r", payload: { name: "r" } })
      yield* scheduler.cancel("r")
      const event = yield* Fiber.join(ended)
      assert.deepStrictEqual(
        Option.map(event, ({ outcome, started }) => [outcome, started === undefined]),
        Option.some<Array<string | boolean>>(["cancelled", true])
      )
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("RunEnded", () => {
  it.effect("tells of each run of a job that is removed, or makes room, exactly once: running, queued, waiting", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const ended: Array<string> = []
      yield* scheduler.subscribe({ kinds: ["RunEnded"] }).pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => event._tag === "RunEnded" && ended.push(`${event.run} ${event.outcome}`))
        ),
        Effect.forkChild({ startImmediately: true })
      )
      const a = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }
      yield* scheduler.schedule(Work, { ...a, overlap: { queueAll: 3 } })
      yield* TestClock.adjust("30 seconds")
      yield* scheduler.remove("a")
      yield* turns
      const queued = yield* scheduler.runs({ job: "a" })
      assert.lengthOf(queued, 3)
      assert.deepStrictEqual(ended.toSorted(), queued.map(({ id }) => `${id} cancelled`).toSorted())
      ended.length = 0
      yield* scheduler.schedule(Work, { ...a, id: "b", overlap: "cancelRunning" })
      yield* TestClock.adjust("30 seconds")
      yield* turns
      const runs = yield* scheduler.runs({ job: "b", going: false })
      assert.lengthOf(runs, 2)
      assert.deepStrictEqual(ended.toSorted(), runs.map(({ id }) => `${id} cancelled`).toSorted())
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("watch", () => {
  it.effect("hears everything from the start to the end, and what it does wrong harms nobody", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const seen: Array<SchedulerEvent.SchedulerEvent> = []
      const one = yield* start(store, world(), {
        watch: (events) => Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event)))
      })
      yield* one.scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Trigger.after("1 second") })
      yield* TestClock.adjust("1 second")
      yield* one.close
      assert.deepStrictEqual(seen.map(({ _tag }) => _tag), [
        "SchedulerStarted",
        "JobAdded",
        "RunQueued",
        "JobFinished",
        "RunStarted",
        "RunEnded",
        "SchedulerStopping",
        "SchedulerStopped"
      ])
      const [first] = seen
      assert.deepStrictEqual(first?._tag === "SchedulerStarted" ? [first.tasks, first.stores, first.executors] : [], [
        ["Work", "Retried"],
        ["default"],
        ["default"]
      ])
      const two = yield* start(store, world(), { watch: () => Effect.die(new Error("a bad watcher")) })
      assert.strictEqual(yield* two.scheduler.run(Work, { payload: { name: "b" } }), "done")
      yield* two.close
    }))
})
