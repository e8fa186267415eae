/**
 * Reads cron expressions: crontab text, Quartz text, and APScheduler's field object.
 *
 * @since 0.1.0
 */
import { show, TriggerError } from "../error.ts"
import type { Calendar, SpecialDays } from "./calendar.ts"
import * as Fields from "./fields.ts"
import { fault, type FieldSet, readField } from "./readField.ts"

/**
 * How cron text is read: as crontab does, with extensions, or as Quartz does.
 *
 * @category models
 * @since 0.1.0
 */
export type Dialect = typeof dialects[number]

export const dialects = ["crontab", "quartz"] as const

/**
 * When both day fields are restricted: a date must match one of them, or both.
 *
 * @category models
 * @since 0.1.0
 */
export type Days = typeof dayRules[number]

export const dayRules = ["either", "both"] as const

/**
 * The field object of APScheduler.
 *
 * **Details**
 *
 * A field that is left out is `*` when a less significant one is given, and its smallest value otherwise; `week` and
 * `dayOfWeek` are `*`. Each field is a list of `*`, `a`, `a-b`, each with or without a step; months and weekdays have
 * names. **`dayOfWeek` counts from 0 = Monday.** `day` may also be `last`, `last fri` or `2nd fri`. A date must match all
 * fields.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronFields {
  /** 1970 to 9999. */
  readonly year?: string | number | undefined
  /** 1 to 12, or jan to dec. */
  readonly month?: string | number | undefined
  /** 1 to 31. */
  readonly day?: string | number | undefined
  /** The week of ISO 8601, 1 to 53. */
  readonly week?: string | number | undefined
  /** 0 = Monday to 6 = Sunday, or mon to sun. */
  readonly dayOfWeek?: string | number | undefined
  /** 0 to 23. */
  readonly hour?: string | number | undefined
  /** 0 to 59. */
  readonly minute?: string | number | undefined
  /** 0 to 59. */
  readonly second?: string | number | undefined
}

/**
 * An expression that has been read.
 *
 * @internal
 */
export interface Parsed {
  readonly calendar: Calendar
  /** Whether the minute or the hour begins with `*`, so that the expression follows the clock through its changes. */
  readonly followsClock: boolean
}

// -----------------------------------------------------------------------------
// text
// -----------------------------------------------------------------------------

/** No expression that means something is longer. */
const maxLength = 1024

const macros: { readonly [name: string]: string } = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *"
}

/**
 * Reads an expression of five, six (seconds first) or seven (year last) fields, or a macro.
 *
 * @internal
 */
export const parseText = (expression: string, dialect: Dialect, days: Days | undefined): Parsed => {
  if (expression.length > maxLength) {
    throw fault("syntax", "expression", maxLength, expression, `at most ${maxLength} characters`)
  }
  const words = split(expression)
  const first = words[0]
  if (first === undefined) throw fault("syntax", "expression", 0, expression, fieldCount(dialect))
  if (first.text.startsWith("@")) return parseMacro(first, words[1])
  if (words.length > 7) throw fault("syntax", "expression", words[7]!.position, words[7]!.text, fieldCount(dialect))
  if (words.length < (dialect === "quartz" ? 6 : 5)) {
    throw fault("syntax", "expression", expression.length, expression, fieldCount(dialect))
  }

  let index = 0
  const read = (field: Fields.Field): FieldSet => {
    const word = words[index++]!
    return readField(word.text, word.position, field)
  }
  const second = words.length === 5 ? undefined : read(Fields.text.second)
  const minute = read(Fields.text.minute)
  const hour = read(Fields.text.hour)
  const day = read(Fields.text.day)
  const month = read(Fields.text.month)
  const weekday = read(dialect === "quartz" ? Fields.text.weekdayQuartz : Fields.text.weekday)
  const year = words.length === 7 ? read(Fields.text.year) : undefined

  if (dialect === "quartz") {
    const open = (words[3]!.text === "?" ? 1 : 0) + (words[5]!.text === "?" ? 1 : 0)
    if (open === 2 || (open === 0 && !day.free && !weekday.free)) {
      const { position, text } = words[5]!
      throw fault("syntax", "weekday", position, text, `"?" in exactly one of the two day fields`)
    }
  }

  const both = day.free || weekday.free ||
    // Vixie cron: a date matches when either day field does, unless one of them begins with `*`
    (days === undefined ? day.star || weekday.star : days === "both")
  return {
    calendar: calendar({ second, minute, hour, day, month, week: undefined, weekday, year, both }),
    followsClock: minute.star || hour.star
  }
}

