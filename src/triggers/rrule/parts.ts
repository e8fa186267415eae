/**
 * The parts of a recurrence rule (RFC 5545, section 3.3.10): what each may hold, and which go together.
 *
 * @since 0.1.0
 */
import { frequencies, type NthWeekday, type Rule, weekdays } from "./recurrence.ts"

/** The lists of numbers, with the range of their values; `signed` ones count from the end where they are negative. */
export const lists = {
  BYMONTH: { key: "byMonth", min: 1, max: 12, signed: false },
  BYWEEKNO: { key: "byWeekNo", min: 1, max: 53, signed: true },
  BYYEARDAY: { key: "byYearDay", min: 1, max: 366, signed: true },
  BYMONTHDAY: { key: "byMonthDay", min: 1, max: 31, signed: true },
  BYHOUR: { key: "byHour", min: 0, max: 23, signed: false },
  BYMINUTE: { key: "byMinute", min: 0, max: 59, signed: false },
  BYSECOND: { key: "bySecond", min: 0, max: 60, signed: false },
  BYSETPOS: { key: "bySetPos", min: 1, max: 366, signed: true }
} as const

/** The name of a list of numbers. */
export type ListName = keyof typeof lists

/** All parts, in the order in which they are written. */
export const names = [
  "FREQ",
  "UNTIL",
  "COUNT",
  "INTERVAL",
  "WKST",
  "BYMONTH",
  "BYWEEKNO",
  "BYYEARDAY",
  "BYMONTHDAY",
  "BYDAY",
  "BYHOUR",
  "BYMINUTE",
  "BYSECOND",
  "BYSETPOS"
] as const

/** @internal */
export type Name = typeof names[number]

/** The largest INTERVAL and COUNT, either beyond what fits into the years up to 9999 at a reasonable frequency. */
export const maxNumber = 999_999_999

/** A part that does not go with the others, and what would. */
export interface Conflict {
  readonly part: Name
  readonly expected: string
}

/** The first part that RFC 5545 forbids beside the others. */
export const conflict = (rule: Rule, startsOnDate: boolean): Conflict | undefined => {
  const { byDay, bySetPos, freq } = rule
  const hasOrdinal = byDay?.some(({ n }) => n !== 0) === true
  const isSubDaily = frequencies.indexOf(freq) > frequencies.indexOf("DAILY")
  if (rule.count !== undefined && rule.until !== undefined) {
    return { part: "COUNT", expected: "either COUNT or UNTIL, not both" }
  }
  if (rule.byWeekNo !== undefined && freq !== "YEARLY") {
    return { part: "BYWEEKNO", expected: "FREQ=YEARLY beside it" }
  }
  if (rule.byYearDay !== undefined && (freq === "DAILY" || freq === "WEEKLY" || freq === "MONTHLY")) {
    return { part: "BYYEARDAY", expected: "FREQ=YEARLY, HOURLY, MINUTELY or SECONDLY beside it" }
  }
  if (rule.byMonthDay !== undefined && freq === "WEEKLY") {
    return { part: "BYMONTHDAY", expected: "another FREQ than WEEKLY beside it" }
  }
  if (hasOrdinal && freq !== "YEARLY" && freq !== "MONTHLY") {
    return { part: "BYDAY", expected: "weekdays without a number, or FREQ=MONTHLY or YEARLY beside it" }
  }
  if (hasOrdinal && rule.byWeekNo !== undefined) {
    return { part: "BYDAY", expected: "weekdays without a number beside BYWEEKNO" }
  }
  if (bySetPos !== undefined && !hasAnotherList(rule)) {
    return { part: "BYSETPOS", expected: "another BY part beside it" }
  }
  if (startsOnDate) {
    if (isSubDaily) return { part: "FREQ", expected: "DAILY or rarer beside a DTSTART that is a date" }
    for (const part of ["BYHOUR", "BYMINUTE", "BYSECOND"] as const) {
      if (rule[lists[part].key] !== undefined) {
        return { part, expected: "no time of day beside a DTSTART that is a date" }
      }
    }
  }
  return undefined
}

const hasAnotherList = (rule: Rule): boolean =>
  rule.byDay !== undefined ||
  Object.values(lists).some(({ key }) => key !== "bySetPos" && rule[key] !== undefined)

/** A weekday as a rule writes it. */
export const weekdayText = ({ n, weekday }: NthWeekday): string => `${n === 0 ? "" : n}${weekdays[weekday]!}`
