/**
 * The runs of one incarnation of a job: whether one of them may start can depend on the others.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type Database, forRows, type Sql } from "./Database.ts"
import * as Table from "./Table.ts"

export interface Family {
  readonly job: string
  readonly incarnation: string
}

export const familyKey = (job: string, incarnation: string): string => `${incarnation}\u0000${job}`

/** The distinct families of runs; runs without a job have none. */
export const familiesOf = (
  runs: Iterable<{ readonly job: string | null; readonly incarnation: string | null }>
): Map<string, Family> => {
  const families = new Map<string, Family>()
  for (const { incarnation, job } of runs) {
    if (job !== null && incarnation !== null) families.set(familyKey(job, incarnation), { job, incarnation })
  }
  return families
}

/** Families as rows in a statement. */
export const columns = [Table.runs.of.job, Table.runs.of.incarnation]
export const encode = ({ incarnation, job }: Family): ReadonlyArray<unknown> => [job, incarnation]

/**
 * Nobody else admits, ends or promotes a run of these families until the transaction is over.
 *
 * **Details**
 *
 * What is locked is the family's job, as a planner's commit does anyway; for one whose job is gone, a name. Take this lock before those
 * of runs: whoever waits for a job must not hold what the holder of the job needs. Other names that are to be locked as well are locked
 * with those of families whose jobs are gone, for names are locked in one order only within one statement.
 */
export const lock = (db: Database): (families: Map<string, Family>, others?: ReadonlyArray<string>) => Sql<void> => {
  const { dialect, each, jobs, ns, sql } = db
  const { exclusive } = dialect
  if (exclusive === undefined) return () => Effect.void
  const nameOf = (family: string) => `${db.named("jobs")} ${ns} ${family.replace("\u0000", " ")}`
  const ordered = sql.literal(dialect.forUpdate("j", "id"))
  return Effect.fnUntraced(function*(families, others = []) {
    if (families.size === 0) {
      if (others.length > 0) yield* sql`${exclusive(others, db.named)}`
      return
    }
    const found = yield* forRows(
      db,
      columns,
      Array.from(families.values(), encode),
      (rows) =>
        sql`SELECT j.id, j.incarnation FROM ${rows} k ${each} ${jobs} j
          WHERE ${db.ours("j")} AND j.id = k.job AND j.incarnation = k.incarnation ${ordered}`.values
    )
    if (found.length === families.size && others.length === 0) return
    const jobless = new Set(families.keys())
    for (const [job, incarnation] of found) jobless.delete(familyKey(job as string, incarnation as string))
    yield* sql`${exclusive([...Array.from(jobless, nameOf), ...others], db.named)}`
  })
}
