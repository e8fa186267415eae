/**
 * From a rule and its start to wall times.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { Walls } from "../zone/clockChange.ts"
import * as Clock from "./clock.ts"
import * as Daily from "./daily.ts"
import * as Days from "./days.ts"
import * as Moments from "./moments.ts"
import * as Periods from "./periods.ts"
import * as Picked from "./picked.ts"
import type { Rule } from "./recurrence.ts"
import * as Ticks from "./ticks.ts"

const day = 86_400
const lastWall = (Periods.lastDay + 1) * day - 1

const range = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, value) => value)
const everyHour = range(24)
const everyMinute = range(60)
const everySecond = everyMinute

/**
 * All wall times of a rule that starts at the wall time `start`, those before the start included, COUNT and UNTIL left to
 * others. What the rule does not say is taken from the start. Infinity and -Infinity stand for none.
 *
 * @internal
 */
export const walls = (rule: Rule, start: number): Walls => {
  const { bySetPos, freq, interval, weekStart } = rule
  const date = Math.floor(start / day)
  const time = start - date * day
  const minutes = rule.byMinute ?? [Math.floor(time / 60) % 60]
  const seconds = rule.bySecond ?? [time % 60]
  const parts = withDate(rule, date)
  if (!hasDayOfMonth(parts)) return none
  const days = Days.make(parts)

  const ticks = (unit: number, clock: Clock.Clock, moments: Moments.Moments): Walls => {
    const picked = Moments.pick(moments, bySetPos)
    if (picked.length === 0) return none
    const everyDay = rule.byMonth === undefined && rule.byYearDay === undefined && rule.byMonthDay === undefined &&
      rule.byDay === undefined
    const origin = Math.floor(start / unit) * unit
    const weekdays = weekdayBits(rule)
    return Ticks.make({ days, everyDay, clock, unit, step: interval * unit, origin, moments: picked, weekdays })
  }

  switch (freq) {
    case "HOURLY":
      return ticks(3600, Clock.make(rule.byHour ?? everyHour, [0], [0]), Moments.product([0], minutes, seconds))
    case "MINUTELY":
      return ticks(
        60,
        Clock.make(rule.byHour ?? everyHour, rule.byMinute ?? everyMinute, [0]),
        Moments.product([0], [0], seconds)
      )
    case "SECONDLY":
      return ticks(
        1,
        Clock.make(rule.byHour ?? everyHour, rule.byMinute ?? everyMinute, rule.bySecond ?? everySecond),
        Moments.product([0], [0], [0])
      )
    default: {
      const moments = Moments.product(rule.byHour ?? [Math.floor(time / 3600)], minutes, seconds)
      // whole weeks keep the weekday
      const isHopeless = freq === "DAILY" && interval % 7 === 0 &&
        ((weekdayBits(rule) >> Civil.weekday(date)) & 1) === 0
      const periods = isHopeless ? Periods.never : Periods.make(freq, interval, weekStart, date)
      if (bySetPos !== undefined && freq !== "DAILY") {
        const most = mostDates(parts) * moments.length
        const positions = bySetPos.filter((position) => Math.abs(position) <= most)
        return positions.length === 0 ? none : Picked.make(days, periods, moments, positions)
      }
      const picked = Moments.pick(moments, bySetPos)
      return picked.length === 0 ? none : Daily.make(days, interval === 1 ? Periods.always : periods, picked)
    }
  }
}

/** A rule that says nothing of its days keeps those of the start; a week of the year needs a weekday. */
const withDate = (rule: Rule, date: number): Days.DayParts => {
  const { byDay, byMonth, byMonthDay, byWeekNo, byYearDay, freq } = rule
  if (byDay !== undefined || byMonthDay !== undefined || byYearDay !== undefined) return rule
  const weekday = [{ n: 0, weekday: Civil.weekday(date) }]
  const packed = Civil.fromDay(date)
  const dayOfMonth = [packed & 31]
  switch (freq) {
    case "YEARLY":
      return byWeekNo !== undefined
        ? { ...rule, byDay: weekday }
        : { ...rule, byMonth: byMonth ?? [(packed >> 5) % 12 + 1], byMonthDay: dayOfMonth }
    case "MONTHLY":
      return { ...rule, byMonthDay: dayOfMonth }
    case "WEEKLY":
      return { ...rule, byDay: weekday }
    default:
      return rule
  }
}

