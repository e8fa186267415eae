/**
 * Rules with BYSETPOS that look into weeks, months or years: of all times of a period, those at certain positions.
 *
 * @since 0.1.0
 */
import type { Walls } from "../zone/clockChange.ts"
import type { Days } from "./days.ts"
import { type Moments, rank } from "./moments.ts"
import { firstDay, lastDay, type Periods } from "./periods.ts"
import * as Search from "./search.ts"

const day = 86_400

/** After 400 years of periods in a row without a time at the positions there is none: the calendar repeats itself. */
const maxDays = 146_097 + 366

/**
 * The moments of the days of each period, at the given positions: 1 the first and -1 the last.
 *
 * @internal
 */
export const make = (days: Days, periods: Periods, moments: Moments, positions: ReadonlyArray<number>): Walls => {
  let pickedStart = NaN
  let picked: ReadonlyArray<number> = []

  /** What is picked of the period that a day lies in, ascending. */
  const pick = (start: number, end: number): ReadonlyArray<number> => {
    if (start === pickedStart) return picked
    const size = Search.count(days, periods, start, end + 1) * moments.length
    if (positions.every((position) => Math.abs(position) > size)) return nothing
    const dates: Array<number> = []
    for (let at = Search.next(days, periods, start); at <= end; at = Search.next(days, periods, at + 1)) dates.push(at)
    const found = new Set<number>()
    for (const position of positions) {
      const index = position > 0 ? position - 1 : size + position
      if (index < 0 || index >= size) continue
      found.add(dates[Math.floor(index / moments.length)]! * day + moments[index % moments.length]!)
    }
    pickedStart = start
    return picked = Array.from(found).sort((a, b) => a - b)
  }

  return {
    next(wall) {
      let at = periods.next(Math.floor(wall / day))
      for (let looked = 0; at <= lastDay && looked < maxDays;) {
        const start = periods.start(at)
        const end = periods.end(at)
        const walls = pick(start, end)
        looked += end + 1 - start
        const index = rank(walls, wall)
        if (index < walls.length) return walls[index]!
        at = Search.next(days, periods, end + 1)
      }
      return Infinity
    },
    previous(wall) {
      let at = periods.previous(Math.floor(wall / day))
      for (let looked = 0; at >= firstDay && looked < maxDays;) {
        const start = periods.start(at)
        const end = periods.end(at)
        const walls = pick(start, end)
        looked += end + 1 - start
        const index = rank(walls, wall + 1)
        if (index > 0) return walls[index - 1]!
        at = Search.previous(days, periods, start - 1)
      }
      return -Infinity
    },
    count(from, to) {
      let total = 0
      for (let at = periods.next(Math.floor(from / day)); at <= lastDay && at * day < to;) {
        const end = periods.end(at)
        const walls = pick(periods.start(at), end)
        total += rank(walls, to) - rank(walls, from)
        at = Search.next(days, periods, end + 1)
      }
      return total
    }
  }
}

const nothing: ReadonlyArray<number> = []
