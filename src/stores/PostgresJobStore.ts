/**
 * Keeps jobs, runs and verdicts in PostgreSQL, for one process or many.
 *
 * **When to use**
 *
 * The durable store for several machines, and for programs that have a PostgreSQL database anyway.
 *
 * **Details**
 *
 * A commit is on the server's disk before a verb answers, unless the server is told otherwise (`synchronous_commit`). Processes wake each
 * other through `LISTEN` and `NOTIFY`, for which a store has a connection of its own beside the client's pool. While that connection is
 * lost they find new work when they poll, and it is made again. It also shows that its process lives: what a process held that was killed
 * is taken over at the second look two seconds or more after its connection has ended, and not only when its lease is over.
 *
 * **Gotchas**
 *
 * A server that never hears that a client has let go of its connection keeps the locks of the transaction that was open on it: set
 * `idle_in_transaction_session_timeout`. A client with `multiplex` does not end connections that have fallen silent.
 *
 * A client reads a row as one message, of 16 MiB unless its `maxMessageSize` says otherwise. So a payload, with its policy, may have half of that, and
 * a result, or the errors of the attempts, a quarter: what is larger is refused with a `StoreError`, and a run whose end is refused ends as `died`.
 *
 * A claim walks past the versions of runs that were claimed since the table was last vacuumed: 3 ms behind 170,000 of them, instead of 0.2. Where thousands of
 * runs a second go through it, let autovacuum come sooner: `ALTER TABLE scheduler_runs SET (autovacuum_vacuum_scale_factor = 0.02)`.
 *
 * A pooler that hands out connections per transaction cannot listen: give the store a client that reaches the server directly, or
 * `listen: false` (processes poll then, and a killed one is missed when its lease is over). Its own transactions are `READ COMMITTED`, PostgreSQL's
 * default: a client with another one is refused. In a stricter transaction of the caller's a verb may fail where somebody else was faster, with
 * an error that says that it may be tried again, and one that would have to see what others do meanwhile is refused: the end of a job's run
 * (`Run.complete`), and adding runs that may have to wait for others (`overlap`, `concurrency`).
 *
 * **Example** (Jobs in a database)
 *
 * ```ts
 * import { PostgresJobStore } from "effect-scheduler/postgres"
 * import { Redacted } from "effect"
 *
 * const Store = PostgresJobStore.layerUrl(Redacted.make("postgres://localhost:5432/app"))
 * ```
 *
 * **Example** (Jobs beside the program's own tables)
 *
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { PostgresJobStore } from "effect-scheduler/postgres"
 * import { Config, Layer } from "effect"
 *
 * const Database = PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") })
 * // what is scheduled inside `sql.withTransaction` is committed, or rolled back, with the program's own writes
 * const Store = PostgresJobStore.layer({ schema: "scheduler" }).pipe(Layer.provideMerge(Database))
 * ```
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { JobStore, type Service } from "../JobStore.ts"
import { StoreError } from "../SchedulerError.ts"
import * as Address from "./address.ts"
import * as Channel from "./postgres/Channel.ts"
import { dialect } from "./postgres/dialect.ts"
import * as Rooms from "./postgres/rooms.ts"
import * as Sessions from "./postgres/sessions.ts"
import { nameIn, type Tables } from "./sql/Database.ts"
import * as Drift from "./sql/drift.ts"
import { storeError } from "./sql/errors.ts"
import * as Host from "./sql/Host.ts"
import * as Hub from "./sql/Hub.ts"
import * as Migrations from "./sql/migrations.ts"
import * as SqlJobStore from "./sql/SqlJobStore.ts"

/**
 * Where the tables are, and what the store may assume.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Host.Options {
  /** The schema of the tables; made if it is missing. Unless told, the one in which the connection makes tables. */
  readonly schema?: string | undefined
  /** Begins the names of the tables; `scheduler_` unless told. Small letters, digits and underscores. */
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
  /** Whether processes wake each other, with one connection of each; true unless told. Otherwise they poll. */
  readonly listen?: boolean | undefined
}

/**
 * The same for a store that connects itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface UrlOptions extends Options {
  /** How its client connects, such as `maxConnections`. `keepAlive` is 15 seconds, and `maxMessageSize` 256 MiB, unless told. */
  readonly client?: Omit<PgClient.PgPoolConfig, "url"> | undefined
}

/** After how long of silence a connection is asked by the network whether its other end is still there. */
const keepAlive = "15 seconds"

/** The largest message that a client reads which was not told, and one that the store makes for itself. */
const clientMessageSize = 16 * 1024 * 1024
const maxMessageSize = 256 * 1024 * 1024

/** PostgreSQL makes names that are not quoted small, and cuts them off after 63 bytes. */
const name = /^[a-z_][a-z0-9_]{0,47}$/