const parseMacro = (macro: Word, extra: Word | undefined): Parsed => {
  const expression = macros[macro.text.toLowerCase()]
  if (expression === undefined) {
    const hint = /^@reboot$/i.test(macro.text)
      ? `; "@reboot" is no instant: run the effect where the program starts`
      : /^@every$/i.test(macro.text)
      ? `; for "@every" use Trigger.interval`
      : ""
    const expected = `one of ${Object.keys(macros).join(", ")}${hint}`
    throw fault("name", "expression", macro.position, macro.text, expected)
  }
  if (extra !== undefined) throw fault("syntax", "expression", extra.position, extra.text, "nothing after a macro")
  return parseText(expression, "crontab", undefined)
}

const fieldCount = (dialect: Dialect): string =>
  dialect === "quartz"
    ? "six fields (second minute hour day month weekday), or seven with a year"
    : "five fields (minute hour day month weekday), six with seconds first, seven with a year last, or a macro"

interface Word {
  readonly text: string
  readonly position: number
}

/** The words of an expression, which only blanks and tabs separate. */
const split = (expression: string): Array<Word> => {
  const words: Array<Word> = []
  let start = -1
  for (let i = 0; i <= expression.length; i++) {
    const code = i < expression.length ? expression.charCodeAt(i) : 32
    if (code === 32 || code === 9) {
      if (start >= 0) words.push({ text: expression.slice(start, i), position: start })
      start = -1
    } else {
      if (code < 32 || code === 127) {
        const expected = "blanks or tabs between fields, and no control characters"
        throw fault("syntax", "expression", i, expression.charAt(i), expected)
      }
      if (start < 0) start = i
    }
  }
  return words
}

// -----------------------------------------------------------------------------
// the field object
// -----------------------------------------------------------------------------

/** The fields by name, from the most to the least significant. */
export const fieldNames = Object.keys(Fields.named) as ReadonlyArray<keyof CronFields>

/**
 * Reads a field object.
 *
 * @internal
 */
export const parseFields = (fields: CronFields): Parsed => {
  for (const name of Object.keys(fields)) {
    if (!(name in Fields.named)) {
      throw new TriggerError({
        reason: "name",
        field: name,
        value: show(fields[name as keyof CronFields]),
        expected: `no such field, but any of ${fieldNames.join(", ")}`
      })
    }
  }
  const least = fieldNames.findLastIndex((name) => fields[name] !== undefined)
  if (least < 0) {
    throw new TriggerError({
      reason: "syntax",
      field: "expression",
      value: "{}",
      expected: `at least one of ${fieldNames.join(", ")}`
    })
  }
  const read = (name: keyof CronFields): FieldSet => {
    const field = Fields.named[name]
    const given = fields[name]
    const anyway = name === "week" || name === "dayOfWeek" || fieldNames.indexOf(name) < least
    const text = given === undefined ? anyway ? "*" : String(field.min) : String(given)
    if (text.length > maxLength) throw fault("syntax", name, maxLength, text, `at most ${maxLength} characters`)
    return readField(text, 0, field)
  }
  const minute = read("minute")
  const hour = read("hour")
  return {
    calendar: calendar({
      second: read("second"),
      minute,
      hour,
      day: read("day"),
      month: read("month"),
      week: read("week"),
      weekday: read("dayOfWeek"),
      year: read("year"),
      both: true
    }),
    followsClock: minute.star || hour.star
  }
}

// -----------------------------------------------------------------------------
// from fields to a calendar
// -----------------------------------------------------------------------------

const calendar = (fields: {
  readonly second: FieldSet | undefined
  readonly minute: FieldSet
  readonly hour: FieldSet
  readonly day: FieldSet
  readonly month: FieldSet
  readonly week: FieldSet | undefined
  readonly weekday: FieldSet
  readonly year: FieldSet | undefined
  readonly both: boolean
}): Calendar => {
  const { day, hour, minute, month, second, week, weekday, year } = fields
  return {
    secondsLow: second?.low ?? 1,
    secondsHigh: second?.high ?? 0,
    minutesLow: minute.low,
    minutesHigh: minute.high,
    hours: hour.low,
    months: month.low >>> 1,
    years: year === undefined || year.free ? undefined : year.years,
    weeks: week === undefined || week.free ? undefined : { low: week.low, high: week.high },
    // the days 1 to 31 are bits 0 to 30
    days: (day.low >>> 1) | (day.high << 29),
    specialDays: special(day),
    weekdays: weekday.low,
    specialWeekdays: special(weekday),
    both: fields.both
  }
}

const special = ({ fromEnd, lastWorkday, nearest, nth }: FieldSet): SpecialDays | undefined =>
  fromEnd === 0 && nearest === 0 && !lastWorkday && nth.length === 0
    ? undefined
    : { fromEnd, nearest, lastWorkday, nth }
