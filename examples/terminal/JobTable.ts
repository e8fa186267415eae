/**
 * What is scheduled: one line per job, with its trigger and the instants to come.
 */
import { type DateTime, Option } from "effect"
import { type Job, Trigger } from "effect-scheduler"
import * as text from "./text.ts"

/** The first `count` instants after one. */
export const upcoming = (
  trigger: Trigger.Trigger,
  after: DateTime.Utc,
  count: number,
  anchor = after
): ReadonlyArray<DateTime.Utc> => {
  const instants: Array<DateTime.Utc> = []
  while (instants.length < count) {
    const next = Trigger.next(trigger, { after: instants.at(-1) ?? after, anchor })
    if (Option.isNone(next)) break
    instants.push(next.value)
  }
  return instants
}

/** What a job has to come: its next occurrence, which may be due already, and those behind it. */
const ofJob = ({ anchor, next, trigger }: Job.Job, count: number): ReadonlyArray<DateTime.Utc> =>
  next === undefined || trigger === undefined ? [] : [next, ...upcoming(trigger, next, count - 1, anchor)]

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

/** The table, with the next three instants of each job. */
export const render = (jobs: ReadonlyArray<Job.Job>): string =>
  text.table(
    ["job", "trigger", "state", "next 3 (UTC)"],
    jobs.map((job) => [
      job.id,
      job.trigger === undefined ? job.problem ?? "" : trigger(job.trigger.spec),
      job.state,
      ofJob(job, 3).map(text.plan).join("  ")
    ])
  )
