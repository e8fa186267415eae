/**
 * What a verb did to runs, as hints for those who wait for it.
 *
 * @since 0.1.0
 */
import type { Signal } from "../../JobStore.ts"

export class Hints {
  jobs = false
  ready = false
  readonly settled: Array<string> = []
  readonly flagged: Array<string> = []

  signals(): Array<Signal> {
    const signals: Array<Signal> = []
    if (this.jobs) signals.push({ _tag: "jobs" })
    if (this.flagged.length > 0) signals.push({ _tag: "cancel", runs: this.flagged })
    if (this.settled.length > 0) signals.push({ _tag: "settled", runs: this.settled })
    if (this.ready) signals.push({ _tag: "ready" })
    return signals
  }
}
