/**
 * Whether a cron expression can fire at all: whether some date matches it, and, where gaps are skipped, whether one of its
 * wall times is not in a gap.
 *
 * Searching the tables of a zone for that could mean to find the clock changes of centuries first. Here the zone is asked
 * for its offsets around candidates only, two for each year.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { OffsetAt } from "../zone/offsets.ts"
import { repeatsFrom } from "../zone/table.ts"
import { type Calendar, firstYear } from "./calendar.ts"
import * as Search from "./search.ts"

const day = 86_400

/**
 * Every kind of year occurs within these years: each day of the week as its first, leap or not, after a leap year or not.
 * What matches in none of them never does.
 */
const everyKindOfYear = (firstYear + 28) * 12

/**
 * Whether some date matches the calendar.
 *
 * @internal
 */
export const hasDate = (calendar: Calendar): boolean =>
  Search.next({ ...calendar, years: undefined }, 0, everyKindOfYear) >= 0 &&
  (calendar.years === undefined || Search.next(bounded(calendar), 0) >= 0)

/**
 * A calendar without the years that are of no new kind: the 400-year cycle of the Gregorian calendar repeats the kinds of
 * years, and so the kinds of every n-th year after 400 of these.
 */
const bounded = (calendar: Calendar): Calendar => ({
  ...calendar,
  years: calendar.years?.map(({ from, step, to }) => ({
    from,
    step,
    to: Math.min(to, Math.max(from, 2100) + 401 * step)
  }))
})

/**
 * Whether the zone shows one of the wall times of `[from, to]`.
 *
 * @internal
 */
export const hasWall = (given: Calendar, offsetAt: OffsetAt, from: number, to: number): boolean => {
  // only a search without bounds can go through all years, and then years of the same kind stand for each other
  const calendar = from === -Infinity && to === Infinity ? bounded(given) : given
  // from 2100 on, what a zone and a calendar do in a year depends on the kind of the year alone
  const hopeless = new Set<number>()
  let wall = Search.next(calendar, from)
  while (wall >= 0 && wall <= to) {
    const year = yearOf(wall)
    const kind = kindOf(year)
    if (wall >= repeatsFrom && hopeless.has(kind)) {
      wall = Search.next(calendar, Civil.monthStart((year + 1) * 12) * day)
      continue
    }
    const before = offsetAt(wall - day)
    const after = offsetAt(wall + day)
    if (before === after || exists(offsetAt, wall, before, after)) return true
    // the gap ends before this; either its last wall time is beyond its end, or all are within
    const last = Search.previous(calendar, wall + after - before)
    if (last > wall && last <= to && exists(offsetAt, last, before, after)) return true
    wall = Search.next(calendar, Math.max(last, wall) + 1)
    if (wall < 0 || yearOf(wall) !== year) hopeless.add(kind)
  }
  return false
}

/** Whether a wall time near a change from `before` to `after` is shown by one of the two. */
const exists = (offsetAt: OffsetAt, wall: number, before: number, after: number): boolean =>
  offsetAt(wall - before) === before || offsetAt(wall - after) === after

const yearOf = (wall: number): number => ((Civil.fromDay(Math.floor(wall / day)) >> 5) / 12) | 0

/** The weekday of 1 January, and whether the year and the year before have a leap day. */
const kindOf = (year: number): number =>
  Civil.weekday(Civil.monthStart(year * 12)) * 4 + (Civil.isLeap(year) ? 2 : 0) + (Civil.isLeap(year - 1) ? 1 : 0)
