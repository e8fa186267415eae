/**
 * Runs that take the place of others: of one that was never claimed and has the same unique key, or of themselves when they are done.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { NewRun, Service } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, forRows, signal, type Sql, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import type { Standings } from "./standing.ts"
import * as Table from "./Table.ts"

const ids = [Table.runs.of.id]

export interface Replacements extends Verbs<"revive"> {
  /** Adds a run, or lets it take the place of another. */
  readonly put: (run: NewRun, now: number, hints: Hints) => Sql<"added" | "replaced" | "duplicate">
}

export const make = (db: Database, admission: Admission, standings: Standings): Replacements => {
  const { dialect, each, ns, runs, sql } = db
  const latest = sql.literal(dialect.latest)
  const wanted = sql.literal(Table.names(Table.runs.columns, "r"))

  const put = Effect.fnUntraced(function*(run: NewRun, now: number, hints: Hints) {
    yield* admission.lockFor([run])
    const add = (run: NewRun) => Effect.map(admission.add([run], now, hints), ([isAdded]) => isAdded === true)
    const [holder] = run.uniqueKey === null ? [] : yield* standings.where(sql`r.going_key = ${run.uniqueKey}`)
    if (holder === undefined) return (yield* add(run)) ? "added" : "duplicate"
    const known = yield* sql`SELECT 1 FROM ${runs} WHERE ns = ${ns} AND id = ${run.id} ${latest}`.values
    if (known.length > 0 || holder.fence > 0) return "duplicate"
    yield* admission.withdraw([holder])
    yield* add({ ...run, id: holder.id })
    yield* admission.succeed([{ ...holder, state: "done" }], now, hints)
    return "replaced"
  })

  const revive = Effect.fnUntraced(function*({ now, runs: named }: Parameters<Service["revive"]>[0]) {
    const hints = new Hints()
    const current = new Map((yield* standings.byIds(named)).map((run) => [run.id, run]))
    const rows = yield* forRows(
      db,
      ids,
      Array.from(current.values()).filter(({ state }) => state === "done").map(({ id }) => [id]),
      (rows) =>
        sql`SELECT ${wanted} FROM ${rows} k ${each} ${runs} r WHERE ${db.ours("r")} AND r.id = k.id ${latest}`.values
    )
    const ended = new Map(rows.map(Table.runs.decode).map((run) => [run.id, run]))
    const order = Array.from(new Set(named)).flatMap((id) => ended.get(id) ?? [])
    const revived = yield* admission.readmit(order.map((run) => ({ ...run, readyAt: null })), now, hints)
    yield* signal(db, hints.signals())
    const answered = new Set<string>()
    return named.map((id) => {
      if (!current.has(id)) return "gone"
      if (!ended.has(id) || (answered.has(id) && revived.has(id))) return "going"
      answered.add(id)
      return revived.has(id) ? "revived" : "duplicate"
    })
  })

  return { put, revive: (request) => db.transaction(revive(request)) }
}
