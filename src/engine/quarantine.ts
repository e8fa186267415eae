/**
 * Setting aside a job that cannot be read: it is kept and shown, and out of the way of the others.
 */
import * as Effect from "effect/Effect"
import { encodePause } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import { announce } from "./announce.ts"
import { type Core, now } from "./core.ts"
import { find } from "./lookup.ts"

/** The reason for it where a trigger or an overlap function throws. */
export const whatThrew = (error: unknown): string =>
  `planning it threw: ${error instanceof Error ? error.message : String(error)}`

/** The change that does it. */
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
      pause: encodePause({ reason, by: "effect-scheduler" }),
      updated: at
    }
  },
  verdicts: [],
  runs: [],
  cancel: null
})

/**
 * Quarantines the job of a run whose payload turned out not to decode, unless it has been changed since. A paused one makes no runs, and the
 * note of its pause is kept: whoever resumes it finds out.
 */
export const quarantineJob = Effect.fnUntraced(function*(core: Core, run: JobStore.RunRow, reason: string) {
  if (run.job === null) return
  const job = yield* core.outage.rideOut(find(core, run.job))
  if (job === undefined || job.incarnation !== run.incarnation || job.payload !== run.payload) return
  if (job.state === "quarantined" || job.state === "paused") return
  const at = yield* now
  const change = quarantine(job, `payload: ${reason}`, at)
  const [answer] = yield* core.outage.rideOut(core.store.commit({ changes: [change], now: at }))
  if (answer === "ok" && core.events.heard()) announce(core, job, change, at)
})
