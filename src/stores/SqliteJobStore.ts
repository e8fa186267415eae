/**
 * Keeps jobs, runs and verdicts in an SQLite file, on the SQLite that Node brings along.
 *
 * **When to use**
 *
 * The durable store for one machine: nothing to install, nothing to run, and several processes may share the file.
 *
 * **Details**
 *
 * By default a commit is on the disk before a verb answers (`synchronous: "full"`), so what was promised survives a power failure.
 * Processes that share a file do not wake each other: an idle one finds new work when it polls.
 *
 * **Example** (Jobs in a file of their own)
 *
 * ```ts
 * import { SqliteJobStore } from "effect-scheduler/sqlite"
 *
 * const Store = SqliteJobStore.layerFile("jobs.db")
 * ```
 *
 * **Example** (Jobs beside the program's own tables)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
 *
 * const Database = SqliteClient.layer({ filename: "app.db" })
 * // what is scheduled inside `sql.withTransaction` is committed, or rolled back, with the program's own writes
 * const Store = SqliteJobStore.layer().pipe(Layer.provideMerge(Database))
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Capabilities, JobStore, type Service } from "../JobStore.ts"
import { StoreError } from "../SchedulerError.ts"
import type { Tables } from "./sql/Database.ts"
import * as Drift from "./sql/drift.ts"
import { storeError } from "./sql/errors.ts"
import * as Host from "./sql/Host.ts"
import * as Hub from "./sql/Hub.ts"
import * as Migrations from "./sql/migrations.ts"
import * as SqlJobStore from "./sql/SqlJobStore.ts"
import { dialect } from "./sqlite/dialect.ts"
import * as SqliteClient from "./sqlite/SqliteClient.ts"

/**
 * What the tables are called, and what the store may assume.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Host.Options {
  /** Begins the names of the tables; `scheduler_` unless told. Letters, digits and underscores. */
  readonly prefix?: string | undefined
  /** Several schedulers may share the tables and not see each other: each in its namespace; `default` unless told. */
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
 * The same for a store that opens its file itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileOptions extends Options, Omit<SqliteClient.Options, "filename"> {}

/** The prefix is part of the statements' text. */
const tablesOf = (options: Options): Effect.Effect<Tables, StoreError> => {
  const prefix = options.prefix ?? "scheduler_"
  return /^([A-Za-z_][A-Za-z0-9_]*)?$/.test(prefix) ? Effect.succeed({ dialect, prefix }) : Effect.fail(
    new StoreError({
      verb: "open",
      retryable: false,
      message: `prefix: got ${
        JSON.stringify(prefix)
      }, expected letters, digits and underscores, not beginning with a digit`
    })
  )
}

const capabilitiesOf = Effect.fnUntraced(function*(sql: SqlClient) {
  const [main] = yield* sql<{ readonly file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`
  const [level] = yield* sql<{ readonly synchronous: number }>`PRAGMA synchronous`
  const isFile = main !== undefined && main.file !== ""
  const capabilities: Capabilities = {
    shared: isFile,
    push: false,
    transactions: true,
    durability: !isFile ? "none" : (level?.synchronous ?? 0) >= 2 ? "power" : "process",
    claimsOnArrival: true
  }
  return capabilities
}, Effect.catchTag("SqlError", (error) => Effect.fail(storeError("open", error))))

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
      capabilities: yield* capabilitiesOf(yield* SqlClient),
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
 * deploy.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drift = (options: Options = {}): Effect.Effect<ReadonlyArray<string>, StoreError, SqlClient> =>
  Effect.flatMap(tablesOf(options), Drift.drift)

/**
 * A store in a file of its own, and the client that it uses.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (
  filename: string,
  options: FileOptions = {}
): Layer.Layer<JobStore | SqlClient, StoreError> =>
  layer(options).pipe(Layer.provideMerge(
    Layer.catch(
      SqliteClient.layer({ filename, synchronous: options.synchronous, busyTimeout: options.busyTimeout }),
      (error: SqlError) => Layer.effectContext(Effect.fail(storeError("open", error)))
    )
  ))
