import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { MemoryJobStore, Run, Scheduler } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, start, turns, Work, world } from "../support/world.ts"

describe("cancel", () => {
  it.effect("a running run: returns when its finalizers have run, with the reason kept", () => {
    const w = world()
    w.behave = () =>
      Effect.never.pipe(
        Effect.onInterrupt(() => Effect.andThen(Effect.sleep("2 seconds"), Effect.sync(() => w.log.push("finalized"))))
      )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      // TestClock's very first sleep must not be one in a finalizer: it would be cut short.
      yield* TestClock.adjust("1 second")
      const id = yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      const cancelling = yield* Effect.forkChild(scheduler.cancel(id, { reason: "wrong customer", by: "ops" }), {
        startImmediately: true
      })
      yield* turns
      assert.isUndefined(cancelling.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      const run = yield* Fiber.join(cancelling)
      assert.deepStrictEqual([run.outcome, run.cancel], ["cancelled", { reason: "wrong customer", by: "ops" }])
      assert.include(w.log, "finalized")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a queued run never starts; one that waits for a retry has no further attempt", () => {
    const w = world()
    w.behave = ({ name }) =>
      name === "blocker" ? Effect.as(Effect.sleep("1 minute"), "ok") : Effect.fail(new Refused({ why: "" }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const retried = yield* scheduler.enqueue(Retried, { payload: { name: "retried" } })
      const blocker = yield* scheduler.enqueue(Work, { payload: { name: "blocker" } })
      const queued = yield* scheduler.enqueue(Work, { payload: { name: "queued" } })
      assert.strictEqual((yield* scheduler.cancel(queued)).outcome, "cancelled")
      assert.strictEqual((yield* scheduler.cancel(retried)).outcome, "cancelled")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* scheduler.cancel(blocker)).outcome, "succeeded")
      assert.deepStrictEqual(w.log.filter((line) => !line.includes("failed")), ["retried 1 @0", "blocker 1 @0"])
    }).pipe(Effect.provide(inMemory(w, { concurrency: 1 })))
  })

  it.effect("on another node", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const worker = yield* start(store, w)
      const client = yield* start(store, world(), { paused: true })
      const id = yield* client.scheduler.enqueue(Work, { payload: { name: "x" } })
      const run = yield* client.scheduler.cancel(id)
      assert.strictEqual(run.outcome, "cancelled")
      yield* client.close
      yield* worker.close
    })
  })

  it.effect("from the run itself, and with a timeout: it tells how the run stands", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      w.behave = () =>
        Effect.gen(function*() {
          const { id } = yield* Run.CurrentRun
          yield* Effect.orDie(Effect.uninterruptible(scheduler.cancel(id)))
          w.log.push("came back")
          yield* Effect.sleep("1 hour")
          return "never"
        })
      const id = yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* turns
      assert.include(w.log, "came back")
      assert.strictEqual((yield* scheduler.runs({ ids: [id] }))[0]?.outcome, "cancelled")

      w.behave = () => Effect.uninterruptible(Effect.as(Effect.sleep("1 minute"), "ok"))
      const stubborn = yield* scheduler.enqueue(Work, { payload: { name: "stubborn" } })
      const waiting = yield* Effect.forkChild(scheduler.cancel(stubborn, { timeout: "1 second" }), {
        startImmediately: true
      })
      yield* turns
      yield* TestClock.adjust("1 second")
      const standing = yield* Fiber.join(waiting)
      assert.deepStrictEqual([standing.state, standing.cancel?.reason], ["running", "cancelled"])
      yield* TestClock.adjust("1 minute")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("an unknown run", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      assert.strictEqual((yield* Effect.flip(scheduler.cancel("nobody")))._tag, "RunNotFound")
    }).pipe(Effect.provide(inMemory(world()))))
})

it.effect("a handler that is interrupted can tell why", () => {
  const w = world()
  const reasons: Array<readonly [string, string | undefined]> = []
  w.behave = ({ name }) =>
    Effect.flatMap(Run.CurrentRun, (run) => {
      const told = Effect.flatMap(run.interruptedBy, (by) => Effect.sync(() => reasons.push([name, by])))
      const body = name === "snooze" ? run.snooze("1 hour") : Effect.never
      return Effect.onInterrupt(Effect.andThen(told, body), () => told)
    })
  return Effect.gen(function*() {
    const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), w)
    for (const name of ["cancelled", "shutdown", "snooze"]) {
      yield* scheduler.enqueue(Work, { id: name, payload: { name } })
    }
    yield* scheduler.enqueue(Work, { payload: { name: "timeout" }, timeout: "1 second" })
    yield* TestClock.adjust("1 second")
    yield* scheduler.cancel("cancelled")
    yield* close
    assert.deepStrictEqual(
      reasons.filter(([, by]) => by !== undefined),
      [["snooze", "snooze"], ["cancelled", "cancel"], ["shutdown", "shutdown"]]
    )
    // While nobody ends it there is no reason, and none but its own when it takes too long.
    assert.strictEqual(reasons.length, 8)
  })
})
