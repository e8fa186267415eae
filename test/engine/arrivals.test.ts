/**
 * A run that is asked for where a slot is free and nobody stands before it is claimed by the statement that adds it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, SchedulerError, Task } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { shared, times } from "../support/cluster.ts"
import { handlers, start, turns, withVerbs, Work, world } from "../support/world.ts"

/** A store that outlives the process, for which a claim is worth being saved. */
const stored = Effect.map(
  MemoryJobStore.make(),
  (store) => withVerbs(store, ({ capabilities }) => ({ capabilities: { ...capabilities, durability: "process" } }))
)

/** A store that counts its claims, and what it answers to those who ask for runs. */
const counted = (inner: JobStore.Service, hold: Effect.Effect<unknown, SchedulerError.StoreError> = Effect.void) => {
  const state = { claims: 0, answers: new Array<string>() }
  const store = withVerbs(inner, ({ claim, enqueue }) => ({
    claim: (request) =>
      Effect.suspend(() => {
        state.claims++
        return claim(request)
      }),
    enqueue: (request) =>
      enqueue(request).pipe(
        Effect.tap((answers) => Effect.sync(() => state.answers.push(...answers))),
        Effect.tap(hold)
      )
  }))
  return { state, store }
}

const run = (name: string) => ({ id: name, payload: { name } })
const fail = (message: string) => new SchedulerError.StoreError({ verb: "enqueue", retryable: true, message })

