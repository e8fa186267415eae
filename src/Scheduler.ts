/**
 * The service that ties Tasks, Triggers, a JobStore and an Executor together: a supervised fiber tree in a Scope.
 *
 * Effect has a module of this name too, for the order in which fibers run; this one is about jobs.
 *
 * **Example** (A job every weekday morning, kept in memory)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
 *
 * const Digest = Task.make("Digest", { payload: { customer: Schema.String } })
 *
 * const DigestLive = Digest.toLayer(({ customer }) => Console.log(`digest for ${customer}`))
 *
 * const program = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   const job = yield* scheduler.schedule(Digest, {
 *     id: "digest/acme",
 *     payload: { customer: "acme" },
 *     trigger: Trigger.cron("0 9 * * mon-fri", { timeZone: "Europe/Warsaw" })
 *   })
 *   return job.next
 * })
 *
 * const Live = Scheduler.layer({ tasks: [Digest] }).pipe(
 *   Layer.provide([DigestLive, FiberExecutor.layer()]),
 *   Layer.provide(MemoryJobStore.layer)
 * )
 *
 * export const main = program.pipe(Effect.provide(Live))
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as EffectSchedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Continuation from "./Continuation.ts"
import type { DeclaredSet, Plan } from "./DeclaredJobs.ts"
import type { BackfillOptions } from "./engine/backfill.ts"
import type { CancelOptions } from "./engine/cancellation.ts"
import { check as checkStore, type Problem, type Report } from "./engine/check.ts"
import * as Closures from "./engine/closures.ts"
import * as Defaults from "./engine/defaults.ts"
import * as Engine from "./engine/Engine.ts"
import * as Events from "./engine/events.ts"
import type { Explanation } from "./engine/explain.ts"
import { type Named, resolve } from "./engine/named.ts"
import type { RedriveFilter } from "./engine/redrive.ts"
import type { ReleaseOptions } from "./engine/release.ts"
import type { RemoveOptions } from "./engine/removal.ts"
import type { JobFilter } from "./engine/selection.ts"
import { serve } from "./engine/served.ts"
import type { EngineOptions } from "./engine/settings.ts"
import * as Stores from "./engine/stores.ts"
import type { ListOptions, PauseOptions, RunsOptions } from "./engine/verbs.ts"
import { watched } from "./engine/watching.ts"
import { Executor } from "./Executor.ts"
import * as FiberExecutor from "./executors/FiberExecutor.ts"
import { captured } from "./internal/callerContext.ts"
import type * as Job from "./Job.ts"
import { JobStore } from "./JobStore.ts"
import type * as Policy from "./Policy.ts"
import type * as Run from "./Run.ts"
import {
  InvalidOption,
  type JobConflict,
  type JobNotFound,
  type RemovalTimeout,
  type RunFailed,
  type RunNotFound,
  type SnapshotError,
  type StoreError,
  type WaitInTransaction
} from "./SchedulerError.ts"
import type { EventFilter, Kind, Of, SchedulerEvent } from "./SchedulerEvent.ts"
import type * as Snapshot from "./Snapshot.ts"
import * as MemoryJobStore from "./stores/MemoryJobStore.ts"
import type * as Task from "./Task.ts"
import * as Trigger from "./Trigger.ts"
import type { TriggerError } from "./triggers/error.ts"

// What the verbs take stands, with its meaning, where it is read.
export type {
  BackfillOptions,
  CancelOptions,
  JobFilter,
  ListOptions,
  PauseOptions,
  RedriveFilter,
  ReleaseOptions,
  RemoveOptions,
  RunsOptions
}

export type {
  /**
   * Why an instant of a job did, or did not, run.
   *
   * - `Fired`: a run was made of it; how it went is in the run
   * - `NotRun`: it was decided against, for the verdict's reason
   * - `Undecided`: it lies ahead, or nobody has come to it; the job tells whether it is paused or quarantined. `due` is when it is
   *   planned: elsewhere than its instant with jitter, or if it was moved
   * - `NotAnOccurrence`: the trigger has none there
   * - `Forgotten`: the history does not reach back that far
   *
   * @category models
   * @since 0.1.0
   */
  Explanation,
  /**
   * A stored job, or a run that is going, that this code does not simply carry on with.
   *
   * - `unreadable`: the job would be quarantined when it comes due, the run end as `undecodable`
   * - `left`: another node may know more: a newer version of the task, a custom trigger, a calendar, newer time-zone data
   * - `unknownTask`: nothing here knows the task; it waits for a node that does
   * - `quarantined`: the job is in quarantine, and rightly so
   * - `readable`: the job is in quarantine, and this code can read it: `release` it
   *
   * @category models
   * @since 0.1.0
   */
  Problem,
  /**
   * How many jobs and going runs were looked at, and which of them are problems.
   *
   * @category models
   * @since 0.1.0
   */
  Report
}

