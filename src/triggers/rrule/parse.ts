/**
 * Reads iCalendar text: the lines DTSTART, RRULE, RDATE and EXDATE of RFC 5545, or a rule alone. What it does not know it
 * refuses, with the place.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import { show, TriggerError } from "../error.ts"
import * as Zone from "../zone/zone.ts"
import * as Parts from "./parts.ts"
import { frequencies, type NthWeekday, type Recurrence, type Rule, type Stamp, weekdays } from "./recurrence.ts"

/** Longer texts are refused unread. Four thousand dates fit in. */
export const maxLength = 65_536

const properties = ["DTSTART", "RRULE", "RDATE", "EXDATE"] as const

type Property = typeof properties[number]

type Reason = TriggerError["reason"]

/** A piece of the text. */
interface Span {
  readonly from: number
  readonly to: number
}

/** A value that was read, and where. */
interface Found<A> extends Span {
  readonly value: A
}

/**
 * Reads a recurrence. Throws a `TriggerError`.
 *
 * @internal
 */
export const parse = (given: string): Recurrence => {
  if (typeof given !== "string") {
    throw new TriggerError({
      reason: "syntax",
      field: "rrule",
      value: show(given),
      expected: "iCalendar text such as \"FREQ=DAILY\""
    })
  }
  if (given.length > maxLength) {
    throw new TriggerError({
      reason: "syntax",
      field: "rrule",
      value: `${given.length} characters`,
      expected: `at most ${maxLength}`
    })
  }
  const control = /[^\P{Cc}\r\n\t]/u.exec(given)
  if (control !== null) {
    throw new TriggerError({
      reason: "syntax",
      field: "rrule",
      position: control.index,
      value: show(control[0]),
      expected: "no control characters"
    })
  }
  return new Reader(given).recurrence()
}

class Reader {
  /** The text without line folds: a line break and one blank. */
  private readonly text: string
  /** Where in `text` a fold was taken out, ascending, and how long it was. */
  private readonly folds: Array<{ readonly at: number; readonly length: number }> = []

  constructor(given: string) {
    let removed = 0
    this.text = given.replace(/\r?\n[ \t]/g, (fold, index: number) => {
      this.folds.push({ at: index - removed, length: fold.length })
      removed += fold.length
      return ""
    })
  }

  recurrence(): Recurrence {
    let start: Found<Stamp> | undefined
    let rule: Span | undefined
    const dates: Array<{ readonly property: "RDATE" | "EXDATE"; readonly stamp: Found<Stamp> }> = []
    for (const line of this.lines()) {
      const isRuleAlone = /^[A-Za-z]+=/.test(this.text.slice(line.from, line.from + 20))
      const { parameters, property, value } = isRuleAlone
        ? { property: "RRULE" as const, parameters: {}, value: line }
        : this.property(line)
      if (property === "RDATE" || property === "EXDATE") {
        for (const item of this.split(value, ",")) {
          dates.push({ property, stamp: this.stamp(property, item, parameters) })
        }
        continue
      }
      if (property === "DTSTART") {
        if (start !== undefined) throw this.wrong("syntax", property, line, "one DTSTART")
        start = this.stamp(property, value, parameters)
        continue
      }
      if (rule !== undefined) throw this.wrong("syntax", property, line, "one rule")
      rule = value
    }
    if (rule === undefined) {
      throw this.wrong("syntax", "RRULE", { from: 0, to: this.text.length }, "a rule such as \"RRULE:FREQ=DAILY\"")
    }
    for (const { property, stamp } of dates) {
      if ((stamp.value.form === "date") !== (start?.value.form === "date")) {
        throw this.wrong("syntax", property, stamp, "the value type of DTSTART: dates or date-times alike")
      }
    }
    return {
      start: start?.value,
      rule: this.rule(rule, start?.value),
      added: sorted(dates.filter(({ property }) => property === "RDATE").map(({ stamp }) => stamp.value)),
      excluded: sorted(dates.filter(({ property }) => property === "EXDATE").map(({ stamp }) => stamp.value))
    }
  }

