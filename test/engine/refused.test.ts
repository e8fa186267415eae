/**
 * An outcome that the store refuses for good, while it takes all others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { type JobStore, MemoryJobStore, SchedulerError } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

const refuse = (retryable: boolean) =>
  Effect.fail(new SchedulerError.StoreError({ verb: "settle", retryable, message: "packet too large" }))

/** A store with packets of a thousand characters. */
const narrow = (store: JobStore.Service) =>
  withVerbs(store, ({ settle }) => ({
    settle: (request) =>
      JSON.stringify(request.settlements.map(({ next }) => next)).length > 1_000 * request.settlements.length
        ? refuse(false)
        : settle(request)
  }))

describe("an outcome that the store refuses", () => {
  it.effect("ends its run as died, and the others are recorded as they ended", () => {
    const w = world()
    w.behave = ({ name }) => Effect.as(Effect.sleep("1 second"), name === "large" ? "x".repeat(20_000) : "small")
    return Effect.gen(function*() {
      const { close, scheduler } = yield* start(narrow(yield* MemoryJobStore.make()), w)
      const names = ["a", "b", "large", "c", "d"]
      yield* scheduler.enqueueAll(Work, names.map((name) => ({ id: name, payload: { name } })))
      yield* TestClock.adjust("10 seconds")
      const runs = yield* scheduler.runs({ going: false })
      assert.deepStrictEqual(runs.map(({ id, outcome }) => `${id} ${outcome}`).sort(), [
        "a succeeded",
        "b succeeded",
        "c succeeded",
        "d succeeded",
        "large died"
      ])
      // and the node works on
      yield* scheduler.enqueue(Work, { id: "later", payload: { name: "later" } })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* scheduler.runs({ ids: ["later"] }))[0]!.outcome, "succeeded")
      const result = yield* Effect.flip(scheduler.result(Work, "large"))
      assert.strictEqual(result._tag === "RunFailed" ? result.outcome : result._tag, "died")
      yield* close
    }).pipe(quietly)
  })

  it.effect("only if it takes another one: a store that refuses all is waited for, and nothing is lost", () => {
    const w = world()
    let broken = true
    return Effect.gen(function*() {
      const store = withVerbs(yield* MemoryJobStore.make(), ({ settle }) => ({
        settle: (request) => broken ? refuse(false) : settle(request)
      }))
      const { close, scheduler } = yield* start(store, w)
      yield* scheduler.enqueueAll(Work, ["a", "b"].map((name) => ({ id: name, payload: { name } })))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* scheduler.runs({ going: true })).length, 2)
      broken = false
      yield* TestClock.adjust("10 seconds")
      yield* turns
      assert.deepStrictEqual((yield* scheduler.runs({ going: false })).map(({ outcome }) => outcome), [
        "succeeded",
        "succeeded"
      ])
      yield* close
    }).pipe(quietly)
  })
})
