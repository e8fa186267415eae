/**
 * The contract between the engine and whoever carries out runs: fibers, worker threads, child processes, other machines.
 *
 * **Details**
 *
 * The engine takes slots before it claims, so nothing is claimed that nobody can carry out; a run holds its slot until its attempt has
 * ended, finalizers included.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RunRow } from "./JobStore.ts"

/**
 * What an executor must be able to do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The name by which Tasks choose it. */
  readonly name: string
  /** Takes up to `max` free slots, waiting until there is at least one. Interruption takes none. */
  readonly take: (max: number) => Effect.Effect<number>
  /** Gives slots back. */
  readonly release: (slots: number) => Effect.Effect<void>
  /**
   * Carries out one attempt. `body` is the handler in this process, complete with its services; an executor that works elsewhere
   * sends the run's task and payload there instead. Interruption ends the attempt, and returns only when its finalizers have run.
   */
  readonly execute: <A, E, R>(run: RunRow, body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Who carries out runs.
 *
 * @category services
 * @since 0.1.0
 */
export class Executor extends Context.Service<Executor, Service>()("effect-scheduler/Executor") {}
