/**
 * An `SqlClient` over `node:sqlite`, the SQLite that Node brings along.
 *
 * **When to use**
 *
 * Provide it where a program wants its own tables and the scheduler's in one file, and one transaction across both.
 *
 * **Details**
 *
 * One connection, in WAL mode with foreign keys on. Statements are prepared once and kept. Fibers take turns: a transaction has the
 * connection to itself until it ends.
 *
 * **Gotchas**
 *
 * `node:sqlite` is synchronous: while a statement runs, no fiber does. So a connection never waits inside SQLite for a lock that
 * another process holds; the client waits between attempts instead, on the machine's clock whatever the program's `Clock` is.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Borrower, Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError, UnknownError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

/**
 * How a file is opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** A path, or `:memory:`. */
  readonly filename: string
  /**
   * What a commit waits for. `full`, the default: it is on the disk and survives a power failure. `normal`: it survives the end of the
   * process, and a power failure may undo the last ones; several times faster.
   */
  readonly synchronous?: "full" | "normal" | undefined
  /** How long to wait for a lock that another connection holds before a statement fails; 5 seconds unless told. */
  readonly busyTimeout?: Duration.Input | undefined
}

/** How many prepared statements are kept. */
const keptStatements = 512

const primaryKeyViolated = 1555
const uniqueViolated = 2067
const busy = 5

const toSqlError = (cause: unknown, operation: string): SqlError => {
  const error = cause as { readonly errcode?: number; errno?: number }
  // the classifier looks for `errno`, and does not count a duplicate primary key as a duplicate
  if (error.errcode !== undefined) error.errno = error.errcode === primaryKeyViolated ? uniqueViolated : error.errcode
  return new SqlError({ reason: classifySqliteError(cause, { message: messageOf(cause), operation }) })
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const isBusy = (error: unknown): boolean => error instanceof SqlError && error.reason._tag === "LockTimeoutError"

/** Short steps at first, as most transactions are over within a millisecond or two. */
const longestStep = Duration.millis(25)
const backoff = Schedule.exponential("1 millis", 1.5).pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, longestStep)))
)

const toInput = (value: unknown): SQLInputValue => {
  if (value === undefined) return null
  if (typeof value === "boolean") return value ? 1 : 0
  if (value instanceof Date) return value.toISOString()
  return value as SQLInputValue
}

const open = (options: Options): Effect.Effect<DatabaseSync, SqlError> =>
  Effect.try({
    try: () => {
      const db = new DatabaseSync(options.filename, { timeout: 1 })
      try {
        db.exec(`
          PRAGMA journal_mode = WAL;
          PRAGMA synchronous = ${options.synchronous ?? "full"};
          PRAGMA foreign_keys = ON;
          PRAGMA cache_size = -16384;
          PRAGMA temp_store = memory`)
        return db
      } catch (error) {
        db.close()
        throw error
      }
    },
    catch: (cause) => {
      if (((cause as { readonly errcode?: number }).errcode ?? 0) % 256 === busy) return toSqlError(cause, "open")
      const message = `cannot open the SQLite database ${JSON.stringify(options.filename)}: ${messageOf(cause)}`
      return new SqlError({ reason: new UnknownError({ cause, message, operation: "open" }) })
    }
  })

interface Prepared {
  readonly statement: StatementSync
  readonly yieldsRows: boolean
}

const connectionOf = (db: DatabaseSync): Connection => {
  const prepareNew = (text: string): Prepared => {
    const statement = db.prepare(text)
    return { statement, yieldsRows: statement.columns().length > 0 }
  }
  const statements = new Map<string, Prepared>()
  const prepare = (text: string): Prepared => {
    let statement = statements.get(text)
    if (statement === undefined) {
      statement = prepareNew(text)
      if (statements.size >= keptStatements) statements.delete(statements.keys().next().value!)
    } else {
      // the least recently used comes first
      statements.delete(text)
    }
    statements.set(text, statement)
    return statement
  }
  const run = (
    text: string,
    parameters: ReadonlyArray<unknown>,
    as: "rows" | "values" | "raw",
    keep: boolean
  ): Effect.Effect<any, SqlError> =>
    Effect.suspend((): Effect.Effect<any, SqlError> => {
      try {
        const { statement, yieldsRows } = keep ? prepare(text) : prepareNew(text)
        const input = parameters.map(toInput)
        if (!yieldsRows) {
          const changes = statement.run(...input)
          return Effect.succeed(as === "raw" ? changes : [])
        }
        statement.setReturnArrays(as === "values")
        return Effect.succeed(statement.all(...input))
      } catch (cause) {
        return Effect.fail(toSqlError(cause, "execute"))
      }
    })
  const rows = (keep: boolean): Connection["execute"] => (text, parameters, transform) => {
    const found = run(text, parameters, "rows", keep)
    return transform === undefined ? found : Effect.map(found, transform)
  }
  const execute = rows(true)
  return {
    execute,
    executeUnprepared: rows(false),
    executeRaw: (text, parameters) => run(text, parameters, "raw", true),
    executeValues: (text, parameters) => run(text, parameters, "values", true),
    executeValuesUnprepared: (text, parameters) => run(text, parameters, "values", false),
    executeStream: (text, parameters, transform) => Stream.fromIterableEffect(execute(text, parameters, transform))
  }
}

/**
 * Opens a database file, making it if need be. It is closed with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope | Reactivity.Reactivity> = Effect.fnUntraced(
  function*(options: Options) {
    const waiting = Schedule.upTo(backoff, { duration: options.busyTimeout ?? "5 seconds" })
    const machineClock = Clock.Clock.defaultValue()

    /** Tries again while somebody else holds the lock. Between attempts the connection is free for other fibers. */
    const retryWhile = (waits: (error: unknown) => boolean) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
      // the common case pays for neither a schedule nor a clock
      Effect.catchIf(self, waits, () =>
        Effect.flatMap(Clock.Clock, (clock) =>
          Effect.provideService(self, Clock.Clock, clock).pipe(
            Effect.retry({ while: waits, schedule: waiting }),
            Effect.provideService(Clock.Clock, machineClock)
          ))) as Effect.Effect<A, E, R>
    const retryBusy = retryWhile(isBusy)

    const db = yield* Effect.acquireRelease(
      retryBusy(open(options)),
      (db) => Effect.sync(() => db.close())
    )
    const acquirers = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connectionOf(db)),
      semaphore: yield* Semaphore.make(1),
      isTransaction: () => db.isTransaction
    })
    const borrower: Borrower = (use) => retryBusy(acquirers.borrower(use))
    const client = yield* SqlClient.make({
      ...acquirers,
      borrower,
      compiler: Statement.makeCompilerSqlite(),
      driver: "node-sqlite",
      spanAttributes: [["db.system.name", "sqlite"]],
      // a transaction that began with reading could not be let through once somebody else wrote
      beginTransaction: "BEGIN IMMEDIATE",
      prepareTransactionControls: true,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
    })
    const { withTransaction } = client
    return Object.assign(client, {
      /** What waits for the lock is `BEGIN`; once the effect has begun, nothing is tried again. */
      withTransaction: <R, E, A>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> =>
        Effect.suspend(() => {
          let begun = false
          const transaction = withTransaction(Effect.suspend(() => {
            begun = true
            return effect
          }))
          return retryWhile((error) => !begun && isBusy(error))(transaction)
        })
    })
  }
)

/**
 * Opens a database file for as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effectContext(
    Effect.map(make(options), (client) => Context.make(SqlClient.SqlClient, client))
  ).pipe(Layer.provide(Reactivity.layer))
