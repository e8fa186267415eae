/**
 * The role *planner*: turns due occurrences into runs and verdicts. One alarm for all jobs, not a fiber per job.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import { announce } from "./announce.ts"
import { heldFor, stopGoing } from "./cancel.ts"
import { type Core, now, waitFor, wakeWorkers } from "./core.ts"
import { decide, read, type Unreadable } from "./decide.ts"
import { followCancelled } from "./following.ts"
import type { Lease } from "./heartbeat.ts"
import { moment } from "./moment.ts"
import { quarantine, whatThrew } from "./quarantine.ts"
import { resumption } from "./resumption.ts"
import * as Sharing from "./sharing.ts"

/** A small batch is a quarter of a large one. */
const firstShare = 4

export const planner = (core: Core, lease: Lease): Effect.Effect<never> => {
  /** Due jobs that are left to nodes which know more, by the revision at which that was found. */
  const foreign = new Map<string, number>()
  const { planBatch } = core.settings
  const sharing = Sharing.make()
  /** The first of what comes due together is planned in a small batch, so that workers have something to do while the rest is planned. */
  let isFirst = true
  return Effect.forever(Effect.gen(function*() {
    yield* core.gate.await
    core.planWake.closeUnsafe() // before reading, or what is added meanwhile is missed
    // Each try reads the clock and decides anew: what was true before an outage is not a decision for after it.
    const next = yield* core.outage.rideOut(
      pass(core, lease, foreign, sharing, isFirst ? planBatch / firstShare : planBatch)
    )
    const alarm = next - (yield* now)
    isFirst = alarm > 0
    if (alarm > 0) yield* waitFor(core.planWake, Math.min(alarm, core.settings.reread, core.settings.poll))
  }))
}

/** Plans what is due, and answers when there is more to do. */
const pass = Effect.fnUntraced(function*(
  core: Core,
  lease: Lease,
  foreign: Map<string, number>,
  sharing: Sharing.Sharing,
  batch: number
) {
  yield* core.keepTime
  const at = yield* now
  // What is left to others stays due: it must not use up the answer.
  const limit = sharing.reach(batch, at) + foreign.size
  const due = yield* core.store.due({ now: at, limit })
  if (due.jobs.length === 0) foreign.clear()
  const known = foreign.size === 0 ? due.jobs : due.jobs.filter(({ job }) => foreign.get(job.id) !== job.revision)
  const next = due.next ?? Infinity
  if (known.length === 0) return next
  const mine = sharing.mine(batch, known)
  const { again, answers } = yield* planAll(core, lease, mine, at, foreign)
  sharing.told(answers, at)
  if (due.jobs.length === limit) return at
  yield* gather(core, at)
  // All that was due is planned as it was read, so what the next look would find is known.
  return mine.length < known.length ? at : Math.min(next, again)
})

/** Nothing more was due: what comes due in a moment is planned together. */
const gather = (core: Core, since: number): Effect.Effect<void> =>
  core.settings.pace === 0 ? Effect.void : Effect.flatMap(
    now,
    (at) => Effect.sleep(Math.min(core.settings.pace, Math.max(0, since + core.settings.pace - at)))
  )

const planAll = Effect.fnUntraced(function*(
  core: Core,
  lease: Lease,
  due: ReadonlyArray<JobStore.DueJob>,
  at: number,
  foreign: Map<string, number>
): Effect.fn.Return<Planned, StoreError> {
  const { changes, jobs, left } = decideAll(core, due, at)
  for (const { job, reason } of left) yield* leave(core, job, reason, at, foreign)
  if (changes.length === 0) return { answers: [], again: Infinity }
  if (changes.some(({ runs }) => runs.some(({ task }) => core.served.has(task)))) yield* prepareToClaim(core, lease)
  const held = changes.map((change) => heldFor(core, change))
  const answers = yield* core.store.commit({ changes, now: at })
  // A stale decision was made on a job that somebody else has decided or changed since; the next pass reads it again.
  changes.forEach((change, i) => {
    if (answers[i] !== "ok") return
    if (core.events.heard()) announce(core, jobs[i]!, change, at)
    stopGoing(core, change, at, held[i]!)
    followCancelled(core, jobs[i]!, change)
  })
  if (changes.some(({ runs }, i) => answers[i] === "ok" && runs.length > 0)) wakeWorkers(core)
  const again = changes.reduce((earliest, change) => Math.min(earliest, dueAfter(change)), Infinity)
  return { answers, again: answers.includes("stale") ? at : again }
})

/** Our workers are about to claim what is planned: the lease that they need is renewed meanwhile. */
const prepareToClaim = (core: Core, lease: Lease): Effect.Effect<unknown> =>
  Effect.suspend(() =>
    lease.holds(moment(core.clock)) || lease.isRenewing()
      ? Effect.void
      : Effect.forkChild(lease.secure, { startImmediately: true })
  )

/** What became of decisions, and when the first of the jobs is due again; at once where somebody else was faster. */
interface Planned {
  readonly answers: ReadonlyArray<"ok" | "stale">
  readonly again: number
}

/** When a job is due after a change. */
const dueAfter = ({ update }: JobStore.Change): number => {
  switch (update._tag) {
    case "Advance":
      return update.nextDue ?? Infinity
    case "Replace":
    case "Renew":
      return update.row.nextDue ?? Infinity
    case "Delete":
      return Infinity
  }
}

/** Changes and the jobs as they were before them, and what others must decide. */
interface Decided {
  readonly changes: Array<JobStore.Change>
  readonly jobs: Array<JobStore.JobRow>
  readonly left: Array<{ readonly job: JobStore.JobRow; readonly reason: string }>
}

const decideAll = (core: Core, due: ReadonlyArray<JobStore.DueJob>, at: number): Decided => {
  const all: Decided = { changes: [], jobs: [], left: [] }
  for (const one of due) {
    const change = changeOf(core, one, at)
    if ("elsewhere" in change) all.left.push({ job: one.job, reason: change.reason })
    else {
      all.changes.push(change)
      all.jobs.push(one.job)
    }
  }
  return all
}

const leave = (
  core: Core,
  job: JobStore.JobRow,
  reason: string,
  at: number,
  foreign: Map<string, number>
): Effect.Effect<void> => {
  foreign.set(job.id, job.revision)
  core.events.publish(at, { _tag: "JobLeft", job: job.id, reason })
  return Effect.logWarning(`effect-scheduler: job ${job.id} is left to a node that knows more: ${reason}`)
}

/** A trigger of somebody's own that throws, or a bug of ours, must not keep other jobs from being planned. */
const changeOf = (core: Core, due: JobStore.DueJob, at: number): JobStore.Change | Unreadable => {
  try {
    return decided(core, due, at)
  } catch (error) {
    return quarantine(due.job, whatThrew(error), at)
  }
}

const decided = (core: Core, { going, job, latest }: JobStore.DueJob, at: number): JobStore.Change | Unreadable => {
  const readable = read(core, job)
  if (Result.isFailure(readable)) {
    const { elsewhere, reason } = readable.failure
    return elsewhere ? readable.failure : quarantine(job, reason, at)
  }
  const over = resumption(core, job, at)
  if (over !== undefined) return over
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
