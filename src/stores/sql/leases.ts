/**
 * Stage five: nodes keep their leases, leave, and are missed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Fragment } from "effect/sql/Statement"
import type { Held, NodeRow, Service } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, forKeys, signal, type Sql, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import type { Host } from "./Host.ts"
import { ended, requeued, type Standing, type Standings } from "./standing.ts"
import { text } from "./Table.ts"

const ids = [text("id")]

type Request = Parameters<Service["reap"]>[0]

/** A node as others see it. */
interface Known extends NodeRow {
  readonly session: number | null
}

interface Census {
  readonly holders: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<Known>
}

const nothing = { released: [], abandoned: [] }

export const make = (
  db: Database,
  admission: Admission,
  standings: Standings,
  machine: Host
): Verbs<"beat" | "leave" | "reap"> => {
  const { dialect, nodes, ns, runs, sql } = db
  const lockNodes = sql.literal(dialect.forUpdate("n", "id"))
  const unlocked = sql.literal("")
  const session = () => machine.sessions?.own() ?? null

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

  /** The nodes, and those who hold runs; without `lock`, as they were a moment ago. */
  const census = Effect.fnUntraced(function*({ includeExpired }: Request, lock: Fragment) {
    // before the leases are read: a node has one before it claims
    const holders = includeExpired
      ? yield* sql`SELECT DISTINCT node FROM ${runs} WHERE ns = ${ns} AND node IS NOT NULL`.values
      : []
    const known = yield* sql`SELECT n.id, n.host, n.pid, n.session, n.expires_at FROM ${nodes} n
      WHERE n.ns = ${ns} ${lock}`.values
    return {
      holders: holders.map(([node]) => node as string),
      nodes: known.map(([id, host, pid, session, expiresAt]): Known => ({
        id: id as string,
        host: host as string,
        pid: Number(pid),
        session: session === null ? null : Number(session),
        expiresAt: Number(expiresAt)
      }))
    }
  })

  const lostOf = ({ nodes }: Census, { now }: Request): Sql<ReadonlySet<number>> => {
    const sessions = nodes.flatMap(({ session }) => session === null ? [] : [session])
    return machine.sessions === undefined || sessions.length === 0
      ? Effect.succeed(new Set())
      : machine.sessions.gone(sessions, now)
  }

  const goneOf = (
    { holders, nodes }: Census,
    lost: ReadonlySet<number>,
    { includeExpired, now }: Request
  ): ReadonlySet<string> => {
    const leases = new Set<string>()
    const gone = new Set<string>()
    for (const { expiresAt, host, id, pid, session } of nodes) {
      leases.add(id)
      const isGone = (includeExpired && expiresAt < now) ||
        (host === machine.name && !machine.isAlive(pid)) ||
        (session !== null && lost.has(session))
      if (isGone) gone.add(id)
    }
    for (const node of holders) if (!leases.has(node)) gone.add(node)
    return gone
  }

  /** Takes the claims of those who are gone; `seen` are the sessions that a look without locks has found lost, for they stay lost. */
  const takeOver = Effect.fnUntraced(function*(request: Request, seen?: ReadonlySet<number>) {
    const { limit, now } = request
    const found = yield* census(request, lockNodes)
    const gone = goneOf(found, seen ?? (yield* lostOf(found, request)), request)
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

  const reap = Effect.fnUntraced(function*(request: Request) {
    // a transaction of the caller's may go on seeing what it has seen before, and sees what is only by locking it
    const open = yield* Effect.serviceOption(sql.transactionService)
    if (Option.isSome(open)) return yield* db.transaction(takeOver(request))
    // Everybody looks every second, and nearly always all are there: with locks each look would be a commit that waits for the disk, and
    // beats would wait for it. So who may be gone is decided again only where somebody may be.
    const found = yield* census(request, unlocked)
    const lost = yield* lostOf(found, request)
    return goneOf(found, lost, request).size === 0 ? nothing : yield* db.transaction(takeOver(request, lost))
  })

  return {
    beat: (node) => db.transaction(beat(node)),
    leave: ({ node, now }) => db.transaction(leave(node, now)),
    reap
  }
}
