/**
 * What was decided about an occurrence of a job. Every occurrence ends in exactly one verdict.
 *
 * "Fired" is a decision, not a success: a fired occurrence is a Run, and the run tells how it went. All other verdicts are stretches
 * `(from, to]` of the job's time line, so that a year of downtime of an every-second job is one record.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import type { VerdictRow } from "./JobStore.ts"

/**
 * Why an occurrence was not run.
 *
 * - `coalesced`: `catchUp` ran another one in its place
 * - `skipped`: `overlap` (an earlier run was going), `full` (the queue was), `paused`, `removed`, `requested`, `excluded`, `quarantined` (and
 *   given another trigger, or removed, before it was repaired)
 * - `missed`: `age` (older than the misfire grace), `cap` (beyond the catch-up limit), `policy` (catch-up is `none`)
 *
 * @category models
 * @since 0.1.0
 */
export type Reason =
  | "catchUp"
  | "overlap"
  | "full"
  | "paused"
  | "removed"
  | "quarantined"
  | "requested"
  | "excluded"
  | "age"
  | "cap"
  | "policy"

/**
 * A stretch of a job's time line in which nothing was fired.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verdict {
  readonly kind: "coalesced" | "skipped" | "missed"
  readonly reason: Reason
  readonly job: string
  readonly incarnation: string
  /** Exclusive; `undefined`: from the beginning. */
  readonly from: DateTime.Utc | undefined
  /** Inclusive. */
  readonly to: DateTime.Utc
  /** The run into which the stretch was coalesced, or which stood in its way. */
  readonly run: string | undefined
  /** What it goes back to: why and by whom the job was paused or removed. */
  readonly note: { readonly reason: string; readonly by: string } | undefined
  /** How many occurrences the stretch holds, where that is known. */
  readonly count: number | undefined
  readonly decided: DateTime.Utc
  readonly node: string
}

/**
 * @category conversions
 * @since 0.1.0
 */
export const fromRow = (row: VerdictRow): Verdict => ({
  kind: row.kind,
  reason: row.reason as Reason,
  job: row.job,
  incarnation: row.incarnation,
  from: row.from === null ? undefined : DateTime.makeUnsafe(row.from),
  to: DateTime.makeUnsafe(row.to),
  run: row.ref ?? undefined,
  note: noteOf(row),
  count: row.count ?? undefined,
  decided: DateTime.makeUnsafe(row.decided),
  node: row.node
})

const noteOf = (row: VerdictRow): Verdict["note"] => {
  if (row.note === null) return undefined
  const { by, reason } = JSON.parse(row.note) as NonNullable<Verdict["note"]>
  return { reason, by }
}
