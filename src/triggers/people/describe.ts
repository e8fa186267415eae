/**
 * Triggers in plain English.
 *
 * @since 0.1.0
 */
import type { CalendarSpec } from "../calendars/compile.ts"
import type { TriggerSpec } from "../compile.ts"
import { decodeParameters } from "../custom.ts"
import { TriggerError } from "../error.ts"
import type { Registry } from "../registry.ts"
import { parse } from "../rrule/parse.ts"
import type { Rule, Stamp } from "../rrule/recurrence.ts"
import { zoneOf } from "./clock.ts"
import { describeCron } from "./describe-cron.ts"
import * as Words from "./words.ts"

/** @internal */
export const describe = (spec: TriggerSpec, registry: Registry): string => {
  const zone = zoneOf(spec)
  const inZone = zone === undefined || hasOwnZones(spec) ? "" : `, ${zone}`
  return phrase(spec, registry) + inZone
}

/** Whether members are in different zones, so that each has to say its own. */
const hasOwnZones = (spec: TriggerSpec): boolean =>
  spec._tag === "union" || spec._tag === "intersection" || spec._tag === "except" || spec._tag === "andThen" ||
  ("of" in spec && !Array.isArray(spec.of) && hasOwnZones(spec.of as TriggerSpec))

const phrase = (spec: TriggerSpec, registry: Registry): string => {
  const describeMember = (member: TriggerSpec) => describe(member, registry)
  // a member of a trigger that says the zone at its end
  const inner = (member: TriggerSpec) => phrase(member, registry)
  switch (spec._tag) {
    case "dates":
      return spec.at.length <= 3
        ? `at ${Words.list(spec.at.map(Words.instant))}`
        : `at ${spec.at.length} instants from ${Words.instant(spec.at[0]!)} to ${Words.instant(spec.at.at(-1)!)}`
    case "after":
      return spec.millis === 0 ? "once, at once" : `once, after ${Words.duration(spec.millis)}`
    case "interval":
      return Words.every(spec.millis) + (spec.immediate === true ? ", beginning at once" : "") +
        bounds(spec.start, spec.end)
    case "cron":
      return describeCron(spec) + policies(spec)
    case "calendarInterval": {
      const { at, days = 0, end, missingDay, months = 0, start } = spec
      const units: ReadonlyArray<readonly [number, string]> = [
        months % 12 === 0 ? [months / 12, "year"] : [months, "month"],
        days % 7 === 0 ? [days / 7, "week"] : [days, "day"]
      ]
      const given = units.filter(([n]) => n > 0)
      const period = given.length === 1 && given[0]![0] === 1
        ? `every ${given[0]![1]}`
        : `every ${Words.list(given.map(([n, unit]) => Words.plural(n, unit)))}`
      return `${period} at ${at}${start === undefined ? "" : `, from ${start}`}${
        end === undefined ? "" : `, until ${end}`
      }` +
        (missingDay === "clamp" ? ", or on the last day of a shorter month" : "") + policies(spec)
    }
    case "rrule":
      return recurrence(spec.text) + policies(spec)
    case "custom":
      return custom(spec.name, spec.parameters, registry)
    case "union":
      return spec.of.map(describeMember).join("; or ")
    case "intersection":
      return `whenever these agree${
        spec.threshold === undefined ? "" : ` within ${Words.duration(spec.threshold)}`
      }: ` +
        spec.of.map(describeMember).join("; and ")
    case "except":
      return `${describeMember(spec.of)}; except: ${describeMember(spec.instants)}`
    case "outside": {
      const within = spec.calendar._tag === "not" && spec.inside === undefined
      const rule = spec.inside === "defer"
        ? ", then deferred to the end of that"
        : spec.inside === "advance"
        ? ", then advanced to the beginning of that"
        : ""
      return within && spec.calendar._tag === "not"
        ? `${inner(spec.of)}, only during ${calendar(spec.calendar.of, registry)}`
        : `${inner(spec.of)}, except during ${calendar(spec.calendar, registry)}${rule}`
    }
    case "between":
      return inner(spec.of) + bounds(spec.start, spec.end)
    case "limit":
      return `${inner(spec.of)}, ${spec.times === 1 ? "once" : `${spec.times} times`} in all`
    case "offset":
      return `${Words.duration(spec.millis)} ${spec.millis < 0 ? "before" : "after"}: ${inner(spec.of)}`
    case "andThen":
      return `${describeMember(spec.first)}; then ${describeMember(spec.second)}`
    case "jitter":
      return `${inner(spec.of)}, plus up to ${Words.duration(spec.millis)}`
  }
}

const bounds = (start: number | undefined, end: number | undefined): string =>
  (start === undefined ? "" : `, from ${Words.instant(start)}`) +
  (end === undefined ? "" : `, until ${Words.instant(end)}`)

const gapWords = {
  "first-valid": "what the clocks skip fires at the first valid instant",
  shift: "what the clocks skip fires as much later",
  skip: "what the clocks skip does not fire"
}

const overlapWords = {
  first: "what comes twice fires the first time",
  second: "what comes twice fires the second time",
  both: "what comes twice fires both times"
}

/** Clock-change policies that somebody has chosen. */
const policies = ({ gap, overlap }: {
  readonly gap?: keyof typeof gapWords
  readonly overlap?: keyof typeof overlapWords
}): string => {
  const chosen = [
    ...(gap === undefined ? [] : [gapWords[gap]]),
    ...(overlap === undefined ? [] : [overlapWords[overlap]])
  ]
  return chosen.length === 0 ? "" : ` (${chosen.join("; ")})`
}

