import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { supervise } from "../../src/engine/supervise.ts"

const deaf = { heard: () => false, publish: () => {} }

describe("a role that fails", () => {
  it.effect("starts again after growing delays, and after the shortest one when it has been well for long", () =>
    Effect.gen(function*() {
      const starts: Array<number> = []
      let healthy = 0
      const loop = Effect.gen(function*() {
        starts.push(yield* Clock.currentTimeMillis)
        yield* Effect.sleep(healthy)
        return yield* Effect.die("broken")
      })
      yield* Effect.forkScoped(supervise("role", deaf, loop), { startImmediately: true })
      const gaps = () => starts.slice(1).map((at, i) => at - starts[i]!)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(gaps().slice(0, 11), [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000])

      healthy = 59_000
      starts.length = 0
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(gaps().slice(0, 1), [64_000])

      healthy = 60_000
      yield* TestClock.adjust("2 minutes")
      starts.length = 0
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(gaps().slice(0, 2), [60_010, 60_010])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("and one that just ends", () =>
    Effect.gen(function*() {
      let starts = 0
      yield* Effect.forkScoped(supervise("role", deaf, Effect.sync(() => starts++)), { startImmediately: true })
      yield* TestClock.adjust("30 millis")
      assert.strictEqual(starts, 3)
    }).pipe(Effect.provide(Logger.layer([]))))
})
