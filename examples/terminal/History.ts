/**
 * What a store remembers of the processes before this one.
 */
import { Effect } from "effect"
import { type Run, Scheduler } from "effect-scheduler"
import * as text from "./text.ts"

/** What a run that has not ended was doing when its process did. */
const interrupted = (run: Run.Run): string => {
  const name = run.job ?? run.task
  if (run.readyAt !== undefined) {
    return `${name} waits for its attempt ${run.attempts + 1}, at ${text.instant(run.readyAt)}`
  }
  const of = run.nominal === undefined ? "" : ` of ${text.instant(run.nominal)}`
  // A claim that was taken back leaves its number behind.
  return run.fence === 0 ? `${name}${of} was queued: it runs` : `${name}${of} was in flight: it runs again`
}

/** A summary: how the runs of each job ended, and what was still going. */
export const tell = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  const ended = yield* scheduler.runs({ going: false, limit: 10_000 })
  const going = yield* scheduler.runs({ going: true, limit: 10_000 })
  if (ended.length + going.length === 0) return "no history yet"

  const jobs = Map.groupBy(ended, (run) => run.job ?? run.task)
  const table = text.table(
    ["job", "ended", "last", "outcome", "attempts"],
    [...jobs].toSorted(([a], [b]) => a < b ? -1 : 1).map(([job, [last, ...others]]) => [
      job,
      String(1 + others.length),
      last!.finished === undefined ? "" : text.instant(last!.finished),
      last!.outcome ?? "",
      String(last!.attempts)
    ])
  )
  return ["the history so far", ...(jobs.size === 0 ? [] : [table]), ...going.map(interrupted)].join("\n")
})
