/**
 * Keeps jobs, runs and verdicts in MariaDB (10.6 or later) or MySQL (8.0.19 or later), for one process or many.
 *
 * **When to use**
 *
 * For programs that have such a database anyway, on one machine or several.
 *
 * **Details**
 *
 * A commit is on the server's disk before a verb answers, unless the server is told otherwise (`innodb_flush_log_at_trx_commit`). The server
 * cannot wake processes: what one of them adds another finds when it polls. What a process held that was killed is taken over when its
 * lease is over; at once, if it ran on the same machine.
 *
 * **Gotchas**
 *
 * Tested on MariaDB 10.11. The statements keep to what the manual of MySQL 8 knows too, but no test has run there.
 *
 * The client's sessions should be `READ COMMITTED`, as those of `MysqlClient` are unless told. In others, as servers have them unless told,
 * a verb has to lock what it only reads, and who claims at that moment passes over it until he looks again. What sessions have when the
 * store is opened must not be raised for single transactions.
 *
 * A server that never hears that a client has let go of its connection keeps the locks of the transaction that was open on it: on MariaDB set
 * the client's `idleTransactionTimeout`.
 *
 * A deadlock undoes the caller's whole transaction, and not the verb alone: the verb fails with an error that says that it may be tried
 * again, and what is tried again is the transaction. Outside of one the store does that itself.
 *
 * Names are bounded: a namespace has at most 64 characters, the id of a run 320, a unique key 512, all others 255. One batch has to fit into
 * the server's `max_allowed_packet`: what does not is refused with a `StoreError`, and a run whose end is refused ends as `died`.
 *
 * **Example** (Jobs in a database)
 *
 * ```ts
 * import { MySqlJobStore } from "effect-scheduler/mysql"
 * import { Redacted } from "effect"
 *
 * const Store = MySqlJobStore.layerUrl(Redacted.make("mysql://root@localhost:3306/app"))
 * ```
 *
 * **Example** (Jobs beside the program's own tables)
 *
 * ```ts
 * import { MysqlClient, MySqlJobStore } from "effect-scheduler/mysql"
 * import { Layer, Redacted } from "effect"
 *
 * const Database = MysqlClient.layer({ url: Redacted.make("mysql://root@localhost:3306/app") })
 * // what is scheduled inside `sql.withTransaction` is committed, or rolled back, with the program's own writes
 * const Store = MySqlJobStore.layer({ prefix: "jobs_" }).pipe(Layer.provideMerge(Database))
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { JobStore, type Service } from "../JobStore.ts"
import { StoreError } from "../SchedulerError.ts"
import * as Dialect from "./mysql/dialect.ts"
import { isTransient } from "./mysql/errors.ts"
import * as MysqlClient from "./mysql/MysqlClient.ts"
import type { Tables } from "./sql/Database.ts"
import * as Drift from "./sql/drift.ts"
import { storeError } from "./sql/errors.ts"
import * as Host from "./sql/Host.ts"
import * as Hub from "./sql/Hub.ts"
import * as Migrations from "./sql/migrations.ts"
import * as SqlJobStore from "./sql/SqlJobStore.ts"

/**
 * What the tables are called, and what the store may assume.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Host.Options {
  /** Begins the names of the tables; `scheduler_` unless told. Small letters, digits and underscores. */
  readonly prefix?: string | undefined
  /**
   * Several schedulers may share the tables and not see each other: each in its namespace, of at most 64 characters; `default` unless
   * told.
   */
  readonly namespace?: string | undefined
  /** Whether missing tables are made, and old ones brought up to date, when the layer is built; true unless told. */
  readonly migrate?: boolean | undefined
  /**
   * Whether to refuse tables that are not what this version makes, as somebody may have changed them by hand; false unless told. See
   * `drift`.
   */
  readonly check?: boolean | undefined
}

/**
 * The same for a store that connects itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface UrlOptions extends Options {
  /** How its client connects, such as `maxConnections`. */
  readonly client?: Omit<MysqlClient.Options, "url"> | undefined
}

const refuse = (field: string, value: string, expected: string): StoreError =>
  new StoreError({
    verb: "open",
    retryable: false,
    message: `${field}: got ${JSON.stringify(value)}, expected ${expected}`
  })

