/**
 * Cancelling one run, wherever it is.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as JobStore from "../JobStore.ts"
import { CurrentRun } from "../Run.ts"
import { RunNotFound, type StoreError } from "../SchedulerError.ts"
import { announceEnded } from "./announce.ts"
import { stopRuns } from "./cancel.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now, wakeWorkers } from "./core.ts"
import { followEnded } from "./following.ts"
import { notifySettled, untilSettled } from "./waiting.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface CancelOptions {
  /** Kept with the run. */
  readonly reason?: string | undefined
  readonly by?: string | undefined
  /** How long to wait for a running run. Default: as long as it takes. */
  readonly timeout?: Duration.Input | undefined
}

/** Asks for the end of runs, and tells everybody here whom that concerns. Answers with those that have ended, and those that are to. */
export const cancelRuns = Effect.fnUntraced(function*(
  core: Core,
  which:
    | { readonly runs: ReadonlyArray<string> }
    | { readonly jobs: ReadonlyArray<string> }
    | { readonly job: string; readonly incarnation: string },
  request: JobStore.CancelRequest
): Effect.fn.Return<{ readonly settled: ReadonlyArray<string>; readonly flagged: ReadonlyArray<string> }, StoreError> {
  const asked = yield* core.store.cancel({ ...which, request, now: yield* now })
  const { flagged, settled } = asked
  const rows = settled.length === 0 ? [] : yield* core.store.runs({ ids: settled, limit: settled.length })
  yield* onceCommitted(core, () => {
    stopRuns(core, flagged)
    if (settled.length === 0) return
    for (const run of settled) notifySettled(core, run)
    wakeWorkers(core)
    if (core.events.heard()) announceEnded(core, rows)
  })
  yield* followEnded(core, rows)
  return asked
})

/** Returns a run whose end was asked for, when it has ended, finalizers included. */
export const untilCancelled = Effect.fnUntraced(function*<E>(
  core: Core,
  id: string,
  look: Effect.Effect<JobStore.RunRow, E>
): Effect.fn.Return<JobStore.RunRow, E | StoreError> {
  // Called from the run itself: it is interrupted when it comes to a point where it can be, which waiting here would be.
  const own = Option.getOrUndefined(yield* Effect.serviceOption(CurrentRun))
  if (own?.id === id && own.store === core.name) return yield* look
  const seen = Effect.map(look, (row) => row.state === "done" ? row : undefined)
  return yield* Effect.tap(untilSettled(core, id, seen), (row) => followEnded(core, [row]))
})

/** Returns the run when it has ended, finalizers included, or as it stands when the timeout has passed. */
export const cancelRun = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  options: CancelOptions
): Effect.fn.Return<JobStore.RunRow, RunNotFound | StoreError> {
  const look: Effect.Effect<JobStore.RunRow, RunNotFound | StoreError> = Effect.flatMap(
    core.store.runs({ ids: [id], limit: 1 }),
    ([row]) => row === undefined ? Effect.fail(new RunNotFound({ id })) : Effect.succeed(row)
  )
  const before = yield* look
  if (before.state === "done") {
    // Whoever cancelled it may have died before it could say what follows.
    yield* followEnded(core, [before])
    return before
  }
  const request = { reason: options.reason ?? "cancelled", by: options.by ?? "" }
  yield* cancelRuns(core, { runs: [id] }, request)
  const ended = untilCancelled(core, id, look)
  return options.timeout === undefined
    ? yield* ended
    : yield* Effect.timeoutOrElse(ended, { duration: options.timeout, orElse: () => look })
})
