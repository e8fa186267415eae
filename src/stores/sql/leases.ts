/**
 * Stage five: nodes keep their leases, leave, and are missed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Held, NodeRow, Service } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, forKeys, signal, type Sql, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import type { Host } from "./Host.ts"
import { ended, requeued, type Standing, type Standings } from "./standing.ts"
import { text } from "./Table.ts"

const ids = [text("id")]

export const make = (
  db: Database,
  admission: Admission,
  standings: Standings,
  machine: Host
): Verbs<"beat" | "leave" | "reap"> => {
  const { dialect, nodes, ns, runs, sql } = db
  const lockNodes = sql.literal(dialect.forUpdate("n", "id"))
  const session = () => machine.sessions?.own() ?? null
  const lostSessions = (sessions: ReadonlyArray<number>, now: number): Sql<ReadonlySet<number>> =>
    machine.sessions === undefined || sessions.length === 0
      ? Effect.succeed(new Set())
      : machine.sessions.gone(sessions, now)

  const beat = Effect.fnUntraced(function*({ expiresAt, host, id, pid }: NodeRow) {
    const [known] = yield* sql`SELECT n.expires_at FROM ${nodes} n WHERE n.ns = ${ns} AND n.id = ${id} ${lockNodes}`
      .values
    // a lease is never away while it is renewed: whoever looks for lost nodes would take its claims
    yield* known !== undefined
      ? sql`UPDATE ${nodes} SET host = ${host}, pid = ${pid}, session = ${session()},
            expires_at = ${Math.max(Number(known[0]), expiresAt)}
          WHERE ns = ${ns} AND id = ${id}`
      : sql`INSERT INTO ${nodes} (ns, id, host, pid, session, expires_at)
          VALUES (${ns}, ${id}, ${host}, ${pid}, ${session()}, ${expiresAt})`
    const held = yield* sql`SELECT r.id, r.fence, r.cancel FROM ${runs} r WHERE r.ns = ${ns} AND r.node = ${id}`
      .values
    return held.map(([run, fence, cancel]): Held => ({
      run: run as string,
      fence: Number(fence),
      cancel: cancel as string | null
    }))
  })

  /** The claims are void, and their fences grow, so that a late settlement is stale. */
  const take = Effect.fnUntraced(function*(claims: ReadonlyArray<Standing>, now: number) {
    const hints = new Hints()
    const released: Array<string> = []
    const abandoned: Array<string> = []
    const ends: Array<Standing> = []
    const taken = claims.map((run) => {
      const fence = run.fence + 1
      if (!run.atMostOnce && run.cancel === null) {
        released.push(run.id)
        return requeued(run, fence)
      }
      abandoned.push(run.id)
      const end = ended(run, { fence, finished: now, outcome: "abandoned" })
      ends.push(end)
      return end
    })
    yield* standings.write(taken)
    yield* admission.promote(ends, now, hints)
    if (released.length > 0) hints.ready = true
    hints.settled.push(...abandoned)
    yield* signal(db, hints.signals())
    return { released, abandoned }
  })

  const leave = Effect.fnUntraced(function*(node: string, now: number) {
    yield* sql`DELETE FROM ${nodes} WHERE ns = ${ns} AND id = ${node}`
    yield* take(yield* standings.where(sql`r.node = ${node}`), now)
  })

  const reap = Effect.fnUntraced(function*({ includeExpired, limit, now }: Parameters<Service["reap"]>[0]) {
    // before the leases are read: a node has one before it claims
    const holders = includeExpired
      ? yield* sql`SELECT DISTINCT node FROM ${runs} WHERE ns = ${ns} AND node IS NOT NULL`.values
      : []
    const known = yield* sql`SELECT n.id, n.host, n.pid, n.session, n.expires_at FROM ${nodes} n
      WHERE n.ns = ${ns} ${lockNodes}`.values
    const lost = yield* lostSessions(known.flatMap(([, , , session]) => session === null ? [] : [Number(session)]), now)
    const leases = new Set<unknown>()
    const gone = new Set<string>()
    for (const [id, on, pid, session, expiresAt] of known) {
      leases.add(id)
      const isGone = (includeExpired && Number(expiresAt) < now) ||
        (on === machine.name && !machine.isAlive(Number(pid))) ||
        (session !== null && lost.has(Number(session)))
      if (isGone) gone.add(id as string)
    }
    for (const [node] of holders) if (!leases.has(node)) gone.add(node as string)
    const claims: Array<Standing> = []
    const empty: Array<string> = []
    for (const node of gone) {
      const left = limit - claims.length
      if (left <= 0) break
      // a node that is left with some is remembered, and its turn comes again
      const held = yield* standings.where(sql`r.node = ${node}`)
      claims.push(...held.slice(0, left))
      if (held.length <= left) empty.push(node)
    }
    const answer = yield* take(claims, now)
    yield* forKeys(
      db,
      ids,
      empty.map((id) => [id]),
      (areEmpty) => sql`DELETE FROM ${nodes} WHERE ${areEmpty}`
    )
    return answer
  })

  return {
    beat: (node) => db.transaction(beat(node)),
    leave: ({ node, now }) => db.transaction(leave(node, now)),
    reap: (request) => db.transaction(reap(request))
  }
}
