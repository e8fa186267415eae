/**
 * Hints between processes, through `LISTEN` and `NOTIFY`.
 *
 * A store has a connection of its own for this, beside the pool of its client: a pool of one connection could otherwise do nothing but
 * listen. What is published is heard at once in this process, and collected for the others: the first hint goes out immediately, and
 * those that follow it closely travel together. It goes out after the commit, not with it, because `NOTIFY` makes commits wait for each
 * other; so a process that dies in between takes the hint along, and the others find the work when they poll.
 *
 * The statement that adds a lone run sends its hint itself, which saves the others a journey: but only if none went out a moment ago, and nobody else's
 * statement does the same just then. So no commit waits for another one for the sake of a hint.
 *
 * @since 0.1.0
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import * as PgConnection from "@effect/sql-pg/PgConnection"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import type { Signal } from "../../JobStore.ts"
import { storeError } from "../sql/errors.ts"
import * as Hub from "../sql/Hub.ts"
import { decode, encode, encodeBy } from "./payload.ts"
import type * as Sessions from "./sessions.ts"

/** How long hints that follow one that went out are collected. */
const pause = "10 millis"
const pauseNanos = 10_000_000n

/**
 * Sends a notification with the commit of the statement that asks, and yields whether it did. One statement of the database at a time; and none
 * where somebody has not read his notifications for so long that the server may soon refuse more of them, and with them the statement. The lock's name is
 * beside those of `exclusive`.
 */
const tell = (channel: string, payload: string): Statement.Fragment =>
  Statement.fragment([
    Statement.literal(
      "CASE WHEN pg_notification_queue_usage() < 0.5 AND pg_try_advisory_xact_lock(hashtext('effect-scheduler'), 256) THEN pg_notify("
    ),
    Statement.parameter(channel),
    Statement.literal("::text, "),
    Statement.parameter(payload),
    Statement.literal("::text) IS NOT NULL ELSE false END")
  ])

/** After how long of silence the server is asked whether it is still there, and how long it may take to say so. */
const patience = "5 seconds"

/** How long it may take to say so when it is known to have ended the connection. */
const lastWord = "500 millis"

/** Sooner than others take a lost connection for a lost process. */
const reconnecting = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1 second")])

const answered = <A, R>(
  query: Effect.Effect<A, SqlError, R>,
  duration: typeof patience | typeof lastWord = patience
): Effect.Effect<A, SqlError, R> =>
  Effect.timeoutOrElse(query, {
    duration,
    orElse: () => Effect.fail(ended(`the server gave no answer within ${duration}`))
  })

const ended = (message: string): SqlError =>
  new SqlError({ reason: new ConnectionError({ cause: new Error(message), message, operation: "listen" }) })

/** Something may have happened while nobody listened. */
const anything: ReadonlyArray<Signal> = [{ _tag: "jobs" }, { _tag: "ready" }]

/**
 * Connects, and keeps connecting until the scope is closed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  client: PgClient,
  options: { readonly channel: string; readonly sessions: Sessions.Listener }
) => Effect.Effect<Hub.Hub, never, Scope.Scope> = Effect.fnUntraced(function*(client, { channel, sessions }) {
  const local = yield* Hub.make
  const outgoing = yield* Queue.sliding<Signal>(1024)
  const tried = yield* Deferred.make<void>()
  /** Which process of the server listens for this one; `undefined` while none does. */
  let listening: number | undefined
  /** A hint went out at this instant. */
  let sent = 0n
  const steady = () => Clock.Clock.defaultValue().monotonicTimeNanosUnsafe()

  const receive = (incoming: Queue.Dequeue<PgConnection.Notification, SqlError>, self: number) =>
    Effect.forever(
      Effect.flatMap(Queue.takeAll(incoming), (notifications) =>
        local.publish(notifications.flatMap(({ payload, processId }) =>
          processId === self ? [] : decode(payload, self)
        )))
    )

  /** Who only listened would listen to a server for ever that says nothing because nothing of it arrives any more. */
  const send = (connection: PgConnection.PgConnection) =>
    Effect.forever(
      Effect.timeoutOption(Queue.takeAll(outgoing), patience).pipe(
        Effect.flatMap(Option.match({
          onNone: () => answered(connection.query("SELECT 1")),
          onSome: (signals) =>
            Effect.forEach(
              encode(signals),
              (payload) => {
                sent = steady()
                return answered(connection.query("SELECT pg_notify($1, $2)", [channel, payload]))
              },
              { discard: true }
            )
        })),
        Effect.andThen(Effect.sleep(pause))
      )
    )

  /**
   * The server has ended the connection, and from here it looks as ever. It is asked all the same, for a connection on which an answer is owed is not
   * waited for when it is closed.
   */
  const missed = (connection: PgConnection.PgConnection) =>
    Effect.andThen(
      sessions.forgotten,
      Effect.andThen(
        answered(connection.query("SELECT 1"), lastWord),
        Effect.fail(ended("the server has ended the connection"))
      )
    )

  let isLost = false
  /** Said once, not with every attempt. */
  const lost = (error: SqlError) =>
    Effect.suspend(() => {
      if (isLost) return Effect.void
      isLost = true
      const { message } = storeError("listen", error)
      return Effect.logWarning(`effect-scheduler: not listening to PostgreSQL, polling until it answers: ${message}`)
    })
  const found = Effect.suspend(() => {
    if (!isLost) return Effect.void
    isLost = false
    return Effect.logInfo("effect-scheduler: listening to PostgreSQL again")
  })

  const session = Effect.scoped(Effect.gen(function*() {
    const connection = yield* Effect.flatMap(
      PgConnection.make({ ...client.config, multiplex: false }),
      ({ pin }) => pin
    )
    // a hint that is lost with the server costs nothing, and a commit that waits for the disk would cost each of them a millisecond
    yield* answered(connection.query("SET synchronous_commit = off"))
    const incoming = yield* answered(connection.listen(channel))
    yield* answered(sessions.connected(connection))
    yield* Deferred.succeed(tried, undefined)
    yield* found
    listening = connection.processId
    yield* local.publish(anything)
    return yield* Effect.raceAllFirst([receive(incoming, connection.processId), send(connection), missed(connection)])
  })).pipe(Effect.ensuring(Effect.sync(() => listening = undefined)))

  yield* session.pipe(
    Effect.tapError((error) =>
      lost(error).pipe(Effect.andThen(Deferred.succeed(tried, undefined)), Effect.andThen(sessions.lost))
    ),
    Effect.retry(reconnecting),
    // whatever the program's clock is, a server does not wait for it
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Deferred.await(tried)

  const publish = (signals: ReadonlyArray<Signal>) =>
    Effect.andThen(local.publish(signals), Queue.offerAll(outgoing, signals))

  return {
    publish,
    signals: local.signals,
    teller: (signal) => {
      const now = steady()
      if (listening === undefined || now - sent < pauseNanos) return undefined
      sent = now
      return {
        tell: tell(channel, encodeBy(signal, listening)),
        after: (told) => told ? local.publish([signal]) : publish([signal])
      }
    }
  }
})
