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
import { type Core, now, type Running } from "./core.ts"
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
   * `"leave"` them and return at once, which alone is possible in a transaction.
   */
  readonly running?: "interrupt" | "wait" | "leave" | undefined
  /** How long to wait. Default: as long as it takes. */
  readonly timeout?: Duration.Input | undefined
  /** Kept with the cancelled runs. */
  readonly reason?: string | undefined
  readonly by?: string | undefined
}

/** The run of this node from which a removal is called. */
interface Own {
  readonly id: string
  readonly running: Running | undefined
}

interface Removal {
  readonly row: JobStore.JobRow
  readonly change: JobStore.Change
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
  const own = yield* ownOf(core)
  const row = yield* removeRow(core, id, mode, options, own)
  return mode === "leave" ? Effect.succeed({ abandoned: [] }) : waitFor(core, row, options, own)
})

/** Removes jobs as they were read, all of them in one commit. */
export const removeAtOnce = Effect.fnUntraced(function*(
  core: Core,
  rows: ReadonlyArray<JobStore.JobRow>,
  options: RemoveOptions,
  withGoing: ReturnType<typeof seekGoing>
): Effect.fn.Return<{
  readonly removed: ReadonlyArray<JobStore.JobRow>
  /** What waits for the runs of those that have any. */
  readonly waits: ReadonlyArray<Effect.Effect<Ended, RemovalTimeout | StoreError>>
  /** Those that somebody else has changed since, or for which there is more to do: they want `beginRemoval`. */
  readonly left: ReadonlyArray<JobStore.JobRow>
}, StoreError> {
  const mode = options.running ?? "interrupt"
  const own = yield* ownOf(core)
  const at = yield* now
  const ready = rows.filter((row) => resumption(core, row, at) === undefined)
  const removals = ready.map((row): Removal => ({ row, change: removalOf(core, row, mode, options, at) }))
  const removed = (yield* commitRemovals(core, removals, at, own)).map(({ row }) => row)
  const isRemoved = new Set(removed)
  const left = rows.filter((row) => !isRemoved.has(row))
  if (mode === "leave") return { removed, waits: [], left }
  return { removed, waits: (yield* withGoing(removed)).map((row) => waitFor(core, row, options, own)), left }
})

/** The run from which a removal is called: if it is one of the job's own, it goes on, and is not waited for. */
const ownOf = (core: Core): Effect.Effect<Own | undefined> =>
  Effect.map(Effect.serviceOption(CurrentRun), (current) =>
    Option.isSome(current) && current.value.store === core.name
      ? { id: current.value.id, running: core.running.get(current.value.id) }
      : undefined)

const waitFor = (
  core: Core,
  row: JobStore.JobRow,
  { timeout }: RemoveOptions,
  own: Own | undefined
): Effect.Effect<Ended, RemovalTimeout | StoreError> => {
  const waiting = awaitGoing(core, row, own?.id)
  if (timeout === undefined) return waiting
  return Effect.timeoutOrElse(waiting, {
    duration: timeout,
    orElse: () =>
      Effect.flatMap(allGoingOf(core, row), (runs) =>
        Effect.fail(
          new RemovalTimeout({ id: row.id, runs: runs.filter((run) => run.id !== own?.id).map((run) => run.id) })
        ))
  })
}

/** How many going runs are looked at together. */
const looked = 1_000

/** From so many jobs on it pays to look at all that is going, rather than at what is going of each. */
const worthALook = 64

/**
 * Which of some jobs have runs going. All that is going is looked at together, until that turns out to be more than a look shows: then each job
 * is taken to have some, and is asked by itself.
 */
export const seekGoing = (core: Core) => {
  let areMany = false
  return Effect.fnUntraced(function*(rows: ReadonlyArray<JobStore.JobRow>) {
    if (areMany || rows.length < worthALook) return rows
    // a store with many millions may not find them in time
    const runs = yield* Effect.option(core.store.runs({ going: true, limit: looked }))
    areMany = Option.isNone(runs) || runs.value.length === looked
    if (areMany) return rows
    const families = new Set(Option.getOrThrow(runs).map(({ incarnation }) => incarnation))
    return rows.filter((row) => familiesOf(row).some((family) => families.has(family)))
  })
}

/**
 * Puts another job in the place of one, in one step, and interrupts the runs of the one before: there is no instant without either.
 * Gives back what waits until those runs have ended, whose caller may be interrupted.
 */