/** Schema and prefix are part of the statements' text. */
const tablesOf = ({ prefix = "scheduler_", schema }: Options): Effect.Effect<Tables, StoreError> => {
  const refuse = (field: string, value: string) =>
    Effect.fail(
      new StoreError({
        verb: "open",
        retryable: false,
        message: `${field}: got ${JSON.stringify(value)}, expected at most 48 small letters, digits and underscores, ` +
          "not beginning with a digit"
      })
    )
  if (schema !== undefined && !name.test(schema)) return refuse("schema", schema)
  return prefix === "" || name.test(prefix)
    ? Effect.succeed({ dialect, prefix, schema })
    : refuse("prefix", prefix)
}

/** The name of a channel has at most 63 bytes, and a namespace is any text; a name that is shared only wakes too many. */
const channelOf = (tables: Tables, namespace: string): string =>
  Buffer.from(`${nameIn(tables)("")} ${namespace}`).subarray(0, 60).toString("latin1").replace(/[^ -~]/g, "_")

/**
 * Makes a store over the `PgClient` of the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<Service, StoreError, PgClient.PgClient | Scope.Scope> = Effect
  .fnUntraced(function*(options: Options = {}) {
    const client = yield* PgClient.PgClient
    const { listen = true, namespace = "default" } = options
    const tables = yield* tablesOf(options)
    yield* onClient(options.migrate === false ? Migrations.check(tables) : Migrations.migrate(tables))
    if (options.check === true) yield* onClient(Drift.refuse(tables))
    yield* onClient(readsCommitted)
    const sessions = listen ? Sessions.make(client, { nodes: nameIn(tables)("nodes"), namespace }) : undefined
    const store = yield* onClient(SqlJobStore.make({
      ...tables,
      namespace,
      hub: yield* sessions === undefined
        ? Hub.make
        : Channel.make(client, { channel: channelOf(tables, namespace), sessions }),
      capabilities: { shared: true, push: listen, transactions: true, durability: "power", claimsOnArrival: true },
      host: Host.make(options, sessions)
    }))
    return Rooms.within(store, client.config.maxMessageSize ?? clientMessageSize)
  })

/** Statements of the store's own see what others have committed, or they would fail wherever somebody else was faster. */
const readsCommitted = Effect.gen(function*() {
  const sql = yield* SqlClient
  const [row] = yield* sql`SELECT current_setting('default_transaction_isolation')`.values
  if (row?.[0] === "read committed") return
  return yield* new StoreError({
    verb: "open",
    retryable: false,
    message:
      `default_transaction_isolation: got ${
        row?.[0]
      }, expected read committed, PostgreSQL's own default: give the store a client ` +
      `with startupParameters: { default_transaction_isolation: "read committed" }`
  })
}).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(storeError("open", error, dialect.isTransient))))

/** The context may have another database as its `SqlClient`. */
const onClient = <A, E>(effect: Effect.Effect<A, E, SqlClient>): Effect.Effect<A, E, PgClient.PgClient> =>
  Effect.flatMap(PgClient.PgClient, (client) => Effect.provideService(effect, SqlClient, client))

/**
 * A store over the program's own `PgClient`, so that jobs join the program's transactions.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<JobStore, StoreError, PgClient.PgClient> =>
  Layer.effect(JobStore, make(options))

/**
 * Only makes the tables, or brings them up to date: for a step of its own before `layer({ migrate: false })`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMigrate = (options: Options = {}): Layer.Layer<never, StoreError, PgClient.PgClient> =>
  Layer.effectDiscard(onClient(Effect.flatMap(tablesOf(options), Migrations.migrate)))

/**
 * How the tables in the database differ from what this version of the library makes: a table, column, index or primary key that is
 * missing, or of another kind, each in plain words. Empty when there is nothing to say. It changes nothing, and is meant for a check before a
 * deploy; the role needs the right to make temporary tables, which it has unless somebody took it away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drift = (options: Options = {}): Effect.Effect<ReadonlyArray<string>, StoreError, PgClient.PgClient> =>
  onClient(Effect.flatMap(tablesOf(options), Drift.drift))

/**
 * A store in the database of a URL, and the client that it uses.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUrl = (
  url: Redacted.Redacted,
  options: UrlOptions = {}
): Layer.Layer<JobStore | PgClient.PgClient | SqlClient, StoreError> =>
  layer(options).pipe(Layer.provideMerge(
    Result.match(
      Address.parse(Redacted.value(url), ["postgres:", "postgresql:"], "postgres://user:password@localhost:5432/app"),
      {
        onFailure: (message) =>
          Layer.effectContext(Effect.fail(new StoreError({ verb: "open", retryable: false, message }))),
        onSuccess: () =>
          Layer.catch(
            PgClient.layer({ keepAlive, maxMessageSize, ...options.client, url }),
            (error: SqlError) => Layer.effectContext(Effect.fail(storeError("open", error, dialect.isTransient)))
          )
      }
    )
  ))
