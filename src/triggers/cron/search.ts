/**
 * The wall times of a calendar: the next, the previous, and how many. A wall time is the number of seconds that a clock
 * on the wall shows since 1970-01-01T00:00:00, in whatever zone the wall is. -1 stands for none.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { Walls } from "../zone/clockChange.ts"
import { type Calendar, count, daysOf, firstYear, highest, lastYear, lowest, type YearRange } from "./calendar.ts"

const day = 86_400
const firstMonth = firstYear * 12
const lastMonth = lastYear * 12 + 11
const lastWall = Civil.monthStart(lastMonth + 1) * day - 1

/** Bits at or above `index`, which is at most 31. */
const atOrAbove = (bits: number, index: number): number => bits & (-1 << index)

/** Bits below `index`, which is at most 31. */
const below = (bits: number, index: number): number => bits & ((1 << index) - 1)

/** The first value at or after `from` of a set of sixty, or -1. */
const from60 = (low: number, high: number, from: number): number => {
  if (from < 30) {
    const rest = atOrAbove(low, from)
    if (rest !== 0) return lowest(rest)
    return high === 0 ? -1 : 30 + lowest(high)
  }
  if (from > 59) return -1
  const rest = atOrAbove(high, from - 30)
  return rest === 0 ? -1 : 30 + lowest(rest)
}

/** The last value at or before `to` of a set of sixty, or -1. */
const to60 = (low: number, high: number, to: number): number => {
  if (to >= 30) {
    const rest = below(high, to - 29)
    if (rest !== 0) return 30 + highest(rest)
    return highest(low)
  }
  return to < 0 ? -1 : highest(below(low, to + 1))
}

/** The first time of day at or after `time`, in seconds, or -1. */
const timeFrom = (c: Calendar, time: number): number => {
  const hour = (time / 3600) | 0
  if ((c.hours >> hour) & 1) {
    const minute = ((time / 60) | 0) - hour * 60
    const nextMinute = from60(c.minutesLow, c.minutesHigh, minute)
    if (nextMinute === minute) {
      const second = from60(c.secondsLow, c.secondsHigh, time - hour * 3600 - minute * 60)
      if (second >= 0) return hour * 3600 + minute * 60 + second
      const later = from60(c.minutesLow, c.minutesHigh, minute + 1)
      if (later >= 0) return hour * 3600 + later * 60 + from60(c.secondsLow, c.secondsHigh, 0)
    } else if (nextMinute >= 0) {
      return hour * 3600 + nextMinute * 60 + from60(c.secondsLow, c.secondsHigh, 0)
    }
  }
  const later = atOrAbove(c.hours, hour + 1)
  return later === 0 ? -1 : lowest(later) * 3600 + from60(c.minutesLow, c.minutesHigh, 0) * 60 +
    from60(c.secondsLow, c.secondsHigh, 0)
}

/** The last time of day at or before `time`, in seconds, or -1. */
const timeTo = (c: Calendar, time: number): number => {
  const hour = (time / 3600) | 0
  if ((c.hours >> hour) & 1) {
    const minute = ((time / 60) | 0) - hour * 60
    const lastMinute = to60(c.minutesLow, c.minutesHigh, minute)
    if (lastMinute === minute) {
      const second = to60(c.secondsLow, c.secondsHigh, time - hour * 3600 - minute * 60)
      if (second >= 0) return hour * 3600 + minute * 60 + second
      const earlier = to60(c.minutesLow, c.minutesHigh, minute - 1)
      if (earlier >= 0) return hour * 3600 + earlier * 60 + to60(c.secondsLow, c.secondsHigh, 59)
    } else if (lastMinute >= 0) {
      return hour * 3600 + lastMinute * 60 + to60(c.secondsLow, c.secondsHigh, 59)
    }
  }
  const earlier = below(c.hours, hour)
  return earlier === 0 ? -1 : highest(earlier) * 3600 + to60(c.minutesLow, c.minutesHigh, 59) * 60 +
    to60(c.secondsLow, c.secondsHigh, 59)
}

/** The first year at or after `year` that is allowed, or one after the last of all. */
const yearFrom = (years: ReadonlyArray<YearRange>, year: number): number => {
  let first = lastYear + 1
  for (let i = 0; i < years.length; i++) {
    const { from, step, to } = years[i]!
    const at = year <= from ? from : from + Math.ceil((year - from) / step) * step
    if (at <= to && at < first) first = at
  }
  return first
}

/** The last year at or before `year` that is allowed, or one before the first of all. */
const yearTo = (years: ReadonlyArray<YearRange>, year: number): number => {
  let last = firstYear - 1
  for (let i = 0; i < years.length; i++) {
    const { from, step, to } = years[i]!
    const at = from + Math.floor((Math.min(year, to) - from) / step) * step
    if (at >= from && at > last) last = at
  }
  return last
}

/** The first month at or after `month` that the months and years allow, or one after the last of all. */
const monthFrom = (c: Calendar, month: number): number => {
  let year = (month / 12) | 0
  const allowed = c.years === undefined ? year : yearFrom(c.years, year)
  if (allowed === year) {
    const rest = atOrAbove(c.months, month - year * 12)
    if (rest !== 0) return year * 12 + lowest(rest)
    year = c.years === undefined ? year + 1 : yearFrom(c.years, year + 1)
  } else {
    year = allowed
  }
  return year * 12 + lowest(c.months)
}