/**
 * The payload option of a task: needed unless the task has none.
 *
 * @category models
 * @since 0.1.0
 */
export type PayloadOption<T extends Task.Any> = [undefined] extends [Task.Payload<T>]
  ? { readonly payload?: Task.Payload<T> | undefined }
  : { readonly payload: Task.Payload<T> }

/**
 * A job as a caller defines it. Policies not given are the Task's, then the scheduler's `defaults`, then `Policy.defaults`.
 *
 * @category models
 * @since 0.1.0
 */
export type JobOptions<T extends Task.Any> = Policy.Options & PayloadOption<T> & {
  /**
   * 1 to 255 characters, and fewer where a long chain follows its runs: the names of all of them begin with it. Without one the job gets an
   * id of its own, and is removed when its trigger is exhausted.
   */
  readonly id?: string | undefined
  readonly trigger: Trigger.Trigger
  /** The name of the store that keeps it. Default: the one whose verb this is, which is `"default"` for the scheduler's own. */
  readonly store?: string | undefined
  /** What happens when the id exists. Default `"update"`. */
  readonly conflict?: Job.Conflict | undefined
  /** Add it paused. Counts only for a new job. */
  readonly paused?: boolean | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  /** Plain JSON data of the caller's own. */
  readonly metadata?: { readonly [key: string]: unknown } | undefined
  /** What follows each of its runs. Default: nothing. */
  readonly followedBy?: ReadonlyArray<Continuation.After<NoInfer<T>>> | undefined
}

/**
 * An ad-hoc run as a caller asks for it.
 *
 * @category models
 * @since 0.1.0
 */
export type RunOptions<T extends Task.Any> =
  & Pick<
    Policy.Options,
    | "timeout"
    | "retention"
    | "delivery"
    | "maxAttempts"
    | "misfireGrace"
    | "concurrency"
    | "rate"
    | "priority"
    | "key"
  >
  & PayloadOption<T>
  & {
    /** Starts it so much later. */
    readonly delay?: Duration.Input | undefined
    /** Starts it at this instant; one in the past means at once. */
    readonly at?: DateTime.DateTime.Input | undefined
    /**
     * While another such run of the task with the same key is going, nothing is added: the answer is that one's id. Without a key it is one
     * for the whole task. So it is for `debounce` and `throttle`; only one of these and `id` may be given.
     */
    readonly unique?: boolean | undefined
    /**
     * Starts it when nobody has asked again for so long: until then the newest request takes the place of the one before, and all have the
     * same id. Whoever goes on asking puts it off for ever.
     */
    readonly debounce?: Duration.Input | undefined
    /** At most one in each stretch of so much time (counted from the epoch): whoever asks again in the same one is answered with its id. */
    readonly throttle?: Duration.Input | undefined
    /** Asking twice under one id makes one run. Default: an id of its own. */
    readonly id?: string | undefined
    /** The name of the store that keeps it. Default: the one whose verb this is. */
    readonly store?: string | undefined
    /** What follows it. Default: nothing. */
    readonly followedBy?: ReadonlyArray<Continuation.After<NoInfer<T>>> | undefined
  }

/**
 * A closure that runs on a trigger, for as long as the process lives.
 *
 * @category models
 * @since 0.1.0
 */
export type ClosureJob = Closures.ClosureJob

/**
 * What `repeat` gives back.
 *
 * @category models
 * @since 0.1.0
 */
export interface Repetition {
  readonly id: string
  /** Returns when the Schedule has ended. */
  readonly await: Effect.Effect<void>
  /** Ends it; returns when the finalizers of its run have run. */
  readonly remove: Effect.Effect<void>
}

type ClosureOptions = Policy.Options & {
  /** Default: an id of its own. A closure under an id that exists takes its place. */
  readonly id?: string | undefined
}

type ClosureServices<R> = Exclude<R, Run.CurrentRun | Scope.Scope>

