/**
 * Looking up a job and what is going of it.
 */
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import type { Core } from "./core.ts"

export const find = (core: Core, id: string): Effect.Effect<JobStore.JobRow | undefined, StoreError> =>
  Effect.map(core.store.jobs({ ids: [id], limit: 1 }), (rows) => rows[0])

/** More runs of one job than this cannot be going: every overlap policy is bounded well below. */
const most = 10_000

export const goingOf = (core: Core, row: Pick<JobStore.JobRow, "id" | "incarnation">) =>
  core.store.runs({ job: row.id, incarnation: row.incarnation, going: true, limit: most })
