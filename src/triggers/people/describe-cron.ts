/**
 * Cron expressions in plain English.
 *
 * The expression has been read before, so that what is here need not doubt it.
 *
 * @since 0.1.0
 */
import type { CronSpec } from "../cron/cron.ts"
import type { CronFields } from "../cron/parse.ts"
import * as Words from "./words.ts"

const macros: { readonly [name: string]: string } = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *"
}

/** The fields of an expression as text; those that the expression lacks are `undefined`. */
interface Texts {
  readonly second: string | undefined
  readonly minute: string
  readonly hour: string
  readonly day: string
  readonly month: string
  readonly weekday: string
  readonly week: string | undefined
  readonly year: string | undefined
  /** Whether a date has to match both day fields. */
  readonly both: boolean
  /** What 0 or the name of a weekday stands for: subtracted modulo 7 it gives 0 = Sunday. */
  readonly weekdayShift: number
}

/** A part of a field: `a`, `a-b/n`, or a text of its own. */
type Item =
  | { readonly _tag: "value"; readonly value: number }
  | { readonly _tag: "range"; readonly from: number; readonly to: number | undefined; readonly step: number }
  | { readonly _tag: "all"; readonly step: number }
  | { readonly _tag: "special"; readonly text: string }

const names = {
  month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  weekday: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
}

const itemsOf = (text: string, numberOf: (word: string) => number | undefined): ReadonlyArray<Item> =>
  text.split(",").map((given): Item => {
    const item = given.trim()
    const [range, step = "1"] = item.split("/") as [string, string | undefined]
    if (range === "*" || range === "?") return { _tag: "all", step: Number(step) }
    const [from, to] = range.split("-").map(numberOf)
    if (from === undefined || (range.includes("-") && to === undefined)) return { _tag: "special", text: item }
    if (to !== undefined) return { _tag: "range", from, to, step: Number(step) }
    return item.includes("/")
      ? { _tag: "range", from, to: undefined, step: Number(step) }
      : { _tag: "value", value: from }
  })

const plain = (word: string): number | undefined => /^\d+$/.test(word) ? Number(word) : undefined

const named = (all: ReadonlyArray<string>, first: number) => (word: string): number | undefined => {
  const index = all.indexOf(word.toLowerCase())
  return index < 0 ? plain(word) : index + first
}

/** @internal */
export const describeCron = (spec: CronSpec): string => {
  const texts = typeof spec.expression === "string" ? ofText(spec.expression, spec) : ofFields(spec.expression)
  const dates = date(texts)
  const times = time(texts)
  return dates.length === 0 && /^at \d\d:/.test(times) ? `${times} every day` : [times, ...dates].join(", ")
}

const ofText = (given: string, { days, dialect }: CronSpec): Texts => {
  const words = (macros[given.trim().toLowerCase()] ?? given).trim().split(/[ \t]+/)
  const [second, minute, hour, day, month, weekday, year] = words.length === 5 ? [undefined, ...words] : words as never
  const [byDay, byWeekday] = [day!, weekday!]
  return {
    second: second === "0" ? undefined : second,
    minute: minute!,
    hour: hour!,
    day: byDay,
    month: month!,
    weekday: byWeekday,
    week: undefined,
    year,
    both: days === undefined ? /^[*?]/.test(byDay) || /^[*?]/.test(byWeekday) : days === "both",
    weekdayShift: dialect === "quartz" ? 1 : 0
  }
}

const significance = ["year", "month", "day", "week", "dayOfWeek", "hour", "minute", "second"] as const

const ofFields = (fields: CronFields): Texts => {
  const least = significance.findLastIndex((name) => fields[name] !== undefined)
  const smallest = {
    year: "1970",
    month: "1",
    day: "1",
    week: "*",
    dayOfWeek: "*",
    hour: "0",
    minute: "0",
    second: "0"
  }
  const text = (name: typeof significance[number]): string =>
    fields[name] === undefined
      ? significance.indexOf(name) < least ? "*" : smallest[name]
      : String(fields[name])
  const second = text("second")
  const year = text("year")
  return {
    second: second === "0" ? undefined : second,
    minute: text("minute"),
    hour: text("hour"),
    day: text("day"),
    month: text("month"),
    weekday: text("dayOfWeek"),
    week: text("week") === "*" ? undefined : text("week"),
    year: year === "*" ? undefined : year,
    both: true,
    weekdayShift: -1
  }
}

// -----------------------------------------------------------------------------
// time of day
// -----------------------------------------------------------------------------

