/**
 * What the memory store keeps of a run beside its row, and of the runs of one incarnation of a job.
 *
 * @since 0.1.0
 */
import type { RunRow } from "../../JobStore.ts"
import type { Heap, Slotted } from "./heap.ts"
import type { Incarnate } from "./incarnations.ts"

export class Expiry implements Slotted {
  slot = -1
  readonly at: number
  readonly run: RunEntry

  constructor(at: number, run: RunEntry) {
    this.at = at
    this.run = run
  }
}

export class RunEntry implements Slotted {
  slot = -1
  row: RunRow
  readonly family: Family | null
  /** Neighbours among the ended runs of the family. */
  newer: RunEntry | undefined = undefined
  older: RunEntry | undefined = undefined
  expiry: Expiry | undefined = undefined
  /** Whether it is blocked by others of its family. */
  isBehind = false
  /** How many of its places it has, and with which rank it waits for the next one. */
  places = 0
  rank = 0

  constructor(row: RunRow, family: Family | null) {
    this.row = row
    this.family = family
  }
}

/** The runs of one incarnation of a job. */
export class Family implements Incarnate<Family> {
  older: Family | undefined = undefined
  readonly job: string
  readonly incarnation: string
  /** How many are ready, waiting or running. */
  admitted = 0
  /** `undefined` when there are none, for of most jobs nothing is going. */
  going: Set<RunEntry> | undefined = undefined
  blocked: Heap<RunEntry> | undefined = undefined
  /** The one that ended last, first of a chain. */
  ended: RunEntry | undefined = undefined

  constructor(job: string, incarnation: string) {
    this.job = job
    this.incarnation = incarnation
  }
  *endedRuns(): Generator<RunEntry> {
    for (let run = this.ended; run !== undefined; run = run.older) yield run
  }
}
