import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Deferred, Effect } from "effect"
import { MemoryJobStore, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

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

  it.effect("those that end at once are recorded together, as they were claimed", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const store = withVerbs(yield* MemoryJobStore.make(), (store) => ({
        claim: (request) =>
          Effect.tap(store.claim(request), ({ runs }) =>
            Effect.sync(() => {
              if (runs.length > 0) calls.push(`claim ${runs.length}`)
            })),
        settle: (request) => {
          calls.push(`settle ${request.settlements.length}`)
          return store.settle(request)
        }
      }))
      const { scheduler } = yield* start(store, world(), { concurrency: 1000 })
      const payload = (i: number) => ({ payload: { name: `r${i}` } })
      yield* scheduler.enqueueAll(Work, Array.from({ length: 300 }, (_, i) => payload(i)))
      yield* turns
      assert.deepStrictEqual(calls, ["claim 300", "settle 300"])
    }))
})

describe("the lease of a node that has been idle", () => {
  it.effect("is renewed while it commits what it is about to carry out, and nobody looks before that is claimed", () =>
    Effect.gen(function*() {
      const verbs: Array<string> = []
      const told = <A, E>(verb: string, effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          verbs.push(verb)
          return Effect.tap(effect, Effect.yieldNow)
        })
      const inner = yield* MemoryJobStore.make()
      const shared = { ...inner, capabilities: { ...inner.capabilities, shared: true } }
      const store = withVerbs(shared, ({ beat, claim, commit }) => ({
        beat: (node) => told("beat", beat(node)),
        claim: (request) => told(`claim ${request.limit > 0}`, claim(request)),
        commit: (request) => told("commit", commit(request))
      }))
      const w = world()
      const { scheduler } = yield* start(store, w, { lease: "20 seconds", beat: "5 seconds" })
      yield* scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Trigger.interval("1 minute") })
      yield* turns
      verbs.length = 0
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(w.log, ["a 1 @60000"])
      assert.deepStrictEqual(verbs.slice(0, 3), ["beat", "commit", "claim true"])
      assert.lengthOf(verbs.filter((verb) => verb === "beat"), 1)
    }))
})
