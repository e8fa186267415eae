/**
 * Whatever a handler or an executor does, its run ends, its slot comes back, and the others are not touched.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Schema, Scope } from "effect"
import {
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  Task
} from "effect-scheduler"
import { TestClock } from "effect/testing"
import { counting } from "../support/counting.ts"
import { inMemory, Refused, turns, withVerbs, Work, world } from "../support/world.ts"

type Nothing = Task.Task<"X", Schema.Void, Schema.Void, Schema.Never>

/** A scheduler of one task, with an executor that counts its slots. */
const scheduling = Effect.fnUntraced(function*(
  task: Task.Any,
  handler: (payload: never) => Effect.Effect<unknown, unknown>,
  wrap: (executor: Executor.Service) => Executor.Service = (executor) => executor
) {
  const store = yield* MemoryJobStore.make()
  const { executor, free } = counting(yield* FiberExecutor.make({ concurrency: 2 }), 2)
  const scope = yield* Scope.make()
  const layer = Scheduler.layer({ tasks: [task] }).pipe(
    Layer.provide((task as Nothing).toLayer(handler as never)),
    Layer.provide(Layer.succeed(Executor.Executor, wrap(executor))),
    Layer.provide(Layer.succeed(JobStore.JobStore, store))
  ) as Layer.Layer<Scheduler.Scheduler>
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, yield* Layer.buildWithScope(layer, scope))
  return { scheduler, store, free, close: Scope.close(scope, Exit.void) }
})

/** Runs the task three times, and expects each to end as said with all slots free. */
const endsAs = Effect.fnUntraced(function*(
  outcome: Run.Outcome,
  task: Task.Any,
  handler: (payload: never) => Effect.Effect<unknown, unknown>,
  wrap?: (executor: Executor.Service) => Executor.Service
) {
  const { close, free, scheduler } = yield* scheduling(task, handler, wrap)
  for (let n = 0; n < 3; n++) yield* scheduler.enqueue(task as Nothing)
  yield* turns
  yield* TestClock.adjust("1 minute")
  const runs = yield* scheduler.runs()
  assert.deepStrictEqual(runs.map((run) => run.outcome), [outcome, outcome, outcome])
  yield* turns
  assert.strictEqual(free(), 2)
  yield* close
  assert.strictEqual(free(), 2)
})

describe("a handler", () => {
  it.effect("that throws instead of returning an Effect", () =>
    endsAs("died", Task.make("X"), () => {
      throw new Error("thrown")
    }))
  it.effect("that returns something that is no Effect", () => endsAs("died", Task.make("X"), () => 5 as never))
  it.effect("that interrupts itself", () => endsAs("cancelled", Task.make("X"), () => Effect.interrupt))
  it.effect("whose finalizer dies", () =>
    endsAs("died", Task.make("X"), () => Effect.ensuring(Effect.void, Effect.die(new Error("finalizer")))))
  it.effect("whose result does not fit", () =>
    endsAs("died", Task.make("X", { success: Schema.Number }), () => Effect.succeed("text")))
  it.effect("whose result fits and is no JSON", () => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    return endsAs("died", Task.make("X", { success: Schema.Unknown }), () => Effect.succeed(cyclic))
  })
  it.effect("whose error does not fit", () =>
    endsAs("died", Task.make("X", { error: Refused }), () => Effect.fail("text")))
  it.effect("whose error is no JSON", () =>
    endsAs("died", Task.make("X", { error: Schema.Unknown }), () => Effect.fail(10n)))
})

describe("an executor", () => {
  it.effect("that dies", () =>
    endsAs("died", Task.make("X"), () => Effect.void, (executor) => ({
      ...executor,
      execute: () => Effect.die(new Error("no more workers"))
    })))
  it.effect("that throws", () =>
    endsAs("died", Task.make("X"), () => Effect.void, (executor) => ({
      ...executor,
      execute: () => {
        throw new Error("no more workers")
      }
    })))
})

describe("slots", () => {
  it.effect("come back when the store is gone at shutdown and a finalizer ends after it was given up", () =>
    Effect.gen(function*() {
      const gate = Deferred.makeUnsafe<void>()
      let down = false
      const memory = yield* MemoryJobStore.make()
      const { executor, free } = counting(yield* FiberExecutor.make({ concurrency: 2 }), 2)
      const gone = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "gone" })
      const cut = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
        Effect.suspend((): Effect.Effect<A, SchedulerError.StoreError> => down ? Effect.fail(gone) : verb)
      const store = withVerbs(memory, (inner) => ({
        capabilities: { ...inner.capabilities, claimsOnArrival: false },
        claim: (request) => cut(inner.claim(request)),
        settle: (request) => cut(inner.settle(request)),
        leave: (request) => cut(inner.leave(request))
      }))
      const task = Task.make("X")
      const scope = yield* Scope.make()
      const layer = Scheduler.layer({ tasks: [task] }).pipe(
        Layer.provide(task.toLayer(() => Effect.onInterrupt(Effect.never, () => Deferred.await(gate)))),
        Layer.provide(Layer.succeed(Executor.Executor, executor)),
        Layer.provide(Layer.succeed(JobStore.JobStore, store))
      )
      const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, yield* Layer.buildWithScope(layer, scope))
      yield* scheduler.enqueue(task)
      yield* turns
      assert.strictEqual(free(), 1)
      down = true
      // The worker finds out that the store is gone.
      yield* scheduler.enqueue(task)
      yield* turns
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* turns
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(free(), 2)
    }))

  it.effect("two schedulers on one store share one executor, and one run at a time means one", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { executor, free } = counting(yield* FiberExecutor.make({ concurrency: 1 }), 1)
      let atOnce = 0
      let most = 0
      const task = Task.make("X")
      const handler = task.toLayer(() =>
        Effect.suspend(() => {
          most = Math.max(most, ++atOnce)
          return Effect.ensuring(Effect.sleep("1 second"), Effect.sync(() => atOnce--))
        })
      )
      const layer = () =>
        Scheduler.layer({ tasks: [task] }).pipe(
          Layer.provide(handler),
          Layer.provide(Layer.succeed(Executor.Executor, executor)),
          Layer.provide(Layer.succeed(JobStore.JobStore, store))
        )
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const schedulers = yield* Effect.forEach(
        scopes,
        (scope) =>
          Effect.flatMap(
            Layer.buildWithScope(layer(), scope),
            (context) => Effect.provideContext(Scheduler.Scheduler, context)
          )
      )
      for (let n = 0; n < 10; n++) yield* schedulers[n % 2]!.enqueue(task)
      yield* TestClock.adjust("5500 millis")
      yield* Scope.close(scopes[0]!, Exit.void)
      yield* turns
      yield* TestClock.adjust("10 seconds")
      const runs = yield* schedulers[1]!.runs()
      assert.deepStrictEqual(runs.filter((run) => run.outcome === "succeeded").length, 10)
      assert.strictEqual(most, 1)
      yield* Scope.close(scopes[1]!, Exit.void)
      assert.strictEqual(free(), 1)
    }))
})

describe("pauseNode", () => {
  it.effect("nothing is claimed while paused, not even by a worker that waited for its slot", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("10 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Work, { payload: { name: "one" } })
      yield* scheduler.enqueue(Work, { payload: { name: "two" } })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(w.log, ["one 1 @0"])
      yield* scheduler.resumeNode
      assert.deepStrictEqual(w.log, ["one 1 @0", "two 1 @60000"])
      yield* TestClock.adjust("1 minute")
    }).pipe(Effect.provide(inMemory(w, { concurrency: 1 })))
  })
})
