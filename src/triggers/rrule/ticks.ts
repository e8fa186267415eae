/**
 * Rules that look into hours, minutes or seconds: ticks at a fixed distance on the wall clock, kept where date and time of
 * day are allowed.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { Walls } from "../zone/clockChange.ts"
import type { Clock } from "./clock.ts"
import type { Days } from "./days.ts"
import { type Moments, rank } from "./moments.ts"
import { always, firstDay, greatestCommonDivisor, lastDay, modulo, never, type Periods } from "./periods.ts"
import * as Search from "./search.ts"

const day = 86_400

/** @internal */
export interface Ticks {
  /** The dates that are allowed. */
  readonly days: Days
  /** Whether all dates are. */
  readonly everyDay: boolean
  /** Of the dates, the weekdays that are allowed: bit 0 = Sunday. */
  readonly weekdays: number
  /** The times of day that are allowed, in whole units. */
  readonly clock: Clock
  /** An hour, a minute or a second, in seconds. */
  readonly unit: number
  /** The distance of two ticks, in seconds: a multiple of the unit. */
  readonly step: number
  /** One of the ticks, as a wall time. */
  readonly origin: number
  /** What fires within a unit that a tick lies in. */
  readonly moments: Moments
}

/**
 * Ticks fall into each day with a certain shift, the remainder of their times of day by the step. What happens in a day
 * follows from its shift, so that no question depends on how many ticks went before.
 *
 * @internal
 */
export const make = ({ clock, days, everyDay, moments, origin, step, unit, weekdays }: Ticks): Walls => {
  const everyTime = clock.size === day / unit
  const shiftOf = (date: number): number => modulo(origin - date * day, step)

  /** The first kept tick of a day at or after a time of day, or -1. */
  const nextTime = (shift: number, time: number): number => {
    let tick = time + modulo(shift - time, step)
    while (tick < day) {
      const allowed = clock.next(tick)
      if (allowed === tick || allowed < 0) return allowed
      tick = allowed + modulo(shift - allowed, step)
    }
    return -1
  }
  /** The last kept tick of a day at or before a time of day, or -1. */
  const previousTime = (shift: number, time: number): number => {
    let tick = time - modulo(time - shift, step)
    while (tick >= 0) {
      const allowed = clock.previous(tick)
      if (allowed === tick || allowed < 0) return allowed
      tick = allowed - modulo(allowed - shift, step)
    }
    return -1
  }

  const { countOf, periods } = datesOfTicks({ clock, everyTime, origin, shiftOf, step, unit, weekdays })

  /** The first kept tick at or after `wall`, or Infinity. */
  const nextTick = (wall: number): number => {
    const today = Math.floor(wall / day)
    let date = Search.next(days, periods, today)
    if (date === today) {
      const time = nextTime(shiftOf(date), wall - today * day)
      if (time >= 0) return today * day + time
      date = Search.next(days, periods, today + 1)
    }
    return date === Infinity ? Infinity : date * day + nextTime(shiftOf(date), 0)
  }
  /** The last kept tick at or before `wall`, or -Infinity. */
  const previousTick = (wall: number): number => {
    const today = Math.floor(wall / day)
    let date = Search.previous(days, periods, today)
    if (date === today) {
      const time = previousTime(shiftOf(date), wall - today * day)
      if (time >= 0) return today * day + time
      date = Search.previous(days, periods, today - 1)
    }
    return date === -Infinity ? -Infinity : date * day + previousTime(shiftOf(date), day - unit)
  }

  /** How many kept ticks of a day are before a time of day. */
  const countBefore = (date: number, limit: number): number => {
    if (limit <= 0 || Search.next(days, periods, date) !== date) return 0
    const shift = shiftOf(date)
    if (everyTime) return Math.max(0, Math.ceil((limit - shift) / step))
    let total = 0
    for (let time = nextTime(shift, 0); time >= 0 && time < limit; time = nextTime(shift, time + unit)) {
      total++
      if (time + unit >= day) break
    }
    return total
  }

  /** How many kept ticks lie in `[from, to)`. */
  const countTicks = (from: number, to: number): number => {
    if (from >= to) return 0
    if (everyDay && everyTime) return Math.ceil((to - origin) / step) - Math.ceil((from - origin) / step)
    const fromDate = Math.floor(from / day)
    const toDate = Math.floor(to / day)
    let total = countBefore(toDate, to - toDate * day) - countBefore(fromDate, from - fromDate * day)
    if (countOf === undefined) {
      total += Search.count(days, always, fromDate, toDate) * clock.size
    } else {
      let date = Search.next(days, periods, fromDate)
      for (; date < toDate; date = Search.next(days, periods, date + 1)) total += countOf(date)
    }
    return total
  }

  const firstMoment = moments[0]!
  const lastMoment = moments[moments.length - 1]!
  return {
    next(wall) {
      const current = Math.floor(wall / unit) * unit
      const tick = nextTick(wall - current <= lastMoment ? current : current + unit)
      return tick === current ? tick + moments[rank(moments, wall - current)]! : tick + firstMoment
    },
    previous(wall) {
      const current = Math.floor(wall / unit) * unit
      const tick = previousTick(wall - current >= firstMoment ? current : current - unit)
      return tick === current ? tick + moments[rank(moments, wall - current + 1) - 1]! : tick + lastMoment
    },
    count(from, to) {
      const fromUnit = Math.floor(from / unit) * unit
      const toUnit = Math.floor(to / unit) * unit
      const before = from > fromUnit && nextTick(fromUnit) === fromUnit ? rank(moments, from - fromUnit) : 0
      const within = to > toUnit && nextTick(toUnit) === toUnit ? rank(moments, to - toUnit) : 0
      return countTicks(fromUnit, toUnit) * moments.length - before + within
    }
  }
}

