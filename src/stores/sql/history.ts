/**
 * Stage six: what was, for those who ask, until it is forgotten.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import {
  type RunQuery,
  type RunRow,
  type Service,
  throttled,
  type VerdictQuery,
  type VerdictRow
} from "../../JobStore.ts"
import { scale } from "../rates.ts"
import { type Database, forKeys, forRows, type Sql, type Values, type Verbs } from "./Database.ts"
import * as Table from "./Table.ts"

const ids = [Table.runs.of.id]
const { of: verdict } = Table.verdicts
const ranges = [verdict.job, verdict.incarnation, verdict.to]

export const make = (db: Database): Verbs<"runs" | "verdicts" | "sweep"> => {
  const { dialect, each, ns, places, rates, runs, sql, verdicts } = db
  const skipLocked = sql.literal(dialect.skipLocked)
  const wanted = sql.literal(Table.names(Table.runs.columns, "r"))
  const verdictColumns = sql.literal(Table.names(Table.verdicts.columns, "v"))

  /** Going runs stand in one of five places, each with an index of its own; together they are all. */
  const goingIds = sql`SELECT ns, id FROM ${runs} WHERE ns = ${ns} AND lane IS NOT NULL AND order_at IS NOT NULL
    UNION ALL SELECT ns, id FROM ${runs} WHERE ns = ${ns} AND wake_at IS NOT NULL
    UNION ALL SELECT ns, id FROM ${runs} WHERE ns = ${ns} AND node IS NOT NULL
    UNION ALL SELECT ns, id FROM ${runs} WHERE ns = ${ns} AND job IS NOT NULL AND blocked_at IS NOT NULL
    UNION ALL SELECT ns, run AS id FROM ${places} WHERE ns = ${ns} AND queued_at IS NOT NULL`

  const filters = (query: RunQuery, isOurs: Fragment = sql`r.ns = ${ns}`): Array<Fragment> => {
    const filters = [isOurs]
    if (query.job !== undefined) filters.push(sql`r.job = ${query.job}`)
    if (query.incarnation !== undefined) filters.push(sql`r.incarnation = ${query.incarnation}`)
    if (query.task !== undefined) filters.push(sql`r.task = ${query.task}`)
    if (query.uniqueKey !== undefined) filters.push(sql`r.going_key = ${query.uniqueKey}`)
    if (query.outcomes !== undefined) filters.push(sql`${sql.in("r.outcome", query.outcomes)}`)
    return filters
  }

  const allRuns = sql`${runs} r`
  const page = (
    from: Fragment,
    conditions: ReadonlyArray<Fragment>,
    order: Fragment,
    limit: number
  ): Sql<ReadonlyArray<RunRow>> =>
    Effect.map(
      sql`SELECT ${wanted} FROM ${from} WHERE ${sql.and(conditions)} ORDER BY ${order} LIMIT ${limit}`.values,
      (rows) => rows.map(Table.runs.decode)
    )

  const newestId = sql.literal("r.id DESC")
  const going = ({ after, ...query }: RunQuery): Sql<ReadonlyArray<RunRow>> => {
    const isAfter = after === undefined ? [] : [sql`r.id < ${after.id}`]
    const isGoing = sql`r.finished IS NULL`
    if (query.job !== undefined || query.uniqueKey !== undefined) {
      return page(allRuns, [...filters(query), isGoing, ...isAfter], newestId, query.limit)
    }
    const [isOurs, ...asked] = filters(query, db.ours("r"))
    // where nothing else is asked of them, only those of the page need be looked at
    const found = asked.length > 0 ? goingIds : sql`SELECT r.ns, r.id FROM (${goingIds}) r
      WHERE ${sql.and([sql`r.ns = ${ns}`, ...isAfter])} ORDER BY ${newestId} LIMIT ${query.limit}`
    // not before they are joined: of a table that nobody has analysed a planner thinks that hardly any row is like that
    const isMeant = sql`CASE WHEN k.id IS NOT NULL THEN ${sql.and([...asked, isGoing])} END`
    const conditions = [isOurs!, sql`r.id = k.id`, isMeant, ...isAfter]
    return page(sql`(${found}) k ${each} ${runs} r`, conditions, newestId, query.limit)
  }

  const lastFinished = sql.literal("r.finished DESC, r.id DESC")
  const done = ({ after, ...query }: RunQuery, limit: number): Sql<ReadonlyArray<RunRow>> => {
    const conditions = [...filters(query), sql`r.finished IS NOT NULL`]
    if (after !== undefined && after.finished !== null) {
      conditions.push(
        sql`r.finished <= ${after.finished} AND (r.finished < ${after.finished} OR r.id < ${after.id})`
      )
    }
    return page(allRuns, conditions, lastFinished, limit)
  }

  /** Few enough to be put in order here. */
  const named = (query: RunQuery, wantedIds: ReadonlyArray<string>): Sql<ReadonlyArray<RunRow>> => {
    const conditions = [...filters(query, db.ours("r")), sql`r.id = k.id`]
    if (query.going !== undefined) {
      conditions.push(query.going ? sql`r.finished IS NULL` : sql`r.finished IS NOT NULL`)
    }
    const where = sql.and(conditions)
    const { after } = query
    return Effect.map(
      forRows(
        db,
        ids,
        Array.from(new Set(wantedIds), (id) => [id]),
        (rows) => sql`SELECT ${wanted} FROM ${rows} k ${each} ${runs} r WHERE ${where}`.values
      ),
      (rows) =>
        rows.map(Table.runs.decode)
          .filter((row) => after === undefined || compare(after, row) < 0)
          .sort(compare)
          .slice(0, query.limit)
    )
  }

  const select = Effect.fnUntraced(function*(query: RunQuery) {
    const { after, limit } = query
    if (limit <= 0) return []
    if (query.ids !== undefined) return yield* named(query, query.ids)
    const first =
      query.going === false || query.outcomes !== undefined || (after !== undefined && after.finished !== null)
        ? []
        : yield* going(query)
    if (query.going === true || query.uniqueKey !== undefined || first.length === limit) return first
    // one that was going a moment ago may have ended since
    const known = new Set(first.map(({ id }) => id))
    const rest = (yield* done(query, limit)).filter(({ id }) => !known.has(id))
    return [...first, ...rest.slice(0, limit - first.length)]
  })

  const verdictsOf = (query: VerdictQuery): Sql<ReadonlyArray<VerdictRow>> => {
    if (query.limit <= 0) return Effect.succeed([])
    const conditions = [sql`v.ns = ${ns} AND v.job = ${query.job}`]
    if (query.incarnation !== undefined) conditions.push(sql`v.incarnation = ${query.incarnation}`)
    if (query.before !== undefined) conditions.push(sql`v.to_at < ${query.before}`)
    if (query.at !== undefined) {
      conditions.push(sql`v.to_at >= ${query.at} AND (v.from_at IS NULL OR v.from_at < ${query.at})`)
    }
    return Effect.map(
      sql`SELECT ${verdictColumns} FROM ${verdicts} v WHERE ${sql.and(conditions)}
          ORDER BY v.to_at DESC LIMIT ${query.limit}`.values,
      (rows) => rows.map(Table.verdicts.decode)
    )
  }

  const forget = (gone: ReadonlyArray<Values>) =>
    forKeys(db, ids, gone, (areGone) => sql`DELETE FROM ${runs} WHERE ${areGone}`)

  /** As `isRecalled` has it. */
  const mayGo = sql`origin <> 'continuation' AND id NOT LIKE ${`${throttled}%`}`

  /** Of a task, the runs beyond its newest ones, from the oldest on. */
  const sweepBeyond = Effect.fnUntraced(function*(task: string, count: number, limit: number) {
    const [newest] =
      yield* sql`SELECT finished, id FROM ${runs} WHERE ns = ${ns} AND finished IS NOT NULL AND task = ${task}
      AND ${mayGo} ORDER BY finished DESC, id DESC LIMIT 1 OFFSET ${count}`.values
    if (newest === undefined) return 0
    const [finished, id] = newest
    const beyond = yield* sql`SELECT id FROM ${runs} WHERE ns = ${ns} AND finished IS NOT NULL AND task = ${task}
      AND finished <= ${finished} AND (finished < ${finished} OR id <= ${id}) AND ${mayGo}
      ORDER BY finished, id LIMIT ${limit} ${skipLocked}`.values
    yield* forget(beyond)
    return beyond.length
  })

  const sweep = Effect.fnUntraced(function*({ before, keep = [], limit, now }: Parameters<Service["sweep"]>[0]) {
    if (limit <= 0) return 0
    yield* sql`DELETE FROM ${rates} WHERE ns = ${ns} AND full_at <= ${now * scale}`
    const expired = yield* sql`SELECT id FROM ${runs} WHERE ns = ${ns} AND expires_at <= ${now} AND finished IS NOT NULL
      ORDER BY expires_at LIMIT ${limit} ${skipLocked}`.values
    yield* forget(expired)
    let swept = expired.length
    for (const { count, task } of keep) swept += yield* sweepBeyond(task, count, limit)
    const outdated = yield* sql`SELECT job, incarnation, to_at FROM ${verdicts} WHERE ns = ${ns} AND to_at < ${before}
      ORDER BY to_at LIMIT ${limit} ${skipLocked}`.values
    yield* forKeys(
      db,
      ranges,
      outdated,
      (areOutdated) => sql`DELETE FROM ${verdicts} WHERE ${areOutdated}`
    )
    return swept + outdated.length
  })

  return {
    runs: select,
    verdicts: verdictsOf,
    sweep: (request) => db.transaction(sweep(request))
  }
}

/** The order of the history: what is going first, then what finished last; ties by descending id. */
const compare = (
  a: { readonly finished: number | null; readonly id: string },
  b: { readonly finished: number | null; readonly id: string }
): number => {
  if (a.finished !== b.finished) {
    if (a.finished === null) return -1
    if (b.finished === null) return 1
    return b.finished - a.finished
  }
  return a.id === b.id ? 0 : a.id > b.id ? -1 : 1
}
