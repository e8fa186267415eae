/**
 * Days that are in a set and in a period: the next, the previous, and how many.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { Days } from "./days.ts"
import { firstDay, lastDay, type Periods } from "./periods.ts"

/** The calendar repeats itself after 400 years: what is in none of these months is in none at all. */
const maxEmptyMonths = 4800

/**
 * How many times set and periods may miss each other in turn before they are said never to meet: more often than there are
 * weeks in 400 years. Those that miss each other for good by their weekdays are told before any search.
 */
const maxMisses = 50_000

/**
 * The first day at or after `day`, or Infinity for none.
 *
 * @internal
 */
export const next = (days: Days, periods: Periods, day: number): number => {
  let empty = 0
  for (let misses = 0; misses < maxMisses;) {
    day = periods.next(day)
    if (day > lastDay) return Infinity
    const packed = Civil.fromDay(day)
    const start = day - (packed & 31) + 1
    const rest = days.of(packed >> 5, start) & (-1 << (day - start))
    if (rest === 0) {
      if (++empty > maxEmptyMonths) return Infinity
      day = Civil.monthStart((packed >> 5) + 1)
    } else {
      const found = start + 31 - Math.clz32(rest & -rest)
      if (found === day || found <= periods.end(day)) return found
      day = found
      empty = 0
      misses++
    }
  }
  return Infinity
}

/**
 * The last day at or before `day`, or -Infinity for none.
 *
 * @internal
 */
export const previous = (days: Days, periods: Periods, day: number): number => {
  let empty = 0
  for (let misses = 0; misses < maxMisses;) {
    day = periods.previous(day)
    if (day < firstDay) return -Infinity
    const packed = Civil.fromDay(day)
    const start = day - (packed & 31) + 1
    const rest = days.of(packed >> 5, start) & ~(-2 << (day - start))
    if (rest === 0) {
      if (++empty > maxEmptyMonths) return -Infinity
      day = start - 1
    } else {
      const found = start + 31 - Math.clz32(rest)
      if (found === day || found >= periods.start(day)) return found
      day = found
      empty = 0
      misses++
    }
  }
  return -Infinity
}

/**
 * How many days lie in `[from, to)`.
 *
 * @internal
 */
export const count = (days: Days, periods: Periods, from: number, to: number): number => {
  let total = 0
  let month = -1
  let start = 0
  let bits = 0
  for (let day = periods.next(from); day < to; day = periods.next(day)) {
    const packed = Civil.fromDay(day)
    if (packed >> 5 !== month) {
      month = packed >> 5
      start = day - (packed & 31) + 1
      bits = days.of(month, start)
    }
    const until = Math.min(to, Civil.monthStart(month + 1), periods.end(day) + 1)
    total += population(bits & (-1 << (day - start)) & ~(-1 << (until - start)))
    day = until
  }
  return total
}

/** How many bits are set. */
const population = (bits: number): number => {
  let n = bits - ((bits >>> 1) & 0x5555_5555)
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}
