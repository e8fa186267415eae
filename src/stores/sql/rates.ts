/**
 * The buckets of rates, shared by all nodes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Granted, Want } from "../../JobStore.ts"
import { draw } from "../rates.ts"
import { type Database, forRows, type Values, type Verbs } from "./Database.ts"
import * as Table from "./Table.ts"

const keys = [Table.text("name")]
const buckets = [...keys, Table.int("full_at")]

export const make = (db: Database): Verbs<"take"> => {
  const { dialect, each, ns, rates, sql } = db
  const columns = sql.literal(Table.names(buckets))
  const lock = sql.literal(dialect.forUpdate("b", "name"))
  const move = dialect.update({ table: db.named("rates"), set: { full_at: "k.full_at" }, on: "t.name = k.name" })

  const take = Effect.fnUntraced(function*(wants: ReadonlyArray<Want>, now: number) {
    const names = Array.from(new Set(wants.map(({ key }) => key)), (key) => [key])
    const rows = yield* forRows(
      db,
      keys,
      names,
      (rows) =>
        sql`SELECT b.name, b.full_at FROM ${rows} k ${each} ${rates} b WHERE ${
          db.ours("b")
        } AND b.name = k.name ${lock}`
          .values
    )
    const stored = new Map(rows.map(([key, fullAt]) => [key as string, Number(fullAt)]))
    const drawn = new Map<string, number>()
    const answers = wants.map((want): Granted => {
      const { fullAt, granted, next } = draw(want, drawn.get(want.key) ?? stored.get(want.key), now)
      if (granted > 0) drawn.set(want.key, fullAt)
      return { granted, next }
    })
    const longer: Array<Values> = []
    const fresh: Array<Values> = []
    for (const [key, fullAt] of drawn) (stored.has(key) ? longer : fresh).push([key, fullAt])
    yield* forRows(db, buckets, longer, (rows) => sql`${move.head} ${rows} ${move.tail} AND ${db.ours("t")}`)
    // who is overtaken here begins again, and finds the bucket of the other
    yield* forRows(
      db,
      buckets,
      fresh,
      (rows) => sql`INSERT INTO ${rates} (ns, ${columns}) SELECT ${ns}, ${columns} FROM ${rows} k`
    )
    return answers
  })

  return { take: ({ now, wants }) => wants.length === 0 ? Effect.succeed([]) : db.transaction(take(wants, now)) }
}
