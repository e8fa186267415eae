/**
 * Stage one: jobs are added and looked up.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { JobQuery, JobRow } from "../../JobStore.ts"
import { adding, type Database, forRows, inOneStep, signal, type Sql, type Values, type Verbs } from "./Database.ts"
import * as Table from "./Table.ts"

const ids = [Table.jobs.of.id]

export const make = (db: Database): Verbs<"insertJobs" | "jobs"> => {
  const { dialect, each, jobs, ns, sql } = db
  const latest = sql.literal(dialect.latest)
  const wanted = sql.literal(Table.names(Table.jobs.columns, "j"))

  const free = Effect.fnUntraced(function*(values: ReadonlyArray<Values>) {
    const found = yield* forRows(
      db,
      ids,
      values.map(([id]) => [id]),
      (rows) => sql`SELECT j.id FROM ${rows} k ${each} ${jobs} j WHERE ${db.ours("j")} AND j.id = k.id ${latest}`.values
    )
    const taken = new Set(found.map(([id]) => id))
    return values.filter(([id]) => !taken.has(id) && taken.add(id))
  })
  const add = adding(db, jobs, Table.jobs.columns, free)

  const insert = Effect.fnUntraced(function*(rows: ReadonlyArray<JobRow>) {
    const inserted = yield* add(rows.map(Table.jobs.encode))
    if (inserted.length > 0) yield* signal(db, [{ _tag: "jobs" }])
    // of an id that is given twice the first row was added
    const added = new Set(inserted)
    return rows.map(({ id }) => added.delete(id) ? "inserted" : "exists")
  })

  /** Ids that begin with the prefix lie between it and the prefix followed by the greatest code point. */
  const filters = (query: JobQuery, isOurs: Fragment): Array<Fragment> => {
    const filters = [isOurs]
    if (query.task !== undefined) filters.push(sql`j.task = ${query.task}`)
    if (query.state !== undefined) filters.push(sql`j.state = ${query.state}`)
    if (query.exceptTz !== undefined) filters.push(sql`j.tz <> ${query.exceptTz}`)
    if (query.after !== undefined) filters.push(sql`j.id > ${query.after}`)
    if (query.prefix !== undefined && query.prefix !== "") {
      filters.push(sql`j.id >= ${query.prefix} AND j.id < ${query.prefix + "\u{10ffff}"}`)
    }
    return filters
  }

  const select = (query: JobQuery): Sql<ReadonlyArray<JobRow>> => {
    if (query.limit <= 0) return Effect.succeed([])
    if (query.ids === undefined) {
      const where = sql.and(filters(query, sql`j.ns = ${ns}`))
      return Effect.map(
        sql`SELECT ${wanted} FROM ${jobs} j WHERE ${where} ORDER BY j.id LIMIT ${query.limit}`.values,
        (rows) => rows.map(Table.jobs.decode)
      )
    }
    const where = sql.and(filters(query, db.ours("j")))
    const keys = Array.from(new Set(query.ids), (id) => [id])
    return Effect.map(
      forRows(
        db,
        ids,
        keys,
        (keys) => sql`SELECT ${wanted} FROM ${keys} k ${each} ${jobs} j WHERE j.id = k.id AND ${where}`.values
      ),
      (rows) => rows.map(Table.jobs.decode).sort((a, b) => a.id < b.id ? -1 : 1).slice(0, query.limit)
    )
  }

  return {
    insertJobs: (rows) =>
      rows.length <= dialect.batch(Table.jobs.columns.length)
        ? inOneStep(db, insert(rows))
        : db.transaction(insert(rows)),
    jobs: select
  }
}
