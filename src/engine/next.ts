/**
 * When the planner must look at a job again.
 */
import * as Option from "effect/Option"
import { newestDue } from "../decisions/plan.ts"
import { pauseOf } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import type * as Trigger from "../Trigger.ts"
import { basisOf } from "./basis.ts"
import { dueOf, movedOf } from "./overrides.ts"

/** The row with its next occurrence after the cursor. A trigger without one makes an active job done; a pause may have an end. */
export const withNext = (row: JobStore.JobRow, trigger: Trigger.Trigger): JobStore.JobRow => {
  if (row.state !== "active") return { ...row, nextNominal: null, nextDue: endOfPause(row) }
  const next = trigger.occurrences.next(row.cursor ?? -Infinity, row.anchor)
  return next === undefined
    ? { ...row, state: "done", nextNominal: null, nextDue: null }
    : { ...row, nextNominal: next, nextDue: dueOf(row, trigger)(next), tz: basisOf(trigger) }
}

/** What a change makes of a job's row: one that is done with it goes, if that is its policy. */
export const updateTo = (before: JobStore.JobRow, row: JobStore.JobRow): JobStore.Change["update"] => {
  const isOver = row.state === "done" && before.state !== "done"
  const policy = isOver ? Option.getOrUndefined(Policy.decode(row.policy)) : undefined
  return policy?.whenDone === "remove" ? { _tag: "Delete" } : { _tag: "Replace", row }
}

const endOfPause = (row: JobStore.JobRow): number | null =>
  row.state === "paused" ? pauseOf(row)?.until?.epochMilliseconds ?? null : null

/**
 * The next occurrence that nobody has decided and that is not due yet, whether or not the job is planned: what came due in a pause is as good
 * as decided. With jitter, or moved, its nominal instant may be past.
 */
export const nextAhead = (row: JobStore.JobRow, trigger: Trigger.Trigger, at: number): number | undefined => {
  const { occurrences } = trigger
  const cursor = row.cursor ?? -Infinity
  const timeLine = { occurrences, anchor: row.anchor, cursor, planned: dueOf(row, trigger), moved: movedOf(row) }
  return occurrences.next(Math.max(cursor, newestDue(timeLine, at + 1)), row.anchor)
}
