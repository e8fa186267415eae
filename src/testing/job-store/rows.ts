/**
 * Builders of rows with sensible fields, for tests of stores.
 *
 * @since 0.1.0
 */
import type { Change, JobRow, NewRun, RunRow, Settlement, VerdictRow } from "../../JobStore.ts"

/**
 * An instant: so many milliseconds after the beginning of 2026, beyond what 32 bits hold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const at = (milliseconds: number): number => 1_767_225_600_000 + milliseconds

/**
 * An active job that is due at `at(1000)`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const job = (id: string, fields: Partial<JobRow> = {}): JobRow => ({
  id,
  incarnation: "i1",
  revision: 1,
  task: "Task",
  lane: "default/Task",
  trigger: `{"_tag":"Interval","every":1000}`,
  payload: "{}",
  taskVersion: 1,
  policy: "{}",
  tags: "[]",
  metadata: "{}",
  anchor: at(0),
  cursor: null,
  nextNominal: at(1000),
  nextDue: at(1000),
  state: "active",
  pause: null,
  overrides: null,
  tz: "2025b",
  created: at(0),
  updated: at(0),
  ...fields
})

/**
 * An ad-hoc run that may start at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (id: string, fields: Partial<NewRun> = {}): NewRun => ({
  id,
  job: null,
  incarnation: null,
  nominal: null,
  planned: at(0),
  origin: "adhoc",
  task: "Task",
  taskVersion: 1,
  lane: "default/Task",
  payload: "{}",
  policy: "{}",
  readyAt: null,
  boost: 0,
  serial: null,
  limits: [],
  atMostOnce: false,
  uniqueKey: null,
  uniqueWhile: "going",
  retention: 86_400_000,
  trace: null,
  created: at(0),
  ...fields
})

/**
 * A run of a job's occurrence.
 *
 * @category constructors
 * @since 0.1.0
 */
export const occurrence = (job: JobRow, nominal: number, fields: Partial<NewRun> = {}): NewRun =>
  run(`${job.id}:${job.incarnation}:${nominal}`, {
    job: job.id,
    incarnation: job.incarnation,
    nominal,
    planned: nominal,
    origin: "trigger",
    task: job.task,
    lane: job.lane,
    payload: job.payload,
    policy: job.policy,
    ...fields
  })

/**
 * A skipped stretch of a job's time line.
 *
 * @category constructors
 * @since 0.1.0
 */
export const verdict = (
  job: JobRow,
  from: number | null,
  to: number,
  fields: Partial<VerdictRow> = {}
): VerdictRow => ({
  job: job.id,
  incarnation: job.incarnation,
  from,
  to,
  kind: "skipped",
  reason: "overlap",
  ref: null,
  note: null,
  count: 1,
  decided: to,
  node: "n1",
  ...fields
})

/**
 * What goes along with a change.
 *
 * @category models
 * @since 0.1.0
 */
export type Along = Partial<Pick<Change, "runs" | "verdicts" | "cancel">>

const change = (job: JobRow, update: Change["update"], along: Along): Change => ({
  job: job.id,
  incarnation: job.incarnation,
  revision: job.revision,
  update,
  verdicts: [],
  runs: [],
  cancel: null,
  ...along
})

/**
 * Moves a job's cursor; its next instant is one second later.
 *
 * @category constructors
 * @since 0.1.0
 */
export const advance = (job: JobRow, cursor: number, along: Along = {}): Change => {
  const next = cursor + 1000
  return change(
    job,
    { _tag: "Advance", cursor, nextNominal: next, nextDue: next, state: "active", updated: cursor },
    along
  )
}

/**
 * Moves a job's cursor to its end: it has no further instant.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exhaust = (job: JobRow, cursor: number, along: Along = {}): Change =>
  change(job, { _tag: "Advance", cursor, nextNominal: null, nextDue: null, state: "done", updated: cursor }, along)

/**
 * Changes fields of a job.
 *
 * @category constructors
 * @since 0.1.0
 */
export const replace = (job: JobRow, fields: Partial<JobRow>, along: Along = {}): Change =>
  change(job, { _tag: "Replace", row: { ...job, ...fields } }, along)

/**
 * Puts another job in the place of one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const renew = (job: JobRow, fields: Partial<JobRow>, along: Along = {}): Change =>
  change(job, { _tag: "Renew", row: { ...job, ...fields } }, along)

/**
 * Removes a job.
 *
 * @category constructors
 * @since 0.1.0
 */
export const remove = (job: JobRow, along: Along = {}): Change => change(job, { _tag: "Delete" }, along)

type Claim = Pick<RunRow, "id" | "fence"> & Partial<Pick<RunRow, "job" | "limits">>

/**
 * The run succeeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const done = (
  claim: Claim,
  finished: number,
  fields: Partial<Extract<Settlement["next"], { readonly _tag: "Done" }>> = {},
  follow: ReadonlyArray<NewRun> = []
): Settlement => ({
  run: claim.id,
  fence: claim.fence,
  next: {
    _tag: "Done",
    outcome: "succeeded",
    result: null,
    started: finished,
    finished,
    attempt: 1,
    attempts: "[]",
    ...fields
  },
  follow,
  ...claim.job === null && claim.limits?.length === 0 ? { isAlone: true } : {}
})

/**
 * The attempt failed, and there is to be another one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const retry = (
  claim: Claim,
  readyAt: number,
  fields: Partial<Extract<Settlement["next"], { readonly _tag: "Retry" }>> = {}
): Settlement => ({
  run: claim.id,
  fence: claim.fence,
  next: { _tag: "Retry", readyAt, started: readyAt, attempt: 1, attempts: `[{"at":1}]`, ...fields },
  follow: []
})

/**
 * The claim is handed back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const release = (claim: Claim): Settlement => ({
  run: claim.id,
  fence: claim.fence,
  next: { _tag: "Release" },
  follow: []
})
