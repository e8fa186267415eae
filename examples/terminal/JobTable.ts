/**
 * What is scheduled: one line per job, with its trigger and the instants to come.
 */
import { type DateTime, Option } from "effect"
import { type Job, Trigger } from "effect-scheduler"
import * as text from "./text.ts"

/** The next occurrences of a job, the first of which may be due already. */
export const upcoming = (job: Job.Job, count: number): ReadonlyArray<DateTime.Utc> => {
  const instants: Array<DateTime.Utc> = []
  let next = job.next
  while (next !== undefined && instants.length < count && job.trigger !== undefined) {
    instants.push(next)
    next = Option.getOrUndefined(Trigger.next(job.trigger, { after: next, anchor: job.anchor }))
  }
  return instants
}

/** A trigger in the words of its definition. */
export const trigger = (spec: Trigger.Trigger["spec"]): string => {
  switch (spec._tag) {
    case "cron":
      return `${
        typeof spec.expression === "string" ? spec.expression : JSON.stringify(spec.expression)
      } (${spec.timeZone})`
    case "interval":
      return `every ${text.duration(spec.millis)}`
    case "after":
      return `once, after ${text.duration(spec.millis)}`
    case "dates":
      return spec.at.length === 1 ? "once" : `${spec.at.length} times`
    case "union":
      return spec.of.map(trigger).join(" or ")
    case "between":
      return `${trigger(spec.of)}, for a while`
    default:
      return JSON.stringify(spec)
  }
}

/** The table, with `count` instants for each job. */
export const render = (jobs: ReadonlyArray<Job.Job>, count = 3): string =>
  text.table(
    ["job", "trigger", "state", `next ${count} (UTC)`],
    jobs.map((job) => [
      job.id,
      job.trigger === undefined ? job.problem ?? "" : trigger(job.trigger.spec),
      job.state,
      upcoming(job, count).map(text.plan).join("  ")
    ])
  )