/**
 * The verbs on the jobs and runs of one store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verbs {
  /**
   * Keeps a job: the task runs at every occurrence of the trigger. Scheduling an id that exists updates what differs and keeps its
   * cursor; an equal definition writes nothing. Joins the caller's transaction where the store has any.
   */
  readonly schedule: <T extends Task.Any>(
    task: T,
    options: JobOptions<T>
  ) => Effect.Effect<Job.Job, InvalidOption | JobConflict | StoreError>

  /** `schedule` for many jobs of one task in one transaction of their store. */
  readonly scheduleAll: <T extends Task.Any>(
    task: T,
    options: ReadonlyArray<JobOptions<T>>
  ) => Effect.Effect<ReadonlyArray<Job.Job>, InvalidOption | JobConflict | StoreError>

  /**
   * Brings the store to a set of jobs that is declared in code, as `DeclaredJobs` explains; with `dryRun` it only says what that would
   * change. A start that fails half-way leaves the rest to the next.
   */
  readonly declare: (
    set: DeclaredSet,
    options?: { readonly dryRun?: boolean | undefined }
  ) => Effect.Effect<Plan, InvalidOption | JobConflict | StoreError>

  /** Runs the task once, as soon as a slot is free; returns the run's id. */
  readonly enqueue: <T extends Task.Any>(
    task: T,
    ...options: undefined extends Task.Payload<T> ? [options?: RunOptions<T>] : [options: RunOptions<T>]
  ) => Effect.Effect<string, InvalidOption | StoreError>

  /** `enqueue` for many runs of one task in one transaction; returns their ids in the same order. */
  readonly enqueueAll: <T extends Task.Any>(
    task: T,
    options: ReadonlyArray<RunOptions<T>>
  ) => Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError>

  /**
   * Runs the task once and waits for its result: the handler's success or typed error, or `RunFailed` when it ended otherwise. Whoever
   * stops waiting leaves the run as it is.
   */
  readonly run: <T extends Task.Any>(
    task: T,
    ...options: undefined extends Task.Payload<T> ? [options?: RunOptions<T>] : [options: RunOptions<T>]
  ) => Effect.Effect<Task.Success<T>, Task.Error<T> | RunFailed | InvalidOption | StoreError | WaitInTransaction>

  /**
   * What a run of the task came to, whoever asked for it and on whatever node it was carried out: its handler's success or typed error, or
   * `RunFailed` when it ended otherwise. Waits until it is done. May be asked any number of times until the run is forgotten (see the policy
   * `retention`), and gives `RunNotFound` from then on.
   */
  readonly result: <T extends Task.Any>(
    task: T,
    run: string
  ) => Effect.Effect<
    Task.Success<T>,
    Task.Error<T> | RunFailed | RunNotFound | InvalidOption | StoreError | WaitInTransaction
  >

  readonly get: (id: string) => Effect.Effect<Job.Job, JobNotFound | StoreError>
  readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Job.Job>, StoreError>

  /**
   * Stops planning a job; runs that are going go on. What comes due meanwhile is `skipped(paused)`. A pause `until` an instant ends by
   * itself: an occurrence at that instant runs. A paused job gets the new reason and end, and stays paused from where its pause began.
   */
  readonly pause: (
    id: string,
    options?: PauseOptions
  ) => Effect.Effect<Job.Job, JobNotFound | InvalidOption | StoreError>

  /** `pause` for all active jobs that match; those that are paused already stay as they are. Returns the ids of those it paused. */
  readonly pauseAll: (
    filter: JobFilter,
    options?: PauseOptions
  ) => Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError>

  /** `resume` for all paused jobs that match; returns their ids. */
  readonly resumeAll: (
    filter: JobFilter,
    options?: { readonly catchUp?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError>

  /**
   * `remove` for all jobs that match (`{}`: all there are). Returns the ids of the removed jobs; of their runs those that were abandoned by a
   * lost node, and those that had not ended when the timeout had passed. The timeout is each job's own.
   */
  readonly removeAll: (
    filter: JobFilter,
    options?: RemoveOptions
  ) => Effect.Effect<
    {
      readonly removed: ReadonlyArray<string>
      readonly abandoned: ReadonlyArray<string>
      readonly unfinished: ReadonlyArray<string>
    },
    StoreError | WaitInTransaction
  >

  /**
   * `cancel` for all that is going of the jobs that match, queued or running; the jobs stay. Returns the ids of the runs. The timeout is that
   * of all together.
   */
  readonly cancelAll: (
    filter: JobFilter,
    options?: CancelOptions
  ) => Effect.Effect<ReadonlyArray<string>, StoreError | WaitInTransaction>

  /**
   * Makes a run that ended without success (a dead letter, or a cancelled one) go again: the same run, with its id, payload and policies, from
   * its first attempt. It waits for its turn as a new run would. One that is going stays as it is; one that succeeded is refused.
   */
  readonly redrive: (run: string) => Effect.Effect<Run.Run, RunNotFound | InvalidOption | StoreError>

  /** `redrive` for all dead letters that match (see `Run.dead`); returns their ids. A run whose unique key another run has by now is left. */
  readonly redriveAll: (filter: RedriveFilter) => Effect.Effect<ReadonlyArray<string>, InvalidOption | StoreError>

  /** Plans a paused job again, from now on, or with `catchUp` from where the pause began, by its catch-up policy. */
  readonly resume: (
    id: string,
    options?: { readonly catchUp?: boolean | undefined }
  ) => Effect.Effect<Job.Job, JobNotFound | InvalidOption | StoreError>

  /**
   * Lets a quarantined job out once it can be read: because the code can by now (a Task's `upgrade`, a registry), or with another encoded
   * payload. It goes on from its cursor, by its catch-up policy. No effect on other jobs; one that still cannot be read is refused.
   * Scheduling the id anew repairs a job too, and lets it begin anew.
   */
  readonly release: (
    id: string,
    options?: ReleaseOptions
  ) => Effect.Effect<Job.Job, JobNotFound | InvalidOption | StoreError>

  /** {@link check}, with the tasks that this node carries out, on this store. */
  readonly check: Effect.Effect<Report, StoreError>

  /** Gives a job another trigger, which counts from now. A paused job stays paused. */
  readonly reschedule: (
    id: string,
    trigger: Trigger.Trigger
  ) => Effect.Effect<Job.Job, JobNotFound | InvalidOption | StoreError>

  /**
   * Runs a job once more, now, whatever its trigger says and even if it is paused; returns the run's id. It waits for the job's other
   * runs as the overlap policy has it, unless `overlap` is `"ignore"`, and for places under its concurrency limits, unless `limits` is. It is
   * no occurrence: it neither adds nor changes a verdict.
   */
  readonly runNow: (
    id: string,
    options?: {
      readonly overlap?: "respect" | "ignore" | undefined
      readonly limits?: "respect" | "ignore" | undefined
    }
  ) => Effect.Effect<string, JobNotFound | InvalidOption | StoreError>

  /**
   * Skips exactly the next occurrence, with the verdict `skipped(requested)`; asking again skips the one after it. Returns its instant,
   * or `undefined` when there is none. A new trigger knows nothing of it.
   */
  readonly skipNext: (id: string) => Effect.Effect<DateTime.Utc | undefined, JobNotFound | InvalidOption | StoreError>

  /**
   * Moves one occurrence, the next unless `from` names another, to an instant between its neighbours; else `InvalidOption` says what
   * range is allowed. It keeps its nominal instant, which its handler sees and `explain` asks for; moved back there, it is as it was. A
   * new trigger knows nothing of it.
   */
  readonly move: (
    id: string,
    options: {
      /** The nominal instant of an occurrence that is not decided. */
      readonly from?: DateTime.DateTime.Input | undefined
      /** When it is due instead: not in the past. */
      readonly to: DateTime.DateTime.Input
    }
  ) => Effect.Effect<Job.Job, JobNotFound | InvalidOption | StoreError>

  /**
   * Runs the occurrences of a past range `(from, to]`, whatever was decided about them then; returns the ids of their runs. They change no
   * verdict, do not count for the job's overlap policy, misfire grace or `pauseAfter`, and stand behind live runs in the queue.
   * `CurrentRun.origin` is `"backfill"` and `scheduledAt` the occurrence. Asking again adds only what is not there, or not remembered.
   * Before it was added a job has no occurrences: for a range that begins earlier its trigger counts from there.
   */
  readonly backfill: (
    id: string,
    options: BackfillOptions
  ) => Effect.Effect<ReadonlyArray<string>, JobNotFound | InvalidOption | StoreError>

  /**
   * Removes a job. When it returns, each of its runs, on whatever node, has run its finalizers, or its node was lost (`abandoned`), or
   * `RemovalTimeout` names those that have not. Called from one of the job's own runs it does not wait for that run, which goes on.
   */
  readonly remove: (
    id: string,
    options?: RemoveOptions
  ) => Effect.Effect<
    { readonly abandoned: ReadonlyArray<string> },
    JobNotFound | RemovalTimeout | StoreError | WaitInTransaction
  >

  /**
   * Ends a run, queued or running, on whatever node. Returns it when its finalizers have run, or as it stands when the timeout has
   * passed. A run that has ended already stays as it is.
   */
  readonly cancel: (
    run: string,
    options?: CancelOptions
  ) => Effect.Effect<Run.Run, RunNotFound | StoreError | WaitInTransaction>

  readonly runs: (options?: RunsOptions) => Effect.Effect<ReadonlyArray<Run.Run>, StoreError>

  /**
   * The jobs as lines of text, one for each after a header: with their triggers and policies, state, pause and one-time exceptions, and how
   * far they are decided; quarantined ones as they are. See `Snapshot`. Bounded memory, however many there are.
   *
   * To move jobs, `pauseNode` first on every node of the store, so that nothing is decided in between; import them elsewhere; `removeAll` them
   * here with `running: "leave"`, and `resumeNode`: runs that are queued already are carried out here, all that comes due later there.
   */
  readonly exportJobs: (filter?: JobFilter) => Stream.Stream<string, StoreError>

  /**
   * Adds the jobs of an export, so that they go on where they stood: what came due meanwhile is caught up by policy, and what was decided is not
   * decided again. A job comes in wholly or not at all; a line that is refused ends the import, with those before it in. Importing again
   * goes on where that was: a job that is there already, the same incarnation, is no conflict.
   *
   * `conflict`, for another job under the id: `"fail"` (default) with `JobConflict`; `"keep"` it; `"update"` its definition and keep its state and
   * cursor, as `schedule` does; `"replace"` it by what the line says (of the same incarnation, its cursor does not go back).
   */
  readonly importJobs: <E = never, R = never>(
    lines: Iterable<string> | Stream.Stream<string, E, R>,
    options?: { readonly conflict?: Job.Conflict | undefined }
  ) => Effect.Effect<Snapshot.Imported, SnapshotError | JobConflict | StoreError | E, R>

  /** Says why an instant of a job did, or did not, run. */
  readonly explain: (
    id: string,
    instant: DateTime.DateTime
  ) => Effect.Effect<Explanation, JobNotFound | StoreError>
}

/**
 * A scheduler. Its own verbs on jobs and runs are those of the store called `default`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service extends Verbs {
  /** The names of the scheduler's stores, `default` first. */
  readonly stores: ReadonlyArray<string>

  /**
   * The verbs on the jobs and runs of one of them. Each store is a world of its own: the same id in two of them means two jobs. To see
   * all, ask each of `stores`; every job, run and event says where it is from.
   */
  readonly store: (name: string) => Effect.Effect<Verbs, InvalidOption>

  /** What happens in all stores, from the subscription on: `subscribe` without a filter. */
  readonly events: Stream.Stream<SchedulerEvent>

  /**
   * What happens in all stores, from the subscription on, as far as the filter means it. Ends with `SchedulerStopped`. A subscriber that is slow
   * loses the oldest of what waits for it, and hears how many in an `EventsLost`, whatever its filter; others lose nothing.
   */
  readonly subscribe: <K extends Kind = Kind>(
    filter?: EventFilter<K>
  ) => Stream.Stream<Of<K> | Of<"EventsLost">>

  /** The first event that the filter means, from now on; none when the scheduler stops before. */
  readonly nextEvent: <K extends Kind = Kind>(
    filter?: EventFilter<K>
  ) => Effect.Effect<Option.Option<Of<K>>>

  /** Runs a closure in a steady rhythm, the first time after one period. */
  readonly every: <A, E, R>(
    period: Duration.Input,
    effect: Effect.Effect<A, E, R>,
    options?: ClosureOptions
  ) => Effect.Effect<ClosureJob, InvalidOption | TriggerError, ClosureServices<R>>

  /** Runs a closure whenever a cron expression matches. */
  readonly cron: <A, E, R>(
    expression: string,
    effect: Effect.Effect<A, E, R>,
    options?: ClosureOptions & Trigger.CronOptions
  ) => Effect.Effect<ClosureJob, InvalidOption | TriggerError, ClosureServices<R>>

  /** Runs a closure once; an instant in the past is run at once. */
  readonly at: <A, E, R>(
    instant: DateTime.DateTime.Input,
    effect: Effect.Effect<A, E, R>,
    options?: ClosureOptions
  ) => Effect.Effect<ClosureJob, InvalidOption | TriggerError, ClosureServices<R>>

  /**
   * Runs a closure at once and then as any Effect Schedule says, whose input is the `Exit` of the run before: a failure does not end
   * it. Each time is a run of its own, with events and structured cancellation.
   */
  readonly repeat: <A, E, R, Out, E2, R2>(
    effect: Effect.Effect<A, E, R>,
    schedule: EffectSchedule.Schedule<Out, Exit.Exit<A, E>, E2, R2>
  ) => Effect.Effect<Repetition, never, ClosureServices<R> | R2>

  /** Stops planning and claiming on this node; runs that are going go on. Not stored. */
  readonly pauseNode: Effect.Effect<void>
  readonly resumeNode: Effect.Effect<void>
  readonly state: Effect.Effect<"running" | "paused" | "stopping">
  /** The name under which this scheduler holds its claims; new at every start. */
  readonly node: string
}

