/**
 * The tables, version by version. A version that was released is never edited; a change is a new version.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import type { SqlClient } from "effect/sql/SqlClient"
import { SqlClient as Client } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Statement } from "effect/sql/Statement"
import { StoreError } from "../../SchedulerError.ts"
import { nameIn, type Tables } from "./Database.ts"
import type { Stepwise } from "./Dialect.ts"
import { storeError } from "./errors.ts"

/** The types of columns. Some databases want to know how long a key can be, and set a bound to all of an index together. */
const typesOf = ({ dialect: { intType, keyType, textType } }: Tables) => ({
  int: intType,
  text: textType,
  ns: keyType(64),
  key: keyType(255),
  // a job's id, its incarnation and an instant
  run: keyType(320),
  unique: keyType(512)
})

/**
 * `NULL` in a column that a queue is made of keeps the row out of the queue:
 *
 * - `jobs.next_due`: the job is not planned
 * - `runs.order_at`: not ready; `wake_at`: not waiting; `blocked_at`: not blocked; `node`: not running
 * - `runs.finished`: still going; `going_key`: has no unique key, or no longer
 */
const createTables = (sql: SqlClient, tables: Tables) => {
  const { ownTables, partial } = tables.dialect
  const { int, key, ns, run, text, unique } = typesOf(tables)
  const table = nameIn(tables)
  /** An index lives where its table does. */
  const on = (name: string, of: string) => `${tables.prefix}${name} ON ${table(of)}`
  return Effect.forEach(
    [
      `CREATE TABLE ${table("jobs")} (
      ns ${ns} NOT NULL, id ${key} NOT NULL, incarnation ${key} NOT NULL, revision ${int} NOT NULL,
      task ${key} NOT NULL, lane ${key} NOT NULL, spec ${text} NOT NULL, payload ${text} NOT NULL,
      policy ${text} NOT NULL, tags ${text} NOT NULL, metadata ${text} NOT NULL,
      anchor ${int} NOT NULL, cursor_at ${int}, next_nominal ${int}, next_due ${int},
      state ${key} NOT NULL, pause ${text}, overrides ${text}, tz ${key} NOT NULL,
      created ${int} NOT NULL, updated ${int} NOT NULL,
      PRIMARY KEY (ns, id))`,
      `CREATE INDEX ${on("jobs_due", "jobs")} (ns, next_due, id)${partial("next_due")}`,

      `CREATE TABLE ${table("runs")} (
      ns ${ns} NOT NULL, id ${run} NOT NULL, job ${key}, incarnation ${key}, nominal ${int}, planned ${int} NOT NULL,
      origin ${key} NOT NULL, task ${key} NOT NULL, task_version ${int} NOT NULL, lane ${key} NOT NULL,
      payload ${text} NOT NULL, policy ${text} NOT NULL, ready_at ${int}, boost ${int} NOT NULL, serial ${int},
      at_most_once ${int} NOT NULL, unique_key ${unique}, retention ${int} NOT NULL, trace ${text}, created ${int} NOT NULL,
      state ${key} NOT NULL, order_at ${int}, wake_at ${int}, blocked_at ${int}, bucket ${key}, going_key ${unique},
      fence ${int} NOT NULL DEFAULT 0, attempt ${int} NOT NULL DEFAULT 0, attempts ${text} NOT NULL DEFAULT ('[]'),
      node ${key}, cancel ${text}, claimed ${int}, started ${int}, finished ${int}, outcome ${key}, result ${text},
      progress ${text}, expires_at ${int},
      PRIMARY KEY (ns, id))`,
      `CREATE INDEX ${on("runs_ready", "runs")} (ns, lane, order_at, id)${partial("order_at")}`,
      `CREATE INDEX ${on("runs_waiting", "runs")} (ns, wake_at)${partial("wake_at")}`,
      `CREATE INDEX ${on("runs_blocked", "runs")} (ns, job, blocked_at, id)${partial("blocked_at")}`,
      `CREATE INDEX ${on("runs_held", "runs")} (ns, node)${partial("node")}`,
      `CREATE UNIQUE INDEX ${on("runs_unique", "runs")} (ns, going_key)${partial("going_key")}`,
      `CREATE INDEX ${on("runs_job", "runs")} (ns, job, finished, id)${partial("job")}`,
      `CREATE INDEX ${on("runs_history", "runs")} (ns, finished, id)${partial("finished")}`,
      `CREATE INDEX ${on("runs_expiry", "runs")} (ns, expires_at)${partial("expires_at")}`,

      `CREATE TABLE ${table("verdicts")} (
      ns ${ns} NOT NULL, job ${key} NOT NULL, incarnation ${key} NOT NULL, from_at ${int}, to_at ${int} NOT NULL,
      kind ${key} NOT NULL, reason ${key} NOT NULL, ref ${run}, occurrences ${int}, decided ${int} NOT NULL,
      node ${key} NOT NULL,
      PRIMARY KEY (ns, job, incarnation, to_at))`,
      `CREATE INDEX ${on("verdicts_age", "verdicts")} (ns, to_at)`,

      `CREATE TABLE ${table("nodes")} (
      ns ${ns} NOT NULL, id ${key} NOT NULL, host ${key} NOT NULL, pid ${int} NOT NULL, session ${int},
      expires_at ${int} NOT NULL,
      PRIMARY KEY (ns, id))`,

      `CREATE TABLE ${table("buckets")} (
      ns ${ns} NOT NULL, id ${key} NOT NULL, used ${int} NOT NULL, max ${int}, rate ${text}, updated ${int} NOT NULL,
      PRIMARY KEY (ns, id))`,

      `CREATE TABLE ${table("docs")} (
      ns ${ns} NOT NULL, kind ${key} NOT NULL, id ${key} NOT NULL, revision ${int} NOT NULL, body ${text} NOT NULL,
      updated ${int} NOT NULL,
      PRIMARY KEY (ns, kind, id))`,

      ...ownTables(table)
    ],
    step(sql, tables),
    { discard: true }
  )
}

