/**
 * Stage one: jobs are added and looked up.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { JobQuery, JobRow } from "../../JobStore.ts"
import { type Database, forRows, signal, type Sql, type Verbs } from "./Database.ts"
import * as Table from "./Table.ts"

const ids = [Table.jobs.of.id]

export const make = (db: Database): Verbs<"insertJobs" | "jobs"> => {
  const { jobs, ns, sql } = db
  const columns = sql.literal(Table.list(Table.jobs.columns))
  const wanted = sql.literal(Table.list(Table.jobs.columns, "j"))

  const insert = Effect.fnUntraced(function*(rows: ReadonlyArray<JobRow>) {
    const taken = new Set<unknown>()
    const existing = yield* forRows(
      db,
      ids,
      rows.map(({ id }) => [id]),
      (keys) => sql`SELECT j.id FROM ${keys} k CROSS JOIN ${jobs} j WHERE j.ns = ${ns} AND j.id = k.id`.values
    )
    for (const [id] of existing) taken.add(id)
    const fresh: Array<ReadonlyArray<unknown>> = []
    const answers = rows.map((row) => {
      if (taken.has(row.id)) return "exists"
      taken.add(row.id)
      fresh.push(Table.jobs.encode(row))
      return "inserted"
    })
    yield* forRows(
      db,
      Table.jobs.columns,
      fresh,
      (rows) => sql`INSERT INTO ${jobs} (ns, ${columns}) SELECT ${ns}, ${columns} FROM ${rows} k`
    )
    if (fresh.length > 0) yield* signal(db, [{ _tag: "jobs" }])
    return answers
  })

  /** Ids that begin with the prefix lie between it and the prefix followed by the greatest code point. */
  const filters = (query: JobQuery): Array<Fragment> => {
    const filters = [sql`j.ns = ${ns}`]
    if (query.task !== undefined) filters.push(sql`j.task = ${query.task}`)
    if (query.state !== undefined) filters.push(sql`j.state = ${query.state}`)
    if (query.after !== undefined) filters.push(sql`j.id > ${query.after}`)
    if (query.prefix !== undefined && query.prefix !== "") {
      filters.push(sql`j.id >= ${query.prefix} AND j.id < ${query.prefix + "\u{10ffff}"}`)
    }
    return filters
  }

  const select = (query: JobQuery): Sql<ReadonlyArray<JobRow>> => {
    if (query.limit <= 0) return Effect.succeed([])
    const where = sql.and(filters(query))
    if (query.ids === undefined) {
      return Effect.map(
        sql`SELECT ${wanted} FROM ${jobs} j WHERE ${where} ORDER BY j.id LIMIT ${query.limit}`.values,
        (rows) => rows.map(Table.jobs.decode)
      )
    }
    const keys = Array.from(new Set(query.ids), (id) => [id])
    return Effect.map(
      forRows(
        db,
        ids,
        keys,
        (keys) => sql`SELECT ${wanted} FROM ${keys} k CROSS JOIN ${jobs} j WHERE j.id = k.id AND ${where}`.values
      ),
      (rows) => rows.map(Table.jobs.decode).sort((a, b) => a.id < b.id ? -1 : 1).slice(0, query.limit)
    )
  }

  return {
    insertJobs: (rows) => rows.length === 0 ? Effect.succeed([]) : sql.withTransaction(insert(rows)),
    jobs: select
  }
}
