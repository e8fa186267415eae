/**
 * Where a run stands when it arrives, and which one moves up when another ends.
 *
 * A run passes two gates: its family, which bounds how many of its job's incarnation are admitted; then, unless it is to wait for an instant,
 * the places under its limits.
 *
 * All of this happens inside the transaction of the verb that brings or ends runs, while it holds the lock of their families.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { NewRun, RunRow } from "../../JobStore.ts"
import { inOrder, servingOrder, takePlaces } from "../limits.ts"
import { waves } from "../waves.ts"
import { adding, type Database, forKeys, forRows, insertion, seesLatest, type Sql, type Values } from "./Database.ts"
import * as Families from "./families.ts"
import type { Hints } from "./Hints.ts"
import * as Places from "./places.ts"
import * as Table from "./Table.ts"

/** Whether a run with this start may be claimed now. */
export const stateAt = (readyAt: number | null, now: number): "ready" | "waiting" =>
  readyAt !== null && readyAt > now ? "waiting" : "ready"

/** Where a run stands, and at which place in its lane's queue. */
export type Place = Pick<RunRow, "state" | "orderAt">

/** From which instant a run counts in its queue. */
const rankFrom = (run: Pick<RunRow, "planned" | "readyAt">): number => run.readyAt ?? run.planned

/** A run that stands in its lane's queue, or waits for its instant. */
export const queued = (
  run: Pick<RunRow, "planned" | "readyAt" | "boost">,
  now: number,
  from: number = rankFrom(run)
): Place => {
  const state = stateAt(run.readyAt, now)
  return { state, orderAt: state === "ready" ? from - run.boost : null }
}

const { of: run } = Table.runs
const arrival = Table.pick(Table.runs, [
  "id",
  "job",
  "incarnation",
  "nominal",
  "planned",
  "origin",
  "task",
  "taskVersion",
  "lane",
  "payload",
  "policy",
  "readyAt",
  "boost",
  "serial",
  "limits",
  "atMostOnce",
  "uniqueKey",
  "uniqueWhile",
  "retention",
  "trace",
  "created",
  "state",
  "orderAt"
])
const newColumns = [...arrival.columns, Table.wakeAt, Table.blockedAt, Table.goingKey]

/** Where a run comes to stand that is let in; behind others of its family, or past them. */
interface Entry {
  readonly run: NewRun
  readonly place: Place & { readonly isBehind?: boolean }
}

const encodeNew = (run: NewRun, place: Entry["place"]): Values => [
  ...arrival.encode({ ...run, ...place, limits: inOrder(run.limits) }),
  place.state === "waiting" ? run.readyAt : null,
  place.isBehind === true ? run.planned : null,
  run.uniqueKey
]

/** The columns of a new run that stands behind its family where too many of that are admitted. */
const columnsWhenBehind: Partial<Record<string, string>> = {
  state: "CASE WHEN k.admitted < k.serial THEN k.state ELSE 'blocked' END AS state",
  order_at: "CASE WHEN k.admitted < k.serial THEN k.order_at END AS order_at",
  blocked_at: "CASE WHEN k.admitted < k.serial THEN NULL ELSE k.planned END AS blocked_at"
}

/** The columns of a new run that may be claimed as it is added: it is, where nobody stands before it. */
const arrivalColumns = [...newColumns, run.fence, run.node, run.claimed]
const columnsWhenFirst: Partial<Record<string, string>> = {
  state: "CASE WHEN k.is_first THEN 'running' ELSE k.state END AS state",
  order_at: "CASE WHEN k.is_first THEN NULL ELSE k.order_at END AS order_at",
  fence: "CASE WHEN k.is_first THEN 1 ELSE k.fence END AS fence",
  node: "CASE WHEN k.is_first THEN k.node END AS node",
  claimed: "CASE WHEN k.is_first THEN k.claimed END AS claimed"
}

const idOf = (row: Values): unknown => row[0]
const goingKeyOf = (row: Values): unknown => row[newColumns.length - 1]

