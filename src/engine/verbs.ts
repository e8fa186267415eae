/**
 * The verbs on the jobs and runs of one store, as a caller has them: what they read and write as rows, shown as words.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { toInstant } from "../internal/instant.ts"
import * as Job from "../Job.ts"
import type { JobRow, RunRow } from "../JobStore.ts"
import * as Run from "../Run.ts"
import { JobNotFound, WaitInTransaction } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import type * as Trigger from "../Trigger.ts"
import { backfill, type BackfillOptions } from "./backfill.ts"
import * as Bulk from "./bulk.ts"
import { type CancelOptions, cancelRun } from "./cancellation.ts"
import { check } from "./check.ts"
import type { Core } from "./core.ts"
import { type DeclaredSet, reconcile } from "./declared.ts"
import type { Definition } from "./definition.ts"
import * as Exceptions from "./exceptions.ts"
import { explain } from "./explain.ts"
import * as Jobs from "./jobs.ts"
import { find } from "./lookup.ts"
import * as Pausing from "./pausing.ts"
import { redrive, redriveAll, type RedriveFilter } from "./redrive.ts"
import { release, type ReleaseOptions } from "./release.ts"
import { remove, type RemoveOptions } from "./removal.ts"
import { result, resultOf } from "./results.ts"
import * as Runs from "./runs.ts"
import { type JobFilter, select } from "./selection.ts"
import { exportJobs, importJobs } from "./snapshot.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface PauseOptions {
  /** Kept with the job while it is paused. */
  readonly reason?: string | undefined
  readonly by?: string | undefined
  /** When it resumes by itself; text without an offset is UTC. Default: when somebody resumes it. */
  readonly until?: DateTime.DateTime.Input | undefined
}

/** See `Scheduler.Verbs.move`. */
export interface MoveOptions {
  readonly from?: DateTime.DateTime.Input | undefined
  readonly to: DateTime.DateTime.Input
}

/**
 * Selects jobs; all that match, in order of id, unless there is a `limit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListOptions extends JobFilter {
  /** Only ids after this one: the last of the page before. */
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

/**
 * Selects runs: those that are going first, then the last finished first.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunsOptions {
  readonly job?: string | undefined
  readonly task?: string | undefined
  readonly ids?: ReadonlyArray<string> | undefined
  /** `true`: only runs that are going; `false`: only those that have ended. */
  readonly going?: boolean | undefined
  /** Only runs that have ended in one of these ways. */
  readonly outcomes?: ReadonlyArray<Run.Outcome> | undefined
  /** The last run of the page before. */
  readonly after?: Run.Run | undefined
  /** Default 100. */
  readonly limit?: number | undefined
}

/** What a run besides the occurrences of a job is held to. */
export interface RunNowOptions {
  readonly overlap?: "respect" | "ignore" | undefined
  readonly limits?: "respect" | "ignore" | undefined
}

