/**
 * What actors play on: the nodes, their store, and a way to call a verb that is watched until it returns.
 */
import type { Effect, Fiber, Scope } from "effect"
import type { JobStore, Run, Scheduler, SchedulerError, Trigger } from "effect-scheduler"
import type { Refused } from "../support/world.ts"
import type { Attempt, See } from "./history.ts"
import type { Link, Weather } from "./link.ts"
import type { Random } from "./random.ts"

export interface Node {
  readonly name: string
  readonly scheduler: Scheduler.Service
  readonly link: Link
  readonly scope: Scope.Closeable
  /** Whether its program is the newer of two. */
  readonly isNewer: boolean
  /** Whether it gives up a call that is not answered. */
  readonly givesUp: boolean
  readonly free: () => number
}

export interface Stage {
  readonly seed: string
  readonly nodes: ReadonlyArray<Node>
  /** What the clock on the wall says. */
  readonly now: () => number
  readonly set: (by: number) => void
  readonly weather: (node: Node, state: Weather) => Effect.Effect<void>
  /** A number that no other call has. */
  readonly fresh: () => number
  readonly see: See
  /** The store itself, where no link is in between. */
  readonly store: JobStore.Service
  /** What is stored, whatever the links are like. */
  readonly stored: Pick<JobStore.Service, "jobs" | "runs">
  readonly anyTrigger: (random: Random, now: number) => Trigger.Trigger
  readonly anyRhythm: (random: Random) => Trigger.Trigger
  /** Calls a verb on a node and does not wait for it; it has to return while the node lives. */
  readonly call: (node: Node, what: string, verb: Effect.Effect<unknown, unknown>) => Effect.Effect<void>
}

/** Somebody who does something now and then, by a stream of choices of their own, so that no other's course depends on it. */
export interface Actor {
  readonly name: string
  /** How often, in each turn of the simulation. */
  readonly chance: number
  readonly act: (stage: Stage, random: Random) => Effect.Effect<void>
  /** What they do when all has become well, before it becomes quiet. */
  readonly atLast?: (stage: Stage, random: Random) => Effect.Effect<void>
  /** What they make handlers do, by a stream of each claim's own. */
  readonly within?: (
    stage: Stage,
    node: Node,
    attempt: Attempt,
    random: Random
  ) => Effect.Effect<void, Refused | SchedulerError.CompletionRefused, Run.CurrentRun>
}

export interface Call {
  readonly what: string
  readonly node: string
  readonly fiber: Fiber.Fiber<unknown>
}