/**
 * @category services
 * @since 0.1.0
 */
export class Scheduler extends Context.Service<Scheduler, Service>()("effect-scheduler/Scheduler") {}

/**
 * How a scheduler behaves.
 *
 * **Example** (An audit trail in a file of its own, and a few slots for heavy work)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
 * import { SqliteJobStore } from "effect-scheduler/sqlite"
 *
 * const Archive = Task.make("Archive", { executor: "heavy" })
 * const ArchiveLive = Archive.toLayer(() => Effect.log("archived"))
 *
 * const Live = Scheduler.layer({
 *   tasks: [Archive],
 *   stores: { audit: SqliteJobStore.layerFile("audit.db") },
 *   executors: { heavy: FiberExecutor.layer({ concurrency: 2 }) }
 * }).pipe(Layer.provide([ArchiveLive, FiberExecutor.layer(), MemoryJobStore.layer]))
 *
 * export const main = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   const audit = yield* scheduler.store("audit")
 *   yield* audit.schedule(Archive, { id: "archive", trigger: Trigger.cron("0 3 * * *") })
 *   const all = yield* Effect.forEach(
 *     scheduler.stores,
 *     (name) => Effect.flatMap(scheduler.store(name), (store) => store.list())
 *   )
 *   return all.flat().map((job) => [job.store, job.id])
 * }).pipe(Effect.provide(Live))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<
  Tasks extends ReadonlyArray<Task.Any>,
  Stores extends Named<JobStore> = {},
  Executors extends Named<Executor> = {}
> extends EngineOptions {
  /** The tasks that this node carries out: one that names none plans, and carries nothing out. */
  readonly tasks?: Tasks | undefined
  /**
   * Whether this node plans, which is to turn what comes due into runs; true unless told. One that does not, and names tasks, only works; one that
   * names none only asks. Any number of each may share a store, of which somebody has to plan. A job whose `overlap` is its task's
   * function is planned by nodes that name the task, others leave it to them. Closures are of the node itself, and planned by it in any case.
   */
  readonly planning?: boolean | undefined
  /**
   * Stores besides the bare `JobStore` of the context, which is `default` (it may be given here under that name instead). Each name is a
   * store of its own, with its own planner and lease; see {@link Service.store}. They are opened with the scheduler and closed after it,
   * and what they need and fail with becomes the scheduler's. Layers are shared by reference, as everywhere in Effect.
   */
  readonly stores?: Stores | undefined
  /**
   * Executors besides the bare `Executor` of the context, under the names by which tasks choose them. All stores share their slots. The bare
   * one goes by its own name, which is `default` unless it says otherwise.
   */
  readonly executors?: Executors | undefined
  /**
   * Policies for jobs and runs that say nothing themselves and whose tasks say nothing either. What a job says goes before what its task
   * says, that before this, and this before `Policy.defaults`. It counts when a job is scheduled or a run asked for: what is stored stays as
   * it is until it is scheduled again.
   */
  readonly defaults?: Policy.Options | undefined
  /**
   * What to do with all that happens, from `SchedulerStarted` to `SchedulerStopped`. It begins before anything else and is interrupted when
   * it has not ended five seconds after the scheduler; what it fails with is logged.
   *
   * **Example** (Every event as a line in the log)
   *
   * ```ts
   * import { Effect, Stream } from "effect"
   * import { Scheduler } from "effect-scheduler"
   *
   * const Live = Scheduler.layer({
   *   watch: (events) => Stream.runForEach(events, (event) => Effect.log(event._tag))
   * })
   * ```
   */
  readonly watch?: ((events: Stream.Stream<SchedulerEvent>) => Effect.Effect<unknown, unknown>) | undefined
  /** Start without planning and claiming, until `resumeNode`. */
  readonly paused?: boolean | undefined
}

