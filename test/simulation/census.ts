/**
 * What a simulation was about: how often each feature was really met, as opposed to merely called.
 */
import type { JobStore } from "effect-scheduler"
import type { Happening } from "./history.ts"

interface StoredPolicy {
  readonly rate?: object | null
  readonly priority?: number
}

export class Census {
  readonly counts: Record<string, number> = {}

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }

  see(happening: Happening): void {
    this.count(happening._tag)
    switch (happening._tag) {
      case "committed": {
        const { runs, update, verdicts } = happening.change
        this.count(`change: ${update._tag}`)
        if (update._tag === "Replace" && update.row.pause?.includes(`"by":"effect-scheduler"`)) {
          this.count("job: paused for failures")
        }
        if (update._tag === "Replace" || update._tag === "Renew") this.count(`job: ${update.row.state}`)
        for (const { kind, reason } of verdicts) this.count(`verdict: ${kind} (${reason})`)
        return runs.forEach((run) => this.added(run))
      }
      case "swept": {
        const { now, rows } = happening
        this.count("run: forgotten", rows.length)
        return this.count("run: forgotten for newer ones", rows.filter(({ expiresAt }) => expiresAt! > now).length)
      }
      case "enqueued":
        return this.added(happening.run)
      case "claimed":
        return this.count("claimed on arrival", happening.onArrival === true ? 1 : 0)
      case "settled": {
        const { next } = happening.settlement
        if (next._tag === "Retry" && next.started === null) this.count("settled: postponed")
        else this.count(`settled: ${next._tag === "Done" ? next.outcome : next._tag}`)
        return happening.settlement.follow.forEach((run) => this.added(run))
      }
      case "taken":
        this.count("taken: released", happening.runs.length - happening.abandoned.length)
        return this.count("taken: abandoned", happening.abandoned.length)
      default:
        return
    }
  }

  private added(run: JobStore.NewRun): void {
    const { priority = 0, rate = null } = JSON.parse(run.policy) as StoredPolicy
    this.count(`run: ${run.origin}`)
    if (run.taskVersion > 1) this.count("run: newer payload")
    if (run.limits.length > 0) this.count("run: limited")
    if (run.limits.length > 1) this.count("run: limited twice")
    if (rate !== null) this.count("run: rated")
    if (priority > 0) this.count("run: ahead")
    if (run.uniqueKey !== null) this.count(`run: unique while ${run.uniqueWhile}`)
    if (run.readyAt !== null) this.count("run: later")
    if (run.atMostOnce) this.count("run: atMostOnce")
  }
}
