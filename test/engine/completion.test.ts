import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { JobStore, MemoryJobStore, Run, SchedulerError } from "effect-scheduler"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { temporaryFile } from "../stores/sqlite/files.ts"
import { Charge, charged, fixture, inTransaction, scenarios, untilTold, write } from "../support/completing.ts"
import { turns, withVerbs } from "../support/world.ts"

const file = Layer.unwrap(Effect.map(temporaryFile, (name) => SqliteJobStore.layerFile(name)))

describe("completion in the transaction of the handler's own writes, on SQLite", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(name, () => Effect.provide(scenario, file))
  }

  it.effect("a handler that goes on after the commit is not taken for one that lost its run", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const f = yield* fixture((order) =>
        Effect.tap(
          inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged))),
          () => Deferred.await(gate)
        )
      )
      yield* f.scheduler.run(Charge, { payload: { order: "o" } })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(f.told, [])
      yield* Deferred.succeed(gate, undefined)
      yield* untilTold(f.told, 1)
      assert.deepStrictEqual(f.told, ["succeeded"])
    }).pipe(Effect.provide(file)))

  it.effect("a process that dies between the commit and all that follows it does not run it again", () =>
    Effect.gen(function*() {
      const store = yield* JobStore.JobStore
      let dead = false
      const mortal = withVerbs(store, (store) => {
        const verb =
          <A extends Array<any>, B>(call: (...args: A) => Effect.Effect<B, SchedulerError.StoreError>) =>
          (...args: A) =>
            Effect.suspend(() =>
              dead
                ? Effect.fail(new SchedulerError.StoreError({ verb: "any", retryable: true, message: "dead" }))
                : call(...args)
            )
        const { beat, claim, commit, leave, settle } = store
        return {
          beat: verb(beat),
          claim: verb(claim),
          commit: verb(commit),
          leave: verb(leave),
          settle: verb(settle)
        }
      })
      const scope = yield* Scope.make()
      const first = yield* fixture((order) =>
        Effect.andThen(
          inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged))),
          Effect.andThen(Effect.sync(() => dead = true), Effect.never)
        )
      ).pipe(Scope.provide(scope), Effect.provideService(JobStore.JobStore, mortal))
      yield* first.scheduler.enqueue(Charge, { id: "r", payload: { order: "o" } })
      yield* Effect.repeat(turns, { until: () => dead })
      yield* Scope.close(scope, Exit.void)

      const second = yield* fixture(() => Effect.die("it ran again"), { reap: "1 second" })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(second.attempts(), 0)
      const [run] = yield* second.scheduler.runs()
      assert.deepStrictEqual([run?.id, run?.outcome, run?.fence], ["r", "succeeded", 1])
      assert.deepStrictEqual(yield* second.rows, ["o"])
    }).pipe(Effect.provide(file)))

  it.effect("a commit whose reply is lost is told of as what it is", () =>
    Effect.gen(function*() {
      const store = yield* JobStore.JobStore
      const deaf = withVerbs(store, ({ transaction }) => ({
        transaction: Effect.map(transaction, (open) => open && { afterCommit: () => Effect.void })
      }))
      const f = yield* fixture((order) =>
        Effect.andThen(
          inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged))),
          Effect.die("the connection broke during the commit")
        )
      ).pipe(Effect.provideService(JobStore.JobStore, deaf))
      yield* f.scheduler.run(Charge, { payload: { order: "o" } })
      yield* untilTold(f.told, 1)
      assert.deepStrictEqual([f.told, yield* f.rows], [["succeeded"], ["o"]])
    }).pipe(Effect.provide(file)))

  it.effect("a timeout in the middle of the transaction rolls it back", () =>
    Effect.gen(function*() {
      const f = yield* fixture((order, attempt) =>
        inTransaction(Effect.gen(function*() {
          yield* write(`${order}${attempt}`)
          const value = yield* Run.complete(Charge, charged)
          return attempt === 1 ? yield* Effect.never : value
        }))
      )
      yield* f.scheduler.enqueue(Charge, { id: "r", payload: { order: "o" }, timeout: "10 seconds" })
      yield* turns
      yield* TestClock.adjust("10 seconds")
      yield* untilTold(f.told, 2)
      assert.deepStrictEqual([f.told, yield* f.rows], [["RunRetrying", "succeeded"], ["o2"]])
    }).pipe(Effect.provide(file)))
})

it.effect("a store without transactions refuses it", () =>
  Effect.gen(function*() {
    const f = yield* fixture((order) => inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged))))
    const error = yield* Effect.flip(f.scheduler.run(Charge, { payload: { order: "o" } }))
    assert.include(String(error), "an SQL store")
    assert.deepStrictEqual(yield* f.rows, [])
  }).pipe(
    // The handler's database is not the store's.
    Effect.provide(Layer.merge(MemoryJobStore.layer, SqliteClient.layer({ filename: ":memory:" })))
  ))
