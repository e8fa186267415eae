/**
 * Reads cron expressions. Whatever is not understood is refused: with the field, the position, what stands there and what
 * could stand there.
 *
 * @since 0.1.0
 */
import { show, TriggerError } from "../error.ts"
import { type Calendar, type DayRule, firstYear, isPlain, lastYear } from "./calendar.ts"
import * as Fields from "./fields.ts"

/**
 * How an expression is read: as crontab does, with extensions, or as Quartz does.
 *
 * @category models
 * @since 0.1.0
 */
export type Dialect = "crontab" | "quartz"

/**
 * When both day fields are restricted: a date must match one of them, or both.
 *
 * @category models
 * @since 0.1.0
 */
export type Days = "either" | "both"

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

/** No expression that means something is longer. */
const maxLength = 1024

/** What a field says. */
interface FieldSet {
  readonly position: number
  /** It begins with `*` or is `?`. */
  star: boolean
  /** It is `*` or `?`: no restriction at all. */
  free: boolean
  /** Values 0 to 29 and 30 to 59. */
  low: number
  high: number
  years: Uint32Array | undefined
  fromEnd: number
  nearest: number
  lastWorkday: boolean
  nth: Array<number>
}

const macros: { readonly [name: string]: string } = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *"
}

/** Reads an expression of five, six (seconds first) or seven (year last) fields, or a macro. */
export const parse = (expression: string, dialect: Dialect, days: Days | undefined): Parsed => {
  if (typeof expression !== "string") {
    throw new TriggerError({
      reason: "syntax",
      field: "expression",
      value: show(expression),
      expected: "a cron expression as text"
    })
  }
  if (expression.length > maxLength) {
    throw fault("syntax", "expression", maxLength, expression, `at most ${maxLength} characters`)
  }
  const words = split(expression)
  const first = words[0]
  if (first === undefined) throw fault("syntax", "expression", 0, expression, fieldCount(dialect))
  if (first.text.startsWith("@")) {
    const macro = macros[first.text.toLowerCase()]
    if (macro === undefined) {
      throw fault("name", "expression", first.position, first.text, `one of ${Object.keys(macros).join(", ")}`)
    }
    const extra = words[1]
    if (extra !== undefined) throw fault("syntax", "expression", extra.position, extra.text, "nothing after a macro")
    return parse(macro, "crontab", undefined)
  }
  if (words.length > 7) throw fault("syntax", "expression", words[7]!.position, words[7]!.text, fieldCount(dialect))
  if (words.length < (dialect === "quartz" ? 6 : 5)) {
    throw fault("syntax", "expression", expression.length, expression, fieldCount(dialect))
  }

  let i = 0
  const second = words.length === 5 ? undefined : readField(words[i++]!, Fields.second)
  const minute = readField(words[i++]!, Fields.minute)
  const hour = readField(words[i++]!, Fields.hour)
  const day = readField(words[i++]!, Fields.day)
  const month = readField(words[i++]!, Fields.month)
  const weekday = readField(words[i++]!, dialect === "quartz" ? Fields.weekdayQuartz : Fields.weekday)
  const year = i < words.length ? readField(words[i]!, Fields.year) : undefined

  if (dialect === "quartz") {
    const open = (words[3]!.text === "?" ? 1 : 0) + (words[5]!.text === "?" ? 1 : 0)
    if (open === 2 || (open === 0 && !day.free && !weekday.free)) {
      throw fault("syntax", "weekday", weekday.position, words[5]!.text, `"?" in exactly one of the two day fields`)
    }
  }

  return {
    calendar: calendar({ second, minute, hour, day, month, weekday, year }, days),
    followsClock: minute.star || hour.star
  }
}

const fieldCount = (dialect: Dialect): string =>
  dialect === "quartz"
    ? "six fields (second minute hour day month weekday), or seven with a year"
    : "five fields (minute hour day month weekday), six with seconds first, seven with a year last, or a macro"