/** The last month at or before `month` that the months and years allow, or one before the first of all. */
const monthTo = (c: Calendar, month: number): number => {
  let year = (month / 12) | 0
  const allowed = c.years === undefined ? year : yearTo(c.years, year)
  if (allowed === year) {
    const rest = below(c.months, month - year * 12 + 1)
    if (rest !== 0) return year * 12 + highest(rest)
    year = c.years === undefined ? year - 1 : yearTo(c.years, year - 1)
  } else {
    year = allowed
  }
  return year * 12 + highest(c.months)
}

/** The first wall time at or after `wall`, up to the end of the month `last`. */
export const next = (c: Calendar, wall: number, last: number = lastMonth): number => {
  if (wall < 0) wall = 0
  if (wall > lastWall) return -1
  const today = Math.floor(wall / day)
  const packed = Civil.fromDay(today)
  let month = packed >> 5
  let start = today - (packed & 31) + 1
  let days = 0
  if (monthFrom(c, month) === month) {
    const index = (packed & 31) - 1
    days = daysOf(c, month, start)
    if ((days >> index) & 1) {
      const time = timeFrom(c, wall - today * day)
      if (time >= 0) return today * day + time
    }
    days = atOrAbove(days, index + 1)
  }
  while (days === 0) {
    month = monthFrom(c, month + 1)
    if (month > last) return -1
    start = Civil.monthStart(month)
    days = daysOf(c, month, start)
  }
  return (start + lowest(days)) * day + timeFrom(c, 0)
}

/** The last wall time at or before `wall`. */
export const previous = (c: Calendar, wall: number): number => {
  if (wall < 0) return -1
  if (wall > lastWall) wall = lastWall
  const today = Math.floor(wall / day)
  const packed = Civil.fromDay(today)
  let month = packed >> 5
  let start = today - (packed & 31) + 1
  let days = 0
  if (monthTo(c, month) === month) {
    const index = (packed & 31) - 1
    days = daysOf(c, month, start)
    if ((days >> index) & 1) {
      const time = timeTo(c, wall - today * day)
      if (time >= 0) return today * day + time
    }
    days = below(days, index)
  }
  while (days === 0) {
    month = monthTo(c, month - 1)
    if (month < firstMonth) return -1
    start = Civil.monthStart(month)
    days = daysOf(c, month, start)
  }
  return (start + highest(days)) * day + timeTo(c, day - 1)
}

/** How many wall times lie in `[from, to)`: a few steps for each month. */
export const between = (c: Calendar, from: number, to: number): number => {
  if (from < 0) from = 0
  if (to > lastWall + 1) to = lastWall + 1
  if (from >= to) return 0
  const firstDay = Math.floor(from / day)
  const endDay = Math.floor(to / day)
  const perMinute = count(c.secondsLow) + count(c.secondsHigh)
  const perHour = perMinute * (count(c.minutesLow) + count(c.minutesHigh))
  const perDay = perHour * count(c.hours)

  /** How many times of a day lie before `time`. */
  const before = (time: number): number => {
    const hour = (time / 3600) | 0
    let n = count(below(c.hours, hour)) * perHour
    if ((c.hours >> hour) & 1) {
      const minute = ((time / 60) | 0) - hour * 60
      n += countBefore60(c.minutesLow, c.minutesHigh, minute) * perMinute
      if (((minute < 30 ? c.minutesLow >> minute : c.minutesHigh >> (minute - 30)) & 1) === 1) {
        n += countBefore60(c.secondsLow, c.secondsHigh, time - hour * 3600 - minute * 60)
      }
    }
    return n
  }

  // whole days from the first, then what is too much at its beginning and missing at the end
  const packed = Civil.fromDay(firstDay)
  let month = monthFrom(c, packed >> 5)
  let total = 0
  let firstMatches = 0
  let endMatches = 0
  while (month <= lastMonth) {
    const start = Civil.monthStart(month)
    if (start > endDay) break
    let days = daysOf(c, month, start)
    if (firstDay >= start) {
      const index = firstDay - start
      firstMatches = index < 31 ? (days >> index) & 1 : 0
      days = index < 31 ? atOrAbove(days, index) : 0
    }
    const index = endDay - start
    if (index < 31) {
      endMatches = (days >> index) & 1
      days = below(days, index)
    }
    total += count(days)
    month = monthFrom(c, month + 1)
  }
  return total * perDay - firstMatches * before(from - firstDay * day) + endMatches * before(to - endDay * day)
}

const countBefore60 = (low: number, high: number, value: number): number =>
  value < 30 ? count(below(low, value)) : count(low) + count(below(high, value - 30))

interface CalendarWalls extends Walls {
  readonly calendar: Calendar
}

const WallsProto = {
  next(this: CalendarWalls, wall: number): number {
    return next(this.calendar, wall)
  },
  previous(this: CalendarWalls, wall: number): number {
    return previous(this.calendar, wall)
  },
  count(this: CalendarWalls, from: number, to: number): number {
    return between(this.calendar, from, to)
  }
}

/**
 * The wall times of a calendar as a set. One small object, because there may be many calendars.
 *
 * @internal
 */
export const walls = (calendar: Calendar): Walls => {
  const self = Object.create(WallsProto) as { calendar: Calendar } & Walls
  self.calendar = calendar
  return self
}
