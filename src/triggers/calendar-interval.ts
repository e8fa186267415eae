/**
 * Every n years, months, weeks or days, at a wall time.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Civil from "./civil.ts"
import { checkChoice, show, TriggerError } from "./error.ts"
import type { Kind } from "./kind.ts"
import * as Walls from "./walls.ts"
import * as ClockChange from "./zone/clockChange.ts"
import * as Zone from "./zone/zone.ts"

/**
 * What becomes of a month that lacks the day: it is left out, or its last day takes its place.
 *
 * @category models
 * @since 0.1.0
 */
export type MissingDay = typeof missingDays[number]

export const missingDays = ["skip", "clamp"] as const

/**
 * Fires on the dates that are a multiple of `months` and `days` after `start`, at the wall time `at`.
 *
 * **Details**
 *
 * Years are kept as twelve months and weeks as seven days. Dates are texts such as `"2026-01-31"`, both inclusive; without
 * `start` the dates are counted from that of the anchor.
 *
 * @category models
 * @since 0.1.0
 */
export interface CalendarIntervalSpec {
  readonly _tag: "calendarInterval"
  readonly months?: number
  readonly days?: number
  readonly at: string
  readonly start?: string
  readonly end?: string
  readonly timeZone: string
  readonly gap?: ClockChange.Gap
  readonly overlap?: ClockChange.Overlap
  readonly missingDay?: MissingDay
}

/** @internal */
export const calendarInterval: Kind<CalendarIntervalSpec> = {
  schema: () =>
    Schema.TaggedStruct("calendarInterval", {
      months: Schema.optionalKey(Schema.Int),
      days: Schema.optionalKey(Schema.Int),
      at: Schema.String,
      start: Schema.optionalKey(Schema.String),
      end: Schema.optionalKey(Schema.String),
      timeZone: Schema.String,
      gap: Schema.optionalKey(Schema.Literals(ClockChange.gaps)),
      overlap: Schema.optionalKey(Schema.Literals(ClockChange.overlaps)),
      missingDay: Schema.optionalKey(Schema.Literals(missingDays))
    }),

  normalize: ({ at, days, end, gap, missingDay, months, overlap, start, timeZone }) => ({
    _tag: "calendarInterval",
    ...(months === undefined || months === 0 ? {} : { months }),
    ...(days === undefined || days === 0 ? {} : { days }),
    at: /^\d\d:\d\d:00$/.test(at) ? at.slice(0, 5) : at,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    timeZone,
    ...(gap === undefined || gap === "first-valid" ? {} : { gap }),
    ...(overlap === undefined || overlap === "first" ? {} : { overlap }),
    ...(missingDay === undefined || missingDay === "skip" ? {} : { missingDay })
  }),

  compile(spec) {
    const table = Zone.table("timeZone", spec.timeZone)
    checkChoice("gap", spec.gap, ClockChange.gaps)
    checkChoice("overlap", spec.overlap, ClockChange.overlaps)
    checkChoice("missingDay", spec.missingDay, missingDays)
    const months = checkAmount("months", spec.months, lastMonth)
    const days = checkAmount("days", spec.days, lastDay)
    if (months + days === 0) {
      throw new TriggerError({
        reason: "range",
        field: "calendarInterval",
        value: "no years, months, weeks or days",
        expected: "at least one of them, of at least 1"
      })
    }
    const time = readTime("at", spec.at)
    const start = spec.start === undefined ? undefined : readDate("start", spec.start)
    const end = spec.end === undefined ? lastDay : readDate("end", spec.end)
    if (start !== undefined && end < start) {
      throw new TriggerError({
        reason: "neverFires",
        field: "end",
        value: show(spec.end),
        expected: `a date at or after the start, ${spec.start}`
      })
    }
    const clamps = spec.missingDay === "clamp"
    const zoned = { table, gap: spec.gap ?? "first-valid", overlap: spec.overlap ?? "first" } as const
    const setFrom = (first: number): ClockChange.ZonedWalls => ({
      ...zoned,
      walls: walls(dates(first, end, months, days, clamps), time)
    })

    if (start !== undefined) {
      const set = setFrom(start)
      if (!Walls.isEverShown(set)) {
        throw new TriggerError({
          reason: "neverFires",
          field: "calendarInterval",
          value: show(spec),
          expected: "a date from 1970 on, on which the zone has the wall time"
        })
      }
      return {
        next: (after, anchor) => Walls.next(set, Math.max(after, anchor - 1)),
        previous(before, anchor) {
          const at = Walls.previous(set, before)
          return at !== undefined && at >= anchor ? at : undefined
        },
        count: (from, to, anchor) => Walls.count(set, Math.max(from, anchor - 1), to),
        canFire(from, to) {
          if (from === -Infinity && to === Infinity) return true
          const at = Walls.next(set, from - 1)
          return at !== undefined && at <= to
        }
      }
    }

    const setOf = (anchor: number): ClockChange.ZonedWalls => {
      const second = Math.floor(anchor / 1000)
      return setFrom(Math.floor((second + table.at(second).offset) / day))
    }
    // some anchor lies on the date itself
    const everyDay = { ...zoned, walls: walls(dates(0, end, 0, 1, false), time) }
    return {
      next: (after, anchor) => Walls.next(setOf(anchor), Math.max(after, anchor)),
      previous(before, anchor) {
        const at = Walls.previous(setOf(anchor), before)
        return at !== undefined && at > anchor ? at : undefined
      },
      count: (from, to, anchor) => Walls.count(setOf(anchor), Math.max(from, anchor), to),
      canFire(from, to) {
        if (from === -Infinity && to === Infinity) return Walls.isEverShown(everyDay)
        const at = Walls.next(everyDay, from - 1)
        return at !== undefined && at <= to
      }
    }
  }
}

