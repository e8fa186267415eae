/**
 * An `SqlClient` for MariaDB and MySQL, over the `mysql2` package.
 *
 * **When to use**
 *
 * Provide it where a program has its own tables and the scheduler's in one database, and one transaction across both.
 *
 * **Details**
 *
 * A pool of connections. Transactions are `READ COMMITTED` unless told otherwise. Whole numbers come back as numbers, and as text where a
 * number cannot hold them; dates are UTC. Statements travel as text with their values written in, in one journey each: preparing them
 * saved less than a tenth of a statement's time, and servers keep few prepared ones.
 *
 * Texts are written with backslashes, whatever the server's `sql_mode` says of them. What is larger than the server's `max_allowed_packet` is refused
 * before it is sent: the server would end the connection, often without a word, and that would look as if it had gone away for a while.
 *
 * A deadlock undoes a transaction as a whole, its savepoints too, and the server would carry out what follows it one by one. So after one
 * the statements of that transaction, and its commit, fail with the error of the deadlock.
 *
 * A fiber that is interrupted while it waits for a statement has the server stop it (`KILL QUERY`). Where that takes longer than a second, the
 * connection is ended, as its server may be silent.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pool from "effect/Pool"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { Borrower, Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import * as Mysql from "mysql2"
import * as Address from "../address.ts"
import { reasonOf, undoesTransaction } from "./errors.ts"

/**
 * How a server is reached.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Such as `mysql://user:password@localhost:3306/app`. */
  readonly url: Redacted.Redacted
  /** How many connections the pool may have; 10 unless told. */
  readonly maxConnections?: number | undefined
  /** After how long an idle connection is closed; a minute unless told. */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long a server may take to answer a new connection; 10 seconds unless told. */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * After how long the server ends a session that has left a transaction open and says nothing, rounded up to whole seconds; never unless told, and
   * nothing is refused. It then gives back the locks of a client that it cannot hear any more. Let it be longer than transactions of the program's own
   * may pause. A server that has no such bound (MySQL) is not told of it.
   */
  readonly idleTransactionTimeout?: Duration.Input | undefined
  /** What transactions see of each other; `READ COMMITTED` unless told. */
  readonly isolation?: "READ COMMITTED" | "REPEATABLE READ" | "SERIALIZABLE" | undefined
  /** How connections are encrypted, in the words of `mysql2`. */
  readonly ssl?: Mysql.ConnectionOptions["ssl"]
}

/** How long a statement may take to stop when nobody waits for it any more. */
const stopping = "1 second"

/** After how long of silence a connection is asked by the network whether its other end is still there. */
const keepAlive = Duration.seconds(15)

/** The bit of a reply's status that says that a transaction is open. */
const inTransaction = 1

const sqlError = (cause: unknown, operation: string): SqlError => new SqlError({ reason: reasonOf(cause, operation) })

/** Objects would be written as assignments, and functions called. */
const toInput = (value: unknown): unknown => {
  if (value === undefined) return null
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value
  return JSON.stringify(value)
}

/** The byte before a statement that says what it is. */
const command = 1

const packetTooLarge = 1153

/** Whether it pays to count: a character has three bytes at most, or two when it is written with a backslash. */
const mayExceed = (most: number, text: string, values: ReadonlyArray<unknown>): boolean => {
  let length = text.length
  // nothing else is long
  for (const value of values) if (typeof value === "string" || value instanceof Uint8Array) length += value.length
  return length * 3 + values.length * 64 > most
}

/** What a session is told when it begins. */
interface Settings {
  readonly isolation: string
  /** In seconds. */
  readonly idleTransaction: number | undefined
}

/** One connection to the server. */
interface Session extends Connection {
  /** Makes the session such as statements assume it to be. */
  readonly prepare: (settings: Settings) => Effect.Effect<unknown, SqlError>
  readonly isBroken: () => boolean
  readonly isInTransaction: () => boolean
  /** Ready for the next one who takes it from the pool. */
  readonly reset: () => void
  readonly close: () => void
}

const open = (config: Mysql.ConnectionOptions): Effect.Effect<Mysql.Connection, SqlError> =>
  Effect.callback((resume) => {
    const connection = Mysql.createConnection(config)
    // what fails while no statement runs is found out by the next one
    connection.on("error", () => {})
    connection.connect((error) =>
      resume(error === null ? Effect.succeed(connection) : Effect.fail(sqlError(error, "connect")))
    )
    return Effect.sync(() => connection.destroy())
  })

