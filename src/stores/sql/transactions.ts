/**
 * Transactions that end when they are given up, whatever the server says or does not say.
 *
 * A client's own `withTransaction` waits for the replies to `BEGIN`, `COMMIT` and `ROLLBACK` uninterruptibly, so that a server which falls silent
 * there keeps the connection for ever: each time one less is in the pool. Here the first two can be interrupted as any statement can, upon which a
 * client stops the statement or ends the connection; and the last has a time.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { makeWithTransaction, type SqlClient } from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { ConnectionError, SqlError } from "effect/sql/SqlError"

/** How long a server may take to undo a transaction before its connection is ended, which undoes it too. */
const patience = "5 seconds"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** In a transaction of the caller's it is a savepoint of that one. */
export const make = (sql: SqlClient): SqlClient["withTransaction"] => {
  /** Who must not be interrupted is not: what a connection may be interrupted for is up to who took it. */
  const restores = new WeakMap<Connection, Restore>()

  const interruptible = (connection: Connection, statement: Effect.Effect<unknown, SqlError>) =>
    Effect.asVoid(restores.get(connection)!(statement))

  const rollback = (connection: Connection) =>
    Effect.asVoid(
      Effect.timeoutOrElse(Effect.interruptible(connection.execute("ROLLBACK", [], undefined)), {
        duration: patience,
        orElse: () =>
          Effect.fail(
            new SqlError({
              reason: new ConnectionError({
                cause: undefined,
                message: `ROLLBACK was not answered within ${patience}`,
                operation: "rollback"
              })
            })
          )
      })
    ).pipe(
      // a server does not wait for the clock of a test
      Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
    )

  const outermost = makeWithTransaction({
    transactionService: sql.transactionService,
    spanAttributes: [],
    acquireConnection: (restore) =>
      Effect.tap(restore(sql.reserve), (connection) => Effect.sync(() => restores.set(connection, restore))),
    // how the program begins its own (`BeginTransaction`) is its business
    begin: (connection) =>
      interruptible(connection, connection.execute("BEGIN", [], undefined)).pipe(
        // the reply may have been under way
        Effect.onInterrupt(() => Effect.ignore(rollback(connection)))
      ),
    commit: (connection) => interruptible(connection, connection.execute("COMMIT", [], undefined)),
    // one that was interrupted may not even have been sent
    onCommitFailure: rollback,
    rollback,
    savepoint: nested,
    rollbackSavepoint: nested
  })

  return (effect) =>
    Effect.flatMap(
      Effect.serviceOption(sql.transactionService),
      (open) => Option.isNone(open) ? outermost(effect) : sql.withTransaction(effect)
    )
}

const nested = () => Effect.die(new Error("a transaction in a transaction is the client's"))
