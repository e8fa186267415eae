/**
 * Nothing is begun before the instant that it waits for (a delay, a retry, a rate, a pace, a handler's own wish), nor after it is too late.
 */
import type { JobStore } from "effect-scheduler"
import type { Scene, Watch } from "./watch.ts"

/** How a run ends that wanted to be run again later, if not later. */
const ends = new Set(["cancelled", "abandoned"])

export const waits = ({ fail, runs }: Scene): Watch => {
  /** A clock that is set back takes nothing back. */
  let latest = -Infinity
  const until = new Map<string, number>()
  /** What handlers asked for, by claim. */
  const snoozed = new Map<string, { readonly until: number; readonly attempt: number }>()
  const begun = new Set<string>()
  const added = ({ id, readyAt }: JobStore.NewRun) => {
    if (readyAt !== null) until.set(id, readyAt)
  }
  return {
    see: (happening, at) => {
      latest = Math.max(latest, happening._tag === "stepped" ? at - happening.by : at)
      switch (happening._tag) {
        case "enqueued":
        case "replaced":
          return added(happening.run)
        case "committed":
          return happening.change.runs.forEach(added)
        case "revived":
          return void until.delete(happening.run)
        case "snoozed": {
          const { attempt: { attempt, fence, run }, until } = happening
          return void snoozed.set(`${run}#${fence}`, { until, attempt })
        }
        case "settled": {
          const { fence, follow, next, run } = happening.settlement
          follow.forEach(added)
          const wish = snoozed.get(`${run}#${fence}`)
          if (next._tag === "Retry") {
            until.set(run, next.readyAt)
            if (wish !== undefined && (next.readyAt !== wish.until || next.attempt !== wish.attempt - 1)) {
              fail(
                `${run} wanted to sleep until ${wish.until}, and does until ${next.readyAt}, attempt ${next.attempt}`
              )
            }
          } else if (next._tag === "Done") {
            if (wish !== undefined && !ends.has(next.outcome)) {
              fail(`${run} wanted to sleep, and ended as ${next.outcome}`)
            }
            if (next.outcome === "deadlineMissed" && begun.has(run)) {
              fail(`${run} had begun, and ended as deadlineMissed`)
            }
          }
          return
        }
        case "claimed": {
          const { id } = happening.row
          const from = until.get(id)
          if (from !== undefined && latest < from) fail(`${id} waits until ${from}, and is claimed at ${at}`)
          return
        }
        case "started": {
          const { fence, run } = happening.attempt
          begun.add(run)
          const row = runs.get(run)
          if (row === undefined || fence > 1) return
          const { misfireGrace = null } = JSON.parse(row.policy) as { readonly misfireGrace?: number | null }
          if (misfireGrace !== null && at - row.planned > misfireGrace) fail(`${run} starts, and is too late`)
          return
        }
        default:
          return
      }
    }
  }
}
