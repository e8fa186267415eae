/**
 * The table of verdicts: ranges per incarnation of a job, the oldest first, at most so many each.
 *
 * @since 0.1.0
 */
import type { VerdictQuery, VerdictRow } from "../../JobStore.ts"
import { Heap, type Slotted } from "./heap.ts"
import { type Incarnate, Incarnations } from "./incarnations.ts"

class Ranges implements Slotted, Incarnate<Ranges> {
  slot = -1
  older: Ranges | undefined = undefined
  readonly job: string
  readonly incarnation: string
  /** In ascending order of `to`, and never empty once it is in the table. */
  readonly rows: Array<VerdictRow> = []

  constructor(job: string, incarnation: string) {
    this.job = job
    this.incarnation = incarnation
  }
}

const newRanges = (job: string, incarnation: string): Ranges => new Ranges(job, incarnation)

/** How many removed jobs keep their ranges, at least; at most twice as many do. */
const removedKept = 10_000

export class Verdicts {
  private readonly keep: number
  private readonly ranges = new Incarnations<Ranges>()
  private readonly byAge = new Heap<Ranges>(({ rows }) => rows[0]!.to)
  /** The ranges of removed jobs, in two generations: when the young one is full, the old one is forgotten. */
  private young = new Set<Ranges>()
  private old = new Set<Ranges>()

  constructor(keep: number) {
    this.keep = keep
  }

  record(row: VerdictRow): void {
    if (this.keep <= 0) return
    const ranges = this.ranges.getOrAdd(row.job, row.incarnation, newRanges)
    const { rows } = ranges
    if (rows.length === 0) {
      rows.push(row)
      this.byAge.add(ranges)
      return
    }
    const last = rows[rows.length - 1]!
    if (continues(last, row)) {
      const count = last.count === null || row.count === null ? null : last.count + row.count
      rows[rows.length - 1] = { ...last, to: row.to, count }
    } else {
      let at = rows.length
      while (at > 0 && rows[at - 1]!.to > row.to) at--
      if (at === rows.length) rows.push(row)
      else rows.splice(at, 0, row)
      if (rows.length > this.keep) rows.shift()
    }
    this.byAge.moved(ranges)
  }

  /** The job is gone: its ranges stay for a while, but not for ever. */
  jobRemoved(job: string, incarnation: string): void {
    const ranges = this.ranges.get(job, incarnation)
    if (ranges === undefined) return
    this.young.add(ranges)
    if (this.young.size < removedKept) return
    for (const forgotten of this.old) this.forget(forgotten)
    this.old = this.young
    this.young = new Set()
  }

  select(query: VerdictQuery): Array<VerdictRow> {
    const { at, before } = query
    const found: Array<VerdictRow> = []
    for (const ranges of this.ranges.of(query.job, query.incarnation)) {
      for (const row of ranges.rows) {
        if (before !== undefined && row.to >= before) continue
        if (at !== undefined && (row.to < at || (row.from !== null && row.from >= at))) continue
        found.push(row)
      }
    }
    return found.toSorted((a, b) => b.to - a.to).slice(0, query.limit)
  }

  /** Forgets up to `limit` ranges that end before the instant; answers with how many. */
  sweep(before: number, limit: number): number {
    let swept = 0
    while (swept < limit) {
      const ranges = this.byAge.first
      if (ranges === undefined || ranges.rows[0]!.to >= before) break
      let gone = 0
      while (swept + gone < limit && gone < ranges.rows.length && ranges.rows[gone]!.to < before) gone++
      swept += gone
      if (gone === ranges.rows.length) {
        this.forget(ranges)
        this.young.delete(ranges)
        this.old.delete(ranges)
      } else {
        ranges.rows.splice(0, gone)
        this.byAge.moved(ranges)
      }
    }
    return swept
  }

  private forget(ranges: Ranges): void {
    this.byAge.remove(ranges)
    this.ranges.delete(ranges)
  }
}

const continues = (last: VerdictRow, row: VerdictRow): boolean =>
  row.from === last.to && row.kind === last.kind && row.reason === last.reason && row.ref === last.ref &&
  row.note === last.note