/** Refused by this side, in the server's own words for it. */
const tooLarge = (bytes: number, most: number): SqlError =>
  sqlError(
    Object.assign(
      new Error(`The statement has ${bytes} bytes, and the server takes ${most} at most ('max_allowed_packet')`),
      { errno: packetTooLarge, sqlState: "08S01" }
    ),
    "execute"
  )

const sessionOf = (connection: Mysql.Connection, config: Mysql.ConnectionOptions): Session => {
  /** The largest statement that the server takes. */
  let most = Infinity
  let isBroken = false
  let isOpen = false
  let undone: SqlError | undefined
  const lose = () => {
    isBroken = true
  }
  connection.on("error", lose)
  connection.on("end", lose)

  const failed = (cause: Mysql.QueryError): SqlError => {
    const error = sqlError(cause, "execute")
    if (cause.fatal) isBroken = true
    else if (isOpen && undoesTransaction(cause)) undone = error
    return error
  }

  /** Needs a connection of its own, for this one is busy; a server that is silent here may be silent there. */
  const kill = Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(open(config), (other) => Effect.sync(() => other.destroy()), { interruptible: true }),
    (other) =>
      Effect.callback<void>((resume) => {
        other.query(`KILL QUERY ${connection.threadId}`, () => resume(Effect.void))
      })
  ))

  const run = (
    text: string,
    parameters: ReadonlyArray<unknown>,
    as: "rows" | "values" | "raw"
  ): Effect.Effect<any, SqlError> =>
    Effect.callback((resume) => {
      if (undone !== undefined) return resume(Effect.fail(undone))
      let isOver = false
      let over = () => {}
      const inputs = parameters.map(toInput)
      if (mayExceed(most, text, inputs)) {
        const bytes = Buffer.byteLength(connection.format(text, inputs)) + command
        if (bytes >= most) return resume(Effect.fail(tooLarge(bytes, most)))
      }
      const values = parameters.length === 0 ? {} : { values: inputs }
      connection.query({ sql: text, rowsAsArray: as === "values", ...values }, (error, result) => {
        isOver = true
        if (error !== null) {
          resume(Effect.fail(failed(error)))
        } else if (Array.isArray(result)) {
          resume(Effect.succeed(result))
        } else {
          isOpen = ((result as Mysql.ResultSetHeader).serverStatus & inTransaction) !== 0
          resume(Effect.succeed(as === "raw" ? result : []))
        }
        over()
      })
      const ended = Effect.callback<void>((resume) => {
        if (isOver) resume(Effect.void)
        else over = () => resume(Effect.void)
      })
      return Effect.suspend(() =>
        isOver ? Effect.void : Effect.ignore(Effect.andThen(kill, ended)).pipe(
          Effect.interruptible,
          Effect.timeoutOrElse({
            duration: stopping,
            orElse: () =>
              Effect.sync(() => {
                isBroken = true
                connection.destroy()
              })
          }),
          Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
        )
      )
    })

  const execute: Connection["execute"] = (text, parameters, transform) => {
    const found = run(text, parameters, "rows")
    return transform === undefined ? found : Effect.map(found, transform)
  }
  const executeValues: Connection["executeValues"] = (text, parameters) => run(text, parameters, "values")
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: (text, parameters) => run(text, parameters, "raw"),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeStream: (text, parameters, transform) => Stream.fromIterableEffect(execute(text, parameters, transform)),
    prepare: Effect.fnUntraced(function*({ idleTransaction, isolation }) {
      yield* run(`SET SESSION TRANSACTION ISOLATION LEVEL ${isolation}`, [], "raw")
      const [[packet, mode, version]] = yield* run(
        "SELECT @@SESSION.max_allowed_packet, @@SESSION.sql_mode, VERSION()",
        [],
        "values"
      )
      most = Number(packet)
      if (idleTransaction !== undefined && /mariadb/i.test(String(version))) {
        yield* run("SET SESSION idle_transaction_timeout = ?", [idleTransaction], "raw")
      }
      const modes = String(mode).split(",")
      const known = modes.filter((mode) => mode !== "NO_BACKSLASH_ESCAPES")
      // a text could end its quotes there, and go on as a statement
      if (known.length < modes.length) yield* run("SET SESSION sql_mode = ?", [known.join(",")], "raw")
    }),
    isBroken: () => isBroken,
    isInTransaction: () => isOpen && !isBroken && undone === undefined,
    reset: () => {
      // what could not be rolled back must not meet the next one
      if (isOpen && undone === undefined) {
        isBroken = true
        connection.destroy()
      }
      isOpen = false
      undone = undefined
    },
    close: () => {
      if (isBroken) connection.destroy()
      else connection.end(() => {})
    }
  }
}

