/**
 * The fields of a cron expression: their names, their ranges, and how each dialect numbers them.
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
}

const field = (name: string, min: number, max: number, options?: Partial<Field>): Field => ({
  name,
  min,
  max,
  limit: max,
  names: [],
  wraps: true,
  shift: 0,
  ...options
})

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const fromSunday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
const fromMonday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

export const second = field("second", 0, 59)
export const minute = field("minute", 0, 59)
export const hour = field("hour", 0, 23)
export const day = field("day", 1, 31)
export const month = field("month", 1, 12, { names: months })
export const year = field("year", firstYear, lastYear, { wraps: false })
export const week = field("week", 1, 53)

/** 0 or 7 = Sunday. */
export const weekday = field("weekday", 0, 6, { limit: 7, names: fromSunday })

/** Quartz: 1 = Sunday. */
export const weekdayQuartz = field("weekday", 1, 7, { names: fromSunday, shift: 6 })

/** APScheduler: 0 = Monday. */
export const weekdayFromMonday = field("weekday", 0, 6, { names: fromMonday, shift: 1 })