/** Whether all that may have to wait for others wait for their families, and none for another one of these. */
const areBehindOthersOnly = (news: ReadonlyArray<NewRun>, now: number): boolean =>
  news.every((run) =>
    run.serial !== null && run.job !== null && run.uniqueKey === null && !Places.hasLimits(run) &&
    stateAt(run.readyAt, now) === "ready"
  ) && Families.familiesOf(news).size === news.length

/** Whether it may have to stay blocked. */
const hasBound = (run: NewRun): boolean => run.serial !== null || Places.hasLimits(run)

const waiting = Table.pick(Table.runs, ["id", "job", "incarnation", "planned", "readyAt", "boost", "serial", "limits"])
const ids = [run.id]
const keys = [run.uniqueKey]
const moved = [run.id, run.state, run.orderAt, Table.wakeAt]
const readmitted = [run.id, run.state, run.orderAt, Table.blockedAt, Table.goingKey]
const blocked: Place = { state: "blocked", orderAt: null }

/** A run that is to take its places, from the one at `at` on. */
interface Applicant extends Places.Limited {
  readonly rank: number
  readonly at: number
}

/** A run that has left its place in a queue or with a node. */
export type Left = Pick<RunRow, "id" | "job" | "incarnation" | "state" | "limits">

export interface Admission {
  /** Nobody else admits or ends runs of the families, or gives places under the limits, for which these may have to stay blocked. */
  readonly lockFor: (runs: ReadonlyArray<NewRun>) => Sql<void>
  /** The same for places alone, where the families are locked already. */
  readonly lockPlaces: (runs: ReadonlyArray<Pick<NewRun, "limits">>) => Sql<void>
  /** Whether adding these is a single statement, which needs no transaction around it. */
  readonly isOneStep: (runs: ReadonlyArray<NewRun>) => boolean
  /** Adds runs whose ids and unique keys are free; answers which. What may keep them blocked must be locked. */
  readonly add: (runs: ReadonlyArray<NewRun>, now: number, hints: Hints) => Sql<ReadonlyArray<boolean>>
  /** The same for one run that is a single step, in a statement that tells others of it; answers whether it was added, and whether it was told. */
  readonly announce: (
    run: NewRun,
    now: number,
    tell: Fragment
  ) => Sql<{ readonly added: boolean; readonly told: boolean }>
  /** The same for one run that is a single step and has no job, nor a key to give up, in a statement that claims it for a node where nobody stands before it. */
  readonly addAndClaim: (run: NewRun, now: number, node: string) => Sql<"added" | "claimed" | "duplicate">
  /** Lets blocked runs move up where these have ended, or wait for an instant. Their families, and the places, must be locked. */
  readonly promote: (left: ReadonlyArray<Left>, now: number, hints: Hints) => Sql<void>
  /**
   * Lets runs in again that are done, unless others have their unique keys; answers which. Their families, and the places, must be locked.
   */
  readonly readmit: (runs: ReadonlyArray<NewRun>, now: number, hints: Hints) => Sql<ReadonlySet<string>>
  /** Takes runs out that were never claimed. Their families, and the places, must be locked. */
  readonly withdraw: (runs: ReadonlyArray<{ readonly id: string }>) => Sql<void>
  /** Like `promote`, for runs that were withdrawn. */
  readonly succeed: (withdrawn: ReadonlyArray<Left>, now: number, hints: Hints) => Sql<void>
  /** Waiting runs with limits, whose instant has come, take their places. These must be locked. */
  readonly seat: (woken: ReadonlyArray<Applicant>) => Sql<void>
}

