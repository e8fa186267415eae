/**
 * From a stored job to a decision and back: decodes the row, asks `plan`, and writes the answer as a change for the store.
 */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { limitsOf } from "../decisions/limits.ts"
import { newestDue, plan, type Segment, type Situation } from "../decisions/plan.ts"
import { planWithout, without } from "../decisions/skip.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { backfillFamily, backfillId, occurrenceId } from "../Run.ts"
import * as Trigger from "../Trigger.ts"
import { isPlannedByNewerZoneData } from "./basis.ts"
import { codecsOf, reasonOf } from "./codecs.ts"
import type { Core, Known } from "./core.ts"
import { isDecidedElsewhere, withOverlap } from "./overlap.ts"
import { dueOf, movedOf, overridesOf } from "./overrides.ts"

/** What planning needs from a job's row. */
export interface Readable {
  readonly trigger: Trigger.Trigger
  readonly policy: Policy.Policy
}

/** Why a job cannot be planned here. */
export interface Unreadable {
  /** Whether another node may be able to: it knows a custom kind or a calendar that this one does not, or newer time-zone data. */
  readonly elsewhere: boolean
  readonly reason: string
}

const broken = (reason: string) => Result.fail<Unreadable>({ elsewhere: false, reason })

/** Decodes a job, or says why it cannot be. The payload is checked where this node knows the task. */
export const read = (core: Known, row: JobStore.JobRow): Result.Result<Readable, Unreadable> => {
  if (isPlannedByNewerZoneData(row)) {
    return Result.fail({
      elsewhere: true,
      reason: `trigger: planned with time-zone data ${row.tz}, newer than this node's`
    })
  }
  const trigger = Trigger.decode(row.trigger, core.registry)
  if (Result.isFailure(trigger)) {
    const { message, reason } = trigger.failure
    return Result.fail({ elsewhere: reason === "unknown", reason: `trigger: ${message}` })
  }
  const policy = Policy.decode(row.policy)
  if (Option.isNone(policy)) return broken(`policy: cannot read ${row.policy}`)
  if (isDecidedElsewhere(core, row, policy.value)) {
    return Result.fail({
      elsewhere: true,
      reason:
        `overlap: decided by a function of task ${row.task}, which this node does not carry out, or knows an older version of`
    })
  }
  const served = core.served.get(row.task)
  if (served !== undefined) {
    // A newer payload need not be read to be planned: its runs are left to a node that knows it.
    if (row.taskVersion > served.task.version) return Result.succeed({ trigger: trigger.success, policy: policy.value })
    const payload = codecsOf(served.task).payload.decode(row.payload, row.taskVersion)
    if (Exit.isFailure(payload)) return broken(`payload: ${reasonOf(payload.cause)}`)
  }
  return Result.succeed({ trigger: trigger.success, policy: policy.value })
}

/** How much of a job's time line is decided, and what comes of it. */
export interface Decision {
  readonly cursor: number | null
  /** The next occurrence, and when it is due: with jitter some time later. */
  readonly next: number | undefined
  readonly nextDue: number | undefined
  readonly runs: ReadonlyArray<JobStore.NewRun>
  readonly verdicts: ReadonlyArray<JobStore.VerdictRow>
  readonly cancel: JobStore.CancelRequest | null
}

const noSkips: ReadonlyArray<number> = []

/** Decides all that is due of a job. */
export const decide = (
  core: Core,
  row: JobStore.JobRow,
  { policy, trigger }: Readable,
  situation: { readonly now: number; readonly going: number; readonly latest: string | null }
): Decision => {
  const { going, latest, now } = situation
  const planned = dueOf(row, trigger)
  const skips = row.overrides === null ? noSkips : overridesOf(row).skip.toSorted((a, b) => a - b)
  const { occurrences } = trigger
  const timeLine = {
    occurrences,
    anchor: row.anchor,
    cursor: row.cursor ?? -Infinity,
    planned,
    moved: movedOf(row)
  }
  const asked = skips.length === 0 ? timeLine : { ...timeLine, occurrences: without(occurrences, skips) }
  const full: Situation = {
    occurrences,
    anchor: timeLine.anchor,
    cursor: timeLine.cursor,
    planned,
    moved: timeLine.moved,
    policy: withOverlap(core, row, policy, asked, situation),
    going,
    now
  }
  const decided = skips.length === 0 ? plan(full) : planWithout(full, skips)
  const { segments } = decided
  // Nearly always all of them are: one.
  const fired = segments.every(isFired) ? segments : segments.filter(isFired)
  return {
    cursor: segments.length === 0 ? row.cursor : decided.cursor,
    next: decided.next,
    nextDue: decided.next === undefined ? undefined : planned(decided.next),
    runs: fired.map(({ to }) => runOf(row, policy, decided.serial, to, planned(to), now)),
    verdicts: fired.length === segments.length ? noVerdicts : verdictsOf(core, row, segments, now, latest),
    cancel: decided.cancelGoing ? { reason: "overlap policy cancelRunning", by: "effect-scheduler" } : null
  }
}

/**
 * Decides against all that is due of a job until an instant (it is paused, or being removed): one stretch from the cursor to the newest
 * due occurrence.
 * The note says why and by whom it was paused or removed.
 */
