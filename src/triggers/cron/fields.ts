/**
 * The fields of a cron expression: their names, their ranges, and how each dialect writes them.
 *
 * @since 0.1.0
 */
import { firstYear, lastYear } from "./calendar.ts"

/**
 * How one field is read.
 *
 * @internal
 */
export interface Field {
  readonly name: string
  readonly min: number
  /** The largest value of a cycle; a weekday may also be written as 7, which is 0 again. */
  readonly max: number
  /** The largest number that may be written. */
  readonly limit: number
  /** Names for values, the first for `min`. */
  readonly names: ReadonlyArray<string>
  /** Whether a range may run past `max` and go on at `min`. */
  readonly wraps: boolean
  /** What to add to a weekday, modulo 7, so that 0 is Sunday. */
  readonly shift: number
  /**
   * What else may stand here: `"day"` has `L`, `L-3`, `15W`, `LW` and `?`; `"weekday"` has `5L`, `5#2` and `?`;
   * `"ordinal"` has `last`, `last fri` and `2nd fri`.
   */
  readonly special: "day" | "weekday" | "ordinal" | undefined
  /** Whether there may be blanks around commas. */
  readonly blanks: boolean
}

const field = (name: string, min: number, max: number, options?: Partial<Field>): Field => ({
  name,
  min,
  max,
  limit: max,
  names: [],
  wraps: true,
  shift: 0,
  special: undefined,
  blanks: false,
  ...options
})

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const fromSunday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
const fromMonday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

/** The fields of crontab text, and of Quartz where nothing else is said. */
export const text = {
  second: field("second", 0, 59),
  minute: field("minute", 0, 59),
  hour: field("hour", 0, 23),
  day: field("day", 1, 31, { special: "day" }),
  month: field("month", 1, 12, { names: months }),
  /** 0 or 7 = Sunday. */
  weekday: field("weekday", 0, 6, { limit: 7, names: fromSunday, special: "weekday" }),
  /** 1 = Sunday. */
  weekdayQuartz: field("weekday", 1, 7, { names: fromSunday, shift: 6, special: "weekday" }),
  year: field("year", firstYear, lastYear, { wraps: false })
}

const object = { blanks: true }

/** The fields of APScheduler's field object, from the most to the least significant. */
export const named = {
  year: field("year", firstYear, lastYear, { ...object, wraps: false }),
  month: field("month", 1, 12, { ...object, names: months }),
  day: field("day", 1, 31, { ...object, special: "ordinal" }),
  week: field("week", 1, 53, object),
  /** 0 = Monday. */
  dayOfWeek: field("dayOfWeek", 0, 6, { ...object, names: fromMonday, shift: 1 }),
  hour: field("hour", 0, 23, object),
  minute: field("minute", 0, 59, object),
  second: field("second", 0, 59, object)
}

/** The weekdays as ordinals name them: 0 = Sunday. */
export const weekdays = fromSunday
