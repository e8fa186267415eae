/**
 * Writes a recurrence as iCalendar text, always in the same way, so that equal recurrences have equal text.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import * as Parts from "./parts.ts"
import { type Recurrence, type Rule, type Stamp, weekdays } from "./recurrence.ts"

/** @internal */
export const format = ({ added, excluded, rule, start }: Recurrence): string =>
  [
    ...(start === undefined ? [] : stampLines("DTSTART", [start])),
    `RRULE:${ruleText(rule)}`,
    ...stampLines("RDATE", added),
    ...stampLines("EXDATE", excluded)
  ].join("\n")

const ruleText = (rule: Rule): string => {
  const list = (values: ReadonlyArray<number | string> | undefined): string | undefined => values?.join(",")
  const valueOf = (name: Parts.Name): string | number | undefined => {
    switch (name) {
      case "FREQ":
        return rule.freq
      case "UNTIL":
        return rule.until === undefined ? undefined : stampText(rule.until)
      case "COUNT":
        return rule.count
      case "INTERVAL":
        return rule.interval === 1 ? undefined : rule.interval
      case "WKST":
        return rule.weekStart === 1 ? undefined : weekdays[rule.weekStart]
      case "BYDAY":
        return list(rule.byDay?.map(Parts.weekdayText))
      default:
        return list(rule[Parts.lists[name].key])
    }
  }
  return Parts.names
    .flatMap((name) => valueOf(name) === undefined ? [] : [`${name}=${valueOf(name)}`])
    .join(";")
}

/** A line for each run of stamps that share their parameters. */
const stampLines = (property: string, stamps: ReadonlyArray<Stamp>): Array<string> => {
  const lines = new Map<string, Array<string>>()
  for (const stamp of stamps) {
    const head = stamp.form === "date" || stamp.form === "zoned" ? headOf(stamp) : stamp.form
    const values = lines.get(head)
    if (values === undefined) lines.set(head, [stampText(stamp)])
    else values.push(stampText(stamp))
  }
  return Array.from(lines, ([head, values]) => `${property}${head.startsWith(";") ? head : ""}:${values.join(",")}`)
}

const headOf = (stamp: Stamp): string =>
  stamp.form !== "zoned"
    ? ";VALUE=DATE"
    : /[:;,]/.test(stamp.zone)
    ? `;TZID="${stamp.zone}"`
    : `;TZID=${stamp.zone}`

const stampText = ({ form, wall }: Stamp): string => {
  const day = Math.floor(wall / 86_400)
  const time = wall - day * 86_400
  const packed = Civil.fromDay(day)
  const year = ((packed >> 5) / 12) | 0
  const pad = (value: number, length = 2): string => String(value).padStart(length, "0")
  const date = `${pad(year, 4)}${pad((packed >> 5) - year * 12 + 1)}${pad(packed & 31)}`
  if (form === "date") return date
  const clock = `${pad(Math.floor(time / 3600))}${pad(Math.floor(time / 60) % 60)}${pad(time % 60)}`
  return `${date}T${clock}${form === "utc" ? "Z" : ""}`
}
