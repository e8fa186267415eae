/**
 * How processes know of each other that they live: each holds a lock on its listening connection, and a connection ends with its process.
 *
 * A lock that is free is not yet a process that is gone. When a connection breaks and the process lives, it says so in its nodes' rows, and
 * takes a lock again as soon as it has a connection again; and when the server was started anew, everybody's locks are free for a moment.
 * So a process counts as gone when its lock has been free for a while, throughout which the one who looks was connected himself.
 *
 * Nor does a process always notice that its connection is gone: a network may drop without a word what the server says last. But who looks
 * for others does so through the pool, every second, and sees whether his own lock is held. If it is not, he is about to be taken for gone: he
 * says in his nodes' rows, sooner than that, that they tell nothing any more but how long their leases are.
 *
 * @since 0.1.0
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { PgConnection } from "@effect/sql-pg/PgConnection"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type { Sql } from "../sql/Database.ts"
import type { Sessions } from "../sql/Host.ts"

/** The first half of the locks' names; the other half is the session's number. */
const kind = 1702060904

/**
 * For how many milliseconds a lock has been free when its process is gone: longer than a process takes to connect again, or to see by itself
 * that it has to.
 */
const grace = 2000

/** What a listening connection does for the sessions. */
export interface Listener extends Sessions {
  readonly connected: (connection: PgConnection) => Sql<void>
  readonly lost: Effect.Effect<void>
  /** Ends when a look has found that the server does not hold the connection's lock any more. */
  readonly forgotten: Effect.Effect<void>
}

export const make = (sql: PgClient, tables: { readonly nodes: string; readonly namespace: string }): Listener => {
  const nodes = sql.literal(tables.nodes)
  let own: number | null = null
  /** What the rows of this process's nodes may say. */
  let written: number | null = null
  const freeSince = new Map<number, number>()
  const forgotten = Latch.makeUnsafe(false)

  const write = (session: number | null) =>
    written === null ? Effect.void : Effect.asVoid(
      sql`UPDATE ${nodes} SET session = ${session} WHERE ns = ${tables.namespace} AND session = ${written}`
    )

  return {
    own: () => own,
    connected: Effect.fnUntraced(function*(connection) {
      const session = yield* Random.nextIntBetween(1, 2 ** 31)
      yield* connection.query("SELECT pg_advisory_lock($1::int4, $2::int4)", [kind, session])
      yield* write(session)
      own = written = session
      freeSince.clear()
      forgotten.closeUnsafe()
    }),
    lost: Effect.suspend(() => {
      own = null
      // where the pool does not answer either, connecting again is more important
      return Effect.ignore(Effect.timeout(write(null), "500 millis"))
    }),
    forgotten: forgotten.await,
    gone: Effect.fnUntraced(function*(sessions, now) {
      const gone = new Set<number>()
      const asking = own
      if (asking === null) return gone
      const held = yield* sql`SELECT objid::bigint FROM pg_locks
        WHERE locktype = 'advisory' AND classid = ${kind}::int8::oid AND objsubid = 2 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.values
      // who has connected again meanwhile has asked about the connection before
      if (own !== asking) return gone
      const living = new Set(held.map(([session]) => Number(session)))
      if (!living.has(asking)) {
        own = null
        forgotten.openUnsafe()
        yield* write(null)
        return gone
      }
      for (const session of freeSince.keys()) {
        if (living.has(session) || !sessions.includes(session)) freeSince.delete(session)
      }
      for (const session of sessions) {
        if (living.has(session)) continue
        const since = freeSince.get(session)
        if (since === undefined) freeSince.set(session, now)
        else if (now - since >= grace) gone.add(session)
      }
      return gone
    })
  }
}
