/**
 * Why an instant of a job did, or did not, run.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Job from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Run from "../Run.ts"
import { JobNotFound, type StoreError } from "../SchedulerError.ts"
import type { Trigger } from "../Trigger.ts"
import * as Verdict from "../Verdict.ts"
import type { Core } from "./core.ts"
import { find } from "./lookup.ts"
import { dueOf } from "./overrides.ts"

/** See `Scheduler.Explanation`. */
export type Explanation =
  | { readonly _tag: "Fired"; readonly run: Run.Run }
  | { readonly _tag: "NotRun"; readonly verdict: Verdict.Verdict }
  | { readonly _tag: "Undecided"; readonly job: Job.Job; readonly due: DateTime.Utc | undefined }
  | {
    readonly _tag: "NotAnOccurrence"
    readonly previous: DateTime.Utc | undefined
    readonly next: DateTime.Utc | undefined
  }
  | { readonly _tag: "Forgotten" }

/** How many runs of removed incarnations are looked through. */
const searched = 1_000

export const explain = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  at: DateTime.DateTime
): Effect.fn.Return<Explanation, JobNotFound | StoreError> {
  const instant = DateTime.toEpochMillis(at)
  const row = yield* find(core, id)
  const run = yield* firedRun(core, id, row, instant)
  if (run !== undefined) return { _tag: "Fired", run: Run.fromRow(run, core.name) }
  const [verdict] = yield* core.store.verdicts({ job: id, at: instant, limit: 1 })
  const job = row === undefined ? undefined : Job.fromRow(row, core.registry, core.name)
  const inTrigger = row === undefined || job?.trigger === undefined
    ? undefined
    : around(job.trigger, instant, row.anchor)
  // An earlier trigger may have had an occurrence where today's has none: the verdict knows better before the anchor.
  if (verdict !== undefined && (inTrigger === undefined || inTrigger.occurs || instant <= row!.anchor)) {
    return { _tag: "NotRun", verdict: Verdict.fromRow(verdict) }
  }
  if (row === undefined || job === undefined) {
    const [anything] = yield* core.store.runs({ job: id, limit: 1 })
    if (anything === undefined && verdict === undefined) return yield* new JobNotFound({ id })
    return { _tag: "Forgotten" }
  }
  if (inTrigger === undefined) return { _tag: "Undecided", job, due: undefined }
  if (!inTrigger.occurs) return { _tag: "NotAnOccurrence", previous: inTrigger.previous, next: inTrigger.next }
  return row.cursor === null || instant > row.cursor ?
    { _tag: "Undecided", job, due: DateTime.makeUnsafe(dueOf(row, job.trigger!)(instant)) }
    : { _tag: "Forgotten" }
})

const firedRun = Effect.fnUntraced(
  function*(core: Core, id: string, row: JobStore.JobRow | undefined, instant: number) {
    if (row !== undefined) {
      const [run] = yield* core.store.runs({ ids: [Run.occurrenceId(id, row.incarnation, instant)], limit: 1 })
      if (run !== undefined) return run
    }
    const runs = yield* core.store.runs({ job: id, limit: searched })
    return runs.find((run) => run.nominal === instant && run.origin === "trigger")
  }
)

const around = (trigger: Trigger, instant: number, anchor: number) => {
  const { occurrences } = trigger
  const utc = (millis: number | undefined) => millis === undefined ? undefined : DateTime.makeUnsafe(millis)
  return {
    occurs: occurrences.next(instant - 1, anchor) === instant,
    previous: utc(occurrences.previous(instant, anchor)),
    next: utc(occurrences.next(instant, anchor))
  }
}
