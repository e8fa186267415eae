/**
 * Stage three: runs arrive, and nodes claim them.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { NewRun, RunRow, Service, Signal } from "../../JobStore.ts"
import { passable } from "../versions.ts"
import { type Admission, stateAt } from "./admission.ts"
import { type Database, forKeys, inOneStep, signal, type Sql, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import type { Replacements } from "./replacing.ts"
import * as Table from "./Table.ts"

const ready: Signal = { _tag: "ready" }
const ids = [Table.runs.of.id]
const limitsRow = Table.pick(Table.runs, ["limits"])
const dueRow = Table.pick(Table.runs, ["id", "readyAt", "boost", "limits"])

/** A lane that is served, and the newest version that is claimed of it, if some are passed over. */
interface Lane {
  readonly name: string
  readonly upTo: number | undefined
}

const lanesOf = ({ lanes, upTo }: Pick<Parameters<Service["claim"]>[0], "lanes" | "upTo">): ReadonlyArray<Lane> =>
  Array.from(new Set(lanes), (name) => ({ name, upTo: upTo?.get(name) }))

/** How many of a lane's first runs are claimed. */
type Share = readonly [lane: Lane, share: number]

/** One lane's share is whatever stands there, unless some are passed over. */
const wholeOf = (lanes: ReadonlyArray<Lane>): Lane | undefined =>
  lanes.length === 1 && lanes[0]!.upTo === undefined ? lanes[0] : undefined

type Arrival = "added" | "claimed" | "duplicate"

/** How many lanes one statement looks at; databases limit the parts of a union. */
const lanesPerStatement = 100
const inParts = (lanes: ReadonlyArray<Lane>) => Arr.chunksOf(lanes, lanesPerStatement)

/** How many waiting runs one statement wakes; there may be many whose instant is the same. */
const wokenPerStatement = 1000

const instant = (value: unknown): number | null => value === null || value === undefined ? null : Number(value)

const isKeyedWhileQueued = (run: RunRow): boolean => run.uniqueKey !== null && run.uniqueWhile === "queued"

