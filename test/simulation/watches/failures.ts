/**
 * A job is paused after so many failures in a row, and only then.
 */
import type { JobStore } from "effect-scheduler"
import type { Scene, Watch } from "./watch.ts"

/** For how long after the failures a node that is well may take to pause the job, in milliseconds. */
const patience = 60_000

/** And for how long before a pause there may have been so many: whoever pauses has looked before. */
const memory = 120_000

const failures = new Set(["failed", "died", "timedOut", "undecodable"])

interface End {
  readonly outcome: string
  readonly finished: number
}

interface Known {
  pauseAfter: number | null
  forgiven: number
  isActive: boolean
  readonly ends: Map<string, End>
  /** When there were so many in a row last. */
  reached: number
}

const keyOf = (job: string, incarnation: string) => `${job} ${incarnation}`

export const failuresInARow = ({ fail, runs }: Scene): Watch => {
  const jobs = new Map<string, Known>()
  /** Jobs that somebody who is well has to pause, and by when. */
  const owed = new Map<string, { readonly by: number; readonly node: string }>()
  const nodes = new Map<string, string>()
  const ill = new Set<string>()
  const count = ({ ends, forgiven }: Known): number => {
    let row = 0
    const newest = [...ends].toSorted(([a, { finished: x }], [b, { finished: y }]) => y - x || (a < b ? 1 : -1))
    for (const [, { finished, outcome }] of newest) {
      if (finished <= forgiven || outcome === "succeeded") break
      if (failures.has(outcome)) row++
    }
    return row
  }
  const know = (key: string, row: JobStore.JobRow): Known => {
    const { pauseAfter = null } = JSON.parse(row.policy) as { readonly pauseAfter?: number | null }
    const { forgiven = -Infinity } = JSON.parse(row.overrides ?? "{}") as { readonly forgiven?: number }
    const { ends = new Map<string, End>(), reached = -Infinity } = jobs.get(key) ?? {}
    const known = { pauseAfter, forgiven, isActive: row.state === "active", ends, reached }
    jobs.set(key, known)
    return known
  }
  return {
    see: (happening, at) => {
      for (const [key, { by, node }] of owed) {
        if (at > by) fail(`${key} has failed too often, and ${node} has not paused it`)
      }
      switch (happening._tag) {
        // Their wall is not the one that they were judged by.
        case "stepped":
          return owed.clear()
        case "inserted":
          return void know(keyOf(happening.row.id, happening.row.incarnation), happening.row)
        case "claimed":
          return void nodes.set(happening.row.id, happening.row.node!)
        case "revived": {
          const { incarnation, job } = runs.get(happening.run)!
          return void jobs.get(keyOf(job!, incarnation!))?.ends.delete(happening.run)
        }
        case "swept":
          // Nobody can count what is forgotten.
          for (const { id, incarnation, job } of happening.rows) jobs.get(keyOf(job!, incarnation!))?.ends.delete(id)
          return
        case "crashed":
        case "left":
        case "healthy": {
          if (happening._tag === "healthy" && happening.since !== undefined) return void ill.delete(happening.node)
          ill.add(happening.node)
          for (const [key, { node }] of owed) if (node === happening.node) owed.delete(key)
          return
        }
        case "committed": {
          const { change: { incarnation, job, update } } = happening
          const key = keyOf(job, incarnation)
          if (update._tag === "Advance") {
            // One that has come to its end is not paused any more.
            const known = jobs.get(key)
            if (known !== undefined) known.isActive = update.state === "active"
            if (update.state !== "active") owed.delete(key)
            return
          }
          owed.delete(key)
          // Runs of a job that is gone may go on failing.
          if (update._tag === "Delete" || update._tag === "Renew") jobs.delete(key)
          if (update._tag === "Renew") return void know(keyOf(job, update.row.incarnation), update.row)
          if (update._tag !== "Replace") return
          const wasActive = jobs.get(key)?.isActive === true
          const known = know(key, update.row)
          const { by } = JSON.parse(update.row.pause ?? "{}") as { readonly by?: string }
          if (!wasActive || update.row.state !== "paused" || by !== "effect-scheduler") return
          // Who gets no answer may be late, as long as it is still so.
          if (count(known) >= (known.pauseAfter ?? Infinity) || at - known.reached <= memory) return
          fail(`${key} is paused for failures, of which there are only ${count(known)} in a row`)
          return
        }
        case "settled": {
          const { next, run } = happening.settlement
          const row = runs.get(run)
          const known = row?.job === null ? undefined : jobs.get(keyOf(row!.job!, row!.incarnation!))
          if (!happening.done || next._tag !== "Done" || known === undefined) return
          known.ends.set(run, next)
          if (known.pauseAfter === null || count(known) < known.pauseAfter) return
          known.reached = at
          const key = keyOf(row!.job!, row!.incarnation!)
          const node = nodes.get(run)!
          if (failures.has(next.outcome) && known.isActive && !ill.has(node)) owed.set(key, { by: at + patience, node })
          return
        }
        default:
          return
      }
    }
  }
}