describe("a run that arrives", () => {
  it.effect("is claimed as it is added, and starts; nobody has to look for it", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w)
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(scheduler.events, ({ _tag }) => Effect.sync(() => told.push(_tag))),
        { startImmediately: true }
      )
      yield* turns
      const before = state.claims
      assert.strictEqual(yield* scheduler.enqueue(Work, run("a")), "a")
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @0"])
      assert.deepStrictEqual(state, { claims: before, answers: ["claimed"] })
      assert.deepStrictEqual(told, ["RunQueued", "RunStarted", "RunEnded"])
      const [row] = yield* store.runs({ ids: ["a"], limit: 1 })
      assert.deepStrictEqual([row?.outcome, row?.fence, row?.claimed], ["succeeded", 1, 0])
      yield* close
    }))

  it.effect("comes to its end for who waits for it, and is one with what it is unique with", () =>
    Effect.gen(function*() {
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("10 seconds"), "done")
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      const unique = { payload: { name: "a" }, unique: true }
      const first = yield* scheduler.enqueue(Work, unique)
      assert.strictEqual(yield* scheduler.enqueue(Work, unique), first)
      assert.deepStrictEqual(state.answers, ["claimed", "duplicate"])
      const result = yield* Effect.forkChild(scheduler.result(Work, first), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(result), "done")
      assert.deepStrictEqual(w.log, ["a 1 @0"])
      yield* close
    }))

  // Under a TestClock a verb returns only when all that it set off has happened.
  it.live("starts after whoever asked for it has gone on", () =>
    Effect.gen(function*() {
      const w = world()
      const ended = Deferred.makeUnsafe<void>()
      w.behave = () => Effect.as(Deferred.succeed(ended, undefined), "done")
      const { state, store } = counted(yield* stored, Effect.yieldNow)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      yield* scheduler.enqueue(Work, run("a"))
      w.log.push("answered")
      yield* Deferred.await(ended)
      assert.deepStrictEqual(w.log.map((line) => line.split(" ")[0]), ["answered", "a"])
      assert.deepStrictEqual(state.answers, ["claimed"])
      yield* close
    }))

  // Under a TestClock the handler has begun before.
  it.live("may be cancelled as soon as it is known", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      const { outcome } = yield* Effect.andThen(scheduler.enqueue(Work, run("a")), scheduler.cancel("a"))
      assert.strictEqual(outcome, "cancelled")
      assert.deepStrictEqual([w.log, state.answers], [[], ["claimed"]])
      yield* close
    }))

  it.live("leaves the way to the next one as soon as it is known", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored, Effect.yieldNow)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      for (const name of ["a", "b", "c"]) yield* scheduler.enqueue(Work, run(name))
      assert.deepStrictEqual(state.answers, ["claimed", "claimed", "claimed"])
      yield* close
    }))

  it.effect("is left to others where this node carries it out by another executor", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored)
      const Elsewhere = Task.make("Work", { executor: "elsewhere", payload: { name: Schema.String } })
      const Other = Task.make("Other", { executor: "elsewhere" })
      const live = Scheduler.layer({
        tasks: [Work, Other],
        executors: {
          default: FiberExecutor.layer(),
          elsewhere: FiberExecutor.layer({ name: "elsewhere" })
        }
      }).pipe(
        Layer.provide([handlers(w), Other.toLayer(() => Effect.void), Layer.succeed(JobStore.JobStore, store)])
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* turns
        yield* scheduler.enqueue(Elsewhere, run("a"))
        yield* scheduler.enqueue(Other)
        yield* turns
        assert.deepStrictEqual([w.log, state.answers], [[], ["added", "claimed"]])
      }).pipe(Effect.provide(live))
    }))

  it.effect("waits while the scheduler is paused", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      yield* scheduler.pauseNode
      yield* scheduler.enqueue(Work, run("a"))
      yield* turns
      assert.deepStrictEqual([w.log, state.answers], [[], ["added"]])
      yield* scheduler.resumeNode
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @0"])
      yield* close
    }))

  it.effect("waits for a slot like any other, and behind those that waited before", () =>
    Effect.gen(function*() {
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("10 seconds"), "done")
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w, { concurrency: 1 })
      yield* turns
      yield* scheduler.enqueue(Work, run("a"))
      yield* TestClock.adjust("1 second")
      yield* scheduler.enqueue(Work, run("b"))
      yield* TestClock.adjust("1 second")
      yield* scheduler.enqueue(Work, run("c"))
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @0", "b 1 @10000", "c 1 @20000"])
      assert.deepStrictEqual(state.answers, ["claimed", "added", "added"])
      yield* close
    }))

  it.effect("is not claimed before its instant, with limits, with a rate, or among several", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* stored)
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      yield* scheduler.enqueue(Work, { ...run("later"), delay: "1 second" })
      yield* turns
      yield* scheduler.enqueue(Work, { ...run("limited"), concurrency: { task: 1 } })
      yield* turns
      yield* scheduler.enqueue(Work, { ...run("rated"), rate: { limit: 1, per: "10 seconds" } })
      yield* turns
      yield* scheduler.enqueueAll(Work, [run("one"), run("two")])
      yield* turns
      yield* scheduler.enqueueAll(Work, [run("plain"), { payload: { name: "debounced" }, debounce: "1 second" }])
      yield* TestClock.adjust("1 second")
      assert.isFalse(state.answers.includes("claimed"))
      assert.strictEqual(w.log.length, 7)
      yield* close
    }))

  it.effect("goes on when whoever asked for it waits no more", () =>
    Effect.gen(function*() {
      const w = world()
      const open = Deferred.makeUnsafe<void>()
      const { store } = counted(yield* stored, Deferred.await(open))
      const { close, scheduler } = yield* start(store, w)
      yield* turns
      const asking = yield* Effect.forkChild(scheduler.enqueue(Work, run("a")), { startImmediately: true })
      yield* turns
      yield* Fiber.interrupt(asking)
      yield* turns
      assert.deepStrictEqual(w.log, [])
      yield* Deferred.succeed(open, undefined)
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @0"])
      yield* close
    }))

  it.effect("is refused with the store's error, which costs no slot", () =>
    Effect.gen(function*() {
      const w = world()
      let broken = true
      const inner = yield* stored
      const store = withVerbs(inner, ({ enqueue }) => ({
        enqueue: (request) => Effect.suspend(() => broken ? Effect.fail(fail("away")) : enqueue(request))
      }))
      const { close, scheduler } = yield* start(store, w, { concurrency: 1 })
      yield* turns
      assert.strictEqual((yield* Effect.flip(scheduler.enqueue(Work, run("a")))).message, fail("away").message)
      broken = false
      yield* scheduler.enqueue(Work, run("b"))
      yield* turns
      assert.deepStrictEqual(w.log, ["b 1 @0"])
      yield* close
    }))

  it.effect("is added once more where the scheduler closes meanwhile, and whoever comes next carries it out", () =>
    Effect.gen(function*() {
      const w = world()
      const never = Deferred.makeUnsafe<void>()
      let holds = true
      const memory = yield* stored
      const { state, store } = counted(memory, Effect.suspend(() => holds ? Deferred.await(never) : Effect.void))
      const first = yield* start(store, w)
      yield* turns
      const asking = yield* Effect.forkChild(first.scheduler.enqueue(Work, run("a")), { startImmediately: true })
      yield* turns
      holds = false
      const closing = yield* Effect.forkChild(first.close, { startImmediately: true })
      yield* turns
      assert.strictEqual(yield* Fiber.join(asking), "a")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([w.log, state.answers], [[], ["claimed", "duplicate"]])
      const second = yield* start(memory, w)
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @0"])
      yield* second.close
    }))
})

