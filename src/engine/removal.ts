/**
 * Removing a job: its row goes at once, and the call returns when its runs have run their finalizers.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as JobStore from "../JobStore.ts"
import { backfillFamily, CurrentRun } from "../Run.ts"
import { JobNotFound, RemovalTimeout, type StoreError } from "../SchedulerError.ts"
import { cancelBackfill, cancelOrphans } from "./backfill.ts"
import { awaitEnd, heldFor, stopGoing } from "./cancel.ts"
import { commit } from "./change.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now } from "./core.ts"
import { tryAgainst } from "./decide.ts"
import { followCancelled } from "./following.ts"
import { allGoingOf, find } from "./lookup.ts"
import { isBackfilled } from "./overrides.ts"
import { resumption } from "./resumption.ts"
import { anyRun, untilSettled } from "./waiting.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface RemoveOptions {
  /**
   * What happens to runs that are going: `"interrupt"` (default) them and wait for their finalizers, `"wait"` for their own end, or
   * `"leave"` them and return at once.
   */
  readonly running?: "interrupt" | "wait" | "leave" | undefined
  /** How long to wait. Default: as long as it takes. */
  readonly timeout?: Duration.Input | undefined
  /** Kept with the cancelled runs. */
  readonly reason?: string | undefined
  readonly by?: string | undefined
}

export interface Ended {
  readonly abandoned: ReadonlyArray<string>
}

export const remove = (
  core: Core,
  id: string,
  options: RemoveOptions
): Effect.Effect<Ended, JobNotFound | RemovalTimeout | StoreError> => Effect.flatten(beginRemoval(core, id, options))

/** Removes the job; the effect that this answers with waits for its runs. */
export const beginRemoval = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  options: RemoveOptions
): Effect.fn.Return<Effect.Effect<Ended, RemovalTimeout | StoreError>, JobNotFound | StoreError> {
  const mode = options.running ?? "interrupt"
  // Called from one of the job's own runs: that run goes on, and is not waited for.
  const current = Option.getOrUndefined(yield* Effect.serviceOption(CurrentRun))
  const own = current?.store === core.name ? current.id : undefined
  const ownRunning = own === undefined ? undefined : core.running.get(own)
  const row = yield* removeRow(core, id, mode, options, ownRunning)
  if (mode === "leave") return Effect.succeed({ abandoned: [] })
  const waiting = awaitGoing(core, row, own)
  if (options.timeout === undefined) return waiting
  return Effect.timeoutOrElse(waiting, {
    duration: options.timeout,
    orElse: () =>
      Effect.flatMap(allGoingOf(core, row), (runs) =>
        Effect.fail(
          new RemovalTimeout({ id, runs: runs.filter((run) => run.id !== own).map((run) => run.id) })
        ))
  })
})

/**
 * Puts another job in the place of one, in one step, and interrupts the runs of the one before: there is no instant without either.
 * Gives back what waits until those runs have ended, whose caller may be interrupted.
 */
export const displace = Effect.fnUntraced(function*(core: Core, successor: JobStore.JobRow) {
  const current = Option.getOrUndefined(yield* Effect.serviceOption(CurrentRun))
  const own = current?.store === core.name ? current.id : undefined
  const ownRunning = own === undefined ? undefined : core.running.get(own)
  const row = yield* removeRow(core, successor.id, "interrupt", { reason: "job replaced" }, ownRunning, successor)
  return { ended: awaitGoing(core, row, own) }
})

/** Removes the row, and asks for the end of its runs; waits for none. One that is to be left as it is, is left. */
export const removeRow = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  mode: "interrupt" | "wait" | "leave",
  options: Pick<RemoveOptions, "reason" | "by"> & { readonly unless?: (stored: JobStore.JobRow) => boolean },
  own: { readonly row: JobStore.RunRow; exempt: boolean } | undefined,
  successor?: JobStore.JobRow
): Effect.fn.Return<JobStore.JobRow, JobNotFound | StoreError> {
  while (true) {
    const row = yield* find(core, id)
    if (row === undefined) return yield* new JobNotFound({ id })
    if (options.unless?.(row) === true) return row
    const at = yield* now
    const over = resumption(core, row, at)
    if (over !== undefined) {
      yield* commit(core, row, over, at)
      continue
    }
    const reason = row.state === "active" ? "removed" : row.state === "done" ? undefined : row.state
    const by = { reason: options.reason ?? "job removed", by: options.by ?? "" }
    const note = reason === "removed" ? JSON.stringify(by) : row.pause
    const verdicts = reason === undefined ? [] : tryAgainst(core, row, reason, note, at)?.verdicts ?? []
    const change: JobStore.Change = {
      job: row.id,
      incarnation: row.incarnation,
      revision: row.revision,
      update: successor === undefined ? { _tag: "Delete" } : { _tag: "Renew", row: successor },
      verdicts,
      runs: [],
      cancel: mode === "interrupt" ? by : null
    }
    // Before the commit, whose hint may come first.
    const families = [row.incarnation, backfillFamily(row.incarnation)]
    const isOwn = own !== undefined && own.row.job === row.id && families.includes(own.row.incarnation!)
    if (isOwn) yield* onceCommitted(core, () => own.exempt = true)
    const held = heldFor(core, change)
    const tell = () => {
      if (core.events.heard()) core.events.publish(at, { _tag: "JobRemoved", job: id })
      stopGoing(core, change, at, held)
      followCancelled(core, row, change)
    }
    const isRemoved = yield* core.store.commit({ changes: [change], now: at }).pipe(
      Effect.map(([answer]) => answer === "ok"),
      Effect.onError(() => Effect.sync(() => isOwn && (own.exempt = false))),
      Effect.tap((isRemoved) => isRemoved ? onceCommitted(core, tell) : Effect.void),
      Effect.tap((isRemoved) => isRemoved && mode === "interrupt" ? cancelBackfill(core, row, by) : Effect.void),
      // The job may be gone with its backfills still going: nobody could ask for their end any more.
      Effect.onError(() =>
        mode === "interrupt" && isBackfilled(row) ? laterUnlessInTransaction(core, row, by) : Effect.void
      )
    )
    if (isRemoved) return row
  }
})

/** A transaction of the caller's is rolled back when a verb in it fails. */
const laterUnlessInTransaction = (core: Core, row: JobStore.JobRow, request: JobStore.CancelRequest) =>
  Effect.map(core.store.transaction, (open) => {
    if (open === undefined) core.background(core.outage.rideOut(cancelOrphans(core, row, request)))
  })

/** Returns when every run of the job has ended, on whatever node; tells which were abandoned by a node that is lost. */
const awaitGoing = Effect.fnUntraced(function*(core: Core, row: JobStore.JobRow, own: string | undefined) {
  const seen = new Set<string>()
  yield* untilSettled(
    core,
    anyRun,
    Effect.gen(function*() {
      const going = (yield* allGoingOf(core, row)).filter((run) => run.id !== own)
      for (const run of going) seen.add(run.id)
      const here = going.flatMap((run) => core.running.get(run.id) ?? [])
      yield* Effect.forEach(here, (running) => awaitEnd(core, running), { concurrency: "unbounded", discard: true })
      // An attempt that has ended need not be the last of its run.
      return going.length === 0 ? true : undefined
    })
  )
  if (seen.size === 0) return { abandoned: [] }
  const ended = yield* core.store.runs({ ids: [...seen], limit: seen.size })
  return { abandoned: ended.filter((run) => run.outcome === "abandoned").map((run) => run.id) }
})
