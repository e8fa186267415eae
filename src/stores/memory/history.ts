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
  private readonly families: Incarnations<Family>
  private readonly jobExists: (job: string, incarnation: string) => boolean

  private readonly byId = new Map<string, RunEntry>()
  /** What falls out of here is forgotten, or stays without a slot. */
  private readonly newest = new Heap<RunEntry>(({ row }) => row.finished!)
  /** When the latest of those that fell out and stayed has finished. */
  private retiredUntil = -Infinity
  private readonly expiries = new Heap<Expiry>(({ at }) => at)

  constructor(keep: number, families: Incarnations<Family>, jobExists: (job: string, incarnation: string) => boolean) {
    this.keep = keep
    this.families = families
    this.jobExists = jobExists
  }

  get(id: string): RunEntry | undefined {
    return this.byId.get(id)
  }

  add(run: RunEntry): void {
    const { family, row } = run
    this.byId.set(row.id, run)
    this.newest.add(run)
    this.expiries.add(run.expiry = new Expiry(row.expiresAt!, run))
    if (family !== null) {
      family.going!.delete(run)
      if (family.going!.size === 0) family.going = undefined
      const last = family.ended
      run.older = last
      if (last !== undefined) last.newer = run
      family.ended = run
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
    const ended = Array.from(this.byId.values()).filter(({ row }) => row.task === task && !isRecalled(row))
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
    for (const run of this.byId.values()) if (run.slot < 0) yield run
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
    if (run.newer !== undefined) run.newer.older = run.older
    else family.ended = run.older
    if (run.older !== undefined) run.older.newer = run.newer
    if (family.ended === undefined && family.going === undefined) this.families.delete(family)
  }
}