const valuesOf = (items: ReadonlyArray<Item>): ReadonlyArray<number> | undefined =>
  items.every((item) => item._tag === "value")
    ? Array.from(new Set(items.map((item) => item.value))).toSorted((a, b) => a - b)
    : undefined

/** More times of the day than this are not listed. */
const maxTimes = 8

const time = ({ hour, minute, second }: Texts): string => {
  const seconds = second === undefined ? undefined : itemsOf(second, plain)
  const minutes = itemsOf(minute, plain)
  const hours = itemsOf(hour, plain)
  const [s, m, h] = [seconds === undefined ? [0] : valuesOf(seconds), valuesOf(minutes), valuesOf(hours)]
  if (s !== undefined && m !== undefined && h !== undefined && s.length * m.length * h.length <= maxTimes) {
    const times = h.flatMap((h) => m.flatMap((m) => s.map((s) => [h, m, ...(seconds === undefined ? [] : [s])])))
    return `at ${Words.list(times.map((parts) => parts.map(Words.pad).join(":")))}`
  }
  // a full cycle that divides its whole is a plain period
  const hourly = period(hours, 24)
  if (seconds === undefined && m?.length === 1 && m[0] === 0 && hourly !== undefined) {
    return hourly === 1 ? "every hour" : `every ${hourly} hours`
  }
  const parts: Array<string> = []
  if (seconds !== undefined) parts.push(part(seconds, "second", 60))
  const everyMinute = minutes.length === 1 && minutes[0]!._tag === "all" && minutes[0]!.step === 1
  if (seconds === undefined || !everyMinute) parts.push(part(minutes, "minute", 60, seconds === undefined))
  if (hourly !== 1) parts.push(hourPart(hours, m === undefined || m.length > 1))
  else if (period(minutes, 60) === undefined) parts.push("of every hour")
  return parts.join(parts.length === 2 && parts[1] === "of every hour" ? " " : ", ")
}

/** The period of a field that repeats evenly, beginning with 0. */
const period = (items: ReadonlyArray<Item>, whole: number): number | undefined => {
  const [item, ...others] = items
  if (others.length > 0 || item === undefined) return undefined
  const step = item._tag === "all" || (item._tag === "range" && item.from === 0 && (item.to ?? whole - 1) === whole - 1)
    ? item.step
    : undefined
  return step !== undefined && whole % step === 0 ? step : undefined
}

const part = (items: ReadonlyArray<Item>, unit: string, whole: number, first = true): string => {
  const even = period(items, whole)
  if (even !== undefined) return even === 1 ? `every ${unit}` : `every ${even} ${unit}s`
  const values = valuesOf(items)
  if (values !== undefined) return `at ${unit}${values.length === 1 ? "" : "s"} ${Words.list(values.map(String))}`
  const texts = items.map((item) => {
    switch (item._tag) {
      case "value":
        return `at ${unit} ${item.value}`
      case "all":
        return `every ${Words.ordinal(item.step)} ${unit} from ${unit} 0`
      case "range": {
        const end = item.to === undefined ? "" : ` through ${item.to}`
        const each = item.step === 1 ? `every ${unit}` : `every ${Words.ordinal(item.step)} ${unit}`
        return `${each} from ${unit} ${item.from}${end}`
      }
      case "special":
        return `at ${unit} ${item.text}`
    }
  })
  return `${first ? "" : "in "}${Words.list(texts)}`
}

/** Which hours; `whole` when instants are spread over each of them. */
const hourPart = (items: ReadonlyArray<Item>, whole: boolean): string => {
  const oclock = (hour: number) => `${Words.pad(hour)}:00`
  const texts = items.map((item) => {
    switch (item._tag) {
      case "value":
        return whole ? `${oclock(item.value)} to ${Words.pad(item.value)}:59` : `${Words.pad(item.value)}`
      case "all":
        return `${whole ? "during" : "past"} every ${Words.ordinal(item.step)} hour from 00:00`
      case "range": {
        const end = `${Words.pad(item.to ?? 23)}:${whole ? "59" : "00"}`
        const each = item.step === 1 ? "" : `${whole ? "during" : "past"} every ${Words.ordinal(item.step)} hour `
        return `${each}from ${oclock(item.from)} through ${end}`
      }
      case "special":
        return item.text
    }
  })
  const onlyValues = items.every((item) => item._tag === "value")
  return onlyValues
    ? whole ? `from ${Words.list(texts)}` : `past the hours ${Words.list(texts)}`
    : Words.list(texts)
}

// -----------------------------------------------------------------------------
// date
// -----------------------------------------------------------------------------

