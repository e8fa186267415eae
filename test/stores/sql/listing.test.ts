import { assert, describe, it } from "@effect/vitest"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Statement from "effect/sql/Statement"

const { at, run } = Suite

describe("a list of runs", () => {
  it.effect("shows a run once that ends while it is made", () =>
    Effect.gen(function*() {
      const store = yield* SqliteJobStore.make()
      yield* store.enqueue({ now: at(0), runs: [run("a"), run("b")] })
      const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(1) })
      let statements = 0
      const transformer: Statement.Transformer = (statement) =>
        Effect.gen(function*() {
          statements++
          if (statements === 2) {
            yield* store.settle({
              now: at(2),
              settlements: runs.map((row) => Suite.done(row, at(2)))
            })
          }
          return statement
        }).pipe(Effect.provideService(Statement.CurrentTransformer, undefined), Effect.orDie)
      const list = yield* Effect.provideService(store.runs({ limit: 10 }), Statement.CurrentTransformer, transformer)
      assert.strictEqual(statements, 2)
      assert.deepStrictEqual(list.map(({ id }) => id), ["b", "a"])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })), Effect.scoped))
})