  // ---------------------------------------------------------------------------
  // lines and properties
  // ---------------------------------------------------------------------------

  private *lines(): Iterable<Span> {
    let from = 0
    for (const line of this.text.split("\n")) {
      const to = from + line.length - (line.endsWith("\r") ? 1 : 0)
      if (to > from) yield { from, to }
      from += line.length + 1
    }
  }

  private property(line: Span): { property: Property; parameters: Parameters; value: Span } {
    const text = this.text.slice(line.from, line.to)
    const name = /^[A-Za-z0-9-]*/.exec(text)![0]
    const property = properties.find((known) => known === name.toUpperCase())
    let at = line.from + name.length
    if (property === undefined) {
      throw this.wrong(
        "name",
        "property",
        { from: line.from, to: name === "" ? line.to : at },
        `one of ${properties.join(", ")}, or a rule such as "FREQ=DAILY"`
      )
    }
    const parameters: { TZID?: Found<string>; VALUE?: Found<string> } = {}
    const pattern = /;([A-Za-z0-9-]+)=("[^"]*"|[^;:",]*)/y
    while (this.text[at] === ";" && at < line.to) {
      pattern.lastIndex = at
      const match = pattern.exec(this.text)
      if (match === null) {
        throw this.wrong("syntax", property, { from: at, to: line.to }, "a parameter such as \";TZID=Europe/Warsaw\"")
      }
      // every group of the pattern takes part in a match
      const [whole, key, quoted] = match as unknown as [string, string, string]
      const parameter = key.toUpperCase()
      const span = { from: at, to: at + whole.length }
      const isKnown = property !== "RRULE" && (parameter === "TZID" || parameter === "VALUE")
      if (!isKnown) {
        const expected = property === "RRULE" ? "no parameters" : "the parameters TZID and VALUE only"
        throw this.wrong("name", property, span, expected)
      }
      if (parameters[parameter] !== undefined) throw this.wrong("syntax", property, span, `one ${parameter}`)
      parameters[parameter] = { ...span, value: quoted.startsWith("\"") ? quoted.slice(1, -1) : quoted }
      at = span.to
    }
    if (this.text[at] !== ":" || at >= line.to) {
      throw this.wrong("syntax", property, { from: at, to: line.to }, "a colon, then the value")
    }
    return { property, parameters, value: { from: at + 1, to: line.to } }
  }

  // ---------------------------------------------------------------------------
  // dates
  // ---------------------------------------------------------------------------

  private stamp(property: string, span: Span, { TZID, VALUE }: Parameters): Found<Stamp> {
    const type = VALUE?.value.toUpperCase() ?? "DATE-TIME"
    if (type !== "DATE" && type !== "DATE-TIME") {
      throw this.wrong("name", property, VALUE!, "VALUE=DATE or VALUE=DATE-TIME")
    }
    const found = this.dateTime(property, span)
    if ((found.value.form === "date") !== (type === "DATE")) {
      throw this.wrong(
        "syntax",
        property,
        span,
        type === "DATE" ? "a date such as 19970902" : "a date-time such as 19970902T090000, or VALUE=DATE before a date"
      )
    }
    if (TZID === undefined) return found
    if (found.value.form !== "floating") {
      throw this.wrong("syntax", property, TZID, "TZID beside a local date-time only")
    }
    this.checkZone(TZID)
    return { ...span, value: { form: "zoned", wall: found.value.wall, zone: TZID.value } }
  }

  private checkZone(zone: Found<string>): void {
    try {
      Zone.table("TZID", zone.value)
    } catch (error) {
      throw error instanceof TriggerError ? this.wrong(error.reason, "TZID", zone, error.expected) : error
    }
  }

  private dateTime(field: string, span: Span): Found<Stamp> {
    const text = this.text.slice(span.from, span.to)
    const match = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?$/i.exec(text)
    if (match !== null) {
      const [, year, month, dayOfMonth, hour, minute, second, utc] = match
      const number = +year! * 12 + +month! - 1
      const isDate = +year! >= 1 && +month! >= 1 && +month! <= 12 && +dayOfMonth! >= 1 &&
        +dayOfMonth! <= Civil.monthLength(number)
      if (isDate && hour === undefined) {
        return { ...span, value: { form: "date", wall: dayWall(number, +dayOfMonth!) } }
      }
      if (isDate && +hour! < 24 && +minute! < 60 && +second! <= 60) {
        // without leap seconds a second 60 is read as 59: RFC 5545, section 3.3.12
        const time = +hour! * 3600 + +minute! * 60 + Math.min(+second!, 59)
        const form = utc === undefined ? "floating" : "utc"
        return { ...span, value: { form, wall: dayWall(number, +dayOfMonth!) + time } }
      }
    }
    throw this.wrong("syntax", field, span, "a date that exists, such as 19970902, 19970902T090000 or 19970902T090000Z")
  }

  // ---------------------------------------------------------------------------
  // the rule
  // ---------------------------------------------------------------------------

  private rule(line: Span, start: Stamp | undefined): Rule {
    const parts = new Map<Parts.Name, Span>()
    for (const part of this.split(line, ";")) {
      const text = this.text.slice(part.from, part.to)
      const equals = text.indexOf("=")
      if (equals < 0) throw this.wrong("syntax", "RRULE", part, "a part such as \"FREQ=DAILY\"")
      const name = text.slice(0, equals).toUpperCase()
      const known = Parts.names.find((one) => one === name)
      if (known === undefined) {
        const span = { from: part.from, to: part.from + equals }
        throw this.wrong("name", "RRULE", span, `one of ${Parts.names.join(", ")}`)
      }
      if (parts.has(known)) throw this.wrong("syntax", known, part, `${known} once`)
      parts.set(known, { from: part.from + equals + 1, to: part.to })
    }
    const read = <A>(name: Parts.Name, reader: (span: Span) => A): A | undefined => {
      const span = parts.get(name)
      return span === undefined ? undefined : reader(span)
    }
    const numbers = (name: Parts.ListName): ReadonlyArray<number> | undefined =>
      read(name, (span) => {
        const { max, min, signed } = Parts.lists[name]
        const values = this.split(span, ",").map((item) => this.number(name, item, min, max, signed))
        return ascending(name === "BYSECOND" ? values.map((second) => Math.min(second, 59)) : values)
      })

    const freq = read("FREQ", (span) => this.name("FREQ", span, frequencies))
    if (freq === undefined) throw this.wrong("syntax", "FREQ", line, "FREQ, such as \"FREQ=DAILY\"")
    const rule: Rule = {
      freq: frequencies[freq]!,
      until: read("UNTIL", (span) => this.until(span, start)),
      count: read("COUNT", (span) => this.number("COUNT", span, 1, Parts.maxNumber, false)),
      interval: read("INTERVAL", (span) => this.number("INTERVAL", span, 1, Parts.maxNumber, false)) ?? 1,
      weekStart: read("WKST", (span) => this.name("WKST", span, weekdays)) ?? 1,
      byMonth: numbers("BYMONTH"),
      byWeekNo: numbers("BYWEEKNO"),
      byYearDay: numbers("BYYEARDAY"),
      byMonthDay: numbers("BYMONTHDAY"),
      byDay: read("BYDAY", (span) => this.weekdays(span)),
      byHour: numbers("BYHOUR"),
      byMinute: numbers("BYMINUTE"),
      bySecond: numbers("BYSECOND"),
      bySetPos: numbers("BYSETPOS")
    }
    const conflict = Parts.conflict(rule, start?.form === "date")
    if (conflict !== undefined) {
      throw this.wrong("option", conflict.part, parts.get(conflict.part)!, conflict.expected)
    }
    return rule
  }

  private until(span: Span, start: Stamp | undefined): Stamp {
    const { value } = this.dateTime("UNTIL", span)
    const allowed = start === undefined
      ? ["utc", "floating"]
      : [start.form === "zoned" ? "utc" : start.form]
    if (allowed.includes(value.form)) return value
    const examples: { readonly [form: string]: string } = {
      date: "a date such as 19971224, as DTSTART is one",
      floating: "a local date-time such as 19971224T000000, as DTSTART is one",
      utc: "a UTC date-time such as 19971224T000000Z, as DTSTART is in UTC or in a time zone"
    }
    throw this.wrong(
      "syntax",
      "UNTIL",
      span,
      start === undefined ? "a date-time such as 19971224T000000Z" : examples[allowed[0]!]!
    )
  }

  private weekdays(span: Span): ReadonlyArray<NthWeekday> {
    const days = this.split(span, ",").map((item): NthWeekday => {
      const text = this.text.slice(item.from, item.to)
      const match = /^([+-]?\d{1,2})?([A-Za-z]{2})$/.exec(text)
      const weekday = weekdays.findIndex((name) => name === match?.[2]?.toUpperCase())
      const n = match?.[1] === undefined ? 0 : Number(match[1])
      if (weekday < 0 || (match![1] !== undefined && (n === 0 || Math.abs(n) > 53))) {
        throw this.wrong(
          "syntax",
          "BYDAY",
          item,
          `one of ${weekdays.join(", ")}, alone or after a number from 1 to 53 or -1 to -53`
        )
      }
      return { n, weekday }
    })
    // from Monday on, as calendars are written here
    const key = ({ n, weekday }: NthWeekday): number => (n + 64) * 8 + (weekday + 6) % 7
    return Array.from(new Map(days.map((day) => [key(day), day])))
      .sort(([a], [b]) => a - b)
      .map(([, day]) => day)
  }

  private number(field: string, span: Span, min: number, max: number, signed: boolean): number {
    const text = this.text.slice(span.from, span.to)
    const value = (signed ? /^[+-]?\d{1,9}$/ : /^\d{1,9}$/).test(text) ? Number(text) : NaN
    if ((signed ? Math.abs(value) : value) >= min && Math.abs(value) <= max) return value
    const expected = `a number from ${min} to ${max}${signed ? ` or -${min} to -${max}` : ""}`
    throw this.wrong(Number.isNaN(value) ? "syntax" : "range", field, span, expected)
  }

  /** Reads a name as its index. */
  private name(field: string, span: Span, names: ReadonlyArray<string>): number {
    const index = names.indexOf(this.text.slice(span.from, span.to).toUpperCase())
    if (index < 0) throw this.wrong("name", field, span, `one of ${names.join(", ")}`)
    return index
  }

  // ---------------------------------------------------------------------------
  // text
  // ---------------------------------------------------------------------------

  private split(span: Span, separator: string): Array<Span> {
    let from = span.from
    return this.text.slice(span.from, span.to).split(separator).map((item) => {
      const to = from + item.length
      const piece = { from, to }
      from = to + 1
      return piece
    })
  }

  private wrong(reason: Reason, field: string, { from, to }: Span, expected: string): TriggerError {
    // as it was given, folds included
    let position = from
    for (const { at, length } of this.folds) if (at <= from) position += length
    return new TriggerError({ reason, field, position, value: show(this.text.slice(from, to)), expected })
  }
}

interface Parameters {
  readonly TZID?: Found<string>
  readonly VALUE?: Found<string>
}

const dayWall = (month: number, dayOfMonth: number): number => (Civil.monthStart(month) + dayOfMonth - 1) * 86_400

const ascending = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(new Set(values)).sort((a, b) => a - b)

/** By zone and time, each once. */
const sorted = (stamps: ReadonlyArray<Stamp>): ReadonlyArray<Stamp> => {
  const zoneOf = (stamp: Stamp): string => stamp.form === "zoned" ? `=${stamp.zone}` : stamp.form
  const unique = new Map(stamps.map((stamp) => [`${zoneOf(stamp)} ${stamp.wall}`, stamp]))
  return Array.from(unique.values()).sort((a, b) => {
    const [zoneA, zoneB] = [zoneOf(a), zoneOf(b)]
    return zoneA === zoneB ? a.wall - b.wall : zoneA < zoneB ? -1 : 1
  })
}
