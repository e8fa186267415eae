/**
 * What follows a run that has ended.
 *
 * Where this node ends a run, its continuations are part of the settlement: one transaction. Where the store ends a run by itself (a
 * queued run that is cancelled, a lost one that is abandoned), whoever asked for it adds them right after. A process that dies in
 * between leaves that to the next scheduler that starts on the store. Ids follow from the ended run's, and a continuation's run is
 * remembered for as long as that, so that nothing is added twice, however often somebody tries.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Continuation from "../Continuation.ts"
import { endedByStore, follows } from "../decisions/follow.ts"
import { limitsOf } from "../decisions/limits.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { followId, type Outcome } from "../Run.ts"
import type { StoreError } from "../SchedulerError.ts"
import { ofRun } from "./announce.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now, wakeWorkers } from "./core.ts"

/** How a run ended, as far as it matters to what follows. */
export interface End {
  readonly outcome: Outcome
  /** JSON. */
  readonly result: string | null
  readonly attempts: number
  readonly finished: number
}

const none: ReadonlyArray<JobStore.NewRun> = []

/** The runs that follow from an end. */
export const followers = (
  run: JobStore.NewRun,
  policy: Policy.Policy,
  end: End
): ReadonlyArray<JobStore.NewRun> => {
  if (policy.followedBy.length === 0) return none
  const runs: Array<JobStore.NewRun> = []
  for (const [i, continuation] of policy.followedBy.entries()) {
    if (follows(continuation.on, end.outcome)) runs.push(follower(run, policy, end, continuation, i))
  }
  return runs
}

const follower = (
  run: JobStore.NewRun,
  { retention }: Policy.Policy,
  end: End,
  continuation: Continuation.Stored,
  index: number
): JobStore.NewRun => {
  const policyText = JSON.stringify(continuation.policy)
  const policy = Option.getOrElse(Policy.decode(policyText), () => Policy.defaults)
  return {
    id: followId(run, index),
    job: null,
    incarnation: null,
    nominal: null,
    planned: end.finished,
    origin: "continuation",
    task: continuation.task,
    taskVersion: continuation.taskVersion,
    lane: continuation.lane,
    payload: payloadOf(run, continuation, end),
    policy: policyText,
    readyAt: null,
    boost: policy.priority,
    serial: null,
    limits: limitsOf(continuation.task, policy),
    // As long as the run before it is known, so is what was made of its end.
    retention: Math.max(policy.retention, retention),
    atMostOnce: policy.delivery === "atMostOnce",
    uniqueKey: null,
    uniqueWhile: "going",
    trace: run.trace,
    created: end.finished
  }
}

const payloadOf = (run: JobStore.NewRun, { on, payload }: Continuation.Stored, end: End): string => {
  if (payload !== null) return JSON.stringify(payload.value)
  if (on === "success") return end.result ?? "null"
  const ended: typeof Continuation.Ended["Encoded"] = {
    run: run.id,
    job: run.job,
    task: run.task,
    outcome: end.outcome,
    attempts: end.attempts,
    finished: DateTime.formatIso(DateTime.makeUnsafe(end.finished)),
    result: end.result === null ? null : JSON.parse(end.result)
  }
  return JSON.stringify(ended)
}

/** Tells of runs that were made, and wakes who may carry them out. */
export const followed = (core: Core, runs: ReadonlyArray<JobStore.NewRun>, at: number): void => {
  if (runs.length === 0) return
  wakeWorkers(core)
  if (!core.events.heard()) return
  for (const run of runs) core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
}

/** Adds what follows those of the runs that the store has ended by itself. */
export const followEnded = Effect.fnUntraced(function*(
  core: Core,
  rows: ReadonlyArray<JobStore.RunRow>
): Effect.fn.Return<void, StoreError> {
  const runs: Array<JobStore.NewRun> = []
  for (const row of rows) {
    if (row.state !== "done" || !endedByStore.has(row.outcome!)) continue
    const policy = Policy.decode(row.policy)
    if (Option.isNone(policy)) continue
    const { attempt: attempts, finished, outcome, result } = row
    runs.push(...followers(row, policy.value, { outcome: outcome as Outcome, result, attempts, finished: finished! }))
  }
  if (runs.length === 0) return
  const at = yield* now
  const answers = yield* core.store.enqueue({ runs, now: at })
  yield* onceCommitted(core, () => followed(core, runs.filter((_, i) => answers[i] === "added"), at))
})

/** `followEnded` for runs that are named. */
export const followRuns = (core: Core, ids: ReadonlyArray<string>): Effect.Effect<void, StoreError> =>
  Effect.flatMap(core.store.runs({ ids, limit: ids.length }), (rows) => followEnded(core, rows))

/** How many of the ends that came last are looked at. */
const looked = 1_000

/** `followEnded` for what ended last, of one job or at all. */
export const followNewest = (
  core: Core,
  of: { readonly job?: string; readonly incarnation?: string } = {}
): Effect.Effect<void> =>
  core.outage.rideOut(
    Effect.flatMap(
      core.store.runs({ ...of, outcomes: [...endedByStore], limit: looked }),
      (rows) => followEnded(core, rows)
    )
  )

/** After a change that cancelled a job's runs: those that had not begun were ended by the store. */
export const followCancelled = (
  core: Core,
  row: JobStore.JobRow,
  { cancel, incarnation, job }: JobStore.Change
): void => {
  // Runs of an earlier definition, which may have named what follows where this one does not, are left to the next start.
  if (cancel !== null && row.policy.includes("followedBy")) core.background(followNewest(core, { job, incarnation }))
}
