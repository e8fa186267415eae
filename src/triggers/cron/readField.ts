/**
 * Reads one field of a cron expression. Whatever is not understood is refused: with the field, the position, what stands
 * there and what could stand there.
 *
 * @since 0.1.0
 */
import { show, TriggerError } from "../error.ts"
import type { YearRange } from "./calendar.ts"
import { type Field, weekdays } from "./fields.ts"

/**
 * What a field says.
 *
 * @internal
 */
export interface FieldSet {
  /** It begins with `*` or is `?`. */
  readonly star: boolean
  /** It is `*` or `?`: no restriction at all. */
  readonly free: boolean
  /** Values 0 to 29 and 30 to 59; weekdays from 0 = Sunday. Years are ranges instead. */
  low: number
  high: number
  readonly years: Array<YearRange>
  /** For these see `SpecialDays`. */
  fromEnd: number
  nearest: number
  lastWorkday: boolean
  readonly nth: Array<number>
}

/** @internal */
export const fault = (
  reason: TriggerError["reason"],
  field: string,
  position: number,
  value: string,
  expected: string
): TriggerError => new TriggerError({ reason, field, position, value: show(value), expected })

const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
const isBlank = (code: number): boolean => code === 32 || code === 9

const star = 42
const hash = 35
const comma = 44
const dash = 45
const slash = 47
const questionMark = 63

/** Whether a character is a certain capital letter, or the same letter in lower case. */
const isLetterOf = (code: number, capital: "L" | "W"): boolean => (code & ~32) === capital.charCodeAt(0)

