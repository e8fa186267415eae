/**
 * Question: what does each library make of a cron expression on the days when the clocks change?
 *
 * New York 2026: the clock jumps from 02:00 EST to 03:00 EDT on 8 March, and back from 02:00 EDT to 01:00 EST on 1 November. Lord Howe:
 * half an hour, at 02:00 on 4 October. Cairo: at midnight into 24 April. Prints the fires of the day as UTC instants.
 */
import { CronExpressionParser } from "cron-parser"
import { Cron as Croner } from "croner"
import { Cron, Result } from "effect"
import { Trigger } from "effect-scheduler"

const cases = [
  ["gap, fixed time", "30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"],
  ["gap, hourly", "0 * * * *", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T09:00:00Z"],
  ["gap, steps in the hour", "*/20 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"],
  ["overlap, fixed time", "30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
  ["overlap, hourly", "0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z"],
  ["half-hour gap", "0,30 2 * * *", "Australia/Lord_Howe", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"],
  ["midnight gap", "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-24T12:00:00Z"],
  ["day after a gap, 00:30", "30 0 * * *", "America/New_York", "2026-03-09T03:00:00Z", "2026-03-10T03:00:00Z"]
] as const

type Next = (after: number) => number | undefined

const engines: Record<string, (expression: string, zone: string) => Next> = {
  "effect-scheduler": (expression, timeZone) => {
    const { occurrences } = Trigger.cron(expression, { timeZone })
    return (after) => occurrences.next(after, Date.UTC(2020, 0))
  },
  "Effect Cron": (expression, zone) => {
    const cron = Result.getOrThrow(Cron.parse(expression, zone))
    return (after) => Cron.next(cron, after).getTime()
  },
  croner: (expression, zone) => {
    const job = new Croner(expression, { timezone: zone })
    return (after) => job.nextRun(new Date(after))?.getTime()
  },
  "cron-parser": (expression, zone) => (after) =>
    CronExpressionParser.parse(expression, { tz: zone, currentDate: new Date(after) }).next().getTime()
}

for (const [name, expression, zone, from, to] of cases) {
  console.log(`\n${name}: "${expression}" in ${zone}`)
  for (const [library, make] of Object.entries(engines)) {
    const fires: Array<string> = []
    try {
      const next = make(expression, zone)
      let at = Date.parse(from) - 1
      while (fires.length < 12) {
        const fire = next(at)
        if (fire === undefined || fire >= Date.parse(to)) break
        if (fire <= at) {
          fires.push("stuck")
          break
        }
        fires.push(new Date(fire).toISOString().slice(11, 16))
        at = fire
      }
    } catch (error) {
      fires.push(String(error))
    }
    console.log(`  ${library.padEnd(18)} ${fires.join(" ") || "nothing"}`)
  }
}
