/**
 * The verbs on many jobs at once: page by page, several at a time, each job by itself. What is gone meanwhile is passed over.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import type { InvalidOption, JobNotFound, StoreError } from "../SchedulerError.ts"
import { cancelRun, cancelRuns } from "./cancellation.ts"
import type { Core } from "./core.ts"
import * as Pausing from "./pausing.ts"
import { beginRemoval, type RemoveOptions } from "./removal.ts"
import { forEachPage, type JobFilter } from "./selection.ts"

/** How many jobs are written at a time. */
const atOnce = 16

/** How many jobs are waited for at a time. */
const waitedFor = 64

/** In a caller's transaction there is one connection, and one thing at a time. */
const concurrencyOf = (core: Core): Effect.Effect<number> =>
  Effect.map(core.store.transaction, (open) => open === undefined ? atOnce : 1)

/** Applies a verb to each job that matches; answers with the ids of those that were there. */
const each = Effect.fnUntraced(function*<A, E>(
  core: Core,
  filter: JobFilter,
  verb: (row: JobStore.JobRow) => Effect.Effect<A, E | JobNotFound>,
  concurrency: number
) {
  const done: Array<readonly [id: string, answer: A]> = []
  yield* forEachPage(core, filter, (rows) =>
    Effect.forEach(
      rows,
      (row) =>
        Effect.matchEffect(verb(row), {
          onFailure: (error) => isNotFound(error) ? Effect.void : Effect.fail(error as Exclude<E, JobNotFound>),
          onSuccess: (answer) => Effect.sync(() => void done.push([row.id, answer]))
        }),
      { concurrency, discard: true }
    ))
  return done.sort(([a], [b]) => a < b ? -1 : 1)
})

const isNotFound = (error: unknown): boolean => (error as { readonly _tag?: string })._tag === "JobNotFound"

const idsOf = (done: ReadonlyArray<readonly [id: string, answer: unknown]>): ReadonlyArray<string> =>
  done.map(([id]) => id)

/** Pauses those that are active; those that are paused keep their reason. */
export const pauseAll = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter,
  why: Parameters<typeof Pausing.pause>[2]
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  if (filter.state !== undefined && filter.state !== "active") return []
  const verb = (row: JobStore.JobRow) => Pausing.pause(core, row.id, why)
  return idsOf(yield* each(core, { ...filter, state: "active" }, verb, yield* concurrencyOf(core)))
})

export const resumeAll = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter,
  options: { readonly catchUp: boolean }
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  if (filter.state !== undefined && filter.state !== "paused") return []
  const verb = (row: JobStore.JobRow) => Pausing.resume(core, row.id, options)
  return idsOf(yield* each(core, { ...filter, state: "paused" }, verb, yield* concurrencyOf(core)))
})

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
  yield* forEachPage(core, filter, (rows) =>
    Effect.gen(function*() {
      const waits: Array<Effect.Effect<void, StoreError>> = []
      const begin = (row: JobStore.JobRow) =>
        Effect.map(beginRemoval(core, row.id, options), (wait) => {
          removed.push(row.id)
          waits.push(
            wait.pipe(
              Effect.map((ended) => void abandoned.push(...ended.abandoned)),
              Effect.catchTag("RemovalTimeout", ({ runs }) => Effect.sync(() => void unfinished.push(...runs)))
            )
          )
        })
      yield* Effect.forEach(rows, (row) => Effect.catchTag(begin(row), "JobNotFound", () => Effect.void), {
        concurrency,
        discard: true
      })
      yield* Effect.forEach(waits, (wait) => wait, { concurrency: waitedFor, discard: true })
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
  const verb = (row: JobStore.JobRow) => cancelRuns(core, { job: row.id }, request)
  const runs = (yield* each(core, filter, verb, atOnce)).flatMap(([, runs]) => runs)
  const ended = Effect.forEach(
    runs,
    (run) => Effect.catchTag(cancelRun(core, run, {}), "RunNotFound", () => Effect.void),
    {
      concurrency: "unbounded",
      discard: true
    }
  )
  if (options.timeout === undefined) yield* ended
  else yield* Effect.timeoutOption(ended, options.timeout)
  return runs
})