export const decideAgainst = (
  core: Core,
  row: JobStore.JobRow,
  trigger: Trigger.Trigger,
  reason: "paused" | "removed" | "quarantined",
  note: string | null,
  until: number,
  now = until
): Pick<Decision, "cursor" | "verdicts"> => {
  const { occurrences } = trigger
  const cursor = row.cursor ?? -Infinity
  const situation = { occurrences, anchor: row.anchor, cursor, planned: dueOf(row, trigger), moved: movedOf(row) }
  const due = newestDue(situation, until + 1)
  // A job that is removed has no later: an occurrence that is due later than its instant is decided too.
  const last = reason === "removed" ? Math.max(due, occurrences.previous(until + 1, row.anchor) ?? -Infinity) : due
  if (last <= cursor) return { cursor: row.cursor, verdicts: [] }
  const count = occurrences.count(cursor, last, row.anchor) ?? null
  const segment: Segment = { _tag: "not", to: last, kind: "skipped", reason, count }
  return { cursor: last, verdicts: [{ ...verdictOf(core, row, segment, row.cursor, now, null), note }] }
}

/** The same, or `undefined` where nobody can tell what is due: the trigger cannot be read, or is of a kind that throws. */
export const tryAgainst = (
  core: Core,
  row: JobStore.JobRow,
  reason: "paused" | "removed" | "quarantined",
  note: string | null,
  at: number
): Pick<Decision, "cursor" | "verdicts"> | undefined => {
  const trigger = Trigger.decode(row.trigger, core.registry)
  if (Result.isFailure(trigger)) return undefined
  try {
    return decideAgainst(core, row, trigger.success, reason, note, at)
  } catch {
    return undefined
  }
}

/** Decides against a stretch of a quarantined job's time line whose occurrences nobody can tell. */
export const skipStretch = (
  core: Core,
  row: JobStore.JobRow,
  to: number,
  now: number
): Pick<Decision, "cursor" | "verdicts"> => {
  if (row.cursor !== null && to <= row.cursor) return { cursor: row.cursor, verdicts: [] }
  const segment: Segment = { _tag: "not", to, kind: "skipped", reason: "quarantined", count: null }
  return { cursor: to, verdicts: [{ ...verdictOf(core, row, segment, row.cursor, now, null), note: row.pause }] }
}

const runOf = (
  row: JobStore.JobRow,
  policy: Policy.Policy,
  serial: number | null,
  nominal: number,
  planned: number,
  now: number
): JobStore.NewRun => ({
  id: occurrenceId(row.id, row.incarnation, nominal),
  job: row.id,
  incarnation: row.incarnation,
  nominal,
  planned,
  origin: "trigger",
  task: row.task,
  taskVersion: row.taskVersion,
  lane: row.lane,
  payload: row.payload,
  policy: row.policy,
  readyAt: null,
  boost: policy.priority,
  serial,
  limits: limitsOf(row.task, policy),
  retention: policy.retention,
  atMostOnce: policy.delivery === "atMostOnce",
  uniqueKey: null,
  uniqueWhile: "going",
  trace: null,
  created: now
})

/** A run besides the occurrences of a job. It waits for its turn as overlap policy and limits have it, unless they are to be ignored. */
export const manualRun = (
  row: JobStore.JobRow,
  policy: Policy.Decided,
  id: string,
  now: number,
  ignores: { readonly overlap: boolean; readonly limits: boolean }
): JobStore.NewRun => {
  const side = typeof policy.overlap === "object" && "allow" in policy.overlap ? policy.overlap.allow : 1
  const run = runOf(row, policy, ignores.overlap ? null : side, now, now, now)
  return { ...run, id, limits: ignores.limits ? [] : run.limits, nominal: null, origin: "manual" }
}

/**
 * A run of an occurrence that is past. When it is claimed says nothing about its age, and its failures say nothing about the job as it is
 * today.
 */
export const backfillRun = (
  row: JobStore.JobRow,
  policy: Policy.Policy,
  { at, behind, i, nominal, pace, serial }: {
    readonly nominal: number
    readonly at: number
    /** Its place among those of the range. */
    readonly i: number
    readonly pace: number
    readonly serial: number
    readonly behind: number
  }
): JobStore.NewRun => {
  // Blocked runs go by their planned instants, so those differ.
  const planned = at + i * Math.max(1, pace)
  const own: Policy.Policy = { ...policy, misfireGrace: null, pauseAfter: null }
  return {
    ...runOf(row, own, serial, nominal, planned, at),
    id: backfillId(row.id, row.incarnation, nominal),
    incarnation: backfillFamily(row.incarnation),
    origin: "backfill",
    policy: Policy.encode(own),
    readyAt: pace === 0 ? null : planned,
    boost: -behind
  }
}

const isFired = (segment: Segment): segment is Segment & { readonly _tag: "fired" } => segment._tag === "fired"

const noVerdicts: ReadonlyArray<JobStore.VerdictRow> = []

const verdictsOf = (
  core: Core,
  row: JobStore.JobRow,
  segments: ReadonlyArray<Segment>,
  now: number,
  latest: string | null
): ReadonlyArray<JobStore.VerdictRow> => {
  const verdicts: Array<JobStore.VerdictRow> = []
  let from = row.cursor
  for (const segment of segments) {
    if (segment._tag === "not") verdicts.push(verdictOf(core, row, segment, from, now, latest))
    from = segment.to
  }
  return verdicts
}

const verdictOf = (
  core: Core,
  row: JobStore.JobRow,
  segment: Segment & { readonly _tag: "not" },
  from: number | null,
  now: number,
  latest: string | null
): JobStore.VerdictRow => ({
  job: row.id,
  incarnation: row.incarnation,
  from,
  to: segment.to,
  kind: segment.kind,
  reason: segment.reason,
  ref: segment.into !== undefined
    ? occurrenceId(row.id, row.incarnation, segment.into)
    : segment.reason === "overlap" || segment.reason === "full"
    ? latest
    : null,
  note: null,
  count: segment.count,
  decided: now,
  node: core.node
})