export const make = (
  db: Database,
  admission: Admission,
  replacements: Replacements
): Verbs<"enqueue" | "claim"> => {
  const { dialect, ns, runs, sql } = db
  const wanted = sql.literal(Table.names(Table.runs.columns, "r"))
  const none = sql.literal("")
  // MariaDB has looked at all runs of the namespace instead
  const byWaking = db.by("runs_waiting")
  const place = sql.literal("r.lane, r.order_at, r.id")
  const placeAndVersion = sql.literal("r.lane, r.order_at, r.id, r.task_version")
  const skipLocked = sql.literal(dialect.skipLocked)
  const laneOfShare = sql.literal("s.lane")
  const share = sql.literal("s.share")
  const union = sql.join(" UNION ALL ", false)
  const givenUp = sql`, going_key = CASE WHEN unique_while = 'going' THEN going_key END`

  const replace = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    const hints = new Hints()
    const answers: Array<"added" | "replaced" | "duplicate"> = []
    // one after another: each may take the place of the one before
    for (const run of news) answers.push(yield* replacements.put(run, now, hints))
    yield* signal(db, hints.signals())
    return answers
  })

  const enqueue = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    const hints = new Hints()
    yield* admission.lockFor(news)
    const added = yield* admission.add(news, now, hints)
    yield* signal(db, hints.signals())
    return added.map((added): Arrival => added ? "added" : "duplicate")
  })

  /** A lone run, outside of a transaction, may be told of by the statement that adds it. */
  const enqueueAlone = (run: NewRun, now: number): Sql<ReadonlyArray<Arrival>> =>
    Effect.suspend(() => {
      const teller = db.hub.teller?.(ready)
      if (teller === undefined) return enqueue([run], now)
      return Effect.flatMap(
        admission.announce(run, now, teller.tell),
        ({ added, told }): Sql<ReadonlyArray<Arrival>> =>
          Effect.as(added ? teller.after(told) : Effect.void, [added ? "added" : "duplicate"])
      )
    })

  /** Or it may be claimed by that statement: then nobody else need hear of it. */
  const enqueueFor = (run: NewRun, now: number, node: string): Sql<ReadonlyArray<Arrival>> =>
    Effect.flatMap(
      admission.addAndClaim(run, now, node),
      (arrival) => Effect.as(arrival === "added" ? signal(db, [ready]) : Effect.void, [arrival])
    )

  /** When the next waiting run comes, of those that a condition holds for. */
  const wakes = (condition: Fragment): Fragment =>
    sql`SELECT min(wake_at) AS next FROM ${runs} ${byWaking} WHERE ns = ${ns} AND ${condition}`
  const nextWake = wakes(sql`wake_at IS NOT NULL`)
  const earliest = (wakes: Fragment): Sql<number | null> =>
    Effect.map(sql`${wakes}`.values, ([row]) => instant(row?.[0]))

  const dueOf = (condition: Fragment, now: number) =>
    sql`SELECT id, ready_at, boost, limits FROM ${runs} WHERE ns = ${ns} AND wake_at <= ${now} AND ${condition}
        ORDER BY wake_at, id LIMIT ${wokenPerStatement} ${skipLocked}`.values

  const inBatches = (batch: Sql<number>): Sql<void> =>
    Effect.asVoid(Effect.repeat(Effect.tap(batch, Effect.yieldNow), { until: (woken) => woken < wokenPerStatement }))

  /** Makes those ready whose instant has come; those that somebody else is about to change are left to him. */
  const wake = (now: number): Sql<void> =>
    inBatches(Effect.gen(function*() {
      const due = yield* dueOf(sql`limits IS NULL`, now)
      yield* forKeys(
        db,
        ids,
        due.map(([id]) => [id]),
        (areDue) =>
          sql`UPDATE ${runs} SET state = 'ready', order_at = ready_at - boost, wake_at = NULL
          WHERE ${areDue}`
      )
      return due.length
    }))

  /** The same for those that need places first. */
  const wakeLimited = Effect.fnUntraced(function*(now: number) {
    const found = yield* sql`SELECT limits FROM ${runs} WHERE ns = ${ns} AND wake_at <= ${now} AND limits IS NOT NULL
      LIMIT 1`.values
    if (found.length === 0) return
    yield* admission.lockPlaces(found.map(limitsRow.decode))
    yield* inBatches(Effect.gen(function*() {
      const due = (yield* dueOf(sql`limits IS NOT NULL`, now)).map(dueRow.decode)
      yield* admission.seat(due.map((run) => ({ ...run, at: 0, rank: run.readyAt! - run.boost })))
      return due.length
    }))
  })

  /** The first in a lane's queue, in the order of its index. */
  const queue = (
    columns: Fragment,
    lane: string | Fragment,
    limit: number | Fragment,
    lock: Fragment = none,
    and: Fragment = none
  ): Fragment =>
    sql`SELECT ${columns} FROM ${runs} r WHERE r.ns = ${ns} AND r.lane = ${lane} AND r.order_at IS NOT NULL ${and}
        ORDER BY r.order_at, r.id LIMIT ${limit} ${lock}`

  /** The first of those that are claimed. They are known to stand there: else this would look at all that are not. */
  const head = (
    columns: Fragment,
    lane: Lane,
    limit: number,
    lock: Fragment = none,
    and: Fragment = none
  ): Fragment =>
    queue(
      columns,
      lane.name,
      limit,
      lock,
      lane.upTo === undefined ? and : sql`${and} AND r.task_version <= ${lane.upTo}`
    )

  /** The places of the first that are claimed, as far as a claim looks. */
  const front = (lane: Lane, limit: number): Fragment =>
    lane.upTo === undefined
      ? queue(place, lane.name, limit)
      : sql`SELECT lane, order_at, id FROM (${queue(placeAndVersion, lane.name, limit + passable)}) passing
          WHERE task_version <= ${lane.upTo} ORDER BY order_at, id LIMIT ${limit}`

  /** Heads together; each has a name, which some databases ask for. */
  const heads = (parts: ReadonlyArray<Fragment>): Fragment =>
    union(parts.map((part, i) => sql`SELECT * FROM (${part}) ${sql.literal(`lane${i}`)}`))

  /** Whether a run of the lanes is ready. */
  const isReady = (lanes: ReadonlyArray<Lane>): Sql<boolean> =>
    Effect.map(
      Effect.forEach(
        inParts(lanes),
        (part) => sql`SELECT 1 FROM (${heads(part.map((lane) => front(lane, 1)))}) heads LIMIT 1`.values
      ),
      (answers) => answers.some((rows) => rows.length > 0)
    )

  /** How many of the first runs stand in each lane. So many are locked, and no others, which somebody else could claim. */
  const sharesOf = (lanes: ReadonlyArray<Lane>, limit: number): Fragment =>
    sql`SELECT lane, count(*) AS share FROM (SELECT lane FROM (${
      heads(lanes.map((lane) => front(lane, limit)))
    }) heads ORDER BY order_at, id LIMIT ${limit}) first GROUP BY lane`

  const shares = (lanes: ReadonlyArray<Lane>, limit: number): Sql<ReadonlyArray<Share>> => {
    const whole = wholeOf(lanes)
    if (whole !== undefined) return Effect.succeed([[whole, limit]])
    const named = new Map<unknown, Lane>(lanes.map((lane) => [lane.name, lane]))
    return Effect.map(
      sql`${sharesOf(lanes, limit)}`.values,
      (rows) => rows.map(([name, share]): Share => [named.get(name)!, Number(share)])
    )
  }

  /** The same as a condition where each share `s` is looked for. */
  const upToOf = (lanes: ReadonlyArray<Lane>): Fragment => {
    const bounds = lanes.flatMap(({ name, upTo }) => upTo === undefined ? [] : [sql`WHEN ${name} THEN ${upTo}`])
    return bounds.length === 0
      ? none
      : sql`AND r.task_version <= CASE s.lane ${sql.join(" ", false)(bounds)} ELSE r.task_version END`
  }

  const taking = Effect.fnUntraced(function*(lanes: ReadonlyArray<Lane>, limit: number) {
    const found = yield* shares(lanes, limit)
    if (found.length === 0) return []
    const rows = yield* sql`SELECT * FROM (${
      heads(found.map(([lane, share]) => head(wanted, lane, share, skipLocked)))
    }) heads ORDER BY order_at, id`.values
    return rows.map(Table.runs.decode)
  })

  const candidates = (lanes: ReadonlyArray<Lane>, limit: number): Sql<ReadonlyArray<RunRow>> =>
    Effect.map(
      Effect.forEach(inParts(lanes), (part) => taking(part, limit)),
      (parts) =>
        parts.length === 1
          ? parts[0]!
          : parts.flat().sort((a, b) => a.orderAt! - b.orderAt! || (a.id < b.id ? -1 : 1)).slice(0, limit)
    )

  /** What has come may be claimed; answers when the next one comes. */
  const rouse = Effect.fnUntraced(function*(now: number) {
    const next = yield* earliest(nextWake)
    if (next === null || next > now) return next
    yield* db.transaction(wake(now))
    const left = yield* earliest(nextWake)
    if (left === null || left > now) return left
    yield* db.transaction(wakeLimited(now))
    return yield* earliest(wakes(sql`wake_at > ${now}`))
  })

  /** Reads and locks, and then writes. */
  const takeInTurn = Effect.fnUntraced(
    function*(lanes: ReadonlyArray<Lane>, limit: number, node: string, now: number) {
      const ready = yield* candidates(lanes, limit)
      yield* forKeys(
        db,
        ids,
        ready.map(({ id }) => [id]),
        (areTaken) =>
          sql`UPDATE ${runs} SET state = 'running', order_at = NULL, fence = fence + 1, node = ${node}, claimed = ${now}${
            ready.some(isKeyedWhileQueued) ? givenUp : none
          } WHERE ${areTaken}`
      )
      return ready.map((run): RunRow => ({
        ...run,
        state: "running",
        orderAt: null,
        fence: run.fence + 1,
        node,
        claimed: now
      }))
    }
  )

  /**
   * All of it in one statement, which needs no transaction around it: to a server each statement is a journey. A further condition may be
   * about `n`, which tells when the next waiting run comes.
   */
  const takeAtOnce = Effect.fnUntraced(
    function*(lanes: ReadonlyArray<Lane>, limit: number, node: string, now: number, and: Fragment = none) {
      const whole = wholeOf(lanes)
      const taken = whole !== undefined
        ? head(place, whole, limit, skipLocked, and)
        : sql`SELECT first.* FROM (${sharesOf(lanes, limit)}) s CROSS JOIN LATERAL (${
          queue(place, laneOfShare, share, skipLocked, sql`${and} ${upToOf(lanes)}`)
        }) first`
      // materialised, for a join might carry out a subquery again and again, and each time lock other runs; and an array with the namespace
      // beside it, so that each of the runs is looked up in the index however many there might have been, or have the namespace, and in a small table too: the
      // planner expects few, for how many there may be is the answer to a query. What is joined to the runs again to put them in order might be
      // compared with each of them, so their order comes with the first row.
      const rows = yield* sql`WITH n AS MATERIALIZED (${nextWake}), k AS MATERIALIZED (${taken}), r AS (
      UPDATE ${runs} AS t SET state = 'running', order_at = NULL, fence = t.fence + 1, node = ${node}, claimed = ${now},
        going_key = CASE WHEN t.unique_while = 'going' THEN t.going_key END
      FROM (SELECT ${ns}::text AS ns, u.id FROM unnest(ARRAY(SELECT k.id FROM k)) AS u (id) LIMIT (SELECT ${
        String(limit)
      }::bigint)) u
      WHERE t.ns = u.ns AND t.id = u.id RETURNING t.*
    )
      SELECT n.next, CASE WHEN row_number() OVER () = 1 THEN ARRAY(SELECT k.id FROM k ORDER BY k.order_at, k.id) END, ${wanted}
      FROM n LEFT JOIN r ON true`.values
      const [next, order] = rows[0]!
      const runsOf = new Map<unknown, RunRow>()
      for (const [, , ...values] of rows) if (values[0] !== null) runsOf.set(values[0], Table.runs.decode(values))
      return { next: instant(next), runs: (order as ReadonlyArray<string>).flatMap((id) => runsOf.get(id) ?? []) }
    }
  )

  const claim = Effect.fnUntraced(function*(request: Parameters<Service["claim"]>[0]) {
    const { limit, node, now } = request
    const lanes = lanesOf(request)
    if (lanes.length === 0) return { runs: [], next: yield* rouse(now) }
    if (!dialect.updateYields || lanes.length > lanesPerStatement) {
      const next = yield* rouse(now)
      return { runs: yield* db.transaction(takeInTurn(lanes, limit, node, now)), next }
    }
    // nothing is taken while runs wait to be made ready: they may stand before the others
    const taken = yield* takeAtOnce(lanes, limit, node, now, sql`AND (SELECT n.next IS NULL OR n.next > ${now} FROM n)`)
    if (taken.next === null || taken.next > now) return taken
    const next = yield* rouse(now)
    return { runs: (yield* takeAtOnce(lanes, limit, node, now)).runs, next }
  })

  const look = Effect.fnUntraced(function*(lanes: ReadonlyArray<Lane>, now: number) {
    const next = yield* rouse(now)
    return { runs: [], next: (yield* isReady(lanes)) ? now : next }
  })

  return {
    enqueue: ({ node, now, replace: isReplacing, runs }) => {
      if (isReplacing === true) return db.transaction(replace(runs, now))
      const step = enqueue(runs, now)
      if (!admission.isOneStep(runs)) return db.transaction(step)
      const [run] = runs
      if (run === undefined || runs.length > 1) return inOneStep(db, step)
      const isPlain = run.job === null && (run.uniqueKey === null || run.uniqueWhile === "going")
      const claims = node !== undefined && dialect.whereFree !== undefined && isPlain &&
        stateAt(run.readyAt, now) === "ready"
      return inOneStep(db, step, claims ? enqueueFor(run, now, node) : enqueueAlone(run, now))
    },
    claim: (request) => inOneStep(db, request.limit > 0 ? claim(request) : look(lanesOf(request), request.now))
  }
}