const date = (texts: Texts): ReadonlyArray<string> => {
  const { both, month, week, weekday, weekdayShift, year } = texts
  const free = (text: string) => text === "*" || text === "?"
  const out: Array<string> = []
  const byDay = free(texts.day) ? undefined : days(texts.day)
  const byWeekday = free(weekday) ? undefined : weekdays(weekday, weekdayShift)
  if (byDay !== undefined && byWeekday !== undefined) {
    out.push(both ? `${byDay}, if that is ${byWeekday.replace(/^on /, "")}` : `${byDay} or ${byWeekday}`)
  } else if (byDay !== undefined) out.push(byDay)
  else if (byWeekday !== undefined) out.push(byWeekday)
  if (week !== undefined) out.push(`in ISO week ${spans(itemsOf(week, plain), String)}`)
  if (!free(month)) {
    out.push(`in ${spans(itemsOf(month, named(names.month, 1)), (n) => Words.monthNames[n - 1] ?? String(n), "month")}`)
  }
  if (year !== undefined && !free(year)) out.push(`in ${spans(itemsOf(year, plain), String, "year")}`)
  return out
}

/** Values and ranges by their names. */
const spans = (items: ReadonlyArray<Item>, name: (value: number) => string, unit = ""): string =>
  Words.list(items.map((item) => {
    switch (item._tag) {
      case "value":
        return name(item.value)
      case "all":
        return `every ${Words.ordinal(item.step)} ${unit}`
      case "range": {
        const each = item.step === 1 ? "" : `every ${Words.ordinal(item.step)} ${unit} from `
        return `${each}${name(item.from)}${item.to === undefined ? " on" : ` through ${name(item.to)}`}`
      }
      case "special":
        return item.text
    }
  }))

const days = (text: string): string => {
  const items = itemsOf(text, plain)
  const specials = items.map((item) => item._tag === "special" ? specialDay(item.text) : undefined)
  const regular = items.filter((_, i) => specials[i] === undefined)
  const values = valuesOf(regular)
  const ofMonth = regular.length === 0
    ? []
    : values !== undefined
    ? [`on the ${Words.list(values.map(Words.ordinal))} of the month`]
    : [`on ${/every/.test(spans(regular, String, "day")) ? "" : "days "}${spans(regular, String, "day")} of the month`]
  return Words.list([...ofMonth, ...specials.filter((special) => special !== undefined)])
}

const specialDay = (text: string): string => {
  const upper = text.toUpperCase()
  if (upper === "L" || upper === "LAST") return "on the last day of the month"
  if (upper === "LW" || upper === "WL") return "on the last weekday (Monday to Friday) of the month"
  const before = /^L-(\d+)$/.exec(upper)
  if (before !== null) return `${Words.plural(Number(before[1]), "day")} before the last day of the month`
  const near = /^(\d+)W$/.exec(upper)
  if (near !== null) return `on the weekday (Monday to Friday) nearest to the ${Words.ordinal(Number(near[1]))}`
  const ordinals = /^(LAST|\d)(?:ST|ND|RD|TH)? +([A-Z]+)$/.exec(upper)
  if (ordinals !== null) {
    const name = Words.weekdayNames[names.weekday.indexOf(ordinals[2]!.toLowerCase())] ?? ordinals[2]!
    return `on the ${ordinals[1] === "LAST" ? "last" : Words.ordinalWord(Number(ordinals[1]))} ${name} of the month`
  }
  return `on ${text}`
}

const weekdays = (text: string, shift: number): string => {
  // names count from Sunday whatever the numbers do
  const number = (word: string): number | undefined => {
    const index = names.weekday.indexOf(word.toLowerCase())
    if (index >= 0) return index
    const value = plain(word)
    return value === undefined ? undefined : (value - shift + 7) % 7
  }
  const name = (n: number) => Words.weekdayNames[n % 7]!
  const texts = itemsOf(text, number).map((item) => {
    if (item._tag !== "special") return spans([item], name, "day")
    const nth = /^(.+)#(\d)$/.exec(item.text)
    if (nth !== null) return `the ${Words.ordinalWord(Number(nth[2]))} ${name(number(nth[1]!) ?? 0)} of the month`
    const last = /^(.+)L$/i.exec(item.text)
    if (last !== null) return `the last ${name(number(last[1]!) ?? 0)} of the month`
    return /^L$/i.test(item.text) ? "Saturday" : item.text
  })
  return texts.length === 1 && texts[0]!.includes(" through ") ? texts[0]! : `on ${Words.list(texts)}`
}
