/**
 * Question: who reads RFC 5545 right? Its own examples, and clock changes, for us, rrule and rrule-temporal.
 *
 *     node --conditions=source --disable-warning=ExperimentalWarning rrule-correctness.ts
 */
import { Trigger } from "effect-scheduler"
import rruleModule from "rrule"
import { RRuleTemporal } from "rrule-temporal"
import { examples, expand, textOf } from "../test/triggers/rrule/rfc-examples.ts"

const { rrulestr } = rruleModule as unknown as {
  rrulestr: (text: string, options?: object) => { between: (from: Date, to: Date, inclusive: boolean) => Array<Date> }
}

type Expand = (text: string, from: number, to: number) => Array<number>

const engines: ReadonlyArray<readonly [name: string, expand: Expand]> = [
  ["effect-scheduler", (text, from, to) => {
    const { next } = Trigger.occurrences(Trigger.rrule(text))
    const out: Array<number> = []
    for (let at = next(from - 1, 0); at !== undefined && at <= to; at = next(at, 0)) out.push(at)
    return out
  }],
  [
    "rrule",
    (text, from, to) =>
      rrulestr(text, { forceset: true }).between(new Date(from), new Date(to), true).map((date) => date.getTime())
  ],
  [
    "rrule-temporal",
    (text, from, to) =>
      new RRuleTemporal({ rruleString: text }).between(new Date(from), new Date(to), true)
        .map((date) => Number(date.epochMilliseconds))
  ]
]

const format = (zone: string) =>
  new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })
const newYork = format("America/New_York")
const from = Date.UTC(1996, 0, 1)

for (const [name, expandWith] of engines) {
  const wrong: Array<string> = []
  for (const [title, lines, ranges, goesOn] of examples) {
    const dates = ranges.flatMap(expand)
    const to = Date.parse(`${dates.at(-1)!.replace(" ", "T")}:00Z`) + (goesOn ? 6 * 3_600_000 : 400 * 86_400_000)
    let found: ReadonlyArray<string>
    try {
      found = expandWith(textOf(lines), from, to).map((at) => newYork.format(at))
    } catch (error) {
      found = [String(error)]
    }
    const until = goesOn ? dates.at(-1)! : "9999"
    if (found.filter((date) => date <= until).join() !== dates.join()) {
      wrong.push(`${title}: ${found.length} instead of ${dates.length}, ${found.slice(0, 3).join(", ")}`)
    }
  }
  console.log(`${name}: ${examples.length - wrong.length} of ${examples.length} examples of the RFC`)
  for (const line of wrong) console.log(`    ${line}`)
}

console.log("\nclock changes, as each reads them, in UTC:")
const changes: ReadonlyArray<readonly [name: string, text: string]> = [
  ["New York, 02:30 in a gap", "DTSTART;TZID=America/New_York:20260307T023000\nRRULE:FREQ=DAILY;COUNT=3"],
  ["New York, 01:30 twice", "DTSTART;TZID=America/New_York:20261031T013000\nRRULE:FREQ=DAILY;COUNT=3"],
  ["New York, hourly over a gap", "DTSTART;TZID=America/New_York:20260308T003000\nRRULE:FREQ=HOURLY;COUNT=4"],
  ["New York, hourly over a repeated hour", "DTSTART;TZID=America/New_York:20261101T003000\nRRULE:FREQ=HOURLY;COUNT=4"],
  ["Lord Howe, 02:15 in a gap", "DTSTART;TZID=Australia/Lord_Howe:20261003T021500\nRRULE:FREQ=DAILY;COUNT=3"],
  ["Apia, a skipped day", "DTSTART;TZID=Pacific/Apia:20111229T090000\nRRULE:FREQ=DAILY;COUNT=3"],
  ["Cairo, no midnight", "DTSTART;TZID=Africa/Cairo:20260423T000000\nRRULE:FREQ=DAILY;COUNT=3"]
]
for (const [title, text] of changes) {
  console.log(title)
  for (const [name, expandWith] of engines) {
    let shown: string
    try {
      shown = expandWith(text, Date.UTC(2011, 0), Date.UTC(2027, 0))
        .map((at) => new Date(at).toISOString().slice(5, 16)).join(", ")
    } catch (error) {
      shown = String(error)
    }
    console.log(`    ${name}: ${shown}`)
  }
}
