/**
 * The role *planner*: turns due occurrences into runs and verdicts. One alarm for all jobs, not a fiber per job.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobStore from "../JobStore.ts"
import { announce } from "./announce.ts"
import { stopGoing } from "./cancel.ts"
import { type Core, now, waitFor, wakeWorkers } from "./core.ts"
import { decide, read } from "./decide.ts"
import { quarantine } from "./quarantine.ts"

export const planner = (core: Core): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* core.gate.await
    core.planWake.closeUnsafe() // before reading, or what is added meanwhile is missed
    // Each try reads the clock and decides anew: what was true before an outage is not a decision for after it.
    const alarm = yield* core.outage.rideOut(pass(core))
    if (alarm > 0) yield* waitFor(core.planWake, Math.min(alarm, core.settings.reread, core.settings.poll))
  }))

/** Plans what is due, and answers for how long there is nothing more to do. */
const pass = Effect.fnUntraced(function*(core: Core) {
  const at = yield* now
  const due = yield* core.store.due({ now: at, limit: core.settings.planBatch })
  if (due.jobs.length === 0) return due.next === null ? Infinity : due.next - at
  yield* planAll(core, due.jobs, at)
  return 0
})

const planAll = Effect.fnUntraced(function*(core: Core, due: ReadonlyArray<JobStore.DueJob>, at: number) {
  const changes = due.map((job) => changeOf(core, job, at))
  const answers = yield* core.store.commit({ changes, now: at })
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

const changeOf = (core: Core, { going, job, latest }: JobStore.DueJob, at: number): JobStore.Change => {
  const readable = read(core, job)
  if (Result.isFailure(readable)) return quarantine(job, readable.failure, at)
  const { cancel, cursor, next, nextDue, runs, verdicts } = decide(core, job, readable.success, {
    now: at,
    going,
    latest
  })
  return {
    job: job.id,
    incarnation: job.incarnation,
    revision: job.revision,
    update: next === undefined && readable.success.policy.whenDone === "remove" ? { _tag: "Delete" } : {
      _tag: "Advance",
      cursor,
      nextNominal: next ?? null,
      nextDue: nextDue ?? null,
      state: next === undefined ? "done" : "active",
      updated: at
    },
    verdicts,
    runs,
    cancel
  }
}
