/**
 * The runs that are over: the newest ones, and the last one of each job that exists.
 *
 * @since 0.1.0
 */
import { isRecalled } from "../../JobStore.ts"
import { Expiry, type Family, type RunEntry } from "./entries.ts"
import { Heap } from "./heap.ts"
import type { Incarnations } from "./incarnations.ts"
import type { Candidates } from "./page.ts"

export class History {
  private readonly keep: number
  /** All runs, whether they are going or over. */
  private readonly byId: Map<string, RunEntry>
  private readonly families: Incarnations<Family>
  private readonly jobExists: (job: string, incarnation: string) => boolean

  /** What falls out of here is forgotten, or stays without a slot. */
  private readonly newest = new Heap<RunEntry>(({ row }) => row.finished!)
  /** When the latest of those that fell out and stayed has finished. */
  private retiredUntil = -Infinity
  private readonly expiries = new Heap<Expiry>(({ at }) => at)

  constructor(
    keep: number,
    byId: Map<string, RunEntry>,
    families: Incarnations<Family>,
    jobExists: (job: string, incarnation: string) => boolean
  ) {
    this.keep = keep
    this.byId = byId
    this.families = families
    this.jobExists = jobExists
  }

  add(run: RunEntry): void {
    const { family, row } = run
    this.newest.add(run)
    this.expiries.add(run.expiry = new Expiry(row.expiresAt!, run))
    if (family !== null) {
      const last = family.ended
      family.left(run)
      family.hasEnded(run)
      if (last !== undefined && last.slot < 0) this.forget(last)
    }
    if (this.newest.size > this.keep) this.retire(this.newest.first!)
  }

  /** The job's last run is no longer kept for its sake. */
  jobRemoved(family: Family): void {
    const last = family.ended
    if (last !== undefined && last.slot < 0) this.forget(last)
  }

  /** Forgets up to `limit` runs that have expired; answers with how many. */
  sweep(now: number, limit: number): number {
    let swept = 0
    for (let next = this.expiries.first; next !== undefined && next.at <= now && swept < limit; swept++) {
      this.forget(next.run)
      next = this.expiries.first
    }
    return swept
  }

  /** Forgets up to `limit` runs of a task beyond its newest ones; answers with how many. */
  sweepBeyond(task: string, count: number, limit: number): number {
    const ended = Array.from(this.byId.values())
      .filter(({ row }) => row.state === "done" && row.task === task && !isRecalled(row))
      .sort((a, b) => b.row.finished! - a.row.finished! || (a.row.id < b.row.id ? 1 : -1))
    const beyond = ended.slice(count).toReversed().slice(0, limit)
    for (const run of beyond) this.forget(run)
    return beyond.length
  }

  /** Each job that exists may have a run that has retired: it matters that they are looked at last, and seldom. */
  candidates(): ReadonlyArray<Candidates> {
    return [
      { runs: this.newest, latest: Number.MAX_VALUE },
      { runs: this.retired(), latest: this.retiredUntil }
    ]
  }

  private *retired(): Generator<RunEntry> {
    for (const run of this.byId.values()) if (run.slot < 0 && run.row.state === "done") yield run
  }

  private retire(run: RunEntry): void {
    const { family } = run
    this.newest.remove(run)
    if (family?.ended === run && this.jobExists(family.job, family.incarnation)) {
      this.retiredUntil = Math.max(this.retiredUntil, run.row.finished!)
    } else this.forget(run)
  }

  forget(run: RunEntry): void {
    const { family } = run
    this.byId.delete(run.row.id)
    if (run.slot >= 0) this.newest.remove(run)
    if (run.expiry !== undefined) this.expiries.remove(run.expiry)
    if (family === null) return
    family.isForgotten(run)
    if (family.ended === undefined && family.going === undefined) this.families.delete(family)
  }
}
