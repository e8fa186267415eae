/**
 * The end of a pause that has an end: whoever comes to the job first, the planner or a verb, commits it.
 */
import * as Result from "effect/Result"
import { pauseOf } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Trigger from "../Trigger.ts"
import type { Core } from "./core.ts"
import { decideAgainst } from "./decide.ts"
import { updateTo, withNext } from "./next.ts"
import { forgiving } from "./overrides.ts"

/**
 * The change that ends a pause whose end has come; `undefined` for any other job. What came due before the end is `skipped(paused)`; what
 * is due from then on is planned as ever, however late anybody comes to it.
 */
export const resumption = (core: Core, job: JobStore.JobRow, at: number): JobStore.Change | undefined => {
  if (job.state !== "paused") return undefined
  const until = pauseOf(job)?.until?.epochMilliseconds
  if (until === undefined || until > at) return undefined
  const trigger = Trigger.decode(job.trigger, core.registry)
  if (Result.isFailure(trigger)) return undefined
  const { cursor, verdicts } = decideAgainst(core, job, trigger.success, "paused", job.pause, until - 1, at)
  const active: JobStore.JobRow = { ...job, cursor, state: "active", pause: null, overrides: forgiving(job, until) }
  const row = withNext(active, trigger.success)
  return {
    job: job.id,
    incarnation: job.incarnation,
    revision: job.revision,
    update: updateTo(job, { ...row, updated: at }),
    verdicts,
    runs: [],
    cancel: null
  }
}
