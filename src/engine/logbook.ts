/**
 * The lines that a handler writes with `CurrentRun.log`, on their way to the store.
 *
 * A handler does not wait for its lines: while one write is under way the next lines gather, and all of them are one write. What is still
 * on its way when the handler ends is written before the run is settled.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import * as Run from "../Run.ts"
import type { Core } from "./core.ts"

/** A store that does not answer is no reason for a run not to end. */
const patience = 5_000

export class Logbook {
  private readonly core: Core
  private readonly run: string
  private readonly fence: number
  private lines: ReadonlyArray<Run.StoredLine>
  /** Set while a write is under way: done when nothing is left to write. */
  private writing: Deferred.Deferred<void> | undefined
  private isComplete = true

  constructor(core: Core, row: JobStore.RunRow) {
    this.core = core
    this.run = row.id
    this.fence = row.fence
    this.lines = Run.linesOf(row)
  }

  add(message: string): void {
    this.lines = Run.withLine(this.lines, { at: this.core.clock.currentTimeMillisUnsafe(), message })
    this.isComplete = false
    if (this.writing !== undefined) return
    this.writing = Deferred.makeUnsafe<void>()
    this.core.background(Effect.ensuring(this.write(), Effect.sync(() => this.rest())))
  }

  /** Returns when all lines are with the store, or it does not take them. */
  get kept(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.writing === undefined
        ? Effect.void
        : Effect.timeoutOrElse(Deferred.await(this.writing), { duration: patience, orElse: () => Effect.void })
    )
  }

  private write(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isComplete = true
      return this.core.store.note({ run: this.run, fence: this.fence, log: JSON.stringify(this.lines) })
    }).pipe(
      Effect.catchTag("StoreError", (error) => Effect.logDebug("effect-scheduler: log lines are lost", error)),
      // in one step with looking, or a line that comes in between would wait for ever
      Effect.flatMap(() => {
        if (!this.isComplete) return this.write()
        this.rest()
        return Effect.void
      })
    )
  }

  private rest(): void {
    if (this.writing !== undefined) Deferred.doneUnsafe(this.writing, Effect.void)
    this.writing = undefined
  }
}