/** Which server this is, as the client's sessions see it; one that would cut off what is too long, instead of refusing it, is refused. */
const serverOf = Effect.fnUntraced(function*(sql: SqlClient) {
  const [row] = yield* sql`SELECT VERSION(), @@SESSION.sql_mode, DATABASE()`.values
  const [version, mode, database] = [String(row?.[0]), String(row?.[1]), row?.[2]]
  if (typeof database !== "string") {
    return yield* new StoreError({
      verb: "open",
      retryable: false,
      message:
        "database: got none, expected one in the client's url, such as mysql://localhost:3306/app, for the tables to be in"
    })
  }
  if (!/\bSTRICT_(ALL|TRANS)_TABLES\b/.test(mode)) {
    return yield* refuse(
      "sql_mode",
      mode,
      "STRICT_ALL_TABLES or STRICT_TRANS_TABLES among them, as servers have it unless told"
    )
  }
  // by the name that the server has for it
  const [isolation] = yield* sql`SHOW SESSION VARIABLES
    WHERE Variable_name IN ('transaction_isolation', 'tx_isolation')`.values
  return { isMariaDb: /mariadb/i.test(version), readsCommitted: isolation?.[1] === "READ-COMMITTED" }
}, Effect.catchTag("SqlError", (error) => Effect.fail(openError(error))))

const openError = (error: SqlError): StoreError => storeError("open", error, ({ reason }) => isTransient(reason.cause))

/** The prefix is part of the statements' text, and a name has at most 64 characters. */
const tablesOf = Effect.fnUntraced(function*({ namespace = "default", prefix = "scheduler_" }: Options) {
  if (!/^([a-z_][a-z0-9_]{0,39})?$/.test(prefix)) {
    return yield* refuse(
      "prefix",
      prefix,
      "at most 40 small letters, digits and underscores, not beginning with a digit"
    )
  }
  if (namespace.length > 64) return yield* refuse("namespace", namespace, "at most 64 characters")
  const tables: Tables = { dialect: Dialect.make(yield* serverOf(yield* SqlClient)), prefix }
  return tables
})

/**
 * Makes a store over the `SqlClient` of the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<Service, StoreError, SqlClient> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const tables = yield* tablesOf(options)
    yield* options.migrate === false ? Migrations.check(tables) : Migrations.migrate(tables)
    if (options.check === true) yield* Drift.refuse(tables)
    return yield* SqlJobStore.make({
      ...tables,
      hub: yield* Hub.make,
      namespace: options.namespace ?? "default",
      capabilities: { shared: true, push: false, transactions: true, durability: "power" },
      host: Host.make(options)
    })
  }
)

/**
 * A store over the program's own `SqlClient`, so that jobs join the program's transactions.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<JobStore, StoreError, SqlClient> =>
  Layer.effect(JobStore, make(options))

/**
 * Only makes the tables, or brings them up to date: for a step of its own before `layer({ migrate: false })`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMigrate = (options: Options = {}): Layer.Layer<never, StoreError, SqlClient> =>
  Layer.effectDiscard(Effect.flatMap(tablesOf(options), Migrations.migrate))

/**
 * How the tables in the database differ from what this version of the library makes: a table, column, index or primary key that is
 * missing, or of another kind, each in plain words. Empty when there is nothing to say. It changes nothing, and is meant for a check before a
 * deploy; it makes tables that begin with `effect_scheduler_drift_`, and drops them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drift = (options: Options = {}): Effect.Effect<ReadonlyArray<string>, StoreError, SqlClient> =>
  Effect.flatMap(tablesOf(options), Drift.drift)

/**
 * A store in the database of a URL, and the client that it uses.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUrl = (
  url: Redacted.Redacted,
  options: UrlOptions = {}
): Layer.Layer<JobStore | SqlClient, StoreError> =>
  layer(options).pipe(Layer.provideMerge(
    Layer.catch(
      MysqlClient.layer({ ...options.client, url }),
      (error: SqlError) => Layer.effectContext(Effect.fail(openError(error)))
    )
  ))
