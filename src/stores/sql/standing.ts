/**
 * How runs that exist move from one state to another: read and locked, decided in plain code, written back in one batch.
 *
 * Settling, cancelling and reaping all do this; they differ in what they decide.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import type { CancelRequest, RunState } from "../../JobStore.ts"
import { queued } from "./admission.ts"
import { type Database, forRows, type Sql, type Values } from "./Database.ts"
import type { Hints } from "./Hints.ts"
import * as Table from "./Table.ts"

/** What can change about a run once it exists. */
export interface Standing {
  readonly id: string
  readonly job: string | null
  readonly incarnation: string | null
  readonly planned: number
  readonly boost: number
  readonly atMostOnce: boolean
  readonly state: RunState
  readonly orderAt: number | null
  readonly readyAt: number | null
  readonly fence: number
  readonly claimed: number | null
  readonly started: number | null
  readonly finished: number | null
  readonly outcome: string | null
  readonly result: string | null
  readonly attempt: number
  readonly attempts: string
  readonly cancel: string | null
  readonly expiresAt: number | null
}

const { of: run } = Table.runs
const read = [
  run.id,
  run.job,
  run.incarnation,
  run.planned,
  run.boost,
  run.atMostOnce,
  run.state,
  run.orderAt,
  run.readyAt,
  run.fence,
  run.claimed,
  run.started,
  run.finished,
  run.outcome,
  run.result,
  run.attempt,
  run.attempts,
  run.cancel,
  run.expiresAt
]
const written = [
  run.id,
  run.state,
  run.orderAt,
  Table.wakeAt,
  run.readyAt,
  run.fence,
  run.claimed,
  run.started,
  run.finished,
  run.outcome,
  run.result,
  run.attempt,
  run.attempts,
  run.cancel,
  run.expiresAt
]
const ids = [run.id]

const integer = (value: unknown): number | null => value === null ? null : Number(value)

const decode = (values: Values): Standing => ({
  id: values[0] as string,
  job: values[1] as string | null,
  incarnation: values[2] as string | null,
  planned: Number(values[3]),
  boost: Number(values[4]),
  atMostOnce: Number(values[5]) === 1,
  state: values[6] as RunState,
  orderAt: integer(values[7]),
  readyAt: integer(values[8]),
  fence: Number(values[9]),
  claimed: integer(values[10]),
  started: integer(values[11]),
  finished: integer(values[12]),
  outcome: values[13] as string | null,
  result: values[14] as string | null,
  attempt: Number(values[15]),
  attempts: values[16] as string,
  cancel: values[17] as string | null,
  expiresAt: integer(values[18])
})

const encode = (run: Standing): Values => [
  run.id,
  run.state,
  run.orderAt,
  run.state === "waiting" ? run.readyAt : null,
  run.readyAt,
  run.fence,
  run.claimed,
  run.started,
  run.finished,
  run.outcome,
  run.result,
  run.attempt,
  run.attempts,
  run.cancel,
  run.expiresAt
]

/** The run is over. */
export const ended = (
  run: Standing,
  end: { readonly finished: number; readonly outcome: string } & Partial<Standing>
): Standing => ({ ...run, ...end, state: "done", orderAt: null })

/** The run is over because somebody asked for it. */
export const cancelled = (run: Standing, cancel: string, now: number, expiresAt: number | null): Standing =>
  ended(run, { cancel, finished: now, outcome: "cancelled", expiresAt })

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
  const { order_at, state } = queued({ ...run, readyAt: retry.readyAt }, now)
  return { ...run, ...retry, state, orderAt: order_at }
}

export const encodeCancel = ({ by, reason }: CancelRequest): string => JSON.stringify({ reason, by })

export interface Standings {
  readonly byIds: (ids: Iterable<string>) => Sql<ReadonlyArray<Standing>>
  /** Those of a table expression `k` that `r` is joined to. */
  readonly where: (from: Fragment, condition: Fragment) => Sql<ReadonlyArray<Standing>>
  readonly write: (runs: ReadonlyArray<Standing>) => Sql<void>
  /** Running runs are flagged, all others that are going end. */
  readonly cancel: (
    runs: ReadonlyArray<Standing>,
    cancel: string,
    now: number,
    expiresAt: number | null,
    hints: Hints
  ) => Sql<ReadonlyArray<Standing>>
}

export const make = (db: Database): Standings => {
  const { dialect, ns, runs, sql } = db
  const columns = sql.literal(Table.list(read, "r"))
  const lock = sql.literal(dialect.forUpdate("r", "id"))
  const update = dialect.update({
    table: db.named("runs"),
    set: {
      ...Object.fromEntries(written.slice(1).map(({ name }) => [name, `k.${name}`])),
      node: "NULL",
      blocked_at: "NULL",
      going_key: "CASE WHEN k.finished IS NULL THEN t.going_key END"
    },
    on: "t.id = k.id"
  })
  const flagRuns = (flagged: ReadonlyArray<string>, cancel: string) =>
    forRows(db, ids, flagged.map((id) => [id]), (rows) =>
      sql`UPDATE ${runs} SET cancel = ${cancel}
          WHERE ns = ${ns} AND id IN (SELECT k.id FROM ${rows} k) AND cancel IS NULL`)

  const where = (from: Fragment, condition: Fragment): Sql<ReadonlyArray<Standing>> =>
    Effect.map(
      sql`SELECT ${columns} FROM ${from} ${runs} r WHERE r.ns = ${ns} AND ${condition} ${lock}`.values,
      (rows) => rows.map(decode)
    )

  const byId = sql`r.id = k.id`
  const byIds = (wanted: Iterable<string>) =>
    forRows(db, ids, Array.from(new Set(wanted), (id) => [id]), (rows) => where(sql`${rows} k CROSS JOIN`, byId))

  const write = (standings: ReadonlyArray<Standing>): Sql<void> =>
    Effect.asVoid(
      forRows(db, written, standings.map(encode), (rows) => sql`${update.head} ${rows} ${update.tail} AND t.ns = ${ns}`)
    )

  const cancel = Effect.fnUntraced(function*(
    selected: ReadonlyArray<Standing>,
    request: string,
    now: number,
    expiresAt: number | null,
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
        ends.push(cancelled(run, request, now, expiresAt))
        hints.settled.push(run.id)
      }
    }
    yield* write(ends)
    yield* flagRuns(unflagged, request)
    return ends
  })

  return { byIds, where, write, cancel }
}
