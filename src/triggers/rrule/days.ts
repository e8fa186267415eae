/**
 * The days that the BY* parts of a rule name, a month at a time.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { NthWeekday, Rule } from "./recurrence.ts"

/**
 * A set of days that can be asked for the days of a month.
 *
 * @internal
 */
export interface Days {
  /**
   * The days of a month as bits, bit 0 = the first; `month` is numbered as in `Civil`, and `start` is the day on which it
   * begins.
   */
  readonly of: (month: number, start: number) => number
}

/** What of a rule names days. */
export type DayParts = Pick<Rule, "freq" | "weekStart" | "byMonth" | "byWeekNo" | "byYearDay" | "byMonthDay" | "byDay">

const all31 = 0x7fff_ffff

/** @internal */
export const make = (parts: DayParts): Days => {
  const { byDay, byMonth, byMonthDay, byWeekNo, byYearDay, freq, weekStart } = parts
  const months = byMonth === undefined ? 0xfff : bits(byMonth.map((month) => month - 1))
  const monthDays = byMonthDay === undefined ? undefined : {
    fromStart: bits(byMonthDay.filter((n) => n > 0).map((n) => n - 1)),
    /** Bit 30 = the last day. */
    fromEnd: bits(byMonthDay.filter((n) => n < 0).map((n) => 31 + n))
  }
  const yearDays = byYearDay === undefined ? undefined : [yearDayBits(byYearDay, 0), yearDayBits(byYearDay, 1)] as const
  // the n-th weekday of the year, unless the rule speaks of months
  const ofYear = freq === "YEARLY" && byMonth === undefined
  const everyWeekday = byDay === undefined
    ? 127
    : bits(byDay.filter(({ n }) => n === 0).map(({ weekday }) => weekday))
  const nth = byDay?.filter(({ n }) => n !== 0) ?? []
  const patterns = weekdayPatterns(everyWeekday)

  return {
    of(month, start) {
      const year = (month / 12) | 0
      const index = month - year * 12
      if (((months >> index) & 1) === 0) return 0
      const length = Civil.monthLength(month)
      let days = all31 >> (31 - length)
      if (monthDays !== undefined) days &= monthDays.fromStart | (monthDays.fromEnd >> (31 - length))
      if (yearDays !== undefined) days &= yearDays[Civil.isLeap(year) ? 1 : 0][index]!
      if (byDay !== undefined) {
        const first = Civil.weekday(start)
        let named = patterns[first]!
        for (let i = 0; i < nth.length; i++) {
          named |= ofYear ? nthOfYear(nth[i]!, year, start) : nthOfMonth(nth[i]!, first, length)
        }
        days &= named
      }
      if (byWeekNo !== undefined && days !== 0) days &= weekBits(byWeekNo, weekStart, month, start, length)
      return days
    }
  }
}

const bits = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum | (1 << value), 0)

/** The days of a month whose weekday is in a set, by the weekday on which the month begins. */
const weekdayPatterns = (weekdays: number): ReadonlyArray<number> =>
  Array.from({ length: 7 }, (_, first) => {
    let pattern = 0
    for (let i = 0; i < 31; i++) pattern |= ((weekdays >> ((first + i) % 7)) & 1) << i
    return pattern
  })

/** The days of the year as bits for each month. */
const yearDayBits = (days: ReadonlyArray<number>, leap: 0 | 1): ReadonlyArray<number> => {
  const year = leap === 1 ? 2000 : 2001
  const length = 365 + leap
  const months = Array.from({ length: 12 }, () => 0)
  for (const n of days) {
    if (Math.abs(n) > length) continue
    const packed = Civil.fromDay(Civil.monthStart(year * 12) + (n > 0 ? n - 1 : length + n))
    months[(packed >> 5) - year * 12]! |= 1 << ((packed & 31) - 1)
  }
  return months
}

/** How many days after the `first` weekday of a stretch of `length` days the n-th weekday lies, or -1 for none. */
const nthWithin = ({ n, weekday }: NthWeekday, first: number, length: number): number => {
  const earliest = (weekday - first + 7) % 7
  const index = n > 0
    ? earliest + 7 * (n - 1)
    : earliest + 7 * (((length - 1 - earliest) / 7 | 0) + 1 + n)
  return index < length ? index : -1
}

const nthOfMonth = (day: NthWeekday, first: number, length: number): number => {
  const index = nthWithin(day, first, length)
  return index < 0 ? 0 : 1 << index
}

const nthOfYear = (day: NthWeekday, year: number, monthStart: number): number => {
  const yearStart = Civil.monthStart(year * 12)
  const index = nthWithin(day, Civil.weekday(yearStart), Civil.isLeap(year) ? 366 : 365)
  const inMonth = index - (monthStart - yearStart)
  return index < 0 || inMonth < 0 || inMonth > 30 ? 0 : 1 << inMonth
}

/** The days of a month that lie in one of the weeks of its year, or of a year beside it. */
const weekBits = (
  weeks: ReadonlyArray<number>,
  weekStart: number,
  month: number,
  start: number,
  length: number
): number => {
  const year = (month / 12) | 0
  const index = month - year * 12
  let days = 0
  for (let of = index === 0 ? year - 1 : year; of <= (index === 11 ? year + 1 : year); of++) {
    const first = firstWeek(of, weekStart)
    const end = firstWeek(of + 1, weekStart)
    for (let i = 0; i < weeks.length; i++) {
      const n = weeks[i]!
      const week = n > 0 ? first + 7 * (n - 1) : end + 7 * n
      const shift = week - start
      if (week >= first && week < end && shift > -7 && shift < length) {
        days |= shift < 0 ? 127 >> -shift : 127 << shift
      }
    }
  }
  return days & (all31 >> (31 - length))
}

/** The day on which the first week of a year begins, which is the first with four days in it. */
const firstWeek = (year: number, weekStart: number): number => {
  const fourth = Civil.monthStart(year * 12) + 3
  return fourth - ((Civil.weekday(fourth) - weekStart + 7) % 7)
}
