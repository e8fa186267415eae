/**
 * The work of the processes: jobs of all kinds, and handlers whose mood is determined by their run.
 */
import { Schedule, Schema } from "effect"
import { type Policy, Task, Trigger } from "effect-scheduler"
import { type Random, random } from "../simulation/random.ts"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

/** Ends with its first failure. */
export const Once = Task.make("Once", { payload: { name: Schema.String }, error: Refused })

export const Retried = Task.make("Retried", {
  payload: { name: Schema.String },
  error: Refused,
  retry: Schedule.exponential("50 millis").pipe(Schedule.upTo({ times: 4 }))
})

/** How long an attempt takes, and whether it fails. */
export const moodOf = (seed: string, run: string, attempt: number) => {
  const mood = random(`${seed}/mood/${run}/${attempt}`)
  return {
    millis: mood.chance(0.05) ? mood.int(500, 3_000) : mood.chance(0.4) ? mood.int(1, 50) : 0,
    fails: mood.chance(0.2)
  }
}

export interface Planned {
  readonly id: string
  readonly task: typeof Once | typeof Retried
  readonly trigger: Trigger.Trigger
  readonly policy: Policy.Options
  /** All occurrences up to an instant, told without the library. */
  readonly until: (anchor: number, end: number) => ReadonlyArray<number>
}

const steps = (first: number, period: number, end: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, Math.floor((end - first) / period) + 1) }, (_, n) => first + n * period)

/** How many jobs of each kind. */
export interface Amount {
  readonly recurring: number
  readonly oneOff: number
}

/** Jobs that have something to do between two instants. */
export const jobs = (choices: Random, amount: Amount, from: number, to: number): ReadonlyArray<Planned> => {
  const policy = (): Policy.Options => ({
    overlap: choices.pick(["skip", "queue", "cancelRunning", { queueAll: 3 }, { allow: 2 }]),
    catchUp: choices.pick(["latest", "earliest", "all", "none"]),
    catchUpLimit: choices.pick([2, 5]),
    delivery: choices.pick(["atLeastOnce", "atLeastOnce", "atMostOnce"])
  })
  const task = () => choices.pick([Once, Retried])
  const recurring = Array.from({ length: amount.recurring }, (_, n): Planned => {
    const seconds = choices.pick([1, 2, 3, 5, 10])
    const period = seconds * 1000
    const id = `recurring/${String(n).padStart(5, "0")}`
    return choices.chance(0.5)
      ? {
        id,
        task: task(),
        policy: policy(),
        trigger: Trigger.interval(period),
        until: (anchor, end) => steps(anchor + period, period, end)
      }
      : {
        id,
        task: task(),
        policy: policy(),
        trigger: Trigger.cron(`*/${seconds} * * * * *`),
        // as all these divide a minute
        until: (anchor, end) =>
          steps((Math.floor(anchor / period) + 1) * period, period, end).filter((at) => at % 60_000 % period === 0)
      }
  })
  const oneOff = Array.from({ length: amount.oneOff }, (_, n): Planned => {
    const dates = [choices.int(from, to), ...choices.chance(0.1) ? [choices.int(from - 5_000, to)] : []]
    const ordered = [...new Set(dates)].toSorted((a, b) => a - b)
    return {
      id: `one-off/${String(n).padStart(5, "0")}`,
      task: task(),
      policy: policy(),
      trigger: Trigger.dates(ordered),
      until: (_anchor, end) => ordered.filter((at) => at <= end)
    }
  })
  return [...recurring, ...oneOff]
}