const ordinals: { readonly [name: string]: number } = { "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, last: 6 }
const ordinal = /^(1st|2nd|3rd|4th|5th|last)([ \t]+([a-z]+))?(?=[ \t]*(,|$))/i

/**
 * Reads a field.
 *
 * @param text the field alone
 * @param position where it begins in the whole text, for errors
 * @internal
 */
export const readField = (text: string, position: number, field: Field): FieldSet => {
  const set: FieldSet = {
    star: text.charCodeAt(0) === star || text === "?",
    free: text === "*" || text === "?",
    low: 0,
    high: 0,
    years: [],
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
    const next = text.indexOf(",", at)
    return next < 0 ? text.length : next
  }

  const skipBlanks = (): void => {
    while (field.blanks && isBlank(text.charCodeAt(at))) at++
  }

  const readNumber = (expected: string): number => {
    const start = at
    let value = 0
    while (isDigit(text.charCodeAt(at))) {
      value = Math.min(value * 10 + text.charCodeAt(at) - 48, 1_000_000)
      at++
    }
    if (at === start) throw wrong("syntax", start, itemEnd(), expected)
    return value
  }

  const readNumberWithin = (min: number, max: number, expected: string): number => {
    const start = at
    const n = readNumber(expected)
    if (n < min || n > max) throw wrong("range", start, at, expected)
    return n
  }

  /** A number or a name. */
  const readValue = (): number => {
    const start = at
    const code = text.charCodeAt(at)
    if (isDigit(code)) return readNumberWithin(field.min, field.limit, range(field))
    if (field.names.length === 0 || !isLetter(code)) throw wrong("syntax", start, itemEnd(), forms(field))
    const index = field.names.indexOf(text.slice(at, at + 3).toLowerCase())
    if (index < 0) {
      while (isLetter(text.charCodeAt(at))) at++
      throw wrong("name", start, at, names(field))
    }
    at += 3
    return field.min + index
  }

  /** A step, where there is one. */
  const readStep = (): number => {
    if (text.charCodeAt(at) !== slash) return 1
    at++
    const largest = field.max - field.min
    return readNumberWithin(1, largest, `a step from 1 to ${largest}`)
  }

  const weekday = (value: number): number => (value + field.shift) % 7

  /** Adds the values from `from` to `to`, past the end of the cycle where `to` is the smaller one. */
  const add = (from: number, to: number, step: number): void => {
    if (field.name === "year") {
      set.years.push({ from, to, step })
      return
    }
    const size = field.max - field.min + 1
    const span = to >= from ? to - from : to + size - from
    for (let k = 0; k <= span; k += step) {
      let value = from + k
      if (value > field.max) value -= size
      if (field.shift !== 0) value = weekday(value)
      if (value < 30) set.low |= 1 << value
      else set.high |= 1 << (value - 30)
    }
  }

  /** `L`, `L-3` or `LW`; `15W` after its number. */
  const readLastDay = (): void => {
    at++
    if (isLetterOf(text.charCodeAt(at), "W")) {
      at++
      set.lastWorkday = true
    } else if (text.charCodeAt(at) === dash) {
      at++
      set.fromEnd |= 1 << readNumberWithin(1, 30, "a number of days from 1 to 30")
    } else {
      set.fromEnd |= 1
    }
  }

  /** `last`, `last fri` or `2nd fri`. */
  const readOrdinal = (): boolean => {
    const match = ordinal.exec(text.slice(at))
    if (match === null) return false
    const [whole, which, , name] = match
    const n = ordinals[which!.toLowerCase()]!
    const start = at + whole.length - (name?.length ?? 0)
    if (name !== undefined) {
      const index = weekdays.indexOf(name.toLowerCase())
      if (index < 0) throw wrong("name", start, start + name.length, `one of ${weekdays.join(", ")}`)
      set.nth.push(index * 8 + n)
    } else if (n === 6) {
      set.fromEnd |= 1
    } else {
      throw wrong("syntax", at, at + whole.length, `a weekday after ${show(which)}`)
    }
    at += whole.length
    return true
  }

  const readItem = (): void => {
    const start = at
    const code = text.charCodeAt(at)
    if (code === star) {
      at++
      add(field.min, field.max, readStep())
      return
    }
    if (code === questionMark && text.length === 1 && (field.special === "day" || field.special === "weekday")) {
      at++
      add(field.min, field.max, 1)
      return
    }
    if (field.special === "day" && isLetterOf(code, "L")) return readLastDay()
    if (field.special === "ordinal" && readOrdinal()) return
    const from = readValue()
    const next = text.charCodeAt(at)
    if (field.special === "day" && isLetterOf(next, "W")) {
      at++
      set.nearest |= 1 << (from - 1)
    } else if (field.special === "weekday" && isLetterOf(next, "L")) {
      at++
      set.nth.push(weekday(from) * 8 + 6)
    } else if (field.special === "weekday" && next === hash) {
      at++
      set.nth.push(weekday(from) * 8 + readNumberWithin(1, 5, "a number from 1 to 5"))
    } else if (next === dash) {
      at++
      const to = readValue()
      // a seven is Sunday again: it begins a range like a zero, and ends one after Saturday
      const low = from > field.max ? field.min : from
      const high = to > field.max && from === to ? field.min : to
      if (high < low && !field.wraps) throw wrong("range", start, at, "a range that does not run backwards")
      add(low, high, readStep())
    } else {
      const single = from > field.max ? field.min : from
      if (next === slash) add(single, field.max, readStep())
      else add(single, single, 1)
    }
  }

  while (true) {
    skipBlanks()
    readItem()
    skipBlanks()
    if (at === text.length) return set
    if (text.charCodeAt(at) !== comma) {
      throw wrong("syntax", at, itemEnd(), `nothing, or a comma, after ${show(text.slice(0, at))}`)
    }
    at++
  }
}

const range = (field: Field): string => `a number from ${field.min} to ${field.limit}`

const names = (field: Field): string => `one of ${field.names.join(", ")}`

const forms = (field: Field): string => {
  const special = field.special === "day"
    ? [`"L", "L-3", "15W", "LW" or "?"`]
    : field.special === "weekday"
    ? [`"friL", "fri#2" or "?"`]
    : field.special === "ordinal"
    ? [`"last", "last fri" or "2nd fri"`]
    : []
  const name = field.names.length === 0 ? [] : [`a name such as "${field.names[0]}"`]
  return [`"*"`, range(field), ...name, ...special].join(", ")
}
