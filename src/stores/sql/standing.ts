/**
 * How runs that exist move from one state to another: read and locked, decided in plain code, written back in one batch.
 *
 * Settling, cancelling and reaping all do this; they differ in what they decide.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { CancelRequest, RunRow } from "../../JobStore.ts"
import { queued } from "./admission.ts"
import { type Database, forKeys, forRows, type Sql, type Values } from "./Database.ts"
import * as Families from "./families.ts"
import type { Hints } from "./Hints.ts"
import { lockName } from "./places.ts"
import * as Table from "./Table.ts"

const changing = [
  "id",
  "state",
  "orderAt",
  "readyAt",
  "fence",
  "claimed",
  "started",
  "finished",
  "outcome",
  "result",
  "attempt",
  "attempts",
  "cancel"
] as const

/** What can change about a run once it exists. */
const written = Table.pick(Table.runs, changing)
const writtenColumns = [...written.columns, Table.wakeAt]
/** What that depends on. */
const row = Table.pick(Table.runs, [...changing, "job", "incarnation", "planned", "boost", "atMostOnce", "limits"])
const ids = [Table.runs.of.id]
const jobs = [Table.runs.of.job]
const claims = [Table.runs.of.id, Table.runs.of.fence]

export type Standing = ReturnType<typeof row.decode>

const encode = (run: Standing): Values => [...written.encode(run), run.state === "waiting" ? run.readyAt : null]

/** The run is over. */
export const ended = (
  run: Standing,
  end: { readonly finished: number; readonly outcome: string } & Partial<Standing>
): Standing => ({ ...run, ...end, state: "done", orderAt: null })

/** The run is over because somebody asked for it. */
export const cancelled = (run: Standing, cancel: string, now: number): Standing =>
  ended(run, { cancel, finished: now, outcome: "cancelled" })

/** The claim is undone: the run stands where it stood in its queue. */
export const requeued = (run: Standing, fence: number): Standing => ({
  ...run,
  state: "ready",
  orderAt: (run.readyAt ?? run.planned) - run.boost,
  claimed: null,
  fence
})

/** The run has another attempt ahead. */
export const retried = (
  run: Standing,
  retry: Pick<Standing, "started" | "attempt" | "attempts"> & { readonly readyAt: number },
  now: number
): Standing => {
  const { attempt, attempts, readyAt, started } = retry
  return { ...run, attempt, attempts, readyAt, started, ...queued({ ...run, readyAt }, now) }
}

export const encodeCancel = ({ by, reason }: CancelRequest): string => JSON.stringify({ reason, by })

export interface Standings {
  readonly byIds: (ids: Iterable<string>) => Sql<ReadonlyArray<Standing>>
  /** Locks the families of runs that have the fence of the claim. */
  readonly lockClaimed: (claims: Iterable<Pick<RunRow, "id" | "fence">>) => Sql<void>
  /**
   * Those of the runs that have the fence of the claim; their families must be locked. What somebody else may claim is not locked: a
   * transaction of the caller's may last, and who looks for work passes over what is locked.
   */
  readonly claimed: (claims: Iterable<Pick<RunRow, "id" | "fence">>) => Sql<ReadonlyArray<Standing>>
  /** The going runs of families. */
  readonly goingOf: (families: Iterable<Families.Family>) => Sql<ReadonlyArray<Standing>>
  /** The going runs of jobs, of one incarnation if it is given. */
  readonly goingOfJobs: (jobs: Iterable<string>, incarnation?: string) => Sql<ReadonlyArray<Standing>>
  /** Those of the runs `r` that a condition holds for. */
  readonly where: (condition: Fragment) => Sql<ReadonlyArray<Standing>>
  readonly write: (runs: ReadonlyArray<Standing>) => Sql<void>
  /** Running runs are flagged, all others that are going end. */
  readonly cancel: (
    runs: ReadonlyArray<Standing>,
    cancel: string,
    now: number,
    hints: Hints
  ) => Sql<ReadonlyArray<Standing>>
}