/**
 * Whether a tick can fall on an allowed time of an allowed weekday: of all times of the week, those recur that have the
 * remainder of the ticks by the greatest common divisor of step and week.
 */
const isReachable = (clock: Clock, unit: number, weekdays: number, step: number, origin: number): boolean => {
  const divisor = greatestCommonDivisor(step, 7 * day)
  if (divisor === unit) return true
  for (let date = 0; date < 7; date++) {
    if (((weekdays >> Civil.weekday(date)) & 1) === 0) continue
    const remainder = modulo(origin - date * day, divisor)
    for (let time = clock.next(0); time >= 0; time = time + unit < day ? clock.next(time + unit) : -1) {
      if (time % divisor === remainder) return true
    }
  }
  return false
}

/** The dates that have a kept tick, whatever dates are allowed, and how many each has; `undefined` for all times. */
const datesOfTicks = ({ clock, everyTime, origin, shiftOf, step, unit, weekdays }: {
  readonly clock: Clock
  readonly everyTime: boolean
  readonly origin: number
  readonly shiftOf: (date: number) => number
  readonly step: number
  readonly unit: number
  readonly weekdays: number
}): { readonly periods: Periods; readonly countOf: ((date: number) => number) | undefined } => {
  if (step === unit) return { periods: always, countOf: undefined }

  if (!isReachable(clock, unit, weekdays, step, origin)) return { periods: never, countOf: () => 0 }
  const single = (isDate: (date: number) => boolean): Periods => {
    // a step longer than a day leaves days out, and goes over them at once
    const nextTickDate = (date: number): number =>
      step <= day ? date : Math.floor((origin + Math.ceil((date * day - origin) / step) * step) / day)
    const previousTickDate = (date: number): number =>
      step <= day ? date : Math.floor((origin + Math.floor((date * day + day - 1 - origin) / step) * step) / day)
    return {
      next(date) {
        let at = nextTickDate(date)
        while (at <= lastDay && !isDate(at)) at = nextTickDate(at + 1)
        return at
      },
      previous(date) {
        let at = previousTickDate(date)
        while (at >= firstDay && !isDate(at)) at = previousTickDate(at - 1)
        return at
      },
      start: (date) => date,
      end: (date) => date
    }
  }

  if (step > day) {
    const isDate = (date: number): boolean => {
      const time = shiftOf(date)
      return time < day && clock.next(time) === time
    }
    return { periods: single(isDate), countOf: (date) => isDate(date) ? 1 : 0 }
  }
  if (everyTime) return { periods: always, countOf: (date) => Math.ceil((day - shiftOf(date)) / step) }

  const counts = new Uint32Array(step / unit)
  for (let time = clock.next(0); time >= 0; time = time + unit < day ? clock.next(time + unit) : -1) {
    counts[(time % step) / unit]!++
  }
  const countOf = (date: number): number => counts[shiftOf(date) / unit]!
  return { periods: counts.every((n) => n > 0) ? always : single((date) => countOf(date) > 0), countOf }
}