export const displace = Effect.fnUntraced(function*(core: Core, successor: JobStore.JobRow) {
  const own = yield* ownOf(core)
  const row = yield* removeRow(core, successor.id, "interrupt", { reason: "job replaced" }, own, successor)
  return { ended: awaitGoing(core, row, own?.id) }
})

/** Removes the row, and asks for the end of its runs; waits for none. One that is to be left as it is, is left. */
export const removeRow = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  mode: "interrupt" | "wait" | "leave",
  options: Pick<RemoveOptions, "reason" | "by"> & { readonly unless?: (stored: JobStore.JobRow) => boolean },
  own: Own | undefined,
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
    const removal = { row, change: removalOf(core, row, mode, options, at, successor) }
    if ((yield* commitRemovals(core, [removal], at, own)).length === 1) return row
  }
})

/** The change that removes a job as it was read, or puts another one in its place. */
const removalOf = (
  core: Core,
  row: JobStore.JobRow,
  mode: "interrupt" | "wait" | "leave",
  options: Pick<RemoveOptions, "reason" | "by">,
  at: number,
  successor?: JobStore.JobRow
): JobStore.Change => {
  const reason = row.state === "active" ? "removed" : row.state === "done" ? undefined : row.state
  const by = { reason: options.reason ?? "job removed", by: options.by ?? "" }
  const note = reason === "removed" ? JSON.stringify(by) : row.pause
  return {
    job: row.id,
    incarnation: row.incarnation,
    revision: row.revision,
    update: successor === undefined ? { _tag: "Delete" } : { _tag: "Renew", row: successor },
    verdicts: reason === undefined ? [] : tryAgainst(core, row, reason, note, at)?.verdicts ?? [],
    runs: [],
    cancel: mode === "interrupt" ? by : null
  }
}

/** Carries out removals in one commit, and tells everybody whom they concern. Answers with those that were. */
const commitRemovals = Effect.fnUntraced(function*(
  core: Core,
  removals: ReadonlyArray<Removal>,
  at: number,
  own: Own | undefined
): Effect.fn.Return<ReadonlyArray<Removal>, StoreError> {
  if (removals.length === 0) return []
  // Before the commit, whose hint may come first.
  const running = removals.some(({ row }) => isOf(row, own?.running)) ? own?.running : undefined
  if (running !== undefined) yield* onceCommitted(core, () => running.exempt = true)
  const held = new Map(removals.map((removal) => [removal, heldFor(core, removal.change)]))
  const tell = (removed: ReadonlyArray<Removal>) => {
    for (const removal of removed) {
      const { change, row } = removal
      if (core.events.heard()) core.events.publish(at, { _tag: "JobRemoved", job: row.id })
      stopGoing(core, change, at, held.get(removal)!)
      followCancelled(core, row, change)
    }
  }
  return yield* core.store.commit({ changes: removals.map(({ change }) => change), now: at }).pipe(
    Effect.map((answers) => removals.filter((_, i) => answers[i] === "ok")),
    Effect.onError(() => Effect.sync(() => running !== undefined && (running.exempt = false))),
    Effect.tap((removed) => removed.length > 0 ? onceCommitted(core, () => tell(removed)) : Effect.void),
    Effect.tap((removed) => eachBackfill(removed, (row, by) => cancelBackfill(core, row, by))),
    // Jobs may be gone with their backfills still going: nobody could ask for their end any more.
    Effect.onError(() => eachBackfill(removals, (row, by) => laterUnlessInTransaction(core, row, by)))
  )
})

/** For what is removed with its runs, and may have others that are no occurrences. */
const eachBackfill = <E>(
  removals: ReadonlyArray<Removal>,
  end: (row: JobStore.JobRow, request: JobStore.CancelRequest) => Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  Effect.forEach(
    removals.filter(({ change, row }) => change.cancel !== null && isBackfilled(row)),
    ({ change, row }) => end(row, change.cancel!),
    { discard: true }
  )

/** The runs of a job's incarnation, and those of its past occurrences that are run again. */
const familiesOf = ({ incarnation }: JobStore.JobRow): ReadonlyArray<string> => [
  incarnation,
  backfillFamily(incarnation)
]

const isOf = (row: JobStore.JobRow, running: Running | undefined): boolean =>
  running !== undefined && running.row.job === row.id && familiesOf(row).includes(running.row.incarnation!)

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
