import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { FiberExecutor, Scheduler, Task, Trigger } from "effect-scheduler"
import { RedisJobStore } from "effect-scheduler/redis"
import { freshOptions, isMissing, url } from "./redis/server.ts"

const Tick = Task.make("Tick", { payload: { name: Schema.String }, success: Schema.Number })

describe.skipIf(isMissing)("the scheduler on Redis, under the live clock", () => {
  it.live("schedules, runs, and removes with the finalizer of what was running", () => {
    let finished = 0
    let started = 0
    let finalized = 0
    const TickLive = Tick.toLayer(() =>
      Effect.gen(function*() {
        const n = ++started
        yield* Effect.addFinalizer(() =>
          Effect.andThen(
            Effect.sleep("50 millis"),
            Effect.sync(() => void finalized++)
          )
        )
        // the third one is still at it when its job is removed
        if (n === 3) return yield* Effect.never
        finished++
        return n
      }).pipe(Effect.scoped)
    )
    const Main = Scheduler.layer({ tasks: [Tick] }).pipe(
      Layer.provide([TickLive, FiberExecutor.layer({ concurrency: 4 })]),
      Layer.provide(RedisJobStore.layerUrl(url, freshOptions()))
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Tick, {
        id: "tick",
        payload: { name: "a" },
        trigger: Trigger.interval("200 millis")
      })
      yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => started === 3 }), Effect.timeout("10 seconds"))
      yield* scheduler.remove("tick")
      assert.strictEqual(finished, 2)
      assert.strictEqual(finalized, 3)
      const runs = yield* scheduler.runs({ job: "tick" })
      assert.deepStrictEqual(runs.map(({ outcome }) => outcome).toSorted(), ["cancelled", "succeeded", "succeeded"])
      assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
      yield* Effect.sleep("500 millis")
      assert.strictEqual(started, 3)
    }).pipe(Effect.provide(Main))
  }, 30_000)
})
