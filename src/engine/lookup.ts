/**
 * Looking up a job and what is going of it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import type * as JobStore from "../JobStore.ts"
import { backfillFamily } from "../Run.ts"
import { RunNotFound, type StoreError } from "../SchedulerError.ts"
import type { Core } from "./core.ts"
import { isBackfilled } from "./overrides.ts"

/** How many runs are looked at in one query. */
const page = 1_000

interface Look extends Request.Request<JobStore.RunRow, RunNotFound | StoreError> {
  readonly id: string
}
const Look = Request.of<Look>()

/** Looks at a run; those who look in the same moment share a query. */
export const lookTogether = (core: Core): (id: string) => Effect.Effect<JobStore.RunRow, RunNotFound | StoreError> => {
  const resolver = RequestResolver.make<Look>((entries) =>
    Effect.map(
      core.store.runs({ ids: entries.map(({ request }) => request.id), limit: entries.length }),
      (rows) => {
        const found = new Map(rows.map((row) => [row.id, row]))
        for (const entry of entries) {
          const { id } = entry.request
          const row = found.get(id)
          entry.completeUnsafe(row === undefined ? Exit.fail(new RunNotFound({ id })) : Exit.succeed(row))
        }
      }
    )
  ).pipe(RequestResolver.batchN(page))
  return (id) => Effect.request(Look({ id }), resolver)
}

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
