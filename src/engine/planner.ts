/**
 * The role *planner*: turns due occurrences into runs and verdicts. One alarm for all jobs, not a fiber per job.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobStore from "../JobStore.ts"
import * as Verdict from "../Verdict.ts"
import { ofRun } from "./attempt.ts"
import { stopGoing } from "./cancel.ts"
import { type Core, now, waitFor, wakeWorkers } from "./core.ts"
import { decide, read } from "./decide.ts"

export const planner = (core: Core): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* core.gate.await
    core.planWake.closeUnsafe() // before reading, or what is added meanwhile is missed
    const at = yield* now
    const due = yield* core.outage.rideOut(core.store.due({ now: at, limit: core.settings.planBatch }))
    if (due.jobs.length > 0) {
      yield* planAll(core, due.jobs, at)
      return
    }
    const alarm = due.next === null ? Infinity : due.next - at
    yield* waitFor(core.planWake, Math.min(alarm, core.settings.reread, core.settings.poll))
  }))

const planAll = Effect.fnUntraced(function*(core: Core, due: ReadonlyArray<JobStore.DueJob>, at: number) {
  const changes: Array<JobStore.Change> = []
  for (const job of due) changes.push(yield* changeOf(core, job, at))
  const answers = yield* core.outage.rideOut(core.store.commit({ changes, now: at }))
  let queued = false
  for (let i = 0; i < changes.length; i++) {
    // A stale decision was made on a job that somebody else has decided or changed since; the next pass reads it again.
    if (answers[i] !== "ok") continue
    const change = changes[i]!
    queued ||= change.runs.length > 0
    if (core.events.heard()) announce(core, due[i]!.job, change, at)
    if (change.cancel !== null) stopGoing(core, change)
  }
  if (queued) wakeWorkers(core)
})

const changeOf = Effect.fnUntraced(
  function*(core: Core, { going, job, latest }: JobStore.DueJob, at: number): Effect.fn.Return<JobStore.Change> {
    const readable = yield* Effect.result(read(core, job))
    if (Result.isFailure(readable)) return quarantine(job, readable.failure, at)
    const decision = decide(core, job, readable.success, { now: at, going, latest })
    const { next } = decision
    const base = { job: job.id, incarnation: job.incarnation, revision: job.revision }
    const outcome = { verdicts: decision.verdicts, runs: decision.runs, cancel: decision.cancel }
    if (next === undefined && readable.success.policy.whenDone === "remove") {
      return { ...base, ...outcome, update: { _tag: "Delete" } }
    }
    return {
      ...base,
      ...outcome,
      update: {
        _tag: "Advance",
        cursor: decision.cursor,
        nextNominal: next ?? null,
        nextDue: next ?? null,
        state: next === undefined ? "done" : "active",
        updated: at
      }
    }
  }
)

/** Sets a job aside that cannot be read: kept, shown, and out of the way of the others. */
export const quarantine = (job: JobStore.JobRow, reason: string, at: number): JobStore.Change => ({
  job: job.id,
  incarnation: job.incarnation,
  revision: job.revision,
  update: {
    _tag: "Replace",
    row: {
      ...job,
      state: "quarantined",
      nextNominal: null,
      nextDue: null,
      pause: JSON.stringify({ reason, by: "effect-scheduler" }),
      updated: at
    }
  },
  verdicts: [],
  runs: [],
  cancel: null
})

/** Tells what a committed change did. */
export const announce = (core: Core, job: JobStore.JobRow, change: JobStore.Change, at: number): void => {
  for (const run of change.runs) {
    core.events.publish(at, {
      _tag: "RunQueued",
      ...ofRun(run),
      nominal: run.nominal === null ? undefined : DateTime.makeUnsafe(run.nominal)
    })
  }
  for (const verdict of change.verdicts) {
    core.events.publish(at, { _tag: "OccurrencesNotRun", verdict: Verdict.fromRow(verdict) })
  }
  const { update } = change
  if (update._tag === "Replace") {
    if (update.row.state === "quarantined" && job.state !== "quarantined") {
      const reason = update.row.pause === null ? "" : (JSON.parse(update.row.pause) as { reason: string }).reason
      core.events.publish(at, { _tag: "JobQuarantined", job: job.id, reason })
    }
  } else if (update._tag === "Delete" || update.state === "done") {
    core.events.publish(at, { _tag: "JobFinished", job: job.id })
  }
}
