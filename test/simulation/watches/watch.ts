/**
 * One thing that must hold whatever happens. A watch knows nothing of the engine: only what the store did and what handlers and callers saw.
 */
import type { JobStore } from "effect-scheduler"
import type { Happening } from "../history.ts"

/** What a watch can look at. */
export interface Scene {
  readonly fail: (violation: string) => void
  /** All runs that ever were, as they were asked for. */
  readonly runs: ReadonlyMap<string, JobStore.NewRun>
  /** Those of the runs that the store has, as they are at this instant. */
  readonly stored: (ids: ReadonlyArray<string>) => ReadonlyArray<JobStore.RunRow>
}

export interface Watch {
  /** `at` is what the clock on the wall says. */
  readonly see: (happening: Happening, at: number) => void
  /** What holds when all is quiet. */
  readonly finish?: (rows: ReadonlyMap<string, JobStore.RunRow>) => void
}
