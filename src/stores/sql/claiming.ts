/**
 * Stage three: runs arrive, and nodes claim them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { NewRun, RunRow, Service } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, forRows, signal, type Sql, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import * as Table from "./Table.ts"

const ids = [Table.runs.of.id]

/** How many lanes one statement looks at; databases limit the parts of a union. */
const lanesPerStatement = 100

/** How many waiting runs one statement wakes; there may be many whose instant is the same. */
const wokenPerStatement = 1000

export const make = (db: Database, admission: Admission): Verbs<"enqueue" | "claim"> => {
  const { dialect, ns, runs, sql } = db
  const wanted = sql.literal(Table.list(Table.runs.columns, "r"))
  const skipLocked = sql.literal(dialect.skipLocked)
  const union = sql.join(" UNION ALL ", false)

  const enqueue = Effect.fnUntraced(function*(news: ReadonlyArray<NewRun>, now: number) {
    const hints = new Hints()
    const added = yield* admission.add(news, now, hints)
    yield* signal(db, hints.signals())
    return added.map((added) => added ? "added" as const : "duplicate" as const)
  })

  const nextWake = Effect.map(
    sql`SELECT min(wake_at) FROM ${runs} WHERE ns = ${ns} AND wake_at IS NOT NULL`.values,
    ([row]) => row === undefined || row[0] === null ? null : Number(row[0])
  )

  const wake = (now: number) =>
    sql`UPDATE ${runs} SET state = 'ready', order_at = ready_at - boost, wake_at = NULL
        WHERE ns = ${ns} AND id IN (SELECT id FROM (
          SELECT id FROM ${runs} WHERE ns = ${ns} AND wake_at <= ${now} ORDER BY wake_at LIMIT ${wokenPerStatement}
        ) woken)`

  /** The heads of the lanes' queues, each found in its index, and of those the first. */
  const first = (lanes: ReadonlyArray<string>, limit: number): Sql<ReadonlyArray<RunRow>> => {
    const heads = lanes.map((lane, i): Fragment =>
      sql`SELECT * FROM (SELECT id, order_at FROM ${runs} WHERE ns = ${ns} AND lane = ${lane} AND order_at IS NOT NULL
          ORDER BY order_at, id LIMIT ${limit} ${skipLocked}) ${sql.literal(`lane${i}`)}`
    )
    return Effect.map(
      sql`SELECT ${wanted} FROM (SELECT id, order_at FROM (${
        union(heads)
      }) heads ORDER BY order_at, id LIMIT ${limit}) q
          CROSS JOIN ${runs} r WHERE r.ns = ${ns} AND r.id = q.id ORDER BY q.order_at, q.id`.values,
      (rows) => rows.map(Table.runs.decode)
    )
  }

  const candidates = (lanes: ReadonlyArray<string>, limit: number): Sql<ReadonlyArray<RunRow>> => {
    if (lanes.length === 0) return Effect.succeed([])
    if (lanes.length <= lanesPerStatement) return first(lanes, limit)
    const parts: Array<ReadonlyArray<string>> = []
    for (let i = 0; i < lanes.length; i += lanesPerStatement) parts.push(lanes.slice(i, i + lanesPerStatement))
    return Effect.map(
      Effect.forEach(parts, (part) => first(part, limit)),
      (rows) => rows.flat().sort((a, b) => a.orderAt! - b.orderAt! || (a.id < b.id ? -1 : 1)).slice(0, limit)
    )
  }

  const claim = Effect.fnUntraced(function*({ lanes, limit, node, now }: Parameters<Service["claim"]>[0]) {
    let next = yield* nextWake
    while (next !== null && next <= now) {
      yield* wake(now)
      yield* Effect.yieldNow
      next = yield* nextWake
    }
    const served = Array.from(new Set(lanes))
    if (limit <= 0) return { runs: [], next: (yield* candidates(served, 1)).length > 0 ? now : next }
    const ready = yield* candidates(served, limit)
    yield* forRows(
      db,
      ids,
      ready.map(({ id }) => [id]),
      (rows) =>
        sql`UPDATE ${runs} SET state = 'running', order_at = NULL, fence = fence + 1, node = ${node}, claimed = ${now}
          WHERE ns = ${ns} AND id IN (SELECT k.id FROM ${rows} k)`
    )
    const claimed = ready.map((run): RunRow => ({
      ...run,
      state: "running",
      orderAt: null,
      fence: run.fence + 1,
      node,
      claimed: now
    }))
    return { runs: claimed, next }
  })

  return {
    enqueue: (request) =>
      request.runs.length === 0 ? Effect.succeed([]) : sql.withTransaction(enqueue(request.runs, request.now)),
    claim: (request) => sql.withTransaction(claim(request))
  }
}
