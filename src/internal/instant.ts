/**
 * Instants as callers write them, as whole epoch milliseconds.
 */
import * as DateTime from "effect/DateTime"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { InvalidOption } from "../SchedulerError.ts"
import { show } from "./show.ts"

/** Text without an offset is UTC. */
export const toInstant = (field: string, input: DateTime.DateTime.Input): Exit.Exit<number, InvalidOption> => {
  const millis = Option.match(DateTime.make(input), { onNone: () => NaN, onSome: DateTime.toEpochMillis })
  return Number.isInteger(millis) ? Exit.succeed(millis) : Exit.fail(
    new InvalidOption({
      field,
      value: show(input),
      expected: "an instant: a DateTime, a Date, epoch milliseconds or ISO 8601 text"
    })
  )
}
