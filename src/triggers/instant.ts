/**
 * Instants and durations as they enter a trigger: whole epoch milliseconds, or a `TriggerError`.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { show, TriggerError } from "./error.ts"

/** The last instant that `DateTime` can express; its opposite is the first. */
export const max = 8_640_000_000_000_000
export const min = -max

/** Reads an instant; text without an offset is UTC. */
export const fromInput = (field: string, input: DateTime.DateTime.Input): number => {
  const millis = Option.match(DateTime.make(input), {
    onNone: () => NaN,
    onSome: DateTime.toEpochMillis
  })
  if (!Number.isInteger(millis)) {
    throw new TriggerError({
      reason: "option",
      field,
      value: show(input),
      expected: "an instant: a DateTime, a Date, epoch milliseconds or ISO 8601 text"
    })
  }
  return millis
}

/** Refuses what is not a whole number of epoch milliseconds within the range of `DateTime`. */
export const check = (field: string, millis: number): number => {
  if (Number.isInteger(millis) && Math.abs(millis) <= max) return millis
  throw new TriggerError({
    reason: "option",
    field,
    value: show(millis),
    expected: "whole epoch milliseconds that a DateTime can hold"
  })
}

/** Reads a duration as milliseconds. What is too fine or too long is left to the kind to refuse. */
export const durationMillis = (field: string, input: Duration.Input): number =>
  Option.match(Duration.fromInput(input), {
    onNone: () => {
      throw new TriggerError({
        reason: "option",
        field,
        value: show(input),
        expected: `a duration such as "5 minutes" or { hours: 1 }`
      })
    },
    onSome: Duration.toMillis
  })

/** Refuses what is not a positive whole number of milliseconds. */
export const checkDuration = (field: string, millis: number): number => {
  if (Number.isSafeInteger(millis) && millis >= 1 && millis <= max) return millis
  throw new TriggerError({
    reason: "option",
    field,
    value: `${millis} ms`,
    expected: "a duration of at least one millisecond, in whole milliseconds, and finite"
  })
}

/** Refuses an end that lies before its start. */
export const checkOrder = (start: number | undefined, end: number | undefined): void => {
  if (start === undefined || end === undefined || start <= end) return
  throw new TriggerError({
    reason: "neverFires",
    field: "end",
    value: iso(end),
    expected: `an instant at or after the start, ${iso(start)}`
  })
}

/** An instant as an error shows it. */
export const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
