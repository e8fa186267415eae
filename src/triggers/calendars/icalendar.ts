/**
 * Reads the events of an iCalendar file (RFC 5545).
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import { show, TriggerError } from "../error.ts"
import * as Zone from "../zone/zone.ts"
import type { CalendarSpec } from "./compile.ts"

const day = 86_400

/** An all-day event that lasts longer is a mistake. */
const maxDays = 3660

/** A line of a file: `NAME;PARAMETER=x:value`. */
interface Property {
  readonly name: string
  readonly parameters: { readonly [name: string]: string }
  readonly value: string
}

/** A point in time as a file says it. */
interface Moment {
  /** What a clock on the wall shows, in seconds since 1970-01-01T00:00:00. */
  readonly wall: number
  readonly allDay: boolean
  readonly timeZone: string
}

/**
 * The stretches of time that the events of a file cover.
 *
 * @internal
 */
export const read = (text: string, timeZone: string): CalendarSpec => {
  const dates = new Set<string>()
  const windows: Array<readonly [number, number]> = []
  const of: Array<CalendarSpec> = []
  let began = false
  let event: Array<Property> | undefined
  // a line that begins with a blank goes on with the one before
  for (const line of text.replace(/\r?\n[ \t]/g, "").split(/\r?\n/)) {
    if (line.trim() === "") continue
    const property = parse(line)
    const { name, value } = property
    const component = value.toUpperCase()
    if (name === "BEGIN" && component === "VCALENDAR") began = true
    else if (name === "BEGIN" && component === "VEVENT") event = []
    else if (name === "END" && component === "VEVENT" && event !== undefined) {
      add(event)
      event = undefined
    } else event?.push(property)
  }
  if (!began) throw fault(text, `an iCalendar file, which begins with "BEGIN:VCALENDAR"`)
  if (dates.size > 0) of.push({ _tag: "days", days: Array.from(dates), timeZone })
  if (windows.length > 0) of.push({ _tag: "windows", windows })
  return { _tag: "anyOf", of }

  function add(event: ReadonlyArray<Property>): void {
    const one = (name: string) => event.find((property) => property.name === name)
    if (one("STATUS")?.value.toUpperCase() === "CANCELLED") return
    const begin = one("DTSTART")
    if (begin === undefined) throw fault("VEVENT", "an event with a DTSTART")
    const [start] = moments(begin, timeZone)
    const duration = lengthOf(start!, one("DTEND"), one("DURATION"), timeZone)
    if (duration <= 0) return
    if (one("RRULE") !== undefined) {
      const text = event.filter(({ name }) => recurrence.has(name)).map(line).join("\n")
      // what has no zone of its own recurs on the wall of the calendar's zone
      const floats = begin.parameters["TZID"] === undefined && !begin.value.endsWith("Z")
      of.push({
        _tag: "each",
        of: { _tag: "rrule", text },
        millis: duration * 1000,
        ...(floats ? { wall: timeZone } : {})
      })
      return
    }
    const excluded = new Set(all(event, "EXDATE", timeZone).map(({ wall }) => wall))
    for (const moment of [start!, ...all(event, "RDATE", timeZone)]) {
      if (excluded.has(moment.wall)) continue
      if (!moment.allDay) {
        const from = instantOf(moment)
        windows.push([from * 1000, (from + duration) * 1000])
        continue
      }
      for (let wall = moment.wall; wall < moment.wall + duration; wall += day) dates.add(iso(wall).slice(0, 10))
    }
  }
}

/** What makes up a recurrence. */
const recurrence = new Set(["DTSTART", "RRULE", "RDATE", "EXDATE"])

const line = ({ name, parameters, value }: Property): string => {
  const known = Object.entries(parameters).filter(([key]) => key === "TZID" || key === "VALUE")
  return `${name}${
    known.map(([key, given]) => `;${key}=${/[:;,]/.test(given) ? `"${given}"` : given}`).join("")
  }:${value}`
}

const all = (event: ReadonlyArray<Property>, name: string, timeZone: string): ReadonlyArray<Moment> =>
  event.filter((property) => property.name === name).flatMap((property) => moments(property, timeZone))

const parse = (line: string): Property => {
  // a parameter may be quoted, and then may hold colons and semicolons
  const match = /^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)$/.exec(line)
  if (match === null) throw fault(line, `a line such as "DTSTART;VALUE=DATE:20261225"`)
  // every group of the pattern takes part in a match, be it with nothing
  const [, name, parameters, value] = match as unknown as [string, string, string, string]
  return {
    name: name.toUpperCase(),
    parameters: Object.fromEntries(
      Array.from(
        parameters.matchAll(/;([A-Za-z0-9-]+)=("[^"]*"|[^";]*)/g),
        ([, key, given]) => [key!.toUpperCase(), given!.replace(/^"|"$/g, "")]
      )
    ),
    value: value.trim()
  }
}

const moments = ({ parameters, value }: Property, timeZone: string): Array<Moment> =>
  value.split(",").map((text) => {
    const match = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$/.exec(text)
    if (match === null) throw fault(text, `a date such as "20261225" or a time such as "20261225T090000Z"`)
    const [year, month, date, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
      number
    ]
    const known = year > 0 && month >= 1 && month <= 12 && date >= 1 &&
      date <= Civil.monthLength(year * 12 + month - 1) && hour < 24 && minute < 60 && second <= 60
    if (!known) throw fault(text, "a date and a time that exist")
    return {
      wall: (Civil.monthStart(year * 12 + month - 1) + date - 1) * day + hour * 3600 + minute * 60 + second,
      allDay: match[4] === undefined,
      timeZone: match[7] === "Z" ? "UTC" : parameters["TZID"] ?? timeZone
    }
  })

/** How long an event lasts, in seconds. RFC 5545 3.6.1: without an end a day, or no time at all. */
const lengthOf = (
  start: Moment,
  end: Property | undefined,
  duration: Property | undefined,
  timeZone: string
): number => {
  if (end !== undefined) {
    const [until] = moments(end, timeZone)
    const length = start.allDay ? until!.wall - start.wall : instantOf(until!) - instantOf(start)
    if (length < 0 || (start.allDay && length > maxDays * day)) {
      throw fault(end.value, `an end after the start and, on whole days, within ${maxDays} days of it`)
    }
    return length
  }
  if (duration === undefined) return start.allDay ? day : 0
  const match = /^\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?$/.exec(
    duration.value
  )
  if (match === null) throw fault(duration.value, `a duration such as "P1D" or "PT2H30M"`)
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((digits) => Number(digits ?? 0))
  return Math.min(weeks! * 7 + days!, maxDays) * day + hours! * 3600 + minutes! * 60 + seconds!
}

/** The instant at which a clock shows this, in epoch seconds: the first of two, and in a gap as if the clocks had not moved. */
const instantOf = ({ timeZone, wall }: Moment): number => {
  const table = Zone.table("TZID", timeZone)
  const before = table.at(wall - day).offset
  if (table.at(wall - before).offset === before) return wall - before
  const after = table.at(wall + day).offset
  return table.at(wall - after).offset === after ? wall - after : wall - before
}

const iso = (wall: number): string => new Date(wall * 1000).toISOString()

const fault = (value: string, expected: string): TriggerError =>
  new TriggerError({ reason: "syntax", field: "iCalendar", value: show(value), expected })
