/**
 * Pausing a job, by somebody's wish or because it has failed too often, and resuming it.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { failuresInARow } from "../decisions/failures.ts"
import { encodePause } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import type { Outcome } from "../Run.ts"
import { InvalidOption, type StoreError } from "../SchedulerError.ts"
import * as Trigger from "../Trigger.ts"
import { change, decidePast, type Edit } from "./change.ts"
import type { Core } from "./core.ts"
import { decideAgainst } from "./decide.ts"
import { find } from "./lookup.ts"
import { withNext } from "./next.ts"
import { forgiving, overridesOf } from "./overrides.ts"

/** Why, by whom and for how long, in epoch milliseconds. */
export interface Why {
  readonly reason: string
  readonly by: string
  readonly until: number | undefined
  /** A job that is left as it is. */
  readonly unless?: (stored: JobStore.JobRow) => boolean
}

export const pause = (core: Core, id: string, why: Why) => change(core, id, pausing(core, why))

/** What a pause makes of a job. */
export const pausing = (core: Core, why: Why): Edit => (stored, at) => {
  const { until } = why
  if (why.unless?.(stored) === true) return Effect.undefined
  if (until !== undefined && until <= at) {
    return Effect.fail(
      new InvalidOption({
        field: "until",
        value: DateTime.formatIso(DateTime.makeUnsafe(until)),
        expected: `an instant after now, ${DateTime.formatIso(DateTime.makeUnsafe(at))}`
      })
    )
  }
  const note = encodePause(why)
  // A pause that goes on under another note: it began where it began.
  if (stored.state === "paused" ? stored.pause === note : stored.state !== "active") return Effect.undefined
  return Effect.map(decidePast(core, stored, at), (past) => ({
    row: {
      ...stored,
      cursor: past.cursor,
      state: "paused" as const,
      pause: note,
      nextNominal: null,
      nextDue: until ?? null
    },
    decision: past,
    event: {
      _tag: "JobPaused" as const,
      job: stored.id,
      reason: why.reason,
      by: why.by,
      until: until === undefined ? undefined : DateTime.makeUnsafe(until)
    }
  }))
}

export const resume = (core: Core, id: string, options: { readonly catchUp: boolean }) =>
  change(core, id, resuming(core, options))

/** What its end makes of a paused job. */
export const resuming = (core: Core, options: { readonly catchUp: boolean }): Edit => (stored, at) => {
  if (stored.state !== "paused") return Effect.undefined
  return Effect.gen(function*() {
    const trigger = Trigger.decode(stored.trigger, core.registry)
    const active: JobStore.JobRow = { ...stored, state: "active", pause: null, overrides: forgiving(stored, at) }
    // The planner will find out what is wrong and quarantine it.
    if (Result.isFailure(trigger)) return { row: { ...active, nextNominal: at, nextDue: at } }
    // Catching up is the planner's business: the cursor still stands where the pause began.
    if (options.catchUp) return { row: withNext(active, trigger.success) }
    const { cursor, verdicts } = decideAgainst(core, stored, trigger.success, "paused", stored.pause, at)
    return {
      row: withNext({ ...active, cursor }, trigger.success),
      decision: { runs: [], verdicts, cancel: null }
    }
  })
}

/** Runs that say nothing for or against the job (cancelled, started too late) may lie between those that failed: so many. */
const lookedThrough = 100

/**
 * Pauses the job of a run that has just failed, if that was one too many. Whichever node ends a run looks at the stored history, so it
 * does not matter where the others failed.
 */
export const pauseAfterFailures = Effect.fnUntraced(
  function*(core: Core, run: JobStore.RunRow): Effect.fn.Return<void, StoreError> {
    const { incarnation } = run
    if (run.job === null || incarnation === null) return
    const job = yield* find(core, run.job)
    if (job === undefined || job.incarnation !== incarnation || job.state !== "active") return
    const limit = Option.getOrUndefined(Policy.decode(job.policy))?.pauseAfter ?? null
    if (limit === null) return
    const ended = yield* core.store.runs({ job: job.id, incarnation, going: false, limit: limit + lookedThrough })
    const { forgiven } = overridesOf(job)
    const failures = failuresInARow(
      ended.filter(({ finished }) => forgiven === undefined || finished! > forgiven).map((row) =>
        row.outcome as Outcome
      )
    )
    if (failures < limit) return
    const last = ended[0]!
    const reason = `${failures} runs in a row have failed, the last of them ${last.id} (${last.outcome})`
    yield* Effect.logWarning(`effect-scheduler: job ${job.id} is paused: ${reason}`)
    yield* Effect.catchTag(
      pause(core, job.id, { reason, by: "effect-scheduler", until: undefined }),
      ["JobNotFound", "InvalidOption"],
      () => Effect.void
    )
  }
)
