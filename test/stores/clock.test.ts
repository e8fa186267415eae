/**
 * The clock of a store is the time, in epoch milliseconds, whatever zone a session has; a store on one machine has none.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { RedisJobStore } from "effect-scheduler/redis"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql/SqlClient"
import { JobStore, type Service } from "../../src/JobStore.ts"
import * as MySql from "./mysql/server.ts"
import * as Postgres from "./postgres/server.ts"
import * as Redis from "./redis/server.ts"

/** A session that reads the time of day elsewhere. */
const elsewhere = (statement: string) => Effect.flatMap(SqlClient, (sql) => sql.unsafe(statement))

const stores: Record<string, { readonly runs: boolean; readonly open: Effect.Effect<Service, unknown, Scope.Scope> }> =
  {
    PostgreSQL: {
      runs: Postgres.isRunning,
      open: Effect.gen(function*() {
        const schema = yield* Postgres.temporarySchema
        const context = yield* Layer.build(
          PostgresJobStore.layer({ schema, listen: false }).pipe(
            Layer.provideMerge(Postgres.client({ maxConnections: 1 }))
          )
        )
        yield* Effect.provideContext(elsewhere("SET TIME ZONE 'Asia/Kolkata'"), context)
        return Context.get(context, JobStore)
      })
    },
    MySQL: {
      runs: MySql.isRunning,
      open: Effect.gen(function*() {
        const database = yield* MySql.temporaryDatabase
        const context = yield* Layer.build(
          MySqlJobStore.layer().pipe(Layer.provideMerge(MySql.client(database, { maxConnections: 1 })))
        )
        yield* Effect.provideContext(elsewhere("SET time_zone = '+05:30'"), context)
        return Context.get(context, JobStore)
      })
    },
    Redis: {
      runs: !Redis.isMissing,
      open: Effect.provide(RedisJobStore.make(Redis.freshOptions()), Redis.connection)
    }
  }

describe("the clock of a store", () => {
  for (const [name, { open, runs }] of Object.entries(stores)) {
    it.live.runIf(runs)(`${name}: is the time`, () =>
      Effect.gen(function*() {
        const { clock } = yield* open
        const before = Date.now()
        const time = yield* clock!
        assert.isTrue(Number.isInteger(time))
        // these servers are on this machine
        assert.isAtLeast(time, before - 5)
        assert.isAtMost(time, Date.now() + 5)
        assert.isAtLeast(yield* clock!, time)
      }), 60_000)
  }

  it.effect("SQLite has none: its processes are on one machine", () =>
    Effect.gen(function*() {
      const { clock } = yield* JobStore
      assert.isUndefined(clock)
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
})
