/**
 * Every INTERVAL-th year, month, week or day: the stretches of days that a rule looks into.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { Frequency } from "./recurrence.ts"

/** The first and the last day of all: the years 1 and 9999. */
export const firstDay = Civil.monthStart(12)
export const lastDay = Civil.monthStart(10_000 * 12) - 1

/**
 * Stretches of days, numbered from 1970-01-01.
 *
 * @internal
 */
export interface Periods {
  /** The first day at or after `day` that lies in a stretch; beyond `lastDay` for none. */
  readonly next: (day: number) => number
  /** The last day at or before `day` that lies in a stretch; before `firstDay` for none. */
  readonly previous: (day: number) => number
  /** The first day of the stretch that `day` lies in. */
  readonly start: (day: number) => number
  /** The last day of the stretch that `day` lies in. */
  readonly end: (day: number) => number
}

/**
 * No stretch at all.
 *
 * @internal
 */
export const never: Periods = {
  next: () => Infinity,
  previous: () => -Infinity,
  start: (day) => day,
  end: (day) => day
}

/**
 * One stretch without end, where there is no need to tell them apart.
 *
 * @internal
 */
export const always: Periods = {
  next: (day) => day,
  previous: (day) => day,
  start: () => -Infinity,
  end: () => Infinity
}

/**
 * Every `interval`-th year, month, week or day, counted from the one that `origin` lies in.
 *
 * @internal
 */
export const make = (freq: Frequency, interval: number, weekStart: number, origin: number): Periods => {
  switch (freq) {
    case "YEARLY":
      return months(12, interval, origin)
    case "MONTHLY":
      return months(1, interval, origin)
    case "WEEKLY":
      return days(7, interval, origin - ((Civil.weekday(origin) - weekStart + 7) % 7))
    default:
      return days(1, interval, origin)
  }
}

/** Stretches of `size` days, one in `interval`, of which one begins at `origin`. */
const days = (size: number, interval: number, origin: number): Periods => {
  const cycle = size * interval
  const within = (day: number): number => modulo(day - origin, cycle)
  return {
    next(day) {
      const passed = within(day)
      return passed < size ? day : day + cycle - passed
    },
    previous(day) {
      const passed = within(day)
      return passed < size ? day : day - passed + size - 1
    },
    start: (day) => day - within(day),
    end: (day) => day - within(day) + size - 1
  }
}

/** Stretches of `size` months, one in `interval`, counted from the one that holds `origin`. */
const months = (size: number, interval: number, origin: number): Periods => {
  const indexOf = (day: number): number => Math.floor((Civil.fromDay(day) >> 5) / size)
  const first = indexOf(origin)
  const firstIndex = Math.floor(12 / size)
  const lastIndex = Math.floor((9999 * 12 + 11) / size)
  return {
    next(day) {
      const index = indexOf(day)
      const passed = modulo(index - first, interval)
      if (passed === 0) return day
      const later = index + interval - passed
      return later > lastIndex ? Infinity : Civil.monthStart(later * size)
    },
    previous(day) {
      const index = indexOf(day)
      const passed = modulo(index - first, interval)
      if (passed === 0) return day
      const earlier = index - passed
      return earlier < firstIndex ? -Infinity : Civil.monthStart((earlier + 1) * size) - 1
    },
    start: (day) => Civil.monthStart(indexOf(day) * size),
    end: (day) => Civil.monthStart((indexOf(day) + 1) * size) - 1
  }
}

/** The remainder that is never negative, also of numbers beyond 32 bits, where `%` is slow. */
export const modulo = (value: number, divisor: number): number => value - Math.floor(value / divisor) * divisor

/** The largest number that divides both. */
export const greatestCommonDivisor = (a: number, b: number): number => b === 0 ? a : greatestCommonDivisor(b, a % b)
