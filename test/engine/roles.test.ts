/**
 * What a node does is what its options say: it plans and works, only plans, only works, or only asks.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { handlers, turns, withVerbs, Work, world } from "../support/world.ts"

const a = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }

/** Nodes on one store that several processes share, each until it is closed. */
const nodes = Effect.gen(function*() {
  const w = world()
  const inner = yield* MemoryJobStore.make()
  const beats: Array<string> = []
  const shared = withVerbs({ ...inner, capabilities: { ...inner.capabilities, shared: true } }, ({ beat }) => ({
    beat: (node) => Effect.suspend(() => (beats.push(node.id), beat(node)))
  }))
  const store = Layer.succeed(JobStore.JobStore, shared)
  const opened = <E>(layer: Layer.Layer<Scheduler.Scheduler, E>) =>
    Effect.gen(function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const context = yield* Layer.buildWithScope(layer, scope)
      const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
      return { scheduler, close: Scope.close(scope, Exit.void) }
    })
  const able = Layer.mergeAll(handlers(w), FiberExecutor.layer(), store)
  return {
    w,
    beats,
    planner: opened(Scheduler.layer().pipe(Layer.provide(store))),
    worker: opened(Scheduler.layer({ tasks: [Work], planning: false }).pipe(Layer.provide(able))),
    client: opened(Scheduler.layer({ planning: false }).pipe(Layer.provide(store)))
  }
})

const shown = (scheduler: Scheduler.Service) =>
  Effect.map(scheduler.runs(), (runs) => runs.map(({ outcome, state }) => outcome ?? state))

describe("a node", () => {
  it.effect("that only asks neither plans nor works", () =>
    Effect.gen(function*() {
      const { client, planner, w, worker } = yield* nodes
      const { scheduler } = yield* client
      yield* scheduler.schedule(Work, a)
      yield* scheduler.enqueue(Work, { payload: { name: "b" } })
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* shown(scheduler), ["ready"])
      assert.deepStrictEqual((yield* scheduler.get("a")).next?.epochMilliseconds, 10_000)

      const planning = yield* planner
      yield* turns
      // what came due meanwhile is caught up, and waits for who works
      assert.deepStrictEqual(yield* shown(scheduler), ["ready", "ready"])
      yield* TestClock.adjust("4 seconds")
      yield* planning.close

      yield* worker
      yield* turns
      assert.deepStrictEqual(w.log, ["b 1 @19000", "a 1 @19000"])
      assert.deepStrictEqual(yield* shown(scheduler), ["succeeded", "succeeded"])
      assert.strictEqual(yield* scheduler.run(Work, { payload: { name: "c" } }), "done")
      // who works does not plan
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(w.log.length, 3)
    }))

  it.effect("that plans what others carry out needs no lease for it", () =>
    Effect.gen(function*() {
      const { beats, planner, w, worker } = yield* nodes
      const { scheduler } = yield* planner
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* shown(scheduler), ["ready"])
      assert.deepStrictEqual(beats, [])
      yield* worker
      yield* turns
      assert.lengthOf(w.log, 1)
      assert.lengthOf(beats, 1)
    }))

  it.effect("that does not plan can do all that one asks of it, and its closures run", () =>
    Effect.gen(function*() {
      const { client, planner, w, worker } = yield* nodes
      yield* worker
      yield* planner
      const { scheduler } = yield* client
      let ticks = 0
      yield* scheduler.every("10 seconds", Effect.sync(() => void ticks++))
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.pause("a", { until: 25_000 })
      yield* TestClock.adjust("10 seconds")
      yield* scheduler.runNow("a")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @20000", "a 1 @30000"])
      assert.strictEqual(ticks, 3)
      yield* scheduler.remove("a")
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }))
})
