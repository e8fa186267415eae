/**
 * An outage is told once, when it begins, and once, when it is over, however the answers of many calls arrive.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Metric, References, Schedule } from "effect"
import { JobStore, MemoryJobStore, SchedulerError, SchedulerMetric } from "effect-scheduler"
import { TestClock } from "effect/testing"
import * as Outage from "../../src/engine/outage.ts"

const away = new SchedulerError.StoreError({ verb: "claim", retryable: true, message: "away" })

const world = () => {
  const told: Array<string> = []
  const outage = Outage.make("metered", { heard: () => true, publish: (_at, { _tag }) => void told.push(_tag) }, 0)
  /** A call whose answer the test gives. */
  const call = Effect.gen(function*() {
    const answers = [
      yield* Deferred.make<void, SchedulerError.StoreError>(),
      yield* Deferred.make<void, SchedulerError.StoreError>()
    ] as const
    let tries = 0
    const verb = Effect.suspend((): Effect.Effect<void, SchedulerError.StoreError> =>
      Deferred.await(answers[tries++ === 0 ? 0 : 1])
    )
    const fiber = yield* Effect.forkChild(outage.rideOut(verb), { startImmediately: true })
    return { first: answers[0], second: answers[1], fiber }
  })
  return { told, outage, call }
}

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

describe("an outage", () => {
  it.effect("is not over because a call from before it is answered late", () =>
    Effect.gen(function*() {
      const { call, outage, told } = world()
      const [one, two, late] = [yield* call, yield* call, yield* call]
      yield* Deferred.fail(one.first, away)
      yield* Effect.yieldNow
      yield* Deferred.succeed(late.first, undefined)
      yield* Fiber.join(late.fiber)
      assert.isTrue(outage.down())
      assert.strictEqual((yield* Metric.value(SchedulerMetric.storeDown("metered"))).value, 1)
      yield* Deferred.fail(two.first, away)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(told, ["StoreUnavailable"])
      yield* Deferred.succeed(one.second, undefined)
      yield* Fiber.join(one.fiber)
      assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered"])
      assert.isFalse(outage.down())
      assert.strictEqual((yield* Metric.value(SchedulerMetric.storeDown("metered"))).value, 0)
      assert.strictEqual((yield* Metric.value(SchedulerMetric.storeOutages("metered"))).count, 1)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()), quietly))

  it.effect("does not begin again because a call begun in it fails when it is over", () =>
    Effect.gen(function*() {
      const { call, outage, told } = world()
      const one = yield* call
      yield* Deferred.fail(one.first, away)
      yield* TestClock.adjust("1 second")
      const slow = yield* call
      yield* Deferred.succeed(one.second, undefined)
      yield* Fiber.join(one.fiber)
      yield* Deferred.fail(slow.first, away)
      yield* TestClock.adjust("1 second")
      assert.isFalse(outage.down())
      yield* Deferred.succeed(slow.second, undefined)
      yield* Fiber.join(slow.fiber)
      assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered"])
      // the next one is one of its own
      const next = yield* call
      yield* Deferred.fail(next.first, away)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered", "StoreUnavailable"])
      yield* Fiber.interrupt(next.fiber)
    }).pipe(quietly))
})

describe("a store that cannot be reached when it is opened", () => {
  const opening = (answers: ReadonlyArray<"away" | "refused" | "there">) => {
    let tries = 0
    const Store = Layer.effect(
      JobStore.JobStore,
      Effect.suspend(() => {
        const answer = answers[tries++]
        if (answer === "there") return MemoryJobStore.make()
        const retryable = answer === "away"
        return Effect.fail(new SchedulerError.StoreError({ verb: "open", retryable, message: "away" }))
      })
    )
    // as docs/deploying.md has it
    const Patient = Layer.effectContext(Effect.retry(Layer.build(Layer.fresh(Store)), {
      while: ({ retryable }) => retryable,
      schedule: Schedule.spaced("5 seconds")
    }))
    return { Patient, tries: () => tries }
  }

  it.effect("can be waited for", () =>
    Effect.gen(function*() {
      const { Patient, tries } = opening(["away", "away", "there"])
      const open = Effect.flatMap(JobStore.JobStore, (store) => store.insertJobs([]))
      const waiting = yield* Effect.forkChild(Effect.provide(open, Patient))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(tries(), 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(waiting), [])
    }))

  it.effect("is not waited for in vain", () =>
    Effect.gen(function*() {
      const { Patient, tries } = opening(["away", "refused"])
      const waiting = yield* Effect.forkChild(Effect.flip(Effect.scoped(Layer.build(Patient))))
      yield* TestClock.adjust("1 hour")
      assert.isFalse((yield* Fiber.join(waiting)).retryable)
      assert.strictEqual(tries(), 2)
    }))
})
