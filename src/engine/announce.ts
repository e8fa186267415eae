/**
 * Telling subscribers what a committed change did.
 */
import * as DateTime from "effect/DateTime"
import { pauseOf } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import type { Outcome } from "../Run.ts"
import * as Verdict from "../Verdict.ts"
import type { Core } from "./core.ts"

/** What all events of a run say about it. */
export const ofRun = (row: JobStore.NewRun) => ({
  run: row.id,
  job: row.job ?? undefined,
  task: row.task,
  nominal: row.nominal === null ? undefined : DateTime.makeUnsafe(row.nominal)
})

/** Runs that the store ended by itself. */
export const announceEnded = (core: Core, rows: ReadonlyArray<JobStore.RunRow>): void => {
  for (const row of rows) {
    core.events.publish(row.finished!, {
      _tag: "RunEnded",
      ...ofRun(row),
      outcome: row.outcome as Outcome,
      attempts: row.attempt,
      started: row.started === null ? undefined : DateTime.makeUnsafe(row.started),
      result: undefined
    })
  }
}

export const announce = (core: Core, job: JobStore.JobRow, change: JobStore.Change, at: number): void => {
  for (const run of change.runs) {
    core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
  }
  for (const verdict of change.verdicts) {
    core.events.publish(at, { _tag: "OccurrencesNotRun", verdict: Verdict.fromRow(verdict) })
  }
  const { update } = change
  if (update._tag === "Replace") {
    const { state } = update.row
    if (state === "quarantined" && job.state !== "quarantined") {
      core.events.publish(at, { _tag: "JobQuarantined", job: job.id, reason: pauseOf(update.row)?.reason ?? "" })
    }
    if (job.state === "paused" && state !== "paused" && state !== "quarantined") {
      core.events.publish(at, { _tag: "JobResumed", job: job.id })
    }
    if (state === "done" && job.state !== "done") core.events.publish(at, { _tag: "JobFinished", job: job.id })
  } else if (update._tag === "Delete" || update._tag === "Advance" && update.state === "done") {
    core.events.publish(at, { _tag: "JobFinished", job: job.id })
  }
}
