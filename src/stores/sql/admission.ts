/**
 * Where a run stands when it arrives, and which one moves up when another ends.
 *
 * All of this happens inside the transaction of the verb that brings or ends runs, while it holds the lock of their families.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { NewRun, RunRow } from "../../JobStore.ts"
import { adding, type Database, forRows, type Sql, type Values } from "./Database.ts"
import * as Families from "./families.ts"
import type { Hints } from "./Hints.ts"
import * as Table from "./Table.ts"
import { waves } from "./waves.ts"

/** Whether a run with this start may be claimed now. */
export const stateAt = (readyAt: number | null, now: number): "ready" | "waiting" =>
  readyAt !== null && readyAt > now ? "waiting" : "ready"

/** Where a run stands, and at which place in its lane's queue. */
export type Place = Pick<RunRow, "state" | "orderAt">

/** A run that stands in its lane's queue, or waits for its instant. */
export const queued = (
  run: Pick<RunRow, "planned" | "readyAt" | "boost">,
  now: number,
  from: number = run.readyAt ?? run.planned
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
const encodeNew = (run: NewRun, place: Place): Values => [
  ...arrival.encode({ ...run, ...place }),
  place.state === "waiting" ? run.readyAt : null,
  place.state === "blocked" ? run.planned : null,
  run.uniqueKey
]

const idOf = (row: Values): unknown => row[0]
const goingKeyOf = (row: Values): unknown => row[newColumns.length - 1]

const hasBound = (run: NewRun): boolean => run.serial !== null

const waiting = Table.pick(Table.runs, ["id", "job", "incarnation", "planned", "readyAt", "boost", "serial"])
const ids = [run.id]
const keys = [run.uniqueKey]
const moved = [run.id, run.state, run.orderAt, Table.wakeAt]

export interface Admission {
  /** Nobody else admits or ends runs of the families in which these may have to stay blocked. */
  readonly lockFor: (runs: ReadonlyArray<NewRun>) => Sql<void>
  /** Whether adding these is a single statement, which needs no transaction around it. */
  readonly isOneStep: (runs: ReadonlyArray<NewRun>) => boolean
  /** Adds runs whose ids and unique keys are free; answers which. Families in which they may be blocked must be locked. */
  readonly add: (runs: ReadonlyArray<NewRun>, now: number, hints: Hints) => Sql<ReadonlyArray<boolean>>
  /** Lets blocked runs of these families, which must be locked, move up. */
  readonly promote: (families: Map<string, Families.Family>, now: number, hints: Hints) => Sql<void>
}

export const make = (db: Database): Admission => {
  const { dialect, each, ns, runs, sql } = db
  const lock = Families.lock(db)
  const latest = sql.literal(dialect.latest)
  const candidate = sql.literal(Table.names(waiting.columns, "r"))
  const move = dialect.update({
    table: db.named("runs"),
    set: { state: "k.state", order_at: "k.order_at", wake_at: "k.wake_at", blocked_at: "NULL" },
    on: "t.id = k.id"
  })

  const takenIds = (wanted: ReadonlyArray<unknown>): Sql<Set<unknown>> =>
    Effect.map(
      forRows(
        db,
        ids,
        wanted.map((id) => [id]),
        (rows) => sql`SELECT r.id FROM ${rows} k ${each} ${runs} r WHERE r.ns = ${ns} AND r.id = k.id ${latest}`.values
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
            WHERE r.ns = ${ns} AND r.going_key = k.unique_key ${latest}`.values
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

  const admittedOf = (wanted: Map<string, Families.Family>): Sql<Map<string, number>> =>
    Effect.map(
      forRows(db, Families.columns, Array.from(wanted.values(), Families.encode), (rows) =>
        sql`SELECT r.job, r.incarnation, count(*) FROM ${rows} k ${each} ${runs} r
            WHERE r.ns = ${ns} AND r.job = k.job AND r.incarnation = k.incarnation
              AND r.finished IS NULL AND r.blocked_at IS NULL
            GROUP BY r.job, r.incarnation ${latest}`.values),
      (rows) =>
        new Map(
          rows.map(([job, incarnation, n]) => [Families.familyKey(job as string, incarnation as string), Number(n)])
        )
    )

  /** Only a run that may have to stay blocked must know beforehand which others will be there. */
  const known = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>) {
    const bounded = news.filter(hasBound)
    if (bounded.length === 0) return undefined
    return {
      ids: yield* takenIds(news.map(({ id }) => id)),
      keys: yield* takenKeys(news.map(({ uniqueKey }) => uniqueKey)),
      admitted: yield* admittedOf(Families.familiesOf(bounded))
    }
  })

  /** Those that will be added, in their places. Without bounds, the database finds out which are free. */
  const placed = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    const others = yield* known(news)
    if (others === undefined) return news.map((run) => encodeNew(run, queued(run, now)))
    const { admitted, ids, keys } = others
    return news.flatMap((run) => {
      if (ids.has(run.id) || (run.uniqueKey !== null && keys.has(run.uniqueKey))) return []
      if (run.uniqueKey !== null) keys.add(run.uniqueKey)
      let place: Place = queued(run, now)
      if (run.job !== null && run.incarnation !== null) {
        const family = Families.familyKey(run.job, run.incarnation)
        const before = admitted.get(family) ?? 0
        if (run.serial !== null && before >= run.serial) place = { state: "blocked", orderAt: null }
        else admitted.set(family, before + 1)
      }
      return [encodeNew(run, place)]
    })
  })

  const add = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number, hints: Hints) {
    const added = new Set<NewRun>()
    for (const wave of waves(news, ({ id }) => id)) {
      const ids = new Set(yield* insert(yield* placed(wave, now)))
      for (const run of wave) if (ids.has(run.id)) added.add(run)
    }
    if (added.size > 0) hints.ready = true
    return news.map((run) => added.has(run))
  })

  const promote = Effect.fnUntraced(function*(wanted: Map<string, Families.Family>, now: number, hints: Hints) {
    if (wanted.size === 0) return
    const rows = yield* forRows(
      db,
      Families.columns,
      Array.from(wanted.values(), Families.encode),
      (rows) =>
        sql`SELECT ${candidate} FROM ${rows} k ${each} ${runs} r
            WHERE r.ns = ${ns} AND r.job = k.job AND r.incarnation = k.incarnation AND r.blocked_at IS NOT NULL
            ORDER BY r.blocked_at, r.id ${latest}`.values
    )
    if (rows.length === 0) return
    const blocked = rows.map(waiting.decode)
    const admitted = yield* admittedOf(Families.familiesOf(blocked))
    const closed = new Set<string>()
    const moves: Array<Values> = []
    for (const run of blocked) {
      // a run that may be blocked has a job and an incarnation
      const family = Families.familyKey(run.job!, run.incarnation!)
      const before = admitted.get(family) ?? 0
      if (closed.has(family) || (run.serial !== null && before >= run.serial)) {
        closed.add(family)
        continue
      }
      admitted.set(family, before + 1)
      const { orderAt, state } = queued(run, now, run.planned)
      moves.push([run.id, state, orderAt, state === "waiting" ? run.readyAt : null])
    }
    if (moves.length === 0) return
    yield* forRows(db, moved, moves, (rows) => sql`${move.head} ${rows} ${move.tail} AND t.ns = ${ns}`)
    hints.ready = true
  })

  return {
    lockFor: (news) => lock(Families.familiesOf(news.filter(hasBound))),
    isOneStep: (news) =>
      news.length <= dialect.batch(newColumns.length) && !news.some(hasBound) &&
      new Set(news.map(({ id }) => id)).size === news.length,
    add,
    promote
  }
}