export const make = (db: Database): Standings => {
  const { by, dialect, each, ns, runs, sql } = db
  const columns = sql.literal(Table.names(row.columns, "r"))
  const lock = sql.literal(dialect.forUpdate("r", "id"))
  const update = dialect.update({
    table: db.named("runs"),
    set: {
      ...Object.fromEntries(writtenColumns.slice(1).map(({ name }) => [name, `k.${name}`])),
      node: "NULL",
      blocked_at: "NULL",
      going_key: "CASE WHEN k.finished IS NULL THEN t.going_key END",
      expires_at: "k.finished + t.retention"
    },
    on: "t.id = k.id"
  })
  const flagRuns = (flagged: ReadonlyArray<string>, cancel: string) =>
    forKeys(
      db,
      ids,
      flagged.map((id) => [id]),
      (areFlagged) => sql`UPDATE ${runs} SET cancel = ${cancel} WHERE ${areFlagged} AND cancel IS NULL`
    )

  const read = (from: Fragment, condition: Fragment): Sql<ReadonlyArray<Standing>> =>
    Effect.map(
      sql`SELECT ${columns} FROM ${from} WHERE ${condition} ${lock}`.values,
      (rows) => rows.map(row.decode)
    )

  const lockFamilies = Families.lock(db)
  /** Locks the families of runs, and the places of all, for the end of a run may let another one in. */
  const lockFor = dialect.exclusive === undefined ?
    () => Effect.void :
    (from: Fragment, condition: Fragment): Sql<void> =>
      sql`SELECT DISTINCT r.job, r.incarnation, CASE WHEN r.limits IS NULL THEN 0 ELSE 1 END FROM ${from}
        WHERE ${condition} AND (r.job IS NOT NULL OR r.limits IS NOT NULL)`
        .values.pipe(
          Effect.flatMap((rows) =>
            lockFamilies(
              Families.familiesOf(rows.map(([job, incarnation]) => ({
                job: job as string | null,
                incarnation: incarnation as string | null
              }))),
              rows.some(([, , isLimited]) => Number(isLimited) === 1) ? [lockName(db)] : []
            )
          )
        )
  const select = (from: Fragment, condition: Fragment) =>
    Effect.andThen(lockFor(from, condition), read(from, condition))

  const allRuns = sql`${runs} r`
  const where = (condition: Fragment) => select(allRuns, sql`r.ns = ${ns} AND ${condition}`)

  const ours = db.ours("r")
  const isNamed = sql`${ours} AND r.id = k.id`
  const byIds = (wanted: Iterable<string>) =>
    forRows(
      db,
      ids,
      Array.from(new Set(wanted), (id) => [id]),
      (rows) => select(sql`${rows} k ${each} ${allRuns}`, isNamed)
    )

  const isClaim = sql`${ours} AND r.id = k.id AND r.fence = k.fence`
  const ofClaims = <A>(
    wanted: Iterable<Pick<RunRow, "id" | "fence">>,
    statement: (from: Fragment) => Sql<ReadonlyArray<A>>
  ) =>
    forRows(
      db,
      claims,
      Array.from(wanted, ({ fence, id }) => [id, fence]),
      (rows) => statement(sql`${rows} k ${each} ${allRuns}`)
    )

  const isGoingOfJob = sql`${ours} AND r.job = k.job AND r.finished IS NULL`
  const isGoing = sql`${isGoingOfJob} AND r.incarnation = k.incarnation`
  const runsOfJob = sql`${allRuns} ${by("runs_job")}`
  const goingOf = (wanted: Iterable<Families.Family>) =>
    forRows(
      db,
      Families.columns,
      Array.from(wanted, Families.encode),
      (rows) => select(sql`${rows} k ${each} ${runsOfJob}`, isGoing)
    )

  const goingOfJobs = (wanted: Iterable<string>, incarnation?: string) => {
    const isMeant = incarnation === undefined ? isGoingOfJob : sql`${isGoingOfJob} AND r.incarnation = ${incarnation}`
    return forRows(
      db,
      jobs,
      Array.from(new Set(wanted), (job) => [job]),
      (rows) => select(sql`${rows} k ${each} ${runsOfJob}`, isMeant)
    )
  }

  const write = (standings: ReadonlyArray<Standing>): Sql<void> =>
    Effect.asVoid(
      forRows(db, writtenColumns, standings.map(encode), (rows) =>
        sql`${update.head} ${rows} ${update.tail} AND ${db.ours("t")}`)
    )

  const cancel = Effect.fnUntraced(function*(
    selected: ReadonlyArray<Standing>,
    request: string,
    now: number,
    hints: Hints
  ) {
    const ends: Array<Standing> = []
    const unflagged: Array<string> = []
    for (const run of selected) {
      if (run.state === "done") continue
      if (run.state === "running") {
        if (run.cancel === null) unflagged.push(run.id)
        hints.flagged.push(run.id)
      } else {
        ends.push(cancelled(run, request, now))
        hints.settled.push(run.id)
      }
    }
    yield* write(ends)
    yield* flagRuns(unflagged, request)
    return ends
  })

  return {
    byIds,
    lockClaimed: (wanted) => Effect.asVoid(ofClaims(wanted, (from) => Effect.as(lockFor(from, isClaim), []))),
    claimed: (wanted) => ofClaims(wanted, (from) => read(from, isClaim)),
    goingOf,
    goingOfJobs,
    where,
    write,
    cancel
  }
}
