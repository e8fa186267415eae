// Live: a real server and a real clock. Nothing waits for time to pass.
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, type Scope } from "effect"
import { JobStore, Run } from "effect-scheduler"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { SqlClient } from "effect/sql"
import { Charge, charged, Failed, fixture, inTransaction, scenarios, untilTold, write } from "../support/completing.ts"
import { client, isRunning, temporaryDatabase } from "./mysql/server.ts"

/** With a store in a database of its own, and the handlers' table beside it. */
const inDatabase = <A, E>(effect: Effect.Effect<A, E, JobStore.JobStore | SqlClient.SqlClient | Scope.Scope>) =>
  Effect.flatMap(temporaryDatabase, (database) =>
    Effect.provide(
      Effect.scoped(effect),
      MySqlJobStore.layer().pipe(Layer.provideMerge(client(database, { maxConnections: 4 })))
    ))

describe.skipIf(!isRunning)("completion in the transaction of the handler's own writes, on MariaDB", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.live(name, () => inDatabase(scenario), 30_000)
  }

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
            const [session] = yield* Effect.orDie(own<{ id: number }>`SELECT CONNECTION_ID() AS id`)
            yield* Effect.flatMap(SqlClient.SqlClient, (other) => other.unsafe(`KILL CONNECTION ${session!.id}`)).pipe(
              Effect.provide(client(undefined, { maxConnections: 1 })),
              Effect.orDie
            )
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
      }).pipe(inDatabase),
    30_000
  )
})