describe("a run that arrives where others work, too", () => {
  it.live("is claimed only under a lease; where that is over it is renewed while the run is added, and nobody looks before", () =>
    Effect.gen(function*() {
      const w = world()
      const verbs: Array<string> = []
      const told = <A, E>(verb: string, effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          verbs.push(verb)
          return Effect.tap(effect, Effect.yieldNow)
        })
      const store = withVerbs(yield* shared, ({ beat, claim, enqueue }) => ({
        beat: (node) => told("beat", beat(node)),
        claim: (request) => told(`claim ${request.limit > 0}`, claim(request)),
        enqueue: (request) => told("enqueue", enqueue(request))
      }))
      const { close, scheduler } = yield* start(store, w, { lease: "20 seconds", beat: "5 seconds" })
      yield* turns
      verbs.length = 0
      yield* scheduler.run(Work, run("a"))
      assert.deepStrictEqual(verbs.slice(0, 3), ["beat", "enqueue", "claim true"])
      // the hint comes when the run was claimed
      yield* turns
      verbs.length = 0
      yield* scheduler.run(Work, run("b"))
      assert.deepStrictEqual(verbs, ["enqueue"])
      yield* close
    }))

  it.effect("is claimed again under a lease that was renewed", () =>
    Effect.gen(function*() {
      const w = world()
      const { state, store } = counted(yield* shared)
      const { close, scheduler } = yield* start(store, w, times)
      yield* turns
      yield* scheduler.enqueue(Work, run("a"))
      yield* turns
      yield* scheduler.enqueue(Work, run("b"))
      yield* turns
      assert.deepStrictEqual(state.answers, ["added", "claimed"])
      yield* TestClock.adjust("1 minute")
      yield* scheduler.enqueue(Work, run("c"))
      yield* turns
      yield* scheduler.enqueue(Work, run("d"))
      yield* turns
      assert.deepStrictEqual(state.answers.slice(2), ["added", "claimed"])
      assert.deepStrictEqual(w.log, ["a 1 @0", "b 1 @0", "c 1 @60000", "d 1 @60000"])
      yield* close
    }))

  it.effect("is given back when the reply was lost, after a beat", () =>
    Effect.gen(function*() {
      const w = world()
      const store = yield* shared
      let loses = false
      const lossy = withVerbs(store, ({ enqueue }) => ({
        enqueue: (request) =>
          Effect.flatMap(enqueue(request), (answer) => loses ? Effect.fail(fail("lost")) : Effect.succeed(answer))
      }))
      const { close, scheduler } = yield* start(lossy, w, times)
      yield* turns
      yield* scheduler.enqueue(Work, run("a"))
      yield* turns
      loses = true
      assert.isTrue(Exit.isFailure(yield* Effect.exit(scheduler.enqueue(Work, run("b")))))
      loses = false
      const held = yield* store.runs({ ids: ["b"], limit: 1 })
      assert.strictEqual(held[0]?.state, "running")
      assert.strictEqual(yield* scheduler.enqueue(Work, run("b")), "b")
      yield* TestClock.adjust("15 seconds")
      const [ended] = yield* store.runs({ ids: ["b"], limit: 1 })
      assert.strictEqual(ended?.outcome, "succeeded")
      assert.strictEqual(w.log.filter((line) => line.startsWith("b ")).length, 1)
      yield* close
    }))

  it.effect("is given back when the reply took longer than the lease allows", () =>
    Effect.gen(function*() {
      const w = world()
      let pause = 0
      const { state, store } = counted(yield* shared, Effect.suspend(() => Effect.sleep(pause)))
      const { close, scheduler } = yield* start(store, w, times)
      yield* turns
      yield* scheduler.enqueue(Work, run("a"))
      yield* turns
      pause = 6_000
      const asking = yield* Effect.forkChild(scheduler.enqueue(Work, run("b")), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(asking)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(state.answers[1], "claimed")
      const [row] = yield* store.runs({ ids: ["b"], limit: 1 })
      assert.strictEqual(row?.outcome, "succeeded")
      assert.isAbove(row!.fence, 1)
      yield* close
    }))
})
