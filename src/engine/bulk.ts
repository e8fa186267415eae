/**
 * The verbs on many jobs at once: page by page. Batches are changed as they were read, in one commit each, which carries out each change wholly
 * or not at all; what somebody else has changed meanwhile is changed by itself, and what is gone is passed over.
 */
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import type { InvalidOption, RemovalTimeout, StoreError } from "../SchedulerError.ts"
import { cancelRuns, untilCancelled } from "./cancellation.ts"
import { change, changeAtOnce, type Edit } from "./change.ts"
import type { Core } from "./core.ts"
import { lookTogether } from "./lookup.ts"
import * as Pausing from "./pausing.ts"
import { beginRemoval, type Ended, removeAtOnce, type RemoveOptions, seekGoing } from "./removal.ts"
import { forEachPage, type JobFilter } from "./selection.ts"

/** How many jobs are written at a time, of those that are written one by one. */
const atOnce = 16

/** How many jobs are waited for at a time. */
const waitedFor = 64

/** In a caller's transaction there is one connection, and one thing at a time. */
const concurrencyOf = (core: Core): Effect.Effect<number> =>
  Effect.map(core.store.transaction, (open) => open === undefined ? atOnce : 1)

/** Changes each job that matches, a batch in one commit; answers with the ids of those that were there. */
const changeEach = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter,
  edit: Edit
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  const concurrency = yield* concurrencyOf(core)
  const done: Array<string> = []
  yield* forEachPage(
    core,
    filter,
    (rows) =>
      Effect.forEach(Arr.chunksOf(rows, core.settings.planBatch), (batch) =>
        Effect.gen(function*() {
          const left = new Set(yield* changeAtOnce(core, batch, edit))
          for (const row of batch) if (!left.has(row)) done.push(row.id)
          yield* Effect.forEach(
            left,
            ({ id }) =>
              change(core, id, edit).pipe(
                Effect.map(() => void done.push(id)),
                Effect.catchTag("JobNotFound", () => Effect.void)
              ),
            { concurrency, discard: true }
          )
        }), { discard: true })
  )
  return done.sort()
})

/** Pauses those that are active; those that are paused keep their reason. */
export const pauseAll = (
  core: Core,
  filter: JobFilter,
  why: Pausing.Why
): Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError> =>
  filter.state !== undefined && filter.state !== "active"
    ? Effect.succeed([])
    : changeEach(core, { ...filter, state: "active" }, Pausing.pausing(core, why))

export const resumeAll = (
  core: Core,
  filter: JobFilter,
  options: { readonly catchUp: boolean }
): Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError> =>
  filter.state !== undefined && filter.state !== "paused"
    ? Effect.succeed([])
    : changeEach(core, { ...filter, state: "paused" }, Pausing.resuming(core, options))

/** What became of a removal. */
export interface Removed {
  readonly removed: ReadonlyArray<string>
  readonly abandoned: ReadonlyArray<string>
  readonly unfinished: ReadonlyArray<string>
}

/** Of each page first all jobs go, then their runs are waited for: one that takes its time holds up few. */
export const removeAll = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter,
  options: RemoveOptions
): Effect.fn.Return<Removed, StoreError> {
  const removed: Array<string> = []
  const abandoned: Array<string> = []
  const unfinished: Array<string> = []
  const concurrency = yield* concurrencyOf(core)
  const withGoing = seekGoing(core)
  const wait = (ended: Effect.Effect<Ended, RemovalTimeout | StoreError>) =>
    ended.pipe(
      Effect.map((ended) => void abandoned.push(...ended.abandoned)),
      Effect.catchTag("RemovalTimeout", ({ runs }) => Effect.sync(() => void unfinished.push(...runs)))
    )
  yield* forEachPage(core, filter, (rows) =>
    Effect.gen(function*() {
      const waits: Array<Effect.Effect<Ended, RemovalTimeout | StoreError>> = []
      const begin = ({ id }: JobStore.JobRow) =>
        Effect.map(beginRemoval(core, id, options), (wait) => {
          removed.push(id)
          waits.push(wait)
        })
      for (const batch of Arr.chunksOf(rows, core.settings.planBatch)) {
        const done = yield* removeAtOnce(core, batch, options, withGoing)
        for (const { id } of done.removed) removed.push(id)
        waits.push(...done.waits)
        yield* Effect.forEach(done.left, (row) => Effect.catchTag(begin(row), "JobNotFound", () => Effect.void), {
          concurrency,
          discard: true
        })
      }
      yield* Effect.forEach(waits, wait, { concurrency: waitedFor, discard: true })
    }))
  return { removed: removed.sort(), abandoned, unfinished }
})

/** Ends all that is going of the jobs, backfills included; answers with the runs that were asked to end. */
export const cancelAll = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter,
  options: {
    readonly reason?: string | undefined
    readonly by?: string | undefined
    readonly timeout?: Duration.Input | undefined
  }
): Effect.fn.Return<ReadonlyArray<string>, StoreError> {
  const request = { reason: options.reason ?? "cancelled", by: options.by ?? "" }
  const asked: Array<string> = []
  const running: Array<string> = []
  yield* forEachPage(
    core,
    filter,
    (rows) =>
      Effect.forEach(
        Arr.chunksOf(rows, core.settings.planBatch),
        (batch) =>
          Effect.map(cancelRuns(core, { jobs: batch.map(({ id }) => id) }, request), ({ flagged, settled }) => {
            for (const run of settled) asked.push(run)
            for (const run of flagged) {
              asked.push(run)
              running.push(run)
            }
          }),
        { discard: true }
      )
  )
  const look = lookTogether(core)
  const ended = Effect.forEach(
    running,
    (run) => Effect.catchTag(untilCancelled(core, run, look(run)), "RunNotFound", () => Effect.void),
    { concurrency: "unbounded", discard: true }
  )
  if (options.timeout === undefined) yield* ended
  else yield* Effect.timeoutOption(ended, options.timeout)
  return asked
})
