/**
 * What a verb does to runs, collected for those who must hear of it.
 *
 * @since 0.1.0
 */
import type { Signal } from "../../JobStore.ts"
import type { Family, RunEntry } from "./entries.ts"

export class Hints {
  ready = false
  readonly settled: Array<string> = []
  readonly flagged: Array<string> = []
  /** In which a run ended, so that blocked ones may be admitted. */
  readonly freed = new Set<Family>()
  /** Runs that gave back their places, so that others may take them. */
  readonly left: Array<RunEntry> = []

  signals(): Array<Signal> {
    const signals: Array<Signal> = []
    if (this.flagged.length > 0) signals.push({ _tag: "cancel", runs: this.flagged })
    if (this.settled.length > 0) signals.push({ _tag: "settled", runs: this.settled })
    if (this.ready) signals.push({ _tag: "ready" })
    return signals
  }
}