const calendar = (fields: {
  readonly second: FieldSet | undefined
  readonly minute: FieldSet
  readonly hour: FieldSet
  readonly day: FieldSet
  readonly month: FieldSet
  readonly weekday: FieldSet
  readonly year: FieldSet | undefined
}, days: Days | undefined): Calendar => {
  const { day: dayField, weekday: weekdayField } = fields
  const day: DayRule = {
    plain: (dayField.low >>> 1) | (dayField.high << 29),
    fromEnd: dayField.fromEnd,
    nearest: dayField.nearest,
    lastWorkday: dayField.lastWorkday,
    nth: dayField.nth
  }
  const weekday: DayRule = {
    plain: weekdayField.low,
    fromEnd: 0,
    nearest: 0,
    lastWorkday: false,
    nth: weekdayField.nth
  }
  return {
    secondsLow: fields.second?.low ?? 1,
    secondsHigh: fields.second?.high ?? 0,
    minutesLow: fields.minute.low,
    minutesHigh: fields.minute.high,
    hours: fields.hour.low,
    months: fields.month.low >>> 1,
    years: fields.year?.years,
    weeks: undefined,
    day,
    weekday,
    both: dayField.free || weekdayField.free ||
      // Vixie cron: a date matches when either day field does, unless one of them begins with `*`
      (days === undefined ? dayField.star || weekdayField.star : days === "both"),
    plain: isPlain(day) && isPlain(weekday)
  }
}

// -----------------------------------------------------------------------------
// words
// -----------------------------------------------------------------------------

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
        throw fault(
          "syntax",
          "expression",
          i,
          expression.charAt(i),
          "blanks or tabs between fields, and no control characters"
        )
      }
      if (start < 0) start = i
    }
  }
  return words
}

const fault = (
  reason: TriggerError["reason"],
  field: string,
  position: number,
  value: string,
  expected: string
): TriggerError => new TriggerError({ reason, field, position, value: show(value), expected })

// -----------------------------------------------------------------------------
// one field
// -----------------------------------------------------------------------------

const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)

