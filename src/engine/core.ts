/**
 * What the roles of one engine share: the store it works on, the tasks and executors it serves, and how they wake each other.
 *
 * There is one engine per store. It knows the contracts only, never a particular store or executor.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Latch from "effect/Latch"
import type { Stop } from "../decisions/settle.ts"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import type { CurrentRun } from "../Run.ts"
import type { StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import type * as Trigger from "../Trigger.ts"
import type { Arrivals } from "./arrivals.ts"
import type { Completion } from "./completion.ts"
import type { Defaults } from "./defaults.ts"
import type { StoreEvents } from "./events.ts"
import type { Outage } from "./outage.ts"
import type { Settings } from "./settings.ts"
import type { Settler } from "./settler.ts"

/** A task that this node carries out. */
export interface Served {
  readonly task: Task.Any
  /** The engine's own context, joined by what the handler's layer was built with: runs are forked with it. */
  readonly context: Context.Context<never>
  readonly run: (payload: unknown) => Effect.Effect<unknown, unknown, CurrentRun>
}

/** A run that this node holds, from its claim until it is settled. */
export interface Running {
  readonly row: JobStore.RunRow
  readonly executor: Executor.Service
  readonly served: Served
  /** It lets whoever asked for it go on first. */
  readonly afterCaller: boolean
  fiber: Fiber.Fiber<unknown> | undefined
  /** Why it is being interrupted; the first reason counts. */
  stop: Stop | undefined
  /** When its handler wants to be run again, if it asked for that. */
  snoozedUntil: number | undefined
  /** It removed its own job and goes on to its end. */
  exempt: boolean
  /** Its handler has settled it in a transaction of its own. */
  completion: Completion | undefined
  /** Those who wait for its end; most runs have none. */
  ended: Array<() => void> | undefined
}

export interface Core {
  /** The store's name in this scheduler. */
  readonly name: string
  readonly node: string
  readonly host: string
  readonly pid: number
  /** The store's time, where it has any; else this machine's. */
  readonly clock: Clock.Clock
  /** Makes sure of it: before every look at what is due, every look for work, every lease, and every search for lost nodes. */
  readonly keepTime: Effect.Effect<void, StoreError>
  readonly store: JobStore.Service
  /** Those that carry out any of the tasks, by the names by which tasks choose them; other engines may have them too. */
  readonly executors: ReadonlyArray<readonly [name: string, executor: Executor.Service]>
  readonly served: ReadonlyMap<string, Served>
  /** The custom kinds and shared calendars that this node knows. */
  readonly registry: Trigger.Registry
  /** What applies where neither a job nor its task says anything. */
  readonly defaults: Defaults
  readonly settings: Settings
  readonly events: StoreEvents
  readonly outage: Outage
  /** Open while the scheduler is not paused. */
  readonly gate: Latch.Latch
  readonly planWake: Latch.Latch
  readonly workWakes: ReadonlyArray<Latch.Latch>
  readonly holdWake: Latch.Latch
  /** By the names of executors: where runs may be claimed as they arrive. */
  readonly arrivals: Map<string, Arrivals>
  readonly running: Map<string, Running>
  /** Those who wait for a run to be settled. */
  readonly waiters: Map<string, Set<Deferred.Deferred<void>>>
  readonly settler: Settler
  /** Starts something small that nobody waits for; it ends with the engine. */
  readonly background: (effect: Effect.Effect<unknown>) => void
  /**
   * Under a clock that a test moves: lets the engine react to a verb before the verb returns, so that moving the clock right after it
   * finds the alarms set. TestClock waits for what it wakes, not for what a call set off.
   */
  readonly reacted: Effect.Effect<void>
}

/** What stored jobs are read with. */
export interface Known extends Pick<Core, "registry"> {
  readonly served: ReadonlyMap<string, Pick<Served, "task">>
}

export const now = Clock.currentTimeMillis

/** Sleeps until woken, or for a time that may be `Infinity`. */
export const waitFor = (wake: Latch.Latch, millis: number): Effect.Effect<void> =>
  millis === Infinity
    ? wake.await
    : Effect.timeoutOrElse(wake.await, { duration: Math.max(0, millis), orElse: () => Effect.void })

export const wakeWorkers = (core: Core): void => {
  for (const wake of core.workWakes) wake.openUnsafe()
}

export const lanesOf = (served: ReadonlyMap<string, Served>, executor: string): ReadonlyArray<string> => {
  const lanes: Array<string> = []
  for (const { task } of served.values()) {
    if (task.executor === executor) lanes.push(laneOf(task))
  }
  return lanes
}

/** Which nodes can carry out a task: those with its handler and the executor it names. */
export const laneOf = (task: Task.Any): string => `${task.executor}/${task.name}`