// -----------------------------------------------------------------------------
// the dates
// -----------------------------------------------------------------------------

const day = 86_400
const lastMonth = 9999 * 12 + 11
const lastDay = Civil.monthStart(lastMonth + 1) - 1

/** The mean length of a month, which after any number of months is off by less than four days. */
const meanMonth = 146_097 / 4800

/** A set of days, numbered from 1970-01-01; NaN stands for none. */
interface Dates {
  readonly next: (day: number) => number
  readonly previous: (day: number) => number
  /** How many lie in `[from, to)`. */
  readonly count: (from: number, to: number) => number
}

/**
 * The dates `start + k * (months, then days)`, up to `end`. Where the k-th month has no such day, the k-th date is left
 * out, or clamped to the end of that month.
 */
const dates = (start: number, end: number, months: number, days: number, clamps: boolean): Dates => {
  const packed = Civil.fromDay(start)
  const startMonth = packed >> 5
  const dayOfMonth = packed & 31
  const step = months * meanMonth + days
  /** Only k up to this may be asked for: later months are beyond all calendars. */
  const maxK = Math.floor(Math.min(
    months === 0 ? Infinity : (lastMonth - startMonth) / months,
    (end - start) / step + 1
  ))

  /** The k-th date, clamped: it grows with k. */
  const dateAt = (k: number): number => {
    if (months === 0) return start + k * days
    const month = startMonth + k * months
    return Civil.monthStart(month) + Math.min(dayOfMonth, Civil.monthLength(month)) - 1 + k * days
  }
  const isKept = (k: number): boolean =>
    clamps || dayOfMonth <= 28 || months === 0 || dayOfMonth <= Civil.monthLength(startMonth + k * months)

  /** The first k, kept or not, whose date is at or after `day`. */
  const indexFrom = (day: number): number => {
    if (day <= start) return 0
    let k = Math.min(maxK + 1, Math.ceil((day - start) / step))
    while (k > 0 && dateAt(k - 1) >= day) k--
    while (k <= maxK && dateAt(k) < day) k++
    return k
  }

  return {
    next(day) {
      let k = indexFrom(day)
      while (k <= maxK && !isKept(k)) k++
      if (k > maxK) return NaN
      const date = dateAt(k)
      return date <= end ? date : NaN
    },
    previous(day) {
      let k = indexFrom(Math.min(day, end) + 1) - 1
      while (k >= 0 && !isKept(k)) k--
      return k < 0 ? NaN : dateAt(k)
    },
    count(from, to) {
      const first = indexFrom(from)
      const last = indexFrom(Math.min(to, end + 1))
      if (clamps || dayOfMonth <= 28 || months === 0) return Math.max(0, last - first)
      let total = 0
      for (let k = first; k < last; k++) if (isKept(k)) total++
      return total
    }
  }
}

/** The dates at a time of day, as wall times from 1970 on. */
const walls = (dates: Dates, time: number): ClockChange.Walls => {
  const toWall = (date: number): number => date >= 0 ? date * day + time : -1
  return {
    next: (wall) => toWall(dates.next(Math.max(0, Math.ceil((wall - time) / day)))),
    previous: (wall) => toWall(dates.previous(Math.floor((wall - time) / day))),
    count: (from, to) =>
      dates.count(Math.max(0, Math.ceil((from - time) / day)), Math.max(0, Math.ceil((to - time) / day)))
  }
}

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

const checkAmount = (field: string, amount: number | undefined, max: number): number => {
  if (amount === undefined) return 0
  if (Number.isInteger(amount) && amount >= 0 && amount <= max) return amount
  throw new TriggerError({ reason: "range", field, value: show(amount), expected: `a whole number from 0 to ${max}` })
}

/** Reads `"02:30"` or `"02:30:15"` as seconds. */
const readTime = (field: string, text: unknown): number => {
  const match = typeof text === "string" ? /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) : null
  const [, hour, minute, second] = match ?? []
  if (match !== null && +hour! < 24 && +minute! < 60 && +(second ?? 0) < 60) {
    return +hour! * 3600 + +minute! * 60 + +(second ?? 0)
  }
  throw new TriggerError({
    reason: "syntax",
    field,
    value: show(text),
    expected: `a time of day such as "02:30" or "02:30:15"`
  })
}

/** Reads `"2026-01-31"` as a day. */
const readDate = (field: string, text: unknown): number => {
  const match = typeof text === "string" ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) : null
  const [, year, month, dayOfMonth] = match ?? []
  if (match !== null && +year! >= 1 && +month! >= 1 && +month! <= 12) {
    const number = +year! * 12 + +month! - 1
    if (+dayOfMonth! >= 1 && +dayOfMonth! <= Civil.monthLength(number)) {
      return Civil.monthStart(number) + +dayOfMonth! - 1
    }
  }
  throw new TriggerError({
    reason: "syntax",
    field,
    value: show(text),
    expected: `a date that exists, such as "2026-01-31"`
  })
}
