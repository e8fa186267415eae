/**
 * When an ad-hoc run starts, and what becomes of requests that mean the same: reading what a caller says about it.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
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

export const timed = Effect.fnUntraced(function*(
  task: string,
  key: string | null,
  given: Timing,
  now: number
): Effect.fn.Return<Timed, InvalidOption> {
  const [first, second] = alone.filter((field) => given[field] !== undefined && given[field] !== false)
  if (second !== undefined) {
    return yield* new InvalidOption({
      field: second,
      value: show(given[second]),
      expected: `one of id, unique, debounce and throttle; ${first} is given too`
    })
  }
  if (given.unique !== undefined && typeof given.unique !== "boolean") {
    return yield* new InvalidOption({ field: "unique", value: show(given.unique), expected: "true or false" })
  }
  const startAt = yield* startOf(given, now)
  // What has no key of its own is about the task as a whole.
  const about = `${task}:${key ?? ""}`
  const run: Timed = {
    planned: startAt ?? now,
    readyAt: startAt,
    uniqueKey: null,
    uniqueWhile: "going",
    replaces: false
  }
  if (given.unique === true) return { ...run, uniqueKey: `unique:${about}` }
  if (given.debounce !== undefined) {
    return { ...run, uniqueKey: `debounce:${about}`, uniqueWhile: "queued", replaces: true }
  }
  if (given.throttle !== undefined) {
    const window = yield* toMillis("throttle", given.throttle, { minimum: 1, endless: false })
    return { ...run, id: `${JobStore.throttled}${about}:${Math.floor(now / window) * window}`, retention: window }
  }
  return run
})

/** From when it may start; `null`: at once. */
const startOf = Effect.fnUntraced(function*({ at, debounce, delay }: Timing, now: number) {
  const given = Object.entries({ delay, at, debounce }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    const [[first], [second, value]] = given as [[string, unknown], [string, unknown]]
    return yield* new InvalidOption({
      field: second,
      value: show(value),
      expected: `one of delay, at and debounce; ${first} is given too`
    })
  }
  if (at !== undefined) {
    const instant = yield* toInstant("at", at)
    return instant > now ? instant : null
  }
  const wait = delay !== undefined
    ? yield* toMillis("delay", delay, { minimum: 0, endless: false })
    : debounce !== undefined
    ? yield* toMillis("debounce", debounce, { minimum: 1, endless: false })
    : 0
  return wait > 0 ? now + wait : null
})
