/**
 * Ending runs that this node carries out.
 */
import * as Effect from "effect/Effect"
import type { Stop } from "../decisions/settle.ts"
import type * as JobStore from "../JobStore.ts"
import type { Core, Running } from "./core.ts"

/** Interrupts a run; the first reason counts. Does not wait: `Running.ended` tells when its finalizers have run. */
export const stop = (running: Running, why: Stop): void => {
  if (running.stop !== undefined || (running.exempt && why === "cancel")) return
  running.stop = why
  running.fiber?.interruptUnsafe()
}

/** Interrupts the runs of a job that this node carries out, as a committed change asked for; its own new runs are not meant. */
export const stopGoing = (core: Core, change: JobStore.Change): void => {
  for (const running of core.running.values()) {
    const { row } = running
    if (row.job !== change.job || row.incarnation !== change.incarnation) continue
    if (change.runs.some((run) => run.id === row.id)) continue
    stop(running, "cancel")
  }
}

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
