/**
 * Tables that somebody has changed by hand are told from those that the migrations make.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../src/SchedulerError.ts"
import * as MySql from "./mysql/server.ts"
import * as Postgres from "./postgres/server.ts"
import { temporaryFile } from "./sqlite/files.ts"

/** A database with fresh tables. */
interface Fresh {
  readonly sql: SqlClient
  /** How a table is called in a statement. */
  readonly table: (name: string) => string
  readonly dropIndex: (index: string, table: string) => string
  /** Counts all tables and indexes there are. */
  readonly count: string
  readonly drift: Effect.Effect<ReadonlyArray<string>, StoreError>
  readonly open: (options: { readonly check: boolean }) => Effect.Effect<unknown, StoreError>
}

const databases: Record<
  string,
  { readonly runs: boolean; readonly fresh: Effect.Effect<Fresh, unknown, Scope.Scope> }
> = {
  SQLite: {
    runs: true,
    fresh: Effect.gen(function*() {
      const filename = yield* temporaryFile
      const context = yield* Layer.build(SqliteClient.layer({ filename }))
      yield* Effect.scoped(Layer.build(SqliteJobStore.layerMigrate())).pipe(Effect.provideContext(context))
      return {
        sql: Context.get(context, SqlClient),
        table: (name) => `scheduler_${name}`,
        dropIndex: (index) => `DROP INDEX scheduler_${index}`,
        count: "SELECT count(*) FROM sqlite_master",
        drift: Effect.provideContext(SqliteJobStore.drift(), context),
        open: (options) => Effect.provideContext(SqliteJobStore.make(options), context)
      }
    })
  },
  PostgreSQL: {
    runs: Postgres.isRunning,
    fresh: Effect.gen(function*() {
      const schema = yield* Postgres.temporarySchema
      const context = yield* Layer.build(Postgres.client({ maxConnections: 2 }))
      const options = { schema, listen: false }
      yield* Effect.scoped(Layer.build(PostgresJobStore.layerMigrate(options))).pipe(Effect.provideContext(context))
      return {
        sql: Context.get(context, PgClient.PgClient),
        table: (name) => `${schema}.scheduler_${name}`,
        dropIndex: (index) => `DROP INDEX ${schema}.scheduler_${index}`,
        count: `SELECT count(*) FROM pg_class WHERE relnamespace IN ('${schema}'::regnamespace, pg_my_temp_schema())`,
        drift: Effect.provideContext(PostgresJobStore.drift(options), context),
        open: (more) =>
          Effect.scoped(PostgresJobStore.make({ ...options, ...more })).pipe(Effect.provideContext(context))
      }
    })
  },
  MySQL: {
    runs: MySql.isRunning,
    fresh: Effect.gen(function*() {
      const database = yield* MySql.temporaryDatabase
      const context = yield* Layer.build(MySql.client(database, { maxConnections: 2 }))
      yield* Effect.scoped(Layer.build(MySqlJobStore.layerMigrate())).pipe(Effect.provideContext(context))
      return {
        sql: Context.get(context, SqlClient),
        table: (name) => `scheduler_${name}`,
        dropIndex: (index, table) => `DROP INDEX scheduler_${index} ON scheduler_${table}`,
        count: "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()",
        drift: Effect.provideContext(MySqlJobStore.drift(), context),
        open: (options) => Effect.provideContext(MySqlJobStore.make(options), context)
      }
    })
  }
}

describe("drift", () => {
  for (const [name, { fresh, runs }] of Object.entries(databases)) {
    describe.runIf(runs)(name, () => {
      it.live("fresh tables have none, and looking leaves nothing behind", () =>
        Effect.gen(function*() {
          const { count, drift, open, sql, table } = yield* fresh
          const before = yield* sql.unsafe(count).values
          assert.deepStrictEqual(yield* drift, [])
          assert.deepStrictEqual(yield* drift, [])
          assert.deepStrictEqual(yield* sql.unsafe(count).values, before)
          yield* open({ check: true })
          // an index of somebody's own that hurts nobody
          yield* sql.unsafe(`CREATE INDEX mine ON ${table("runs")} (ns, task)`)
          assert.deepStrictEqual(yield* drift, [])
        }), 60_000)

      it.live(
        "what was changed by hand is told, each in a sentence, and refused when asked to",
        () =>
          Effect.gen(function*() {
            const { drift, dropIndex, open, sql, table } = yield* fresh
            const [runs, jobs, verdicts] = [table("runs"), table("jobs"), table("verdicts")]
            yield* sql.unsafe(`ALTER TABLE ${runs} DROP COLUMN progress`)
            yield* sql.unsafe(`ALTER TABLE ${runs} ADD COLUMN mood INTEGER`)
            yield* sql.unsafe(dropIndex("runs_ready", "runs"))
            yield* sql.unsafe(dropIndex("jobs_due", "jobs"))
            yield* sql.unsafe(`CREATE INDEX scheduler_jobs_due ON ${jobs} (ns, id)`)
            yield* sql.unsafe(`CREATE UNIQUE INDEX strict ON ${jobs} (ns, task)`)
            yield* sql.unsafe(`DROP TABLE ${verdicts}`)
            const differences = yield* drift
            const expected = [
              /^index jobs_due of \S+jobs is \(ns, id\), expected \(ns, next_due, id\)/,
              /^index strict of \S+jobs \(unique \(ns, task\)\) is not this library's, and refuses rows$/,
              /^column \S+runs\.progress is missing, expected /,
              /^column \S+runs\.mood \(int.*\) is not this library's$/i,
              /^index runs_ready of \S+runs is missing, expected \(ns, lane, order_at, id\)/,
              /^table \S+verdicts is missing$/
            ]
            for (const says of expected) {
              assert.isTrue(
                differences.some((difference) => says.test(difference)),
                `${says}\n${differences.join("\n")}`
              )
            }
            assert.strictEqual(differences.length, expected.length, differences.join("\n"))
            yield* open({ check: false })
            const error = yield* Effect.flip(open({ check: true }))
            assert.isFalse(error.retryable)
            assert.include(error.message, "verdicts is missing")
          }),
        60_000
      )

      it.live("a table made anew with another type and no primary key", () =>
        Effect.gen(function*() {
          const { drift, sql, table } = yield* fresh
          yield* sql.unsafe(`DROP TABLE ${table("rates")}`)
          yield* sql.unsafe(`CREATE TABLE ${table("rates")} (ns VARCHAR(9) NOT NULL, name VARCHAR(9), full_at REAL)`)
          const differences = (yield* drift).join("\n")
          assert.match(differences, /column \S+rates\.ns is (varchar|character varying)\(9\).* not null, expected /i)
          assert.match(differences, /column \S+rates\.name is .*, expected .* not null/i)
          assert.match(differences, /column \S+rates\.full_at is \w+.*, expected bigint/i)
          assert.match(differences, /table \S+rates has no primary key, expected \(ns, name\)/)
          assert.match(differences, /index rates_full of \S+rates is missing, expected \(ns, full_at\)/)
        }), 60_000)

      it.live("tables of another version, or none", () =>
        Effect.gen(function*() {
          const { drift, sql, table } = yield* fresh
          yield* sql.unsafe(`DELETE FROM ${table("migrations")} WHERE migration_id > 1`)
          assert.match((yield* drift)[0]!, /the tables are of version 1, and this effect-scheduler makes version \d+/)
          yield* sql.unsafe(`DROP TABLE ${table("migrations")}`)
          const differences = yield* drift
          assert.strictEqual(differences.length, 1)
          assert.match(differences[0]!, /there are no tables/)
        }), 60_000)
    })
  }
})
