/**
 * Who has, and who waits for, a place under a limit that holds for all nodes.
 *
 * The rows of the places are the count: it cannot drift. One lock of the namespace's covers them all, because a run that moves up may need
 * further places, whose keys nobody knows beforehand; it is taken after those of families and before those of runs.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Limit } from "../../JobStore.ts"
import { type Database, forKeys, forRows, type Sql, type Values } from "./Database.ts"
import * as Table from "./Table.ts"

export interface Limited {
  readonly id: string
  readonly limits: ReadonlyArray<Limit>
}

/** A run with places under its limits up to one, under which it waits with a rank; or with all of them. */
export interface Seated extends Limited {
  readonly at: number
  readonly rank: number
}

const limitsRow = Table.pick(Table.runs, ["limits"])
const ids = [Table.text("run")]
const keys = [Table.text("name")]
const place = [...ids, ...keys, Table.int("most"), Table.int("queued_at")]

const rowsOf = ({ at, id, limits, rank }: Seated): ReadonlyArray<Values> =>
  limits.slice(0, at + 1).map(({ key, max }, i) => [id, key, max, i === at ? rank : null])

/** How many queues one statement looks at; databases limit the parts of a union. */
const queuesPerStatement = 100

/** The name of the lock of all places. */
export const lockName = (db: Database): string => `${db.named("places")} ${db.ns}`

export const hasLimits = ({ limits }: Pick<Limited, "limits">): boolean => limits.length > 0

export interface Places {
  /** Nobody else gives or takes places until the transaction is over; nothing if none of the runs has limits. */
  readonly lockFor: (runs: ReadonlyArray<Pick<Limited, "limits">>) => Sql<void>
  /** Adds the keys of these runs, as far as they are missing, to how many have a place under each. */
  readonly count: (runs: ReadonlyArray<Pick<Limited, "limits">>, taken: Map<string, number>) => Sql<void>
  readonly take: (runs: ReadonlyArray<Seated>) => Sql<void>
  readonly leave: (runs: ReadonlyArray<{ readonly id: string }>) => Sql<void>
  /** The first of those that wait under each key: at most so many, beyond the one given. */
  readonly heads: (
    wanted: ReadonlyArray<
      { readonly key: string; readonly limit: number; readonly after?: { readonly id: string; readonly rank: number } }
    >
  ) => Sql<ReadonlyArray<{ readonly key: string; readonly run: Seated & { readonly boost: number } }>>
}

export const make = (db: Database): Places => {
  const { dialect, each, ns, places, runs, sql } = db
  const { exclusive } = dialect
  const columns = sql.literal(Table.names(place))
  const latest = sql.literal(dialect.latest)
  const union = sql.join(" UNION ALL ", false)
  const lock: Sql<void> = exclusive === undefined
    ? Effect.void
    : Effect.suspend(() => Effect.asVoid(sql`${exclusive([lockName(db)], db.named)}`))

  const head = ({ after, key, limit }: Parameters<Places["heads"]>[0][number]) => {
    const beyond = after === undefined
      ? sql``
      : sql`AND p.queued_at >= ${after.rank} AND (p.queued_at > ${after.rank} OR p.run > ${after.id})`
    return sql`SELECT p.name, p.run, p.queued_at, r.boost, r.limits FROM ${places} p ${each} ${runs} r
      WHERE p.ns = ${ns} AND p.name = ${key} AND p.queued_at IS NOT NULL ${beyond} AND r.ns = ${ns} AND r.id = p.run
      ORDER BY p.queued_at, p.run LIMIT ${limit} ${latest}`
  }

  return {
    lockFor: (runs) => runs.some(hasLimits) ? lock : Effect.void,

    count: Effect.fnUntraced(function*(runs, taken) {
      const missing = new Set<string>()
      for (const { limits } of runs) for (const { key } of limits) if (!taken.has(key)) missing.add(key)
      for (const key of missing) taken.set(key, 0)
      const rows = yield* forRows(
        db,
        keys,
        Array.from(missing, (key) => [key]),
        (rows) =>
          sql`SELECT p.name, count(*) FROM ${rows} k ${each} ${places} p
            WHERE ${db.ours("p")} AND p.name = k.name AND p.queued_at IS NULL GROUP BY p.name ${latest}`.values
      )
      for (const [key, n] of rows) taken.set(key as string, Number(n))
    }),

    take: (runs) =>
      Effect.asVoid(
        forRows(
          db,
          place,
          runs.flatMap(rowsOf),
          (rows) => sql`INSERT INTO ${places} (ns, ${columns}) SELECT ${ns}, ${columns} FROM ${rows} k`
        )
      ),

    leave: (runs) =>
      Effect.asVoid(
        forKeys(
          db,
          ids,
          runs.map(({ id }) => [id]),
          (haveLeft) => sql`DELETE FROM ${places} WHERE ${haveLeft}`
        )
      ),

    heads: (wanted) =>
      Effect.map(
        Effect.forEach(
          Arr.chunksOf(wanted, queuesPerStatement),
          // some databases ask for a name for each part
          (part) =>
            sql`${union(part.map((queue, i) => sql`SELECT * FROM (${head(queue)}) ${sql.literal(`queue${i}`)}`))}`
              .values
        ),
        (parts) =>
          parts.flat().map(([key, id, rank, boost, limits]) => {
            const run = {
              id: id as string,
              rank: Number(rank),
              boost: Number(boost),
              limits: limitsRow.decode([limits]).limits
            }
            return { key: key as string, run: { ...run, at: run.limits.findIndex((limit) => limit.key === key) } }
          })
      )
  }
}
