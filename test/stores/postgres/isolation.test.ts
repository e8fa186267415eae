import { assert, describe, it } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BeginTransaction } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { client, isRunning } from "./server.ts"
import { opener } from "./stores.ts"

const { at, job, occurrence, run } = Suite
const lanes = ["default/Task"]
const limits = [{ key: "k", max: 1 }]

/** Two processes; one has a run going of a job whose runs come one by one, and one that has the only place under a limit. */
const going = Effect.gen(function*() {
  const { open } = yield* opener
  const [mine, theirs] = yield* Effect.all([open({ listen: false }), open({ listen: false })])
  yield* mine.store.insertJobs([job("j")])
  yield* mine.store.enqueue({
    runs: [occurrence(job("j"), at(1), { serial: 1 }), run("limited", { limits })],
    now: at(9)
  })
  const { runs } = yield* theirs.store.claim({ node: "n", lanes, limit: 5, now: at(9) })
  const end = theirs.store.settle({ settlements: runs.map((run) => Suite.done(run, at(10))), now: at(10) })
  return { mine, theirs, runs, end }
})

const strict = Effect.provideService(BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ")

describe.runIf(isRunning)("transactions that do not see what others commit meanwhile", () => {
  for (
    const [what, next] of [
      ["whose job has one that has just ended", occurrence(job("j"), at(2), { serial: 1 })],
      ["whose limit has just become free", run("next", { limits })]
    ] as const
  ) {
    it.live(`do not keep a run waiting ${what}`, () =>
      Effect.gen(function*() {
        const { end, mine } = yield* going
        const error = yield* Effect.flip(strict(mine.sql.withTransaction(Effect.gen(function*() {
          yield* mine.store.runs({ limit: 1 })
          yield* end
          return yield* mine.store.enqueue({ runs: [next], now: at(11) })
        }))))
        assert.include(error.message, "got repeatable read, expected read committed")
        assert.deepStrictEqual((yield* mine.store.runs({ going: true, limit: 9 })).map(({ id }) => id), [])
      }))
  }

  for (
    const [what, later] of [
      ["for its job", occurrence(job("j"), at(2), { serial: 1 })],
      ["for its place", run("later", { limits })]
    ] as const
  ) {
    it.live(`do not end a run past one that has begun to wait ${what}`, () =>
      Effect.gen(function*() {
        const { mine, runs: claimed, theirs } = yield* going
        const runs = claimed.filter(({ job }) => job === later.job)
        assert.lengthOf(runs, 1)
        const error = yield* Effect.flip(strict(theirs.sql.withTransaction(Effect.gen(function*() {
          yield* theirs.store.runs({ limit: 1 })
          yield* mine.store.enqueue({ runs: [later], now: at(10) })
          return yield* theirs.store.settle({ settlements: runs.map((run) => Suite.done(run, at(11))), now: at(11) })
        }))))
        assert.include(error.message, "expected read committed")
      }))
  }

  it.live("add runs that wait for nobody, and jobs", () =>
    Effect.gen(function*() {
      const { mine } = yield* going
      const answers = yield* strict(mine.sql.withTransaction(Effect.all([
        mine.store.insertJobs([job("other")]),
        mine.store.enqueue({ runs: [run("alone")], now: at(9) })
      ])))
      assert.deepStrictEqual(answers, [["inserted"], ["added"]])
    }))

  it.live("are not those of the store, whatever the program begins its own with", () =>
    Effect.gen(function*() {
      const { mine } = yield* going
      const seen = new Set<unknown>()
      const watched: Statement.Transformer = (statement, sql) =>
        sql`SELECT current_setting('transaction_isolation')`.values.pipe(
          Effect.map(([row]) => void seen.add(row?.[0])),
          Effect.as(statement),
          Effect.provideService(Statement.CurrentTransformer, undefined),
          Effect.orDie
        )
      const answers = yield* strict(mine.store.enqueue({ runs: [run("next", { limits })], now: at(9) })).pipe(
        Effect.provideService(Statement.CurrentTransformer, watched)
      )
      assert.deepStrictEqual(answers, ["added"])
      assert.deepStrictEqual([...seen], ["read committed"])
    }))

  it.live("are refused as a client's own", () =>
    Effect.gen(function*() {
      const { schema } = yield* opener
      const strict = client({ startupParameters: { default_transaction_isolation: "serializable" } })
      const error = yield* Effect.flip(
        Layer.build(PostgresJobStore.layer({ schema }).pipe(Layer.provide(strict)))
      )
      assert.include(error.message, "default_transaction_isolation: got serializable, expected read committed")
    }))
})
