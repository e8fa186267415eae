/**
 * When an ad-hoc run starts, and what becomes of requests that mean the same: reading what a caller says about it.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { toMillis } from "../internal/duration.ts"
import { toInstant } from "../internal/instant.ts"
import { show } from "../internal/show.ts"
import * as JobStore from "../JobStore.ts"
import { InvalidOption } from "../SchedulerError.ts"

/** See `Scheduler.RunOptions`. */
export interface Timing {
  readonly id?: string | undefined
  readonly delay?: Duration.Input | undefined
  readonly at?: DateTime.DateTime.Input | undefined
  readonly unique?: boolean | undefined
  readonly debounce?: Duration.Input | undefined
  readonly throttle?: Duration.Input | undefined
}

/** What that says about a run. */
export type Timed =
  & Pick<JobStore.NewRun, "planned" | "readyAt" | "uniqueKey" | "uniqueWhile">
  & {
    /** The run's id, where the request determines it. */
    readonly id?: string
    /** How long the run is remembered at least. */
    readonly retention?: number
    /** Whether it takes the place of one that waits under its unique key. */
    readonly replaces: boolean
  }

const alone = ["id", "unique", "debounce", "throttle"] as const
const starts = ["delay", "at", "debounce"] as const

/** Reads it; `key` is what the run is about, as its policy says. */
export const timed = (
  task: string,
  key: string | null,
  given: Timing,
  now: number
): Exit.Exit<Timed, InvalidOption> => {
  const meanings = alone.filter((field) => given[field] !== undefined && given[field] !== false)
  if (meanings.length > 1) return refuseSecond(given, meanings, "id, unique, debounce and throttle")
  if (given.unique !== undefined && typeof given.unique !== "boolean") {
    return refuse("unique", given.unique, "true or false")
  }
  const start = startOf(given, now)
  if (Exit.isFailure(start)) return Exit.failCause(start.cause)
  const run: Timed = {
    planned: start.value ?? now,
    readyAt: start.value,
    uniqueKey: null,
    uniqueWhile: "going",
    replaces: false
  }
  // What has no key of its own is about the task as a whole.
  const about = `${task}:${key ?? ""}`
  if (given.unique === true) return Exit.succeed({ ...run, uniqueKey: `unique:${about}` })
  if (given.debounce !== undefined) {
    return Exit.succeed({ ...run, uniqueKey: `debounce:${about}`, uniqueWhile: "queued", replaces: true })
  }
  if (given.throttle !== undefined) {
    return Exit.map(toMillis("throttle", given.throttle, { minimum: 1, endless: false }), (window) => ({
      ...run,
      id: `${JobStore.throttled}${about}:${Math.floor(now / window) * window}`,
      retention: window
    }))
  }
  return Exit.succeed(run)
}

/** From when it may start; `null`: at once. */
const startOf = (given: Timing, now: number): Exit.Exit<number | null, InvalidOption> => {
  const said = starts.filter((field) => given[field] !== undefined)
  if (said.length > 1) return refuseSecond(given, said, "delay, at and debounce")
  const field = said[0]
  if (field === undefined) return atOnce
  if (field === "at") return Exit.map(toInstant("at", given.at!), (at) => at > now ? at : null)
  return Exit.map(
    toMillis(field, given[field]!, { minimum: field === "delay" ? 0 : 1, endless: false }),
    (wait) => wait > 0 ? now + wait : null
  )
}

const atOnce = Exit.succeed(null)

const refuseSecond = (given: Timing, said: ReadonlyArray<keyof Timing>, fields: string) =>
  refuse(said[1]!, given[said[1]!], `one of ${fields}; ${said[0]} is given too`)

const refuse = (field: string, value: unknown, expected: string) =>
  Exit.fail(new InvalidOption({ field, value: show(value), expected }))
