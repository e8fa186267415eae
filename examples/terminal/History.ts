/**
 * What a store remembers of the processes before this one.
 */
import { Effect, identity } from "effect"
import { type Run, Scheduler } from "effect-scheduler"
import * as text from "./text.ts"

/** A summary: how the runs of each job ended, and what has not. */
export const tell = Effect.fn("tell")(function*(nameOf: (job: string) => string = identity) {
  const scheduler = yield* Scheduler.Scheduler
  const ended = yield* scheduler.runs({ going: false, limit: 10_000 })
  const going = yield* scheduler.runs({ going: true, limit: 10_000 })
  if (ended.length + going.length === 0) return "no history yet"

  const name = (run: Run.Run) => run.job === undefined ? run.task : nameOf(run.job)
  const jobs = Map.groupBy(ended, name)
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
  return [
    "the history so far",
    ...(jobs.size === 0 ? [] : [table]),
    ...going.map((run) =>
      `${name(run)}${run.nominal === undefined ? "" : ` of ${text.instant(run.nominal)}`} ${stands(run)}`
    )
  ].join("\n")
})

/** What a run that has not ended was doing when its process did. */
const stands = (run: Run.Run): string => {
  if (run.readyAt !== undefined) return `waits for its attempt ${run.attempts + 1}, at ${text.instant(run.readyAt)}`
  if (run.node !== undefined) return `is in flight on ${run.node}`
  // A claim that was taken back leaves its number behind.
  return run.fence === 0 ? "was queued: it runs" : "was in flight: it runs again"
}
