/**
 * Rules that look into days, weeks, months or years: the same times on each of certain days.
 *
 * @since 0.1.0
 */
import type { Walls } from "../zone/clockChange.ts"
import type { Days } from "./days.ts"
import { type Moments, rank } from "./moments.ts"
import type { Periods } from "./periods.ts"
import * as Search from "./search.ts"

const day = 86_400

/**
 * Each moment of each day that is in the set and in one of the periods. Here and in the other sets of wall times of this
 * folder, Infinity and -Infinity stand for none, because wall times before 1970 are negative.
 *
 * @internal
 */
export const make = (days: Days, periods: Periods, moments: Moments): Walls => {
  const first = moments[0]!
  const last = moments[moments.length - 1]!
  return {
    next(wall) {
      const today = Math.floor(wall / day)
      const time = wall - today * day
      const found = Search.next(days, periods, time <= last ? today : today + 1)
      return found * day + (found > today || time <= first ? first : moments[rank(moments, time)]!)
    },
    previous(wall) {
      const today = Math.floor(wall / day)
      const time = wall - today * day
      const found = Search.previous(days, periods, time >= first ? today : today - 1)
      return found * day + (found < today || time >= last ? last : moments[rank(moments, time + 1) - 1]!)
    },
    count(from, to) {
      const fromDay = Math.floor(from / day)
      const toDay = Math.floor(to / day)
      const isDay = (at: number): boolean => Search.count(days, periods, at, at + 1) === 1
      const before = isDay(fromDay) ? rank(moments, from - fromDay * day) : 0
      const within = to > toDay * day && isDay(toDay) ? rank(moments, to - toDay * day) : 0
      return Search.count(days, periods, fromDay, toDay) * moments.length - before + within
    }
  }
}
