/**
 * A cron expression as bit sets, and the days of a month that it names.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"

/** The first and the last year that cron knows; those of APScheduler. */
export const firstYear = 1970
export const lastYear = 9999

/**
 * Days that a day field names other than by a plain value.
 *
 * @internal
 */
export interface SpecialDays {
  /** Days counted from the end of the month: bit 0 = the last. */
  readonly fromEnd: number
  /** The weekdays (Monday to Friday) nearest to these days of the month: bit 0 = the first. */
  readonly nearest: number
  /** The last Monday to Friday of the month. */
  readonly lastWorkday: boolean
  /** Certain weekdays of the month, as `weekday * 8 + n`: the n-th, or the last where n is 6. */
  readonly nth: ReadonlyArray<number>
}

/**
 * Every `step`-th year from `from` to `to`, both inclusive.
 *
 * @internal
 */
export interface YearRange {
  readonly from: number
  readonly to: number
  readonly step: number
}

/**
 * What a cron expression says, ready for searching. Sets of up to sixty values are two integers of thirty bits.
 *
 * @internal
 */
export interface Calendar {
  readonly secondsLow: number
  readonly secondsHigh: number
  readonly minutesLow: number
  readonly minutesHigh: number
  readonly hours: number
  /** Bit 0 = January. */
  readonly months: number
  /** `undefined` for all. */
  readonly years: ReadonlyArray<YearRange> | undefined
  /** ISO weeks 1 to 29 and 30 to 53, or `undefined` for all. */
  readonly weeks: { readonly low: number; readonly high: number } | undefined
  /** Days of the month: bit 0 = the first. */
  readonly days: number
  readonly specialDays: SpecialDays | undefined
  /** Days of the week: bit 0 = Sunday. */
  readonly weekdays: number
  readonly specialWeekdays: SpecialDays | undefined
  /** Whether a date must match both day fields, or one of them. */
  readonly both: boolean
}

/** Seven days of the week, beginning at `first`, repeated over the 31 days of a month. */
const weekly = (weekdays: number, first: number): number => {
  const week = ((weekdays >> first) | (weekdays << (7 - first))) & 127
  return (week | (week << 7) | (week << 14) | (week << 21) | (week << 28)) & 0x7fff_ffff
}

/**
 * The days of a month that match, bit 0 = the first.
 *
 * @param month the number of the month, see `Civil`
 * @param start the day on which it begins
 */
export const daysOf = (calendar: Calendar, month: number, start: number): number => {
  const length = Civil.monthLength(month)
  const all = 0x7fff_ffff >>> (31 - length)
  const first = Civil.weekday(start)
  let byDay = calendar.days
  let byWeekday = weekly(calendar.weekdays, first)
  if (calendar.specialDays !== undefined) byDay |= special(calendar.specialDays, first, length)
  if (calendar.specialWeekdays !== undefined) byWeekday |= special(calendar.specialWeekdays, first, length)
  const days = (calendar.both ? byDay & byWeekday : byDay | byWeekday) & all
  return calendar.weeks === undefined || days === 0 ? days : days & inWeeks(calendar.weeks, start, length)
}

const special = (rule: SpecialDays, first: number, length: number): number => {
  let days = 0
  for (let rest = rule.fromEnd; rest !== 0; rest &= rest - 1) {
    const day = length - 1 - lowest(rest)
    if (day >= 0) days |= 1 << day
  }
  for (let rest = rule.nearest; rest !== 0; rest &= rest - 1) {
    const day = lowest(rest)
    if (day < length) days |= 1 << workdayNear(day, first, length)
  }
  if (rule.lastWorkday) days |= 1 << workdayNear(length - 1, first, length)
  for (let i = 0; i < rule.nth.length; i++) {
    const n = rule.nth[i]! & 7
    const firstSuch = ((rule.nth[i]! >> 3) - first + 7) % 7
    const day = n === 6 ? firstSuch + 7 * (((length - 1 - firstSuch) / 7) | 0) : firstSuch + 7 * (n - 1)
    if (day < length) days |= 1 << day
  }
  return days
}

/** The Monday to Friday nearest to a day of the month (0 = the first), never in another month. */
const workdayNear = (day: number, first: number, length: number): number => {
  const weekday = (first + day) % 7
  if (weekday === 6) return day === 0 ? 2 : day - 1
  if (weekday === 0) return day === length - 1 ? day - 2 : day + 1
  return day
}

const inWeeks = (weeks: { readonly low: number; readonly high: number }, start: number, length: number): number => {
  let days = 0
  // a week at a time, from the Monday on or before the first
  for (let day = -((Civil.weekday(start) + 6) % 7); day < length; day += 7) {
    const week = Civil.isoWeek(start + day)
    if ((week < 30 ? weeks.low >> week : weeks.high >> (week - 30)) & 1) {
      days |= day < 0 ? 127 >> -day : 127 << day
    }
  }
  return days & 0x7fff_ffff
}

/** The number of the lowest bit that is set. */
export const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits)

/** The number of the highest bit that is set, -1 for none. */
export const highest = (bits: number): number => 31 - Math.clz32(bits)

/** How many bits are set. */
export const count = (bits: number): number => {
  bits -= (bits >>> 1) & 0x5555_5555
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}
