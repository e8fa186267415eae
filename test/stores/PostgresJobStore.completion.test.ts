// Live: a real server and a real clock. Nothing waits for time to pass.
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, type Scope } from "effect"
import { JobStore, Run } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { SqlClient } from "effect/sql"
import { Charge, charged, Failed, fixture, inTransaction, scenarios, untilTold, write } from "../support/completing.ts"
import { client, isRunning, temporarySchema } from "./postgres/server.ts"

/** With a store in a schema of its own, and the handlers' table beside it. */
const inSchema = <A, E>(effect: Effect.Effect<A, E, JobStore.JobStore | SqlClient.SqlClient | Scope.Scope>) =>
  Effect.flatMap(temporarySchema, (schema) =>
    Effect.provide(
      Effect.scoped(effect),
      PostgresJobStore.layer({ schema }).pipe(Layer.provideMerge(client({
        maxConnections: 4,
        startupParameters: { synchronous_commit: "off", search_path: schema }
      })))
    ))

describe.skipIf(!isRunning)("completion in the transaction of the handler's own writes, on PostgreSQL", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.live(name, () => inSchema(scenario), 30_000)
  }

  it.live("a transaction of another connection pool is none that the store joins", () =>
    Effect.gen(function*() {
      const other = yield* Layer.build(client({ maxConnections: 1 }))
      const f = yield* fixture(() =>
        inTransaction(Run.complete(Charge, charged)).pipe(Effect.provideContext(other as never))
      )
      const error = yield* Effect.flip(f.scheduler.run(Charge, { payload: { order: "o" } }))
      assert.include(String(error), "no transaction is open")
    }).pipe(inSchema), 30_000)

  it.live(
    "the server ends the connection before the commit: nothing is settled, and it runs again",
    () =>
      Effect.gen(function*() {
        const own = yield* SqlClient.SqlClient
        const cut = yield* Deferred.make<void>()
        const f = yield* fixture((order, attempt) =>
          inTransaction(Effect.gen(function*() {
            yield* write(`${order}${attempt}`)
            const value = yield* Run.complete(Charge, charged)
            if (attempt > 1) return value
            const [session] = yield* Effect.orDie(own<{ pid: number }>`SELECT pg_backend_pid() AS pid`)
            yield* Effect.scoped(Effect.gen(function*() {
              const other = yield* Effect.orDie(Layer.build(client({ maxConnections: 1 })))
              const sql = yield* Effect.provideContext(PgClient.PgClient, other)
              yield* Effect.orDie(sql`SELECT pg_terminate_backend(${session!.pid})`)
            }))
            yield* Deferred.succeed(cut, undefined)
            return value
          })).pipe(Effect.catchDefect(() => Effect.fail(new Failed())))
        )
        yield* f.scheduler.run(Charge, { payload: { order: "o" } })
        yield* untilTold(f.told, 2)
        yield* Deferred.await(cut)
        assert.deepStrictEqual([f.told, yield* f.rows], [["RunRetrying", "succeeded"], ["o2"]])
        const store = yield* JobStore.JobStore
        assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
      }).pipe(inSchema),
    30_000
  )
})