/** Whether one of the months has one of the days of the month: there is no 30 February in any year. */
const hasDayOfMonth = ({ byMonth, byMonthDay }: Days.DayParts): boolean =>
  byMonthDay === undefined || byMonth === undefined ||
  byMonth.some((month) => byMonthDay.some((n) => Math.abs(n) <= Civil.monthLength(leapYear * 12 + month - 1)))

const leapYear = 2000

/** The weekdays that a rule names, numbered or not: bit 0 = Sunday. */
const weekdayBits = ({ byDay }: Pick<Rule, "byDay">): number =>
  byDay === undefined ? 127 : byDay.reduce((bits, { weekday }) => bits | (1 << weekday), 0)

/** No period has more dates than this. */
const mostDates = (parts: Days.DayParts): number => {
  const { byDay, byMonth, byMonthDay, byYearDay, freq } = parts
  if (freq === "WEEKLY") return countBits(weekdayBits(parts))
  const [size, weeks, months] = freq === "YEARLY" ? [366, 53, byMonth?.length ?? 12] : [31, 5, 1]
  // a numbered weekday comes once a month, or once a year where the rule names no months
  const numbered = byMonth === undefined ? 1 : months
  const weekdays = byDay?.reduce((sum, { n }) => sum + (n === 0 ? weeks : numbered), 0) ?? size
  return Math.min(size, weekdays, (byMonthDay?.length ?? size) * months, byYearDay?.length ?? size)
}

const countBits = (bits: number): number => bits === 0 ? 0 : (bits & 1) + countBits(bits >>> 1)

/**
 * Whether BYSETPOS can leave anything of some period, whatever the start: of periods that follow each other without a pause, and where the
 * rule leaves the weekday to the start, with each of them.
 *
 * @internal
 */
export const hasPositions = (rule: Rule): boolean => {
  if (rule.bySetPos === undefined) return true
  const everyPeriod = { ...rule, interval: 1 }
  for (let weekday = 0; weekday < 7; weekday++) {
    // the first of a month, so that every month has the day
    if (walls(everyPeriod, firstsOfMonths[weekday]! * day).next(0) !== Infinity) return true
    if (rule.byDay !== undefined || rule.byMonthDay !== undefined || rule.byYearDay !== undefined) return false
  }
  return false
}

/** For each weekday, a day that is the first of a month. */
const firstsOfMonths: ReadonlyArray<number> = (() => {
  const days: Array<number> = []
  for (let month = 1970 * 12; month < 1972 * 12; month++) {
    days[Civil.weekday(Civil.monthStart(month))] = Civil.monthStart(month)
  }
  return days
})()

const none: Walls = { next: () => Infinity, previous: () => -Infinity, count: () => 0 }

/**
 * The n-th wall time at or after `from`, or Infinity when there are fewer.
 *
 * @internal
 */
export const nth = (walls: Walls, from: number, n: number): number => {
  let low = from
  let found = 0
  let high = low
  for (let span = day;; span *= 2) {
    high = Math.min(low + span, lastWall + 1)
    const more = walls.count(low, high)
    if (found + more >= n) break
    if (high > lastWall) return Infinity
    found += more
    low = high
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const more = walls.count(low, middle)
    if (found + more >= n) {
      high = middle
    } else {
      found += more
      low = middle
    }
  }
  return low
}

/**
 * The wall times of `[first, last]` that a zone can show: those from 1970 to 9999.
 *
 * @internal
 */
export const within = (walls: Walls, first: number, last: number): Walls => {
  const low = Math.max(0, first)
  const high = Math.min(lastWall, last)
  return {
    next(wall) {
      if (wall > high) return -1
      const found = walls.next(wall < low ? low : wall)
      return found <= high ? found : -1
    },
    previous(wall) {
      if (wall < low) return -1
      const found = walls.previous(wall > high ? high : wall)
      return found >= low ? found : -1
    },
    count(from, to) {
      const begin = from < low ? low : from
      const end = to > high + 1 ? high + 1 : to
      return begin < end ? walls.count(begin, end) : 0
    }
  }
}
