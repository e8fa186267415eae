/**
 * Hours of the week.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { show, TriggerError } from "../error.ts"
import * as Zone from "../zone/zone.ts"
import type { CalendarKind } from "./compile.ts"
import { zoned } from "./coverage.ts"
import { weekdays } from "./days.ts"

/**
 * Covers the same hours every week, as a clock in the zone shows them: for each day of the week a list of ranges such as
 * `"09:00-17:30"`, without their end. A range whose end is not after its beginning goes on into the next day.
 *
 * @category models
 * @since 0.1.0
 */
export interface WeeklySpec {
  readonly _tag: "weekly"
  readonly hours: Hours
  readonly timeZone: string
}

/**
 * For each day of the week, ranges of time.
 *
 * @category models
 * @since 0.1.0
 */
export type Hours = { readonly [Day in typeof dayNames[number]]?: ReadonlyArray<string> }

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const

const day = 86_400
const week = 7 * day

const ranges = Schema.optionalKey(Schema.Array(Schema.String))

/** @internal */
export const weekly: CalendarKind<WeeklySpec> = {
  schema: () =>
    Schema.TaggedStruct("weekly", {
      hours: Schema.Struct({
        mon: ranges,
        tue: ranges,
        wed: ranges,
        thu: ranges,
        fri: ranges,
        sat: ranges,
        sun: ranges
      }),
      timeZone: Schema.String
    }),

  normalize: ({ hours, timeZone }) => ({
    _tag: "weekly",
    hours: Object.fromEntries(dayNames.flatMap((name) => hours[name] === undefined ? [] : [[name, hours[name]]])),
    timeZone
  }),

  compile(spec) {
    const table = Zone.table("timeZone", spec.timeZone)
    /** Seconds of the week, from Sunday on, at which covered time begins and ends, in turn. */
    const edges = merge(dayNames.flatMap((name) => (spec.hours[name] ?? []).flatMap((text) => read(name, text))))

    return zoned((wall) => {
      // 1970-01-01 was a Thursday
      const weekStart = Math.floor((wall + 4 * day) / week) * week - 4 * day
      const second = wall - weekStart
      let i = 0
      while (i < edges.length && edges[i]! <= second) i++
      return {
        covered: i % 2 === 1,
        start: weekStart + (edges[i - 1] ?? 0),
        end: weekStart + (edges[i] ?? week)
      }
    }, table)
  }
}

const read = (name: string, text: string): ReadonlyArray<readonly [from: number, to: number]> => {
  const match = /^(\d{2}):(\d{2})-(\d{2}):(\d{2})$/.exec(text)
  const [fromHour, fromMinute, toHour, toMinute] = (match ?? []).slice(1).map(Number)
  if (
    match === null || fromHour! > 23 || fromMinute! > 59 || toHour! > 24 || toMinute! > 59 ||
    (toHour === 24 && toMinute! > 0)
  ) {
    throw new TriggerError({
      reason: "option",
      field: name,
      value: show(text),
      expected: `a range of time such as "09:00-17:30", "22:00-06:00" or "00:00-24:00"`
    })
  }
  const start = weekdays.indexOf(name) * day
  const from = start + fromHour! * 3600 + fromMinute! * 60
  const to = start + toHour! * 3600 + toMinute! * 60 +
    (toHour! * 60 + toMinute! <= fromHour! * 60 + fromMinute! ? day : 0)
  // Saturday night ends on Sunday, where the week began
  return to <= week ? [[from, to]] : [[from, week], [0, to - week]]
}

/** The edges of the ranges, in order and without what lies within another. */
const merge = (ranges: ReadonlyArray<readonly [from: number, to: number]>): ReadonlyArray<number> => {
  const edges: Array<number> = []
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = edges.at(-1)
    if (last === undefined || from > last) edges.push(from, to)
    else edges[edges.length - 1] = Math.max(last, to)
  }
  return edges
}
