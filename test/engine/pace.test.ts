import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Deferred, Effect } from "effect"
import { MemoryJobStore, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { start, withVerbs, Work, world } from "../support/world.ts"

/** A durable store that counts the looks at what is due that found something. */
const watched = Effect.gen(function*() {
  const inner = yield* MemoryJobStore.make()
  const seen = { looks: 0 }
  const store = withVerbs({ ...inner, capabilities: { ...inner.capabilities, durability: "process" } }, (store) => ({
    due: (request) =>
      Effect.tap(store.due(request), ({ jobs }) =>
        Effect.sync(() => {
          if (jobs.length > 0) seen.looks++
        }))
  }))
  return { store, seen }
})

const jobs = 100

/** Carries out jobs that come due one millisecond after the other; answers how often something was found to be due. */
const carryOut = Effect.scoped(Effect.gen(function*() {
  const { seen, store } = yield* watched
  const done = yield* Deferred.make<void>()
  const w = world()
  w.behave = () => Effect.as(w.log.length === jobs ? Deferred.succeed(done, undefined) : Effect.void, "done")
  const { close, scheduler } = yield* start(store, w, { concurrency: jobs })
  const first = (yield* Clock.currentTimeMillis) + 300
  yield* scheduler.scheduleAll(
    Work,
    Array.from({ length: jobs }, (_, i) => ({
      id: `j${i}`,
      payload: { name: `j${i}` },
      trigger: Trigger.date(DateTime.makeUnsafe(first + i))
    }))
  )
  yield* Deferred.await(done)
  yield* close
  return seen.looks
}))

describe("the pace of planning (live clock, half a second)", () => {
  it.live("where statements cost more than rows, what comes due in a moment is planned together", () =>
    Effect.map(carryOut, (looks) => {
      assert.isAtMost(looks, 12)
    }))
})

describe("many jobs that come due together", () => {
  it.effect("the first of them are planned in a small batch, so that workers need not wait for the rest", () =>
    Effect.gen(function*() {
      const found: Array<number> = []
      const store = withVerbs(yield* MemoryJobStore.make(), (store) => ({
        due: (request) =>
          Effect.tap(store.due(request), ({ jobs }) =>
            Effect.sync(() => {
              if (jobs.length > 0) found.push(jobs.length)
            }))
      }))
      const w = world()
      const { scheduler } = yield* start(store, w, { concurrency: 1000 })
      yield* scheduler.scheduleAll(
        Work,
        Array.from({ length: 1000 }, (_, i) => ({
          id: `j${i}`,
          payload: { name: `j${i}` },
          trigger: Trigger.interval("1 minute")
        }))
      )
      for (let minute = 1; minute <= 2; minute++) {
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(found.splice(0), [128, 512, 360])
        assert.strictEqual(w.log.length, minute * 1000)
      }
    }))
})
