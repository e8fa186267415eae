/**
 * What happens in a scheduler, as it happens.
 *
 * Events are for watching: a subscriber that is slow loses the oldest and is told how many (`EventsLost`), and none is made while nobody
 * subscribes. What must not be lost is in the store (`runs`, `explain`).
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type { Outcome } from "./Run.ts"
import type { Verdict } from "./Verdict.ts"

/** What all events have. */
interface At {
  readonly at: DateTime.Utc
}

/** What the events of one store have. */
interface OfStore extends At {
  /** The name of the store in this scheduler; `"closures"` for those of `every`, `cron`, `at` and `repeat`. */
  readonly store: string
}

/** What the events of a run have. */
interface OfRun extends OfStore {
  readonly run: string
  /** `undefined` for an ad-hoc run. */
  readonly job: string | undefined
  readonly task: string
  /** The occurrence; `undefined` for an ad-hoc run. */
  readonly nominal: DateTime.Utc | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export type SchedulerEvent =
  /** The scheduler's fibers run. Heard by the scheduler's option `watch`: whoever subscribes later comes too late for it. */
  | At & {
    readonly _tag: "SchedulerStarted"
    readonly node: string
    /** The names of the tasks that it carries out. */
    readonly tasks: ReadonlyArray<string>
    readonly stores: ReadonlyArray<string>
    readonly executors: ReadonlyArray<string>
  }
  | At & { readonly _tag: "SchedulerPaused" }
  | At & { readonly _tag: "SchedulerResumed" }
  /** The scope closes: nothing is planned or claimed any more. */
  | At & { readonly _tag: "SchedulerStopping" }
  /** The scope has closed; the last event. */
  | At & { readonly _tag: "SchedulerStopped" }
  | OfStore & { readonly _tag: "JobAdded"; readonly job: string; readonly task: string }
  | OfStore & { readonly _tag: "JobUpdated"; readonly job: string }
  /** By somebody, or by `"effect-scheduler"` after too many failures. `until` is when it resumes by itself. */
  | OfStore & {
    readonly _tag: "JobPaused"
    readonly job: string
    readonly reason: string
    readonly by: string
    readonly until: DateTime.Utc | undefined
  }
  | OfStore & { readonly _tag: "JobResumed"; readonly job: string }
  | OfStore & { readonly _tag: "JobRemoved"; readonly job: string }
  /** The trigger has no further occurrence. */
  | OfStore & { readonly _tag: "JobFinished"; readonly job: string }
  /** The stored job does not decode; it is kept and left alone until it is scheduled anew or removed. */
  | OfStore & { readonly _tag: "JobQuarantined"; readonly job: string; readonly reason: string }
  /** Occurrences were decided against. */
  | OfStore & { readonly _tag: "OccurrencesNotRun"; readonly verdict: Verdict }
  | OfRun & { readonly _tag: "RunQueued" }
  | OfRun & {
    readonly _tag: "RunStarted"
    /** 1 for the first. */
    readonly attempt: number
    /** Above 1 in a first attempt: the run was claimed before, and that attempt did not count or its node was lost. */
    readonly fence: number
    /** Milliseconds from the nominal (or planned) instant to the start. */
    readonly lateness: number
  }
  /** The attempt failed and another one comes. */
  | OfRun & {
    readonly _tag: "RunRetrying"
    readonly attempt: number
    readonly readyAt: DateTime.Utc
    readonly error: unknown
  }
  /**
   * Its handler asked to be run again later, or its payload is of a newer version than this node knows and no other node has taken it; the
   * attempt does not count.
   */
  | OfRun & { readonly _tag: "RunSnoozed"; readonly readyAt: DateTime.Utc }
  /** It had ended, and goes again from its first attempt. */
  | OfRun & { readonly _tag: "RunRedriven" }
  /** Its rate had nothing left when it was about to start; the attempt does not count. */
  | OfRun & { readonly _tag: "RunPostponed"; readonly readyAt: DateTime.Utc }
  /** The run is over. */
  | OfRun & {
    readonly _tag: "RunEnded"
    readonly outcome: Outcome
    /** Attempts that ended and count. */
    readonly attempts: number
    readonly started: DateTime.Utc | undefined
    /** The encoded success, error or defect. */
    readonly result: unknown
  }
  /**
   * The run was handed back: unfinished, because the scheduler shuts down; or not begun, because its payload is of a newer version than
   * this node knows.
   */
  | OfRun & { readonly _tag: "RunReleased" }
  /**
   * Another node holds the run by now: this node's attempt was ended, or its outcome refused. What happened here changes nothing in the
   * store.
   */
  | OfRun & { readonly _tag: "RunRefused" }
  /** The run of a lost node runs again, or is abandoned because it must not. */
  | OfStore & { readonly _tag: "RunTakenOver"; readonly run: string; readonly abandoned: boolean }
  /** A due job is left to a node that knows its custom trigger, its calendar, its task's overlap function, or newer time-zone data. */
  | OfStore & { readonly _tag: "JobLeft"; readonly job: string; readonly reason: string }
  /** No task of this name is known to this node; another node may know it. */
  | OfStore & { readonly _tag: "TaskUnknown"; readonly job: string; readonly task: string }
  | OfStore & { readonly _tag: "StoreUnavailable"; readonly message: string }
  | OfStore & { readonly _tag: "StoreRecovered"; readonly downMillis: number }
  /**
   * This machine's clock is so many milliseconds behind the store's (negative: ahead of it). Jobs run by the store's; handlers see this
   * machine's. Told when the difference is a second or more, and whenever it changes by as much.
   */
  | OfStore & { readonly _tag: "ClockSkewed"; readonly offset: number }
  /** A fiber of the scheduler failed and was started again. */
  | OfStore & { readonly _tag: "RoleRestarted"; readonly role: string; readonly cause: string }
  /** This subscriber was too slow: so many of the events meant for it are gone, all older than what follows. */
  | At & { readonly _tag: "EventsLost"; readonly count: number }

/**
 * What tells events apart: their `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = SchedulerEvent["_tag"]

/**
 * The event with a given tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Of<Tag extends Kind> = Extract<SchedulerEvent, { readonly _tag: Tag }>

/** A record, so that the compiler misses what is left out. */
const all: { readonly [K in Kind]: true } = {
  SchedulerStarted: true,
  SchedulerPaused: true,
  SchedulerResumed: true,
  SchedulerStopping: true,
  SchedulerStopped: true,
  JobAdded: true,
  JobUpdated: true,
  JobPaused: true,
  JobResumed: true,
  JobRemoved: true,
  JobFinished: true,
  JobQuarantined: true,
  JobLeft: true,
  TaskUnknown: true,
  OccurrencesNotRun: true,
  RunQueued: true,
  RunStarted: true,
  RunRetrying: true,
  RunSnoozed: true,
  RunRedriven: true,
  RunPostponed: true,
  RunEnded: true,
  RunReleased: true,
  RunRefused: true,
  RunTakenOver: true,
  StoreUnavailable: true,
  StoreRecovered: true,
  ClockSkewed: true,
  RoleRestarted: true,
  EventsLost: true
}

/**
 * All kinds there are.
 *
 * @category constants
 * @since 0.1.0
 */
export const kinds = Object.keys(all) as ReadonlyArray<Kind>

/**
 * Which events are meant: those for which everything given is true. An event that does not say is not meant: `job` leaves out those of ad-hoc
 * runs, and of the scheduler itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventFilter<K extends Kind = Kind> {
  readonly kinds?: ReadonlyArray<K> | undefined
  /** A job's id: events of the job, of its occurrences and of its runs. */
  readonly job?: string | undefined
  /** A run's id. */
  readonly run?: string | undefined
  /** A task's name: events that say which task it is, which are those of runs and of jobs that are added. */
  readonly task?: string | undefined
  /** A store's name. */
  readonly store?: string | undefined
  /** How many events may wait for this subscriber before the oldest is lost. Default 16,384. */
  readonly buffer?: number | undefined
}

/**
 * Whether an event is meant by a filter.
 *
 * **Example** (Only what failed)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Scheduler } from "effect-scheduler"
 *
 * const failures = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   return scheduler.subscribe({ kinds: ["RunEnded"], job: "digest/acme" }).pipe(
 *     Stream.filter((event) => event._tag === "RunEnded" && event.outcome === "failed")
 *   )
 * })
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const matches = (filter: EventFilter, event: SchedulerEvent): boolean => {
  const { job, kinds, run, store, task } = filter
  return (kinds === undefined || kinds.includes(event._tag)) &&
    (run === undefined || "run" in event && event.run === run) &&
    (job === undefined || jobOf(event) === job) &&
    (task === undefined || "task" in event && event.task === task) &&
    (store === undefined || "store" in event && event.store === store)
}

const jobOf = (event: SchedulerEvent): string | undefined =>
  event._tag === "OccurrencesNotRun" ? event.verdict.job : "job" in event ? event.job : undefined