/**
 * Limits that hold for all nodes, and what runs and verdicts have to say.
 *
 * - `places`: what runs carry limits. `queued_at` is `NULL` while the run has a place under the limit, and its rank while it waits for one
 * - `rates`: how far the bucket of a rate is drawn: until this microsecond it is not full again
 */
const addLimits = (sql: SqlClient, tables: Tables) => {
  const { int, key, ns, run, text } = typesOf(tables)
  const table = nameIn(tables)
  const on = (name: string, of: string) => `${tables.prefix}${name} ON ${table(of)}`
  return Effect.forEach(
    [
      `ALTER TABLE ${table("jobs")} ADD COLUMN task_version ${int} NOT NULL DEFAULT 1`,
      `ALTER TABLE ${table("verdicts")} ADD COLUMN note ${text}`,
      `ALTER TABLE ${table("runs")} ADD COLUMN log ${text}`,
      `ALTER TABLE ${table("runs")} ADD COLUMN limits ${text}`,
      `ALTER TABLE ${table("runs")} ADD COLUMN unique_while ${key} NOT NULL DEFAULT 'going'`,
      // meant for what became the tables below, and never written
      `ALTER TABLE ${table("runs")} DROP COLUMN bucket`,
      `DROP TABLE ${table("buckets")}`,
      `DROP TABLE ${table("docs")}`,

      `CREATE TABLE ${table("places")} (
      ns ${ns} NOT NULL, run ${run} NOT NULL, name ${key} NOT NULL, most ${int} NOT NULL, queued_at ${int},
      PRIMARY KEY (ns, run, name))`,
      `CREATE INDEX ${on("places_queue", "places")} (ns, name, queued_at, run)`,

      `CREATE TABLE ${table("rates")} (
      ns ${ns} NOT NULL, name ${key} NOT NULL, full_at ${int} NOT NULL,
      PRIMARY KEY (ns, name))`,
      `CREATE INDEX ${on("rates_full", "rates")} (ns, full_at)`
    ],
    step(sql, tables),
    { discard: true }
  )
}

/** A statement of a migration; one that was carried out before is passed over. */
const step =
  (sql: SqlClient, { dialect: { stepwise } }: Tables) => (statement: string): Effect.Effect<void, SqlError> => {
    const once = Effect.asVoid(sql.unsafe(statement))
    return stepwise === undefined ? once : Effect.catchIf(once, stepwise.wasDone, () => Effect.void)
  }

const versions = (sql: SqlClient, tables: Tables) => ({
  "0001_tables": createTables(sql, tables),
  "0002_limits": addLimits(sql, tables)
})

/** Carries out all versions, and records none. */
export const makeTables = (sql: SqlClient, tables: Tables): Effect.Effect<void, SqlError> =>
  Effect.forEach(Object.values(versions(sql, tables)), (make) => make, { discard: true })

/**
 * The version of the tables that this library reads and writes.
 *
 * @category constants
 * @since 0.1.0
 */
export const version = 2

/** The version of the tables in the database; 0 if there are none. */
export const versionOf = (sql: SqlClient, tables: Tables): Effect.Effect<number, SqlError> => {
  const table = nameIn(tables)("migrations")
  return Effect.flatMap(sql`${tables.dialect.tableExists(table)}`.values, (found) =>
    found.length === 0
      ? Effect.succeed(0)
      : Effect.map(
        sql`SELECT max(migration_id) FROM ${sql.literal(table)}`.values,
        ([row]) => Number(row?.[0] ?? 0)
      ))
}