export const make = (db: Database): Admission => {
  const { dialect, each, runs, sql } = db
  const lock = Families.lock(db)
  const places = Places.make(db)
  const latest = sql.literal(dialect.latest)
  const columnsOf = (columns: typeof newColumns, when: typeof columnsWhenBehind): Fragment =>
    sql.literal(
      [...db.dialect.rowsHaveNs ? ["k.ns"] : [], ...columns.map(({ name }) => when[name] ?? `k.${name}`)].join(", ")
    )
  const placedColumns = columnsOf(newColumns, columnsWhenBehind)
  const claimedColumns = columnsOf(arrivalColumns, columnsWhenFirst)
  const candidate = sql.literal(Table.names(waiting.columns, "r"))
  const move = dialect.update({
    table: db.named("runs"),
    set: { state: "k.state", order_at: "k.order_at", wake_at: "k.wake_at", blocked_at: "NULL" },
    on: "t.id = k.id"
  })

  const again = dialect.update({
    table: db.named("runs"),
    set: {
      state: "k.state",
      order_at: "k.order_at",
      blocked_at: "k.blocked_at",
      going_key: "k.going_key",
      attempt: "0",
      attempts: "'[]'",
      ...Object.fromEntries(
        ["ready_at", "wake_at", "cancel", "claimed", "started", "finished", "outcome", "result", "expires_at"]
          .map((name) => [name, "NULL"])
      )
    },
    on: "t.id = k.id"
  })

  const takenIds = (wanted: ReadonlyArray<unknown>): Sql<Set<unknown>> =>
    Effect.map(
      forRows(
        db,
        ids,
        wanted.map((id) => [id]),
        (rows) =>
          sql`SELECT r.id FROM ${rows} k ${each} ${runs} r WHERE ${db.ours("r")} AND r.id = k.id ${latest}`.values
      ),
      (rows) => new Set(rows.map(([id]) => id))
    )

  const takenKeys = (wanted: ReadonlyArray<unknown>): Sql<Set<unknown>> =>
    Effect.map(
      forRows(
        db,
        keys,
        wanted.filter((key) => key !== null).map((key) => [key]),
        (rows) =>
          sql`SELECT r.going_key FROM ${rows} k ${each} ${runs} r
            WHERE ${db.ours("r")} AND r.going_key = k.unique_key ${latest}`.values
      ),
      (rows) => new Set(rows.map(([key]) => key))
    )

  const free = Effect.fnUntraced(function*(values: ReadonlyArray<Values>) {
    const ids = yield* takenIds(values.map(idOf))
    const keys = yield* takenKeys(values.map(goingKeyOf))
    return values.filter((row) => {
      const key = goingKeyOf(row)
      if (ids.has(idOf(row)) || keys.has(key)) return false
      if (key !== null) keys.add(key)
      return true
    })
  })
  const insert = adding(db, runs, newColumns, free)
  const insertNew = insertion(db, runs, newColumns)
  const insertArrival = insertion(db, runs, arrivalColumns, run.state)
  /** Rows of new runs, each of which stands behind its family if that is full. */
  const behindFamilies = (rows: Fragment): Fragment =>
    sql`(SELECT ${placedColumns} FROM (SELECT k.*, (SELECT count(*) FROM ${runs} r
        WHERE ${
      db.ours("r")
    } AND r.job = k.job AND r.incarnation = k.incarnation AND r.finished IS NULL AND r.blocked_at IS NULL
      ) AS admitted FROM ${rows} k) k)`

  /**
   * The row of a new run, which is claimed if nobody stands before it that a claim might take. The first ones are asked for, and not whether
   * there are any: a planner that does not know how many reads the whole table then, in the hope of meeting one soon. And they are asked for once, where they
   * would be looked for again in each column.
   */
  const claimedIfFirst = (row: Fragment, now: number): Fragment =>
    sql`(WITH k AS MATERIALIZED (SELECT k.*,
        (SELECT min(r.order_at) FROM ${runs} r WHERE ${
      db.ours("r")
    } AND r.lane = k.lane AND r.order_at IS NOT NULL) IS NULL
        AND coalesce((SELECT min(r.wake_at) FROM ${runs} r WHERE ${
      db.ours("r")
    } AND r.wake_at IS NOT NULL) > ${now}, true)
        AS is_first
      FROM ${row} k) SELECT ${claimedColumns} FROM k)`

  const admittedOf = (wanted: Map<string, Families.Family>): Sql<Map<string, number>> =>
    Effect.map(
      forRows(db, Families.columns, Array.from(wanted.values(), Families.encode), (rows) =>
        sql`SELECT r.job, r.incarnation, count(*) FROM ${rows} k ${each} ${runs} r
            WHERE ${db.ours("r")} AND r.job = k.job AND r.incarnation = k.incarnation
              AND r.finished IS NULL AND r.blocked_at IS NULL
            GROUP BY r.job, r.incarnation ${latest}`.values),
      (rows) =>
        new Map(
          rows.map(([job, incarnation, n]) => [Families.familyKey(job as string, incarnation as string), Number(n)])
        )
    )

  /** Only a run that may have to stay blocked must know beforehand which others will be there. */
  const known = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>) {
    if (news.some(hasBound)) yield* seesLatest(db)
    const taken = new Map<string, number>()
    yield* places.count(news, taken)
    return {
      keys: yield* takenKeys(news.map(({ uniqueKey }) => uniqueKey)),
      admitted: yield* admittedOf(Families.familiesOf(news.filter((run) => run.serial !== null))),
      taken
    }
  })

  /** Those whose unique keys are free, where each of them comes to stand, and what it takes. */
  const letIn = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    const seated: Array<Places.Seated> = []
    const { admitted, keys, taken } = yield* known(news)
    const entries = news.flatMap((run): ReadonlyArray<Entry> => {
      if (run.uniqueKey !== null && keys.has(run.uniqueKey)) return []
      if (run.uniqueKey !== null) keys.add(run.uniqueKey)
      if (run.job !== null && run.incarnation !== null) {
        const family = Families.familyKey(run.job, run.incarnation)
        const before = admitted.get(family) ?? 0
        if (run.serial !== null && before >= run.serial) return [{ run, place: { ...blocked, isBehind: true } }]
        admitted.set(family, before + 1)
      }
      const place = queued(run, now)
      if (place.state === "waiting" || !Places.hasLimits(run)) return [{ run, place }]
      const limits = inOrder(run.limits)
      const at = takePlaces(limits, 0, taken)
      seated.push({ id: run.id, limits, at, rank: place.orderAt! })
      return [{ run, place: at < limits.length ? blocked : place }]
    })
    return { entries, seated }
  })

  /**
   * Adds runs of which none stands behind another one of these, and that have no bound but their families': the statement itself counts who is
   * there, which it sees once the families are locked.
   */
  const addBehind = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    yield* seesLatest(db)
    const rows = news.map((run) => encodeNew(run, queued(run, now)))
    const added = yield* forRows(db, newColumns, rows, (rows) => sql`${insertNew(behindFamilies(rows))}`.values)
    return new Set(added.map(([id]) => id))
  })

  /** Those that will be added, and what they take. Without bounds, the database finds out which are free. */
  const placed = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    if (!news.some(hasBound)) {
      return { rows: news.map((run) => encodeNew(run, queued(run, now))), seated: [], counted: [] }
    }
    const ids = yield* takenIds(news.map(({ id }) => id))
    const { entries, seated } = yield* letIn(news.filter(({ id }) => !ids.has(id)), now)
    return {
      rows: entries.map(({ place, run }) => encodeNew(run, place)),
      seated,
      counted: entries.map(({ run }) => run)
    }
  })

  const add = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number, hints: Hints) {
    const added = new Set<NewRun>()
    for (const wave of waves(news, ({ id }) => id)) {
      if (dialect.whereFree !== undefined && areBehindOthersOnly(wave, now)) {
        const ids = yield* addBehind(wave, now)
        for (const run of wave) if (ids.has(run.id)) added.add(run)
        continue
      }
      const { counted, rows, seated } = yield* placed(wave, now)
      const ids = new Set(yield* insert(rows))
      for (const run of wave) if (ids.has(run.id)) added.add(run)
      yield* places.take(seated.filter(({ id }) => ids.has(id)))
      // Somebody took its key in between: whoever stands behind it here stands behind nobody.
      const absent = counted.filter(({ id }) => !ids.has(id)).map((run) => ({ ...run, state: "done" as const }))
      if (absent.length > 0) yield* succeed(absent, now, hints)
    }
    if (added.size > 0) hints.ready = true
    return news.map((run) => added.has(run))
  })

  const announce = (run: NewRun, now: number, tell: Fragment) =>
    Effect.map(
      sql`WITH added AS (${
        insertNew(dialect.rows(newColumns, [encodeNew(run, queued(run, now))], db.ns))
      }) SELECT ${tell} FROM added`.values,
      ([row]) => ({ added: row !== undefined, told: row?.[0] === true })
    )

  const addAndClaim: Admission["addAndClaim"] = (run, now, node) => {
    const row = dialect.rows(arrivalColumns, [[...encodeNew(run, queued(run, now)), 0, node, now]], db.ns)
    return Effect.map(
      sql`${insertArrival(claimedIfFirst(row, now))}`.values,
      ([row]) => row === undefined ? "duplicate" : row[0] === "running" ? "claimed" : "added"
    )
  }

  /** Each in its turn; answers how far they have come. */
  const apply = Effect.fnUntraced(function*(applicants: ReadonlyArray<Applicant>, taken: Map<string, number>) {
    yield* places.count(applicants, taken)
    return applicants.map((run): Places.Seated => ({ ...run, at: takePlaces(run.limits, run.at, taken) }))
  })

  const write = (moves: ReadonlyArray<Values>): Sql<void> =>
    Effect.asVoid(forRows(db, moved, moves, (rows) => sql`${move.head} ${rows} ${move.tail} AND ${db.ours("t")}`))

  const moveOf = ({ at, id, limits, rank }: Places.Seated): Values =>
    at < limits.length ? [id, "blocked", null, null] : [id, "ready", rank, null]

  const seat = Effect.fnUntraced(function*(applicants: ReadonlyArray<Applicant>) {
    const seated = yield* apply(applicants, new Map())
    yield* places.take(seated)
    yield* write(seated.map(moveOf))
  })

  /** Those who wait for places that are free now take them. */
  const serve = Effect.fnUntraced(function*(
    left: ReadonlyArray<Left>,
    taken: Map<string, number>,
    now: number,
    hints: Hints
  ) {
    if (left.length === 0) return
    const freed = new Map<string, number>()
    for (const { limits } of left) for (const { key } of limits) freed.set(key, (freed.get(key) ?? 0) + 1)
    // one more than have left: it is nearly always the one that has to stay, and tells that there is no need to look further
    const wanted = servingOrder(freed.keys()).map((key) => ({ key, limit: freed.get(key)! + 1 }))
    const found = yield* places.heads(wanted)
    if (found.length === 0) return
    yield* places.count(found.map(({ run }) => run), taken)
    const queues = Map.groupBy(found, ({ key }) => key)
    const seated: Array<Places.Seated> = []
    for (const { key, limit } of wanted) {
      let queue: typeof found = queues.get(key) ?? []
      while (queue.length > 0) {
        // in the next queue it stands from now on, or those of one key could stand in the way of all others
        const advanced = queue.map(({ run }) => ({
          ...run,
          from: run.at,
          at: takePlaces(run.limits, run.at, taken),
          rank: now - run.boost
        }))
        const stays = advanced.findIndex(({ at, from }) => at === from)
        seated.push(...stays < 0 ? advanced : advanced.slice(0, stays))
        if (stays >= 0 || queue.length < limit) break
        // where limits have been raised, more may follow than have left
        queue = yield* places.heads([{ key, limit, after: queue[queue.length - 1]!.run }])
        yield* places.count(queue.map(({ run }) => run), taken)
      }
    }
    if (seated.length === 0) return
    yield* places.leave(seated)
    yield* places.take(seated)
    yield* write(seated.map(moveOf))
    hints.ready = true
  })

  /** Those who wait behind others of their families pass that gate, and go on to the next. */
  const follow = Effect.fnUntraced(function*(
    wanted: Map<string, Families.Family>,
    taken: Map<string, number>,
    now: number,
    hints: Hints
  ) {
    if (wanted.size === 0) return
    const rows = yield* forRows(
      db,
      Families.columns,
      Array.from(wanted.values(), Families.encode),
      (rows) =>
        sql`SELECT ${candidate} FROM ${rows} k ${each} ${runs} r
            WHERE ${db.ours("r")} AND r.job = k.job AND r.incarnation = k.incarnation AND r.blocked_at IS NOT NULL
            ORDER BY r.blocked_at, r.id ${latest}`.values
    )
    if (rows.length === 0) return
    const behind = rows.map(waiting.decode)
    const admitted = yield* admittedOf(Families.familiesOf(behind))
    const closed = new Set<string>()
    const moves: Array<Values> = []
    const applicants: Array<Applicant> = []
    for (const run of behind) {
      // a run that stands behind others has a job and an incarnation
      const family = Families.familyKey(run.job!, run.incarnation!)
      const before = admitted.get(family) ?? 0
      if (closed.has(family) || (run.serial !== null && before >= run.serial)) {
        closed.add(family)
        continue
      }
      admitted.set(family, before + 1)
      const { orderAt, state } = queued(run, now, run.planned)
      if (state === "ready" && Places.hasLimits(run)) applicants.push({ ...run, at: 0, rank: orderAt! })
      else moves.push([run.id, state, orderAt, state === "waiting" ? run.readyAt : null])
    }
    if (applicants.length > 0) {
      yield* places.lockFor(applicants)
      const seated = yield* apply(applicants, taken)
      yield* places.take(seated)
      moves.push(...seated.map(moveOf))
    }
    if (moves.length === 0) return
    yield* write(moves)
    hints.ready = true
  })

  const succeed = Effect.fnUntraced(function*(left: ReadonlyArray<Left>, now: number, hints: Hints) {
    if (left.some((run) => run.job !== null || Places.hasLimits(run))) yield* seesLatest(db)
    const taken = new Map<string, number>()
    yield* serve(left.filter(Places.hasLimits), taken, now, hints)
    yield* follow(Families.familiesOf(left.filter(({ state }) => state === "done")), taken, now, hints)
  })

  const promote = (left: ReadonlyArray<Left>, now: number, hints: Hints): Sql<void> =>
    Effect.andThen(places.leave(left.filter(Places.hasLimits)), succeed(left, now, hints))

  const readmit = Effect.fnUntraced(function*(ended: ReadonlyArray<NewRun>, now: number, hints: Hints) {
    const { entries, seated } = yield* letIn(ended, now)
    yield* forRows(
      db,
      readmitted,
      entries.map(({ place, run }) => [
        run.id,
        place.state,
        place.orderAt,
        place.isBehind === true ? run.planned : null,
        run.uniqueKey
      ]),
      (rows) => sql`${again.head} ${rows} ${again.tail} AND ${db.ours("t")}`
    )
    yield* places.take(seated)
    if (entries.length > 0) hints.ready = true
    return new Set(entries.map(({ run }) => run.id))
  })

  const withdraw = (withdrawn: ReadonlyArray<{ readonly id: string }>): Sql<void> =>
    Effect.andThen(
      places.leave(withdrawn),
      Effect.asVoid(
        forKeys(
          db,
          ids,
          withdrawn.map(({ id }) => [id]),
          (areWithdrawn) => sql`DELETE FROM ${runs} WHERE ${areWithdrawn}`
        )
      )
    )

  return {
    readmit,
    withdraw,
    succeed,
    lockFor: (news) =>
      lock(
        Families.familiesOf(news.filter((run) => run.serial !== null)),
        news.some(Places.hasLimits) ? [Places.lockName(db)] : []
      ),
    lockPlaces: places.lockFor,
    isOneStep: (news) =>
      news.length <= dialect.batch(newColumns.length) && !news.some(hasBound) &&
      new Set(news.map(({ id }) => id)).size === news.length,
    add,
    announce,
    addAndClaim,
    promote,
    seat
  }
}
