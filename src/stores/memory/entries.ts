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

/** A run's row as the store keeps it: it changes in place, and who asks is given a copy. */
export type OwnRow = { -readonly [Field in keyof RunRow]: RunRow[Field] }

export class RunEntry implements Slotted {
  slot = -1
  readonly row: OwnRow
  readonly family: Family | null
  /** Neighbours among the runs of the family that are going, or among those that have ended. */
  newer: RunEntry | undefined = undefined
  older: RunEntry | undefined = undefined
  expiry: Expiry | undefined = undefined
  /** Whether it is blocked by others of its family. */
  isBehind = false
  /** How many of its places it has, and with which rank it waits for the next one. */
  places = 0
  rank = 0

  constructor(row: OwnRow, family: Family | null) {
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
  /** The newest of those that are going, first of a chain, and how many they are. */
  going: RunEntry | undefined = undefined
  goingCount = 0
  blocked: Heap<RunEntry> | undefined = undefined
  /** The one that ended last, first of a chain. */
  ended: RunEntry | undefined = undefined

  constructor(job: string, incarnation: string) {
    this.job = job
    this.incarnation = incarnation
  }

  began(run: RunEntry): void {
    this.going = link(run, this.going)
    this.goingCount++
  }

  /** A run that was going is over, or replaced. */
  left(run: RunEntry): void {
    this.going = unlink(run, this.going)
    this.goingCount--
  }

  hasEnded(run: RunEntry): void {
    this.ended = link(run, this.ended)
  }

  isForgotten(run: RunEntry): void {
    this.ended = unlink(run, this.ended)
  }
}

/** Puts a run at the head of a chain; answers with the head. */
const link = (run: RunEntry, head: RunEntry | undefined): RunEntry => {
  run.older = head
  if (head !== undefined) head.newer = run
  return run
}

/** Takes a run out of its chain; answers with the head. */
const unlink = (run: RunEntry, head: RunEntry | undefined): RunEntry | undefined => {
  const { newer, older } = run
  if (older !== undefined) older.newer = newer
  if (newer !== undefined) newer.older = older
  run.newer = undefined
  run.older = undefined
  return head === run ? older : head
}

/** A chain, the newest first. */
export function* chain(head: RunEntry | undefined): Generator<RunEntry> {
  for (let run = head; run !== undefined; run = run.older) yield run
}