/**
 * Fails unless the tables are of the version that this library knows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(
  function*(tables: Tables) {
    const found = yield* versionOf(yield* Client, tables)
    if (found > version) return yield* newer(found)
    if (found < version) return yield* older(found, nameIn(tables)("migrations"))
  },
  Effect.catchTag("SqlError", (error) => Effect.fail(storeError("migrate", error)))
)

const isThere = (looking: Statement<unknown>) => Effect.map(looking.values, (rows) => rows.length > 0)

const atOnce = Effect.fnUntraced(function*(sql: SqlClient, tables: Tables) {
  const { dialect, schema } = tables
  const named = nameIn(tables)
  const table = named("migrations")
  if (dialect.exclusive !== undefined) yield* sql`${dialect.exclusive([table], named)}`
  // who may make tables in a schema need not have the right to make schemas, which a database asks for even where there is nothing to make
  if (schema !== undefined && !(yield* isThere(sql`SELECT 1 FROM pg_namespace WHERE nspname = ${schema}`))) {
    yield* sql`CREATE SCHEMA ${sql.literal(schema)}`
  }
  // Effect's migrator makes the same; but where a server refuses that, it asks again, in a transaction that has failed, and the reason is lost
  if (dialect.isRemote && !(yield* isThere(sql`${dialect.tableExists(table)}`))) {
    yield* sql`CREATE TABLE ${sql.literal(table)} (migration_id integer primary key,
      created_at timestamp with time zone not null default now(), name text not null)`
  }
  yield* Migrator.make({})({ loader: Migrator.fromRecord(versions(sql, tables)), table })
})

/**
 * Each statement is a transaction of its own. A version is recorded after its last one; until then whoever comes next, once the lock is
 * free, begins it again and passes over what was done.
 */
const inSteps = Effect.fnUntraced(function*(sql: SqlClient, tables: Tables, { lock, unlock }: Stepwise) {
  const name = nameIn(tables)("migrations")
  const table = sql.literal(name)
  const run = Effect.gen(function*() {
    const [held] = yield* sql`${lock(name)}`.values
    if (Number(held?.[0]) !== 1) return yield* busy
    // as Effect's migrator makes it
    yield* sql`CREATE TABLE IF NOT EXISTS ${table} (migration_id INTEGER UNSIGNED NOT NULL PRIMARY KEY,
      created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, name VARCHAR(255) NOT NULL)`
    const found = yield* versionOf(sql, tables)
    for (const [key, make] of Object.entries(versions(sql, tables))) {
      const [id, ...words] = key.split("_")
      if (Number(id) <= found) continue
      yield* make
      yield* sql`INSERT INTO ${table} (migration_id, name) VALUES (${Number(id)}, ${words.join("_")})`
    }
  })
  // a connection that is lost takes the lock along
  return yield* Effect.ensuring(run, Effect.ignore(sql`${unlock(name)}`))
})

/**
 * Brings the tables to the version that this library knows; a database of a newer version is refused and left alone.
 *
 * **Details**
 *
 * Safe when several processes start at once: one of them makes the tables and the others find them. Where a database can, it does so in
 * one transaction.
 *
 * @category constructors
 * @since 0.1.0
 */
export const migrate = Effect.fnUntraced(
  function*(tables: Tables) {
    const sql = yield* Client
    const found = yield* versionOf(sql, tables)
    if (found > version) return yield* newer(found)
    if (found === version) return
    const { stepwise } = tables.dialect
    if (stepwise === undefined) yield* sql.withTransaction(atOnce(sql, tables))
    else yield* sql.withTransaction(inSteps(sql, tables, stepwise))
    // somebody newer may have been faster
    const reached = yield* versionOf(sql, tables)
    if (reached > version) return yield* newer(reached)
  },
  Effect.catchTags({
    SqlError: (error) => Effect.fail(storeError("migrate", error)),
    MigrationError: (error) => {
      const { cause } = error
      const why = isSqlError(cause) ? storeError("migrate", cause).message : cause instanceof Error ? cause.message : ""
      const message = why === "" ? error.message : `${error.message}: ${why}`
      return Effect.fail(new StoreError({ verb: "migrate", retryable: false, message, cause: error }))
    }
  })
)

const busy = new StoreError({
  verb: "migrate",
  retryable: true,
  message: "Another process has been making the tables for a minute"
})

const newer = (found: number): StoreError =>
  new StoreError({
    verb: "migrate",
    retryable: false,
    message:
      `The database has tables of version ${found}, written by a newer effect-scheduler; this one knows them up to ` +
      `version ${version}. Nothing was changed; start a version of effect-scheduler that knows version ${found}`
  })

const older = (found: number, table: string): StoreError => {
  const reason = found === 0 ? `there is no ${table}` : `says ${table}`
  return new StoreError({
    verb: "migrate",
    retryable: false,
    message:
      `The database has tables of version ${found} (${reason}), and this effect-scheduler needs version ${version}: ` +
      `provide the layer that migrates, once, before this one`
  })
}
