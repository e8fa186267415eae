/**
 * Ending runs that this node carries out.
 */
import * as Effect from "effect/Effect"
import type { Stop } from "../decisions/settle.ts"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import { announceEnded } from "./announce.ts"
import type { Core, Running } from "./core.ts"

/** Interrupts a run; the first reason counts. Does not wait: `Running.ended` tells when its finalizers have run. */
export const stop = (running: Running, why: Stop): void => {
  if (running.stop !== undefined || (running.exempt && why === "cancel")) return
  running.stop = why
  running.fiber?.interruptUnsafe()
}

const nobody: ReadonlySet<string> = new Set()

/** The runs of a job that this node carries out when a change that may cancel them is committed. */
export const heldFor = (core: Core, change: JobStore.Change): ReadonlySet<string> => {
  if (change.cancel === null) return nobody
  const held = new Set<string>()
  for (const { row } of core.running.values()) {
    if (row.job === change.job && row.incarnation === change.incarnation) held.add(row.id)
  }
  return held
}

/**
 * After a change that cancels: interrupts what this node carries out of the job, but not the change's own new runs, and tells of those that
 * had not begun. `held` was made before the commit, whose hint may come first.
 */
export const stopGoing = (core: Core, change: JobStore.Change, at: number, held: ReadonlySet<string>): void => {
  if (change.cancel === null) return
  for (const running of core.running.values()) {
    const { row } = running
    if (row.job !== change.job || row.incarnation !== change.incarnation) continue
    if (change.runs.some((run) => run.id === row.id)) continue
    stop(running, "cancel")
  }
  if (core.events.heard()) core.background(core.outage.rideOut(tellOfQueued(core, change, at, held)))
}

/** How many of a job's runs can be told of when they end at once. */
const told = 1_000

/** The store has ended those that had not begun, in the commit itself: nobody else will tell of them. */
const tellOfQueued = (
  core: Core,
  { incarnation, job }: JobStore.Change,
  at: number,
  held: ReadonlySet<string>
): Effect.Effect<void, StoreError> =>
  Effect.map(core.store.runs({ job, incarnation, going: false, limit: told }), (runs) =>
    announceEnded(
      core,
      runs.filter(({ finished, id, outcome }) => finished === at && outcome === "cancelled" && !held.has(id))
    ))

/** Interrupts the runs named, as far as this node carries them out. */
export const stopRuns = (core: Core, runs: Iterable<string>): void => {
  for (const run of runs) {
    const running = core.running.get(run)
    if (running !== undefined) stop(running, "cancel")
  }
}

/** Returns when a run that this node carries out has ended and its outcome is recorded. */
export const awaitEnd = (core: Core, running: Running): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (core.running.get(running.row.id) !== running) return resume(Effect.void)
    const tell = () => resume(Effect.void)
    running.ended ??= []
    running.ended.push(tell)
    return Effect.sync(() => {
      running.ended = running.ended?.filter((other) => other !== tell)
    })
  })