export const make = (core: Core) => {
  const viewed = (row: JobRow) => Job.fromRow(row, core.registry, core.name)
  const viewedRun = (row: RunRow) => Run.fromRow(row, core.name)
  const changed = <E, R>(verb: Effect.Effect<JobRow, E, R>) => Effect.map(Effect.tap(verb, core.reacted), viewed)
  const refuseInTransaction = (verb: string) =>
    Effect.flatMap(
      core.store.transaction,
      (open) => open === undefined ? Effect.void : Effect.fail(new WaitInTransaction({ verb }))
    )

  const verbs = inTimeOf(core, {
    schedule: (task: Task.Any, definition: Definition) => changed(Jobs.schedule(core, task, definition)),
    scheduleAll: (task: Task.Any, definitions: ReadonlyArray<Definition>) =>
      Effect.tap(
        Effect.map(
          Jobs.scheduleAll(core, task, definitions),
          (jobs) => jobs.map(({ row, trigger }) => Job.fromRow(row, core.registry, core.name, trigger))
        ),
        core.reacted
      ),
    enqueue: (task: Task.Any, request?: Runs.Request) =>
      Effect.tap(Runs.enqueue(core, task, request ?? {}), core.reacted),
    enqueueAll: (task: Task.Any, requests: ReadonlyArray<Runs.Request>) =>
      Effect.tap(Runs.enqueueAll(core, task, requests), core.reacted),
    run: Effect.fnUntraced(function*(task: Task.Any, request?: Runs.Request) {
      yield* refuseInTransaction("run")
      const id = yield* Runs.enqueue(core, task, request ?? {})
      return yield* resultOf(core, task, id)
    }),
    result: (task: Task.Any, run: string) => Effect.andThen(refuseInTransaction("result"), result(core, task, run)),
    declare: (set: DeclaredSet, options?: { readonly dryRun?: boolean | undefined }) =>
      Effect.tap(reconcile(core, set, { dryRun: options?.dryRun === true }), core.reacted),
    get: (id: string) =>
      Effect.flatMap(
        find(core, id),
        (row) => row === undefined ? Effect.fail(new JobNotFound({ id })) : Effect.succeed(viewed(row))
      ),
    list: (options: ListOptions = {}) => Effect.map(select(core, options), (rows) => rows.map(viewed)),
    pause: Effect.fnUntraced(function*(id: string, { by = "", reason = "", until }: PauseOptions = {}) {
      const end = until === undefined ? undefined : yield* toInstant("until", until)
      return yield* changed(Pausing.pause(core, id, { reason, by, until: end }))
    }),
    pauseAll: Effect.fnUntraced(function*(filter: JobFilter, { by = "", reason = "", until }: PauseOptions = {}) {
      const end = until === undefined ? undefined : yield* toInstant("until", until)
      return yield* Effect.tap(Bulk.pauseAll(core, filter, { reason, by, until: end }), core.reacted)
    }),
    resumeAll: (filter: JobFilter, options?: { readonly catchUp?: boolean | undefined }) =>
      Effect.tap(Bulk.resumeAll(core, filter, { catchUp: options?.catchUp === true }), core.reacted),
    removeAll: (filter: JobFilter, options?: RemoveOptions) =>
      Effect.andThen(
        options?.running === "leave" ? Effect.void : refuseInTransaction("removeAll"),
        Bulk.removeAll(core, filter, options ?? {})
      ),
    cancelAll: (filter: JobFilter, options?: CancelOptions) =>
      Effect.andThen(refuseInTransaction("cancelAll"), Bulk.cancelAll(core, filter, options ?? {})),
    resume: (id: string, options?: { readonly catchUp?: boolean | undefined }) =>
      changed(Pausing.resume(core, id, { catchUp: options?.catchUp === true })),
    release: (id: string, options?: ReleaseOptions) => changed(release(core, id, options ?? {})),
    check: check(core.store, core),
    reschedule: (id: string, trigger: Trigger.Trigger) => changed(Jobs.reschedule(core, id, trigger)),
    runNow: (id: string, { limits = "respect", overlap = "respect" }: RunNowOptions = {}) =>
      Effect.tap(Jobs.runNow(core, id, { overlap, limits }), core.reacted),
    skipNext: (id: string) =>
      Effect.map(Exceptions.skipNext(core, id), (at) => at === undefined ? undefined : DateTime.makeUnsafe(at)),
    move: Effect.fnUntraced(function*(id: string, options: MoveOptions) {
      const from = options.from === undefined ? undefined : yield* toInstant("from", options.from)
      const to = yield* toInstant("to", options.to)
      return yield* changed(Exceptions.move(core, id, { from, to }))
    }),
    backfill: (id: string, options: BackfillOptions) => Effect.tap(backfill(core, id, options), core.reacted),
    remove: (id: string, options?: RemoveOptions) =>
      Effect.andThen(
        options?.running === "leave" ? Effect.void : refuseInTransaction("remove"),
        remove(core, id, options ?? {})
      ),
    cancel: (run: string, options?: CancelOptions) =>
      Effect.andThen(refuseInTransaction("cancel"), Effect.map(cancelRun(core, run, options ?? {}), viewedRun)),
    redrive: (run: string) => Effect.map(Effect.tap(redrive(core, run), core.reacted), viewedRun),
    redriveAll: (filter: RedriveFilter) => Effect.tap(redriveAll(core, filter), core.reacted),
    runs: Effect.fnUntraced(function*(options: RunsOptions = {}) {
      const { after, limit = 100, ...query } = options
      const from = after === undefined
        ? {}
        : { after: { finished: after.finished?.epochMilliseconds ?? null, id: after.id } }
      const rows = yield* core.store.runs({ ...given(query), ...from, limit })
      return rows.map(viewedRun)
    }),
    importJobs: <E, R>(
      lines: Iterable<string> | Stream.Stream<string, E, R>,
      options?: { readonly conflict?: Job.Conflict | undefined }
    ) => Effect.tap(importJobs(core, lines, options?.conflict ?? "fail"), core.reacted),
    explain: (id: string, instant: DateTime.DateTime) => explain(core, id, instant)
  })
  return { ...verbs, exportJobs: (filter: JobFilter = {}) => exportJobs(core, filter) }
}

/** Whoever calls a verb has the time of his machine; what it does has the store's. */
const inTimeOf = <Verbs extends Record<string, Timed | ((...args: Array<any>) => Timed)>>(
  { clock }: Core,
  verbs: Verbs
): Verbs => {
  const timed = (effect: Timed): Timed => Effect.provideService(effect, Clock.Clock, clock)
  return Object.fromEntries(
    Object.entries(verbs).map(([name, verb]) => [
      name,
      typeof verb === "function" ? (...args: Array<any>) => timed(verb(...args)) : timed(verb)
    ])
  ) as Verbs // each is what it was, under another clock
}

type Timed = Effect.Effect<any, any, any>

export type Verbs = ReturnType<typeof make>

/** Leaves out what was not given. */
const given = <A extends object>(options: A): { [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
