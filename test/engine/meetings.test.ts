/** Where two features meet. */
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import {
  Continuation,
  FiberExecutor,
  Job,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, start, turns, withVerbs, Work, world } from "../support/world.ts"

const a = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") } as const

describe("a skipped occurrence", () => {
  it.effect("cancels no run that is going, as nothing takes its place", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("15 seconds"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, overlap: "cancelRunning" })
      yield* TestClock.adjust("15 seconds")
      yield* scheduler.skipNext("a")
      yield* TestClock.adjust("10 seconds")
      const [run, ...others] = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual([run?.outcome, others], ["succeeded", []])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("is not the one that stands for those that were missed", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, catchUp: "earliest" })
      yield* scheduler.skipNext("a")
      yield* scheduler.pauseNode
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.resumeNode
      yield* turns
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map(({ nominal }) => nominal?.epochMilliseconds), [20_000])
      const explained = yield* Effect.forEach(
        [10, 20, 30],
        (second) => scheduler.explain("a", DateTime.makeUnsafe(second * 1_000))
      )
      assert.deepStrictEqual(
        explained.map((one) => one._tag === "NotRun" ? `${one.verdict.kind}(${one.verdict.reason})` : one._tag),
        ["skipped(requested)", "Fired", "coalesced(catchUp)"]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("is the next that is due: with jitter, or moved, its nominal instant may be past", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.schedule(Work, {
        ...a,
        trigger: Trigger.jitter(Trigger.interval("1 minute"), "50 seconds")
      })
      const [first] = Job.upcoming(job)
      const { due, nominal } = first!
      assert.isAbove(due.epochMilliseconds, nominal.epochMilliseconds + 1)
      yield* TestClock.setTime(due.epochMilliseconds - 1)
      const skipped = yield* scheduler.skipNext("a")
      assert.strictEqual(skipped?.epochMilliseconds, nominal.epochMilliseconds)
      yield* scheduler.schedule(Work, { ...a, id: "b" })
      yield* scheduler.remove("a")
      const moved = yield* scheduler.get("b")
      yield* scheduler.move("b", { to: DateTime.add(moved.next!, { seconds: 5 }) })
      yield* TestClock.setTime(moved.next!.epochMilliseconds + 1_000)
      assert.strictEqual((yield* scheduler.skipNext("b"))?.epochMilliseconds, moved.next!.epochMilliseconds)
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("a removal that is broken off", () => {
  const backfilled = Effect.fnUntraced(function*(scheduler: Scheduler.Service) {
    yield* scheduler.schedule(Work, a)
    yield* TestClock.adjust("35 seconds")
    yield* scheduler.pause("a")
    const ids = yield* scheduler.backfill("a", { from: 0, pace: "1 hour" })
    assert.lengthOf(ids, 3)
    return ids
  })
  const outcomesOf = (scheduler: Scheduler.Service, ids: ReadonlyArray<string>) =>
    Effect.map(scheduler.runs({ ids }), (runs) => runs.map(({ outcome }) => outcome))

  it.effect("by a store that fails after the job is gone: its backfills end all the same", () => {
    const w = world()
    return Effect.gen(function*() {
      let failures = 1
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        cancel: (request) =>
          Effect.suspend(() =>
            failures-- > 0
              ? Effect.fail(new SchedulerError.StoreError({ verb: "cancel", retryable: true, message: "gone" }))
              : inner.cancel(request)
          )
      }))
      const { close, scheduler } = yield* start(store, w)
      const ids = yield* backfilled(scheduler)
      const error = yield* Effect.flip(scheduler.remove("a"))
      assert.strictEqual(error._tag, "StoreError")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* outcomesOf(scheduler, ids), ["cancelled", "cancelled", "succeeded"])
      yield* close
    })
  })

  it.effect("by its caller: the same", () => {
    const w = world()
    return Effect.gen(function*() {
      let isHanging = true
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        cancel: (request) => Effect.suspend(() => isHanging ? Effect.never : inner.cancel(request))
      }))
      const { close, scheduler } = yield* start(store, w)
      const ids = yield* backfilled(scheduler)
      const removing = yield* Effect.forkChild(scheduler.remove("a"), { startImmediately: true })
      yield* turns
      isHanging = false
      yield* Fiber.interrupt(removing)
      yield* turns
      assert.deepStrictEqual(yield* outcomesOf(scheduler, ids), ["cancelled", "cancelled", "succeeded"])
      yield* close
    })
  })
})