const custom = (name: string, parameters: Parameters<typeof decodeParameters>[1], registry: Registry): string => {
  const definition = registry.kinds.get(name)
  const text = `${name} ${JSON.stringify(parameters)}`
  if (definition?.describe === undefined) return text
  try {
    return definition.describe(decodeParameters(definition, parameters))
  } catch (error) {
    if (error instanceof TriggerError) return text
    throw error
  }
}

// -----------------------------------------------------------------------------
// calendars
// -----------------------------------------------------------------------------

/** What a calendar covers. */
export const calendar = (spec: CalendarSpec, registry: Registry): string => {
  switch (spec._tag) {
    case "days": {
      const names = spec.days.map((text) => {
        const weekday = Words.weekdayNames.find((name) => name.toLowerCase().startsWith(text))
        if (weekday !== undefined) return `${weekday}s`
        const yearly = /^(\d\d)-(\d\d)$/.exec(text)
        return yearly === null ? text : `${Number(yearly[2])} ${Words.monthNames[Number(yearly[1]) - 1]}`
      })
      return `${names.length <= 8 ? Words.list(names) : `${names.length} days`} (${spec.timeZone})`
    }
    case "weekly": {
      const days = Object.entries(spec.hours).map(([day, ranges]) =>
        `${Words.weekdayNames.find((name) => name.toLowerCase().startsWith(day))} ${ranges.join(", ")}`
      )
      return `${days.join("; ")} (${spec.timeZone})`
    }
    case "windows":
      return spec.windows.length <= 3
        ? Words.list(spec.windows.map(([start, end]) => `${Words.instant(start)} to ${Words.instant(end)}`))
        : `${spec.windows.length} windows of time`
    case "each":
      return `the ${Words.duration(spec.millis)} from each of: ${describe(spec.of, registry)}`
    case "anyOf":
      return Words.list(spec.of.map((member) => calendar(member, registry)))
    case "not":
      return `all but ${calendar(spec.of, registry)}`
    case "named":
      return `the calendar ${JSON.stringify(spec.name)}`
  }
}

// -----------------------------------------------------------------------------
// recurrences
// -----------------------------------------------------------------------------

const unitOf = {
  YEARLY: "year",
  MONTHLY: "month",
  WEEKLY: "week",
  DAILY: "day",
  HOURLY: "hour",
  MINUTELY: "minute",
  SECONDLY: "second"
}

const recurrence = (text: string): string => {
  const { added, excluded, rule, start } = parse(text)
  return ruleWords(rule) + (start === undefined ? "" : `, from ${stamp(start)}`) +
    (rule.until === undefined ? "" : `, until ${stamp(rule.until)}`) +
    (rule.count === undefined ? "" : `, ${rule.count === 1 ? "once" : `${rule.count} times`} in all`) +
    (added.length === 0 ? "" : `, and on ${Words.list(added.map(stamp))}`) +
    (excluded.length === 0 ? "" : `, but not on ${Words.list(excluded.map(stamp))}`)
}

const ruleWords = (rule: Rule): string => {
  const unit = unitOf[rule.freq]
  const parts = [rule.interval === 1 ? `every ${unit}` : `every ${Words.plural(rule.interval, unit)}`]
  /** `n` counted from the end where it is negative. */
  const counted = (n: number) => n > 0 ? Words.ordinal(n) : n === -1 ? "last" : `${Words.ordinal(-n)} to last`
  if (rule.byMonth !== undefined) parts.push(`in ${Words.list(rule.byMonth.map((n) => Words.monthNames[n - 1]!))}`)
  if (rule.byWeekNo !== undefined) parts.push(`in ISO week ${Words.list(rule.byWeekNo.map(String))}`)
  if (rule.byYearDay !== undefined) parts.push(`on the ${Words.list(rule.byYearDay.map(counted))} day of the year`)
  if (rule.byMonthDay !== undefined) parts.push(`on the ${Words.list(rule.byMonthDay.map(counted))} of the month`)
  if (rule.byDay !== undefined) {
    const days = rule.byDay.map(({ n, weekday }) =>
      n === 0 ? Words.weekdayNames[weekday]! : `the ${counted(n)} ${Words.weekdayNames[weekday]}`
    )
    parts.push(`on ${Words.list(days)}`)
  }
  const { byHour, byMinute, bySecond } = rule
  if (byHour !== undefined && byHour.length * (byMinute?.length ?? 1) <= 8 && bySecond === undefined) {
    const times = byHour.flatMap((h) => (byMinute ?? [0]).map((m) => `${Words.pad(h)}:${Words.pad(m)}`))
    parts.push(
      byMinute === undefined ? `during the hours ${Words.list(byHour.map(String))}` : `at ${Words.list(times)}`
    )
  } else {
    if (byHour !== undefined) parts.push(`during the hours ${Words.list(byHour.map(String))}`)
    if (byMinute !== undefined) parts.push(`at minutes ${Words.list(byMinute.map(String))}`)
    if (bySecond !== undefined) parts.push(`at seconds ${Words.list(bySecond.map(String))}`)
  }
  if (rule.bySetPos !== undefined) parts.push(`only the ${Words.list(rule.bySetPos.map(counted))} of these`)
  return parts.join(", ")
}

const stamp = (given: Stamp): string => {
  const text = new Date(given.wall * 1000).toISOString().replace("T", " ").replace(/:00\.000Z$|\.000Z$/, "")
  return given.form === "date" ? text.slice(0, 10) : given.form === "utc" ? `${text} UTC` : text
}
