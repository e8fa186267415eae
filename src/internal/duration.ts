/**
 * Durations as callers write them, as whole milliseconds.
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { InvalidOption } from "../SchedulerError.ts"
import { show } from "./show.ts"

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

/** `Duration.fromInput` reads what is no duration at all as zero: a number that is none, an object without a unit. */
const meansSomething = (input: unknown): boolean => {
  if (typeof input === "number") return input >= 0
  if (typeof input === "bigint") return input >= 0
  if (typeof input === "string" || Duration.isDuration(input) || Array.isArray(input)) return true
  return typeof input === "object" && input !== null && Object.keys(input).length > 0 &&
    Object.entries(input).every(([unit, n]) =>
      units.includes(unit) && (n === undefined || typeof n === "number" && n >= 0)
    )
}

/**
 * Milliseconds, rounded up, of at least `minimum`. `Infinity` stands for "none" and is refused unless `endless`.
 */
export const toMillis = (
  field: string,
  input: Duration.Input,
  options: { readonly minimum: number; readonly endless: boolean }
): Exit.Exit<number, InvalidOption> => {
  const duration = meansSomething(input) ? Duration.fromInput(input) : Option.none()
  const millis = Option.isNone(duration) ? NaN : Math.ceil(Duration.toMillis(duration.value))
  return millis >= options.minimum && (Number.isSafeInteger(millis) || options.endless && millis === Infinity)
    ? Exit.succeed(millis)
    : Exit.fail(
      new InvalidOption({
        field,
        value: show(input),
        expected: `a duration of at least ${options.minimum} ms, such as "5 minutes" or 1500` +
          (options.endless ? "; Infinity for none" : "")
      })
    )
}