describe("a rate", () => {
  const shared = (
    store: JobStore.Service,
    verbs: (store: JobStore.Service) => Partial<JobStore.Service> = () => ({})
  ) => withVerbs(store, (inner) => ({ ...verbs(inner), capabilities: { ...inner.capabilities, shared: true } }))

  it.effect("that the store does not answer about in time: a claim that may be another's by now is not begun", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("1 minute"), "done")
    return Effect.gen(function*() {
      let asked = 0
      const store = shared(yield* MemoryJobStore.make(), (inner) => ({
        take: (request) =>
          Effect.tap(inner.take(request), () => asked++ === 0 ? Effect.sleep("12 seconds") : Effect.void)
      }))
      const one = yield* start(store, w)
      yield* one.scheduler.enqueue(Work, {
        id: "r",
        payload: { name: "r" },
        delivery: "atMostOnce",
        rate: { limit: 10, per: "1 second" }
      })
      yield* turns
      const two = yield* start(store, w)
      yield* TestClock.adjust("15 seconds")
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(w.log, 1)
      const [run] = yield* two.scheduler.runs({ ids: ["r"] })
      assert.strictEqual(run?.outcome, "succeeded")
      yield* one.close
      yield* two.close
    })
  })

  const graced = { rate: { limit: 1, per: "10 seconds" }, misfireGrace: "12 seconds" } as const

  it.effect("made it wait, and then its node was lost: it had begun, so it is not late", () => {
    const w = world()
    w.behave = ({ at, name }) => Effect.as(name === "b" && at < 15_000 ? Effect.never : Effect.void, "done")
    return Effect.gen(function*() {
      const store = shared(yield* MemoryJobStore.make())
      const one = yield* start(withVerbs(store, () => ({ leave: () => Effect.void, settle: cutAt(15, store) })), w)
      for (const id of ["a", "b"]) yield* one.scheduler.enqueue(Work, { id, payload: { name: id }, ...graced })
      yield* TestClock.adjust("16 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @0", "b 1 @10000"])
      yield* one.close
      const two = yield* start(store, w, { reap: "1 second" })
      yield* TestClock.adjust("1 minute")
      const [run] = yield* two.scheduler.runs({ ids: ["b"] })
      assert.strictEqual(run?.outcome, "succeeded")
      yield* two.close
    })
  })

  it.effect("makes a dead letter wait that is redriven: it is as late as it is", () => {
    const w = world()
    let failing = true
    w.behave = () => failing ? Effect.fail(new Refused({ why: "no" })) : Effect.succeed("done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const id of ["a", "b"]) yield* scheduler.enqueue(Work, { id, payload: { name: id }, ...graced })
      yield* TestClock.adjust("1 hour")
      failing = false
      assert.lengthOf(yield* scheduler.redriveAll({}), 2)
      yield* TestClock.adjust("1 hour")
      const runs = yield* scheduler.runs({ ids: ["a", "b"] })
      assert.deepStrictEqual(runs.map(({ outcome }) => outcome), ["succeeded", "succeeded"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

/** From a second on, what is to be recorded is lost. */
const cutAt = (second: number, store: JobStore.Service): JobStore.Service["settle"] => (request) =>
  request.now >= second * 1_000
    ? Effect.succeed(request.settlements.map(() => "stale" as const))
    : store.settle(request)

describe("a pause", () => {
  it.effect("is not lost when a run that was queued before it turns out not to be readable", () =>
    Effect.gen(function*() {
      const before = Task.make("Moody", { payload: { n: Schema.Int } })
      const after = Task.make("Moody", { payload: { n: Schema.Literal(2) } })
      const store = yield* MemoryJobStore.make()
      const open = Effect.fnUntraced(function*(task: Task.Any, paused: boolean) {
        const scope = yield* Scope.make()
        const layer = Scheduler.layer({ tasks: [task as typeof before], paused }).pipe(
          Layer.provide([(task as typeof before).toLayer(() => Effect.void), FiberExecutor.layer()]),
          Layer.provide(Layer.succeed(JobStore.JobStore, store))
        )
        const context = yield* Layer.buildWithScope(layer, scope)
        return { scheduler: Context.get(context, Scheduler.Scheduler), close: Scope.close(scope, Exit.void) }
      })
      const one = yield* open(before, true)
      yield* one.scheduler.schedule(before, { id: "m", payload: { n: 1 }, trigger: Trigger.interval("10 seconds") })
      yield* one.scheduler.runNow("m")
      yield* one.scheduler.pause("m", { reason: "inventory" })
      yield* one.close
      const two = yield* open(after, false)
      yield* TestClock.adjust("1 minute")
      const [run] = yield* two.scheduler.runs({ job: "m" })
      assert.strictEqual(run?.outcome, "undecodable")
      const job = yield* two.scheduler.get("m")
      assert.deepStrictEqual([job.state, job.pause?.reason], ["paused", "inventory"])
      // Resuming finds out.
      yield* two.scheduler.resume("m", { catchUp: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* two.scheduler.get("m")).state, "quarantined")
      yield* two.close
    }))

  it.effect("in which a job's last occurrence came due: resumed, it is removed if it is to be when it is done", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.after("10 seconds"), whenDone: "remove" })
      yield* scheduler.pause("a")
      yield* TestClock.adjust("20 seconds")
      yield* scheduler.resume("a")
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a change that decides a job's last occurrence removes it like the planner", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.after("10 seconds"), whenDone: "remove" })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("20 seconds")
      yield* scheduler.runNow("a")
      yield* scheduler.resumeNode
      yield* turns
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.lengthOf(w.log, 2)
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("a bounded history", () => {
  it.effect("does not make a continuation come again that it has forgotten", () => {
    let sent = 0
    const Alert = Task.make("Alert", { payload: Continuation.Ended, history: 0 })
    const First = Task.make("First")
    const layer = Scheduler.layer({ tasks: [Alert, First], reap: "1 hour" }).pipe(
      Layer.provide([
        Alert.toLayer(() => Effect.sync(() => void sent++)),
        First.toLayer(() => Effect.never),
        FiberExecutor.layer(),
        MemoryJobStore.layer
      ])
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(First, { delay: "1 day", followedBy: [Continuation.onEnd(Alert)] })
      yield* scheduler.cancel(id)
      yield* turns
      assert.strictEqual(sent, 1)
      yield* TestClock.adjust("5 hours")
      assert.strictEqual(sent, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("a snooze that is on its way when the run is cancelled", () => {
  it.effect("ends the run as cancelled: that is told, and what follows its end follows", () => {
    let ended = 0
    const Nap = Task.make("Nap")
    const Tidy = Task.make("Tidy", { payload: Continuation.Ended })
    const layer = Scheduler.layer({ tasks: [Nap, Tidy] }).pipe(
      Layer.provide([
        Nap.toLayer(() =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer(() => Effect.sleep("10 seconds"))
            yield* Effect.sleep("1 second")
            return yield* (yield* Run.CurrentRun).snooze("1 hour")
          })
        ),
        Tidy.toLayer(() => Effect.sync(() => void ended++)),
        FiberExecutor.layer(),
        MemoryJobStore.layer
      ])
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const told: Array<string> = []
      yield* scheduler.subscribe({ kinds: ["RunEnded", "RunSnoozed"] }).pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => told.push(`${event._tag} ${"outcome" in event ? event.outcome : ""}`))
        ),
        Effect.forkChild({ startImmediately: true })
      )
      const id = yield* scheduler.enqueue(Nap, { followedBy: [Continuation.onEnd(Tidy)] })
      yield* TestClock.adjust("2 seconds")
      const cancelling = yield* Effect.forkChild(scheduler.cancel(id, { timeout: "1 second" }), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(cancelling)).state, "running")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(told, ["RunEnded cancelled", "RunEnded succeeded"])
      assert.strictEqual(ended, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("a job whose trigger throws", () => {
  const Odd = Trigger.custom("test/odd", {
    parameters: Schema.Struct({}),
    occurrences: () => {
      const known = (at: number, anchor: number) => {
        if (at > anchor + 10_000) throw new Error("no idea")
      }
      return {
        next: (after, anchor) => {
          known(after + 1, anchor)
          return anchor + 10_000
        },
        previous: (before, anchor) => {
          known(before, anchor)
          return undefined
        }
      }
    }
  })

  it.effect("can be removed, replaced and repaired; what asks its trigger is refused", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const id of ["one", "two", "three", "four", "five"]) {
        yield* scheduler.schedule(Work, { id, payload: { name: id }, trigger: Odd.make({}) })
      }
      yield* TestClock.adjust("11 seconds")
      assert.lengthOf(yield* scheduler.list({ state: "quarantined" }), 5)
      const refused = yield* Effect.flip(scheduler.move("one", { to: 20_000 }))
      assert.include(refused.message, "no idea")
      yield* scheduler.remove("one")
      yield* scheduler.schedule(Work, { ...a, id: "two", conflict: "replace" })
      yield* scheduler.schedule(Work, { ...a, id: "three" })
      yield* scheduler.reschedule("four", a.trigger)
      assert.deepStrictEqual(
        (yield* scheduler.list()).map(({ id, state }) => [id, state]),
        [["five", "quarantined"], ["four", "active"], ["three", "active"], ["two", "active"]]
      )
      assert.deepStrictEqual((yield* scheduler.removeAll({})).removed, ["five", "four", "three", "two"])
    }).pipe(Effect.provide(inMemory(w).pipe(Layer.provide(Trigger.layerRegistry({ kinds: [Odd] })))))
  })

  it.effect("that nobody has planned yet: what another one follows is set aside as a whole, and says why", () => {
    const w = world()
    const layer = inMemory(w).pipe(Layer.provide(Trigger.layerRegistry({ kinds: [Odd] })))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Odd.make({}) })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("11 seconds")
      yield* scheduler.reschedule("a", Trigger.interval("1 minute"))
      const verdicts = yield* (yield* JobStore.JobStore).verdicts({ job: "a", limit: 10 })
      assert.deepStrictEqual(verdicts.map(({ from, reason, to }) => [from, to, reason]), [[
        null,
        11_000,
        "quarantined"
      ]])
      assert.include(verdicts[0]!.note, "no idea")
    }).pipe(Effect.provide(layer))
  })

  it.effect("or whose overlap function does: a pause or another definition gets through", () => {
    const Func = Task.make("Func", {
      overlap: () => {
        throw new Error("oops")
      }
    })
    const layer = Scheduler.layer({ tasks: [Func] }).pipe(
      Layer.provide([Func.toLayer(() => Effect.void), FiberExecutor.layer()]),
      Layer.provideMerge(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const id of ["a", "b", "c"]) yield* scheduler.schedule(Func, { id, trigger: a.trigger })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("11 seconds")
      const refused = yield* Effect.flip(scheduler.runNow("a"))
      assert.include(refused.message, "oops")
      assert.strictEqual((yield* scheduler.pause("a")).state, "paused")
      yield* scheduler.schedule(Func, { id: "b", trigger: a.trigger, overlap: "skip" })
      // what came due under the trigger that it had is not lost
      yield* scheduler.reschedule("c", Trigger.interval("1 minute"))
      const why = yield* scheduler.explain("c", DateTime.makeUnsafe(10_000))
      assert.include(JSON.stringify(why), `"reason":"quarantined"`)
      assert.include(JSON.stringify(why), "oops")
      yield* scheduler.resumeNode
      yield* turns
      assert.lengthOf(yield* scheduler.runs({ job: "b" }), 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("a unique request", () => {
  it.effect("whose stand-in the caller's transaction cannot see fails, and does not ask for ever", () => {
    const w = world()
    return Effect.gen(function*() {
      // What a transaction that only sees what was when it began has of a run that came since.
      const blind = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        runs: (query) => query.uniqueKey === undefined ? inner.runs(query) : Effect.succeed([])
      }))
      const { close, scheduler } = yield* start(blind, w, { paused: true })
      yield* scheduler.enqueue(Work, { payload: { name: "a" }, unique: true })
      const error = yield* Effect.flip(scheduler.enqueue(Work, { payload: { name: "b" }, unique: true }))
      assert.strictEqual(error._tag, "StoreError")
      yield* close
    })
  })
})
