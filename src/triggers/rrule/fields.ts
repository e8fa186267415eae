/**
 * A recurrence as an object: another way to write the text.
 *
 * @since 0.1.0
 */
import { show, TriggerError } from "../error.ts"
import { parse } from "./parse.ts"
import * as Parts from "./parts.ts"

/**
 * The parts of a recurrence of RFC 5545 as an object.
 *
 * **Details**
 *
 * Names and values are those of the RFC, in any case. Dates are written as there (`"19970902T090000"`) or as ISO 8601
 * writes them (`"1997-09-02T09:00:00"`), with a final `Z` for UTC; local ones are in the zone of the options.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecurrenceFields {
  readonly freq: "yearly" | "monthly" | "weekly" | "daily" | "hourly" | "minutely" | "secondly"
  /** How many instances there are, from the start on. Not beside `until`. */
  readonly count?: number | undefined
  /** The last instant allowed, inclusive, of the same form as `dtstart`. */
  readonly until?: string | undefined
  /** Every n-th year, month, …, counted from the start. Default 1. */
  readonly interval?: number | undefined
  /** The day on which weeks begin. Default `"MO"`. */
  readonly wkst?: string | undefined
  readonly byMonth?: number | ReadonlyArray<number> | undefined
  readonly byWeekNo?: number | ReadonlyArray<number> | undefined
  readonly byYearDay?: number | ReadonlyArray<number> | undefined
  readonly byMonthDay?: number | ReadonlyArray<number> | undefined
  /** Weekdays: `"MO"`, or `"2TU"` and `"-1FR"` for the second Tuesday and the last Friday of the month or year. */
  readonly byDay?: string | ReadonlyArray<string> | undefined
  readonly byHour?: number | ReadonlyArray<number> | undefined
  readonly byMinute?: number | ReadonlyArray<number> | undefined
  readonly bySecond?: number | ReadonlyArray<number> | undefined
  readonly bySetPos?: number | ReadonlyArray<number> | undefined
  /** The start. Default: the anchor. */
  readonly dtstart?: string | undefined
  /** Dates that fire besides. */
  readonly rdate?: string | ReadonlyArray<string> | undefined
  /** Dates that do not fire. */
  readonly exdate?: string | ReadonlyArray<string> | undefined
}

/**
 * The text of a recurrence. Throws a `TriggerError`.
 *
 * @internal
 */
export const toText = (fields: RecurrenceFields): string => {
  const parts: Array<string> = []
  const lines: Array<string> = []
  for (const [key, given] of Object.entries(fields)) {
    if (given === undefined) continue
    const values: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
    const name = key.toUpperCase()
    if (name === "DTSTART" || name === "RDATE" || name === "EXDATE") {
      const dates = values.map((value) => dateText(key, value))
      const type = dates.some((date) => !date.includes("T")) ? ";VALUE=DATE" : ""
      lines.push(`${name}${type}:${dates.join(",")}`)
    } else if (Parts.names.includes(name as Parts.Name)) {
      parts.push(
        `${name}=${values.map((value) => name === "UNTIL" ? dateText(key, value) : partText(key, value)).join(",")}`
      )
    } else {
      throw new TriggerError({ reason: "option", field: key, value: show(key), expected: `one of ${known}` })
    }
  }
  const text = [...lines, ...(parts.length === 0 ? [] : [`RRULE:${parts.join(";")}`])].join("\n")
  try {
    parse(text)
    return text
  } catch (error) {
    // a position in this text would mean nothing to the one who gave an object
    if (!(error instanceof TriggerError)) throw error
    const { expected, field, reason, value } = error
    throw new TriggerError({ reason, field, value, expected })
  }
}

const known =
  "freq, count, until, interval, wkst, byMonth, byWeekNo, byYearDay, byMonthDay, byDay, byHour, byMinute, " +
  "bySecond, bySetPos, dtstart, rdate, exdate"

const partText = (field: string, value: unknown): string => {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : ""
  if (/^[+-]?[A-Za-z0-9]{1,32}$/.test(text)) return text
  throw new TriggerError({ reason: "syntax", field, value: show(value), expected: "a value as RFC 5545 writes it" })
}

/** A date in the form of the RFC, without the punctuation of ISO 8601. */
const dateText = (field: string, value: unknown): string => {
  const text = typeof value === "string" ? value.toUpperCase() : ""
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(Z?))?$/.exec(text)
  if (match === null) {
    if (/^\d{8}(?:T\d{6}Z?)?$/.test(text)) return text
    throw new TriggerError({
      reason: "syntax",
      field,
      value: show(value),
      expected: `a date such as "1997-09-02", "1997-09-02T09:00:00" or "1997-09-02T09:00:00Z"`
    })
  }
  const [, year, month, day, hour, minute, second, utc] = match
  return `${year}${month}${day}${hour === undefined ? "" : `T${hour}${minute}${second}${utc}`}`
}