/** In whole seconds; `undefined`: never. */
const secondsOf = (idle: Duration.Input = Duration.infinity): Effect.Effect<number | undefined, SqlError> => {
  const duration = Duration.fromInputUnsafe(idle)
  if (!Duration.isFinite(duration)) return Effect.undefined
  if (Duration.toMillis(duration) > 0) return Effect.succeed(Math.ceil(Duration.toSeconds(duration)))
  const message = `idleTransactionTimeout: got ${Duration.format(duration)}, expected more than nothing`
  return Effect.fail(new SqlError({ reason: new UnknownError({ cause: undefined, message, operation: "connect" }) }))
}

const parse = (text: string): Effect.Effect<URL, SqlError> =>
  Effect.mapError(
    Effect.fromResult(Address.parse(text, ["mysql:", "mariadb:"], "mysql://user:password@localhost:3306/app")),
    (message) => new SqlError({ reason: new UnknownError({ cause: undefined, message, operation: "connect" }) })
  )

/**
 * Opens a pool of connections, the first of them at once. They are closed with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope | Reactivity.Reactivity> = Effect.fnUntraced(
  function*(options: Options) {
    const { hostname, pathname, port } = yield* parse(Redacted.value(options.url))
    const connectTimeout = Duration.toMillis(Duration.fromInputUnsafe(options.connectTimeout ?? "10 seconds"))
    const config: Mysql.ConnectionOptions = {
      uri: Redacted.value(options.url),
      charset: "utf8mb4",
      timezone: "Z",
      supportBigNumbers: true,
      connectTimeout,
      keepAliveInitialDelay: Duration.toMillis(keepAlive),
      ...options.ssl === undefined ? {} : { ssl: options.ssl }
    }
    const { isolation = "READ COMMITTED" } = options
    const idleTransaction = yield* secondsOf(options.idleTransactionTimeout)
    const connect = Effect.acquireRelease(
      Effect.map(open(config), (connection) => sessionOf(connection, config)),
      (session) => Effect.sync(session.close)
    ).pipe(
      Effect.tap((session) =>
        // nobody can give up a connection that is being made, and a server may fall silent here as well
        session.prepare({ isolation, idleTransaction }).pipe(
          Effect.interruptible,
          Effect.timeoutOrElse({
            duration: connectTimeout,
            orElse: () =>
              Effect.fail(sqlError(Object.assign(new Error("the server gave no answer"), { fatal: true }), "connect"))
          }),
          Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
        )
      )
    )
    const pool = yield* Pool.makeWithTTL({
      acquire: connect,
      min: 0,
      max: options.maxConnections ?? 10,
      timeToLive: options.idleTimeout ?? "1 minute"
    })

    const acquirer: Effect.Effect<Session, SqlError, Scope.Scope> = Effect.flatMap(
      Pool.get(pool),
      (session) =>
        session.isBroken() ? Effect.andThen(Pool.invalidate(pool, session), acquirer) : Effect.succeed(session)
    )
    const borrower: Borrower = (use) =>
      Pool.use(
        pool,
        (session) => session.isBroken() ? Effect.andThen(Pool.invalidate(pool, session), borrower(use)) : use(session)
      )

    // a server that is not there, or does not let us in, is found out here
    yield* Effect.scoped(acquirer)

    return yield* SqlClient.make({
      acquirer,
      borrower,
      transactionAcquirer: Effect.acquireRelease(acquirer, (session) => Effect.sync(session.reset)),
      isTransaction: (connection) => (connection as Session).isInTransaction(),
      compiler,
      driver: "mysql2",
      spanAttributes: [
        ["db.system.name", "mysql"],
        ["db.namespace", decodeURIComponent(pathname.slice(1))],
        ["server.address", hostname],
        ["server.port", Number(port || 3306)]
      ],
      beginTransaction: "START TRANSACTION",
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
    })
  }
)

const compiler = Statement.makeCompiler({
  dialect: "mysql",
  placeholder: () => "?",
  onIdentifier: Statement.defaultEscape("`"),
  onRecordUpdate: () => ["", []],
  onCustom: () => ["", []]
})

/**
 * Opens a pool of connections for as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effectContext(
    Effect.map(make(options), (client) => Context.make(SqlClient.SqlClient, client))
  ).pipe(Layer.provide(Reactivity.layer))