const readField = (word: Word, field: Fields.Field): FieldSet => {
  const { position, text } = word
  const set: FieldSet = {
    position,
    star: text.charCodeAt(0) === 42 || text === "?",
    free: text === "*" || text === "?",
    low: 0,
    high: 0,
    years: undefined,
    fromEnd: 0,
    nearest: 0,
    lastWorkday: false,
    nth: []
  }
  let at = 0

  const wrong = (reason: TriggerError["reason"], start: number, end: number, expected: string): TriggerError =>
    fault(reason, field.name, position + start, text.slice(start, Math.max(end, start + 1)), expected)

  /** Where the item that is being read ends. */
  const itemEnd = (): number => {
    const comma = text.indexOf(",", at)
    return comma < 0 ? text.length : comma
  }

  const number = (what: string): number => {
    const start = at
    let value = 0
    while (at < text.length && isDigit(text.charCodeAt(at))) {
      value = Math.min(value * 10 + text.charCodeAt(at) - 48, 1_000_000)
      at++
    }
    if (at === start) throw wrong("syntax", start, itemEnd(), what)
    return value
  }

  /** A number or a name. */
  const value = (): number => {
    const start = at
    const code = text.charCodeAt(at)
    if (isDigit(code)) {
      const n = number("")
      if (n < field.min || n > field.limit) throw wrong("range", start, at, range(field))
      return n
    }
    if (field.names.length > 0 && isLetter(code)) {
      const index = field.names.indexOf(text.slice(at, at + 3).toLowerCase())
      if (index < 0) {
        while (at < text.length && isLetter(text.charCodeAt(at))) at++
        throw wrong("name", start, at, names(field))
      }
      at += 3
      return field.min + index
    }
    throw wrong("syntax", start, itemEnd(), syntax(field))
  }

  const step = (): number => {
    if (text.charCodeAt(at) !== 47) return 1
    at++
    const start = at
    const largest = field.max - field.min
    const n = number(`a step from 1 to ${largest}`)
    if (n < 1 || n > largest) throw wrong("range", start, at, `a step from 1 to ${largest}`)
    return n
  }

  const weekdayBit = (n: number): number => (n + field.shift) % 7

  /** Adds the values from `from` to `to`, past the end of the cycle where `to` is the smaller one. */
  const add = (from: number, to: number, by: number): void => {
    const size = field.max - field.min + 1
    const span = to >= from ? to - from : to + size - from
    for (let k = 0; k <= span; k += by) {
      let n = from + k
      if (n > field.max) n -= size
      if (field === Fields.year) {
        set.years ??= new Uint32Array(((lastYear - firstYear) >> 5) + 1)
        set.years[(n - firstYear) >> 5]! |= 1 << ((n - firstYear) & 31)
      } else {
        if (field.shift !== 0) n = weekdayBit(n)
        if (n < 30) set.low |= 1 << n
        else set.high |= 1 << (n - 30)
      }
    }
  }

  const isDay = field === Fields.day
  const isWeekday = field.name === "weekday"

  const item = (): void => {
    const start = at
    const code = text.charCodeAt(at)
    if (code === 42) {
      at++
      const by = step()
      // all years are no restriction, and need no bits
      if (field !== Fields.year || by > 1) add(field.min, field.max, by)
      return
    }
    if (code === 63 && (isDay || isWeekday) && text.length === 1) {
      at++
      add(field.min, field.max, 1)
      return
    }
    if (isDay && (code === 76 || code === 108)) { // L
      at++
      const next = text.charCodeAt(at)
      if (next === 87 || next === 119) {
        at++
        set.lastWorkday = true
      } else if (next === 45) {
        at++
        const before = at
        const n = number("a number of days from 1 to 30")
        if (n < 1 || n > 30) throw wrong("range", before, at, "a number of days from 1 to 30")
        set.fromEnd |= 1 << n
      } else {
        set.fromEnd |= 1
      }
      return
    }
    const from = value()
    const next = text.charCodeAt(at)
    if (isDay && (next === 87 || next === 119)) { // W
      at++
      set.nearest |= 1 << (from - 1)
      return
    }
    if (isWeekday && (next === 76 || next === 108)) {
      at++
      set.nth.push(weekdayBit(from) * 8 + 6)
      return
    }
    if (isWeekday && next === 35) { // #
      at++
      const before = at
      const n = number("a number from 1 to 5")
      if (n < 1 || n > 5) throw wrong("range", before, at, "a number from 1 to 5")
      set.nth.push(weekdayBit(from) * 8 + n)
      return
    }
    if (next === 45) {
      at++
      const to = value()
      // seven is zero again, except at the end of a range, where it ends the week
      const low = from > field.max ? field.min : from
      const high = to > field.max && from === to ? field.min : to
      if (high < low && !field.wraps) throw wrong("range", start, at, "a range that does not run backwards")
      add(low, high, step())
      return
    }
    const single = from > field.max ? field.min : from
    if (next === 47) add(single, field.max, step())
    else add(single, single, 1)
  }

  while (true) {
    item()
    if (at === text.length) break
    if (text.charCodeAt(at) !== 44) {
      throw wrong("syntax", at, itemEnd(), `nothing, or a comma, after ${show(text.slice(0, at))}`)
    }
    at++
  }
  return set
}

const range = (field: Fields.Field): string => `a number from ${field.min} to ${field.limit}`

const names = (field: Fields.Field): string => `one of ${field.names.join(", ")}`

const syntax = (field: Fields.Field): string =>
  [
    `"*"`,
    range(field),
    ...(field.names.length === 0 ? [] : [`a name such as "${field.names[0]}"`]),
    ...(field === Fields.day ? [`"L", "L-3", "15W", "LW" or "?"`] : []),
    ...(field.name === "weekday" ? [`"${field.names[5]}L", "${field.names[5]}#2" or "?"`] : [])
  ].join(", ")
