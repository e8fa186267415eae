/**
 * Looking up a job and what is going of it.
 */
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import { backfillFamily } from "../Run.ts"
import type { StoreError } from "../SchedulerError.ts"
import type { Core } from "./core.ts"
import { isBackfilled } from "./overrides.ts"

export const find = (core: Core, id: string): Effect.Effect<JobStore.JobRow | undefined, StoreError> =>
  Effect.map(core.store.jobs({ ids: [id], limit: 1 }), (rows) => rows[0])

/** More runs of one job than this cannot be going: every overlap policy is bounded well below. */
const most = 10_000

export const goingOf = (core: Core, row: Pick<JobStore.JobRow, "id" | "incarnation">) =>
  core.store.runs({ job: row.id, incarnation: row.incarnation, going: true, limit: most })

/** The same, with those of past occurrences that are run again. */
export const allGoingOf = (core: Core, row: JobStore.JobRow) =>
  isBackfilled(row)
    ? Effect.zipWith(
      goingOf(core, row),
      goingOf(core, { id: row.id, incarnation: backfillFamily(row.incarnation) }),
      (runs, others) => [...runs, ...others]
    )
    : goingOf(core, row)
