/**
 * Whole days.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Civil from "../civil.ts"
import { show, TriggerError } from "../error.ts"
import * as Zone from "../zone/zone.ts"
import type { CalendarKind } from "./compile.ts"
import { zoned } from "./coverage.ts"

/**
 * Covers whole days, as a clock in the zone shows them: dates (`"2026-04-06"`), dates of every year (`"12-25"`) and days of
 * the week (`"sat"`).
 *
 * @category models
 * @since 0.1.0
 */
export interface DaysSpec {
  readonly _tag: "days"
  readonly days: ReadonlyArray<string>
  readonly timeZone: string
}

const day = 86_400

/** The days of the week as calendars name them: 0 = Sunday. */
export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

/** @internal */
export const days: CalendarKind<DaysSpec> = {
  schema: () => Schema.TaggedStruct("days", { days: Schema.Array(Schema.String), timeZone: Schema.String }),

  normalize: ({ days, timeZone }) => ({
    _tag: "days",
    days: Array.from(new Set(days.map((day) => day.toLowerCase()))).toSorted(),
    timeZone
  }),

  compile(spec) {
    const table = Zone.table("timeZone", spec.timeZone)
    const dates = new Set<number>()
    const yearly = new Set<number>()
    let weekly = 0
    for (const text of spec.days) {
      const weekday = weekdays.indexOf(text.toLowerCase())
      if (weekday >= 0) {
        weekly |= 1 << weekday
        continue
      }
      const [year, month, dayOfMonth] = read(text)
      if (year === undefined) yearly.add(month * 32 + dayOfMonth)
      else dates.add(Civil.monthStart(year * 12 + month - 1) + dayOfMonth - 1)
    }

    return zoned((wall) => {
      const number = Math.floor(wall / day)
      let covered = (weekly >> Civil.weekday(number)) & 1 ? true : dates.has(number)
      if (!covered && yearly.size > 0 && number > firstDay) {
        const packed = Civil.fromDay(number)
        covered = yearly.has((packed >> 5) % 12 * 32 + 32 + (packed & 31))
      }
      return { covered, start: number * day, end: (number + 1) * day }
    }, table)
  }
}

/** The first day for which `Civil` can compute. */
const firstDay = Civil.monthStart(12)

const read = (text: string): readonly [year: number | undefined, month: number, day: number] => {
  const match = /^(?:(\d{4})-)?(\d{2})-(\d{2})$/.exec(text)
  if (match !== null) {
    const [year, month, dayOfMonth] = match.slice(1).map((digits) => digits === undefined ? undefined : Number(digits))
    // a date of every year may be a leap day
    const length = month! >= 1 && month! <= 12 && (year ?? 1) >= 1
      ? Civil.monthLength((year ?? 2000) * 12 + month! - 1)
      : 0
    if (dayOfMonth! >= 1 && dayOfMonth! <= length) return [year, month!, dayOfMonth!]
  }
  throw new TriggerError({
    reason: "option",
    field: "days",
    value: show(text),
    expected: `a date such as "2026-04-06", a date of every year such as "12-25", or a day of the week such as "sat"`
  })
}