type Requirements<
  Tasks extends ReadonlyArray<Task.Any>,
  Stores extends Named<JobStore>,
  Executors extends Named<Executor>
> =
  | ("default" extends keyof Stores ? never : JobStore)
  | (Tasks extends readonly [] ? never
    : Task.HandlerOf<Tasks[number]> | ("default" extends keyof Executors ? never : Executor))
  | Layer.Services<Stores[keyof Stores] | Executors[keyof Executors]>

type Failures<Stores extends Named<JobStore>, Executors extends Named<Executor>> =
  | InvalidOption
  | Layer.Error<Stores[keyof Stores] | Executors[keyof Executors]>

/** Under this name the closures' private store appears in events; no other store may have it. */
const closureStore = "closures"

/** Closures wait more than they compute; a bound is a bound. */
const closureConcurrency = 10_000

/**
 * Starts a scheduler in the current scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<
  const Tasks extends ReadonlyArray<Task.Any> = readonly [],
  Stores extends Named<JobStore> = {},
  Executors extends Named<Executor> = {}
>(
  options: Options<Tasks, Stores, Executors> = {}
): Effect.fn.Return<
  Service,
  Failures<Stores, Executors>,
  Requirements<Tasks, Stores, Executors> | Scope.Scope
> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const tasks = options.tasks ?? []
  const events = yield* watched(options.watch)
  const store = Context.getOrUndefined(context as Context.Context<JobStore>, JobStore)
  const bareStore = store === undefined ? undefined : { name: "default", service: store }
  const stores = yield* resolve("stores", JobStore, options.stores ?? {}, bareStore, [closureStore], scope)
  if (!stores.has("default")) {
    return yield* new InvalidOption({
      field: "stores",
      value: [...stores.keys()].join(", "),
      expected: "one called default, or a JobStore in the context"
    })
  }
  const executor = Context.getOrUndefined(context as Context.Context<Executor>, Executor)
  const bareExecutor = executor === undefined ? undefined : { name: executor.name, service: executor }
  const executors = yield* resolve("executors", Executor, options.executors ?? {}, bareExecutor, [], scope)
  const served = yield* serve(tasks, executors.keys(), context)
  const defaults = yield* Defaults.make(options.defaults ?? {})
  const gate = yield* Latch.make(options.paused !== true)
  let state: "running" | "paused" | "stopping" = options.paused === true ? "paused" : "running"
  const announce = (event: Parameters<Events.EventHub["publish"]>[1]) =>
    Effect.map(Clock.currentTimeMillis, (now) => events.publish(now, event))

  // The engines end side by side, so that closing takes one period of grace and not one for each store.
  const engines = yield* Scope.fork(scope, "parallel")
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      state = "stopping"
      return announce({ _tag: "SchedulerStopping" })
    })
  )
  // Fibers are forked from the scheduler's own context, whoever's call starts them.
  const own = yield* captured<never>()
  const start = (
    parts: Pick<Parameters<typeof Engine.make>[0], "name" | "store" | "executors" | "served" | "planning">
  ) =>
    Effect.flatMap(Scope.fork(engines), (engine) =>
      Effect.updateContext(
        Engine.make({ ...parts, events: Events.ofStore(events, parts.name), gate, defaults, times: options }),
        (_caller: Context.Context<never>) => Context.add(own, Scope.Scope, engine)
      ))

  const closures = Closures.make()
  const localCore = yield* Effect.cached(Effect.gen(function*() {
    const executor = yield* Effect.orDie(FiberExecutor.make({ concurrency: closureConcurrency }))
    const memory = yield* MemoryJobStore.make()
    const executors = new Map([[executor.name, executor]])
    // The options were checked when the scheduler itself was started.
    return yield* Effect.orDie(
      start({ name: closureStore, store: memory, executors, served: closures.served })
    )
  }))
  const cores = yield* Effect.forEach(
    stores,
    ([name, store]) => start({ name, store, executors, served, planning: options.planning })
  )
  const core = cores.find(({ name }) => name === "default")!
  const all = Stores.make(cores)

  const closure = <A, E, R>(
    trigger: () => Trigger.Trigger,
    effect: Effect.Effect<A, E, R>,
    closureOptions: ClosureOptions = {}
  ) =>
    Effect.flatMap(
      Trigger.attempt(trigger),
      (trigger) =>
        Effect.flatMap(localCore, (local) => Closures.schedule(local, closures, trigger, effect, closureOptions))
    )

  yield* announce({
    _tag: "SchedulerStarted",
    node: core.node,
    tasks: [...served.keys()],
    stores: [...stores.keys()],
    executors: [...executors.keys()]
  })
  return Scheduler.of({
    ...all.views.get(core.name)!,
    stores: all.names,
    store: all.in,
    events: events.subscribe(),
    subscribe: events.subscribe,
    nextEvent: <K extends Kind>(filter?: EventFilter<K>) =>
      Stream.runHead(
        Stream.filter(
          events.subscribe(filter),
          (event): event is Of<K> => event._tag !== "EventsLost" || filter?.kinds?.includes(event._tag as K) === true
        )
      ),
    every: (period, effect, options) => closure(() => Trigger.interval(period), effect, options),
    cron: (expression, effect, options) => closure(() => Trigger.cron(expression, options), effect, options),
    at: (instant, effect, options) => closure(() => Trigger.date(instant), effect, options),
    repeat: (effect, schedule) =>
      Effect.flatMap(
        localCore,
        (local) => Effect.tap(Closures.repeat(local, closures, scope, effect, schedule), local.reacted)
      ),
    pauseNode: Effect.suspend(() => {
      if (state !== "running") return Effect.void
      state = "paused"
      gate.closeUnsafe()
      return announce({ _tag: "SchedulerPaused" })
    }),
    resumeNode: Effect.suspend(() => {
      if (state !== "paused") return Effect.void
      state = "running"
      gate.openUnsafe()
      return Effect.andThen(
        announce({ _tag: "SchedulerResumed" }),
        Effect.forEach(cores, ({ reacted }) => reacted, { discard: true })
      )
    }),
    state: Effect.sync(() => state),
    node: core.node
  })
})

/**
 * A scheduler as a Layer: it starts with the Layer and ends with it. Each task named requires its handler; a missing one does not
 * compile.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  const Tasks extends ReadonlyArray<Task.Any> = readonly [],
  Stores extends Named<JobStore> = {},
  Executors extends Named<Executor> = {}
>(
  options?: Options<Tasks, Stores, Executors>
): Layer.Layer<Scheduler, Failures<Stores, Executors>, Requirements<Tasks, Stores, Executors>> =>
  Layer.effect(Scheduler, make(options))

/**
 * What the code at hand makes of everything that a store holds, for use before a deploy: every job is decoded (trigger, policy, payload
 * through its upgrades), and every run that is going. Reads only, and starts nothing: it needs the store, and neither handlers nor a
 * scheduler.
 *
 * **Example** (A step of a deploy)
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { MemoryJobStore, Scheduler, Task } from "effect-scheduler"
 *
 * const Digest = Task.make("Digest", { payload: { customer: Schema.String }, version: 2, upgrade: { 1: (customer) => ({ customer }) } })
 *
 * export const step = Effect.gen(function*() {
 *   const { jobs, problems } = yield* Scheduler.check({ tasks: [Digest] })
 *   yield* Console.log(`${jobs} jobs, ${problems.length} problems`)
 *   for (const { id, kind, reason, verdict } of problems) yield* Console.log(`${kind} ${id}: ${verdict}, ${reason}`)
 *   return problems.every(({ verdict }) => verdict !== "unreadable")
 * }).pipe(Effect.provide(MemoryJobStore.layer)) // the store of the program
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const check = (options: {
  /** The tasks as the new code has them. */
  readonly tasks: ReadonlyArray<Task.Any>
}): Effect.Effect<Report, StoreError, JobStore> =>
  Effect.gen(function*() {
    const registry = yield* Trigger.CurrentRegistry
    const served = new Map(options.tasks.map((task) => [task.name, { task }]))
    return yield* checkStore(yield* JobStore, { registry, served })
  })
