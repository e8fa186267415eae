/**
 * Every run that a job may ever have, to the end of the longest chain, has a name for which each store has room.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Continuation, FiberExecutor, type JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { TestClock } from "effect/testing"
import * as MySql from "../stores/mysql/server.ts"

const Step = Task.make("Step")

/** So many runs, one after the other. */
const chain = (depth: number): ReadonlyArray<Continuation.After<typeof Step>> =>
  depth === 0 ? [] : [Continuation.onSuccess(Step, { followedBy: chain(depth - 1) })]

const scheduled = (id: string, depth: number) =>
  Effect.flatMap(Scheduler.Scheduler, (scheduler) =>
    scheduler.schedule(Step, {
      id,
      trigger: Trigger.after("1 second"),
      followedBy: chain(depth)
    }))

const on = (store: Layer.Layer<JobStore.JobStore, unknown>) =>
  Scheduler.layer({ tasks: [Step], poll: "10 millis" }).pipe(
    Layer.provide([Step.toLayer(() => Effect.void), FiberExecutor.layer()]),
    Layer.provideMerge(store)
  )

/** The longest id with which a job of the longest chain is let in. */
const longest = Effect.gen(function*() {
  const error = yield* Effect.flip(scheduled("x".repeat(255), 16))
  assert.strictEqual(error._tag, "InvalidOption")
  assert.strictEqual((error as { readonly field?: string }).field, "id")
  const most = Number(/at most (\d+) characters/.exec(error.message)?.[1])
  assert.isAtMost(most, 254)
  assert.strictEqual((yield* Effect.flip(scheduled("x".repeat(most + 1), 16)))._tag, "InvalidOption")
  return "x".repeat(most)
})

const carriedOut = (id: string) =>
  Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    const [first] = yield* scheduler.runs({ job: id, limit: 1 })
    assert.strictEqual(first?.outcome, "succeeded")
    const runs = yield* scheduler.runs({ limit: 100 })
    assert.strictEqual(runs.length, 17)
    assert.isTrue(runs.every(({ outcome }) => outcome === "succeeded"))
    assert.isAtMost(Math.max(...runs.map(({ id }) => id.length)), 320)
  })

describe("a name that not every store keeps as it is", () => {
  const refused = (field: string) => <A, R>(call: Effect.Effect<A, unknown, R>) =>
    Effect.map(Effect.flip(call), (error) => assert.propertyVal(error, "field", field))

  it.effect("is refused, as an id and as a key", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const trigger = Trigger.after("1 second")
      for (const name of ["cut \ud83d", "\ude00 cut", "nothing\u0000"]) {
        yield* refused("id")(scheduled(name, 0))
        yield* refused("id")(scheduler.enqueue(Step, { id: name }))
        yield* refused("key")(scheduler.enqueue(Step, { key: name, unique: true }))
        yield* refused("key")(scheduler.schedule(Step, { id: "a", trigger, key: name, concurrency: { key: 1 } }))
        const onSuccess = Continuation.onSuccess(Step, { key: name, concurrency: { key: 1 } })
        yield* refused("followedBy[0].key")(scheduler.enqueue(Step, { followedBy: [onSuccess] }))
      }
      yield* scheduled("whole 😀", 0)
      yield* scheduler.enqueue(Step, { key: "whole 😀\t", unique: true })
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id }) => id), ["whole 😀"])
    }).pipe(Effect.provide(on(MemoryJobStore.layer))))
})

describe("a job whose id and chain are long", () => {
  it.effect("is refused with the length that its id may have, and runs to the end with that", () =>
    Effect.gen(function*() {
      const id = yield* longest
      yield* scheduled(id, 16)
      yield* TestClock.adjust("1 minute")
      yield* carriedOut(id)
      yield* scheduled("y".repeat(255), 0)
      yield* scheduled("z".repeat(255), 3)
    }).pipe(Effect.provide(on(MemoryJobStore.layer))))

  it.effect("is refused when it is imported", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* longest
      yield* scheduled(id, 16)
      const texts = yield* Stream.runCollect(scheduler.exportJobs())
      yield* scheduler.remove(id)
      const error = yield* Effect.flip(scheduler.importJobs(texts.map((text) => text.replaceAll(id, `${id}x`))))
      assert.match(error.message, new RegExp(`at most ${id.length} characters`))
      yield* scheduler.importJobs(texts)
    }).pipe(Effect.provide(on(MemoryJobStore.layer))))

  it.live.skipIf(!MySql.isRunning)("runs to the end on MariaDB, whose names are bounded", () =>
    Effect.gen(function*() {
      const database = yield* MySql.temporaryDatabase
      yield* Effect.gen(function*() {
        const id = yield* longest
        yield* scheduled(id, 16)
        const scheduler = yield* Scheduler.Scheduler
        yield* Effect.delay(scheduler.runs({ limit: 100 }), "50 millis").pipe(
          Effect.repeat({ until: (runs) => runs.length === 17 && runs.every(({ outcome }) => outcome !== undefined) }),
          Effect.timeout("30 seconds")
        )
        yield* carriedOut(id)
      }).pipe(Effect.provide(on(MySqlJobStore.layerUrl(MySql.url(database)))))
    }), 60_000)
})
