import { assert, describe, it } from "@effect/vitest"
import { TriggerLaws } from "../../../src/testing/index.ts"
import * as Trigger from "../../../src/Trigger.ts"

const { Calendar } = Trigger

describe("cron", () => {
  const expressions: ReadonlyArray<readonly [string, string]> = [
    ["* * * * *", "every minute"],
    ["*/5 * * * *", "every 5 minutes"],
    ["0/5 * * * *", "every 5 minutes"],
    ["*/7 * * * *", "every 7th minute from minute 0 of every hour"],
    ["30 * * * *", "at minute 30 of every hour"],
    ["0 */2 * * *", "every 2 hours"],
    ["0 9 * * *", "at 09:00 every day"],
    ["0 9,13 * * *", "at 09:00 and 13:00 every day"],
    ["0 9 * * mon-fri", "at 09:00, Monday through Friday"],
    ["0 9 * * sat,0", "at 09:00, on Saturday and Sunday"],
    ["*/20 9-17 * * 1-5", "every 20 minutes, from 09:00 through 17:59, Monday through Friday"],
    ["10-20/3 8 * * *", "every 3rd minute from minute 10 through 20, from 08:00 to 08:59"],
    ["*/15 8-18/2 * * *", "every 15 minutes, during every 2nd hour from 08:00 through 18:59"],
    ["0 22-2 * * *", "at minute 0, from 22:00 through 02:00"],
    ["*/10 * * * * *", "every 10 seconds"],
    ["15 30 9 * * * 2026-2030", "at 09:30:15, in 2026 through 2030"],
    ["@weekly", "at 00:00, on Sunday"],
    ["@HOURLY", "every hour"],
    ["0 0 L * *", "at 00:00, on the last day of the month"],
    ["0 0 L-1 * *", "at 00:00, 1 day before the last day of the month"],
    ["0 0 15W * *", "at 00:00, on the weekday (Monday to Friday) nearest to the 15th"],
    ["0 0 LW * *", "at 00:00, on the last weekday (Monday to Friday) of the month"],
    ["0 9 * * friL", "at 09:00, on the last Friday of the month"],
    ["0 9 * * 5#2", "at 09:00, on the second Friday of the month"],
    ["0 9 13 * fri", "at 09:00, on the 13th of the month or on Friday"],
    ["0 9 1,15,22 3-5 *", "at 09:00, on the 1st, 15th and 22nd of the month, in March through May"],
    ["0 0 1-7 * *", "at 00:00, on days 1 through 7 of the month"],
    ["0 0 */2 * *", "at 00:00, on every 2nd day of the month"]
  ]
  for (const [expression, expected] of expressions) {
    it(expression, () => assert.strictEqual(Trigger.describe(Trigger.cron(expression)), `${expected}, UTC`))
  }

  it("with its zone and the policies that somebody chose", () => {
    assert.strictEqual(
      Trigger.describe(Trigger.cron("0 9 * * *", { timeZone: "Europe/Warsaw", gap: "skip", overlap: "both" })),
      "at 09:00 every day (what the clocks skip does not fire; what comes twice fires both times), Europe/Warsaw"
    )
  })

  it("both day fields, Quartz, and fields of APScheduler", () => {
    const describe = (...args: Parameters<typeof Trigger.cron>) => Trigger.describe(Trigger.cron(...args))
    assert.strictEqual(
      describe("0 9 13 * fri", { days: "both" }),
      "at 09:00, on the 13th of the month, if that is Friday, UTC"
    )
    assert.strictEqual(describe("0 0 12 ? * 2-6", { dialect: "quartz" }), "at 12:00, Monday through Friday, UTC")
    assert.strictEqual(describe({ dayOfWeek: "0-4", hour: 9 }), "at 09:00, Monday through Friday, UTC")
    assert.strictEqual(describe({ day: "last fri", hour: 9 }), "at 09:00, on the last Friday of the month, UTC")
    assert.strictEqual(describe({ week: 53 }), "at 00:00, in ISO week 53, UTC")
  })
})

describe("other kinds", () => {
  const daily = Trigger.cron("0 9 * * *", { timeZone: "Europe/Warsaw" })
  const cases: ReadonlyArray<readonly [Trigger.Trigger, string]> = [
    [Trigger.date("2026-01-01T09:00Z"), "at 2026-01-01 09:00 UTC"],
    [Trigger.dates([0, 1, 2, 3, 4000]), "at 5 instants from 1970-01-01 00:00 UTC to 1970-01-01 00:00:04 UTC"],
    [Trigger.after("90 minutes"), "once, after 1 hour 30 minutes"],
    [Trigger.interval("90 minutes"), "every 90 minutes"],
    [Trigger.interval("1 hour", { immediate: true }), "every hour, beginning at once"],
    [
      Trigger.interval("1 day", { start: 0, end: 864e5 }),
      "every day, from 1970-01-01 00:00 UTC, until 1970-01-02 00:00 UTC"
    ],
    [
      Trigger.calendarInterval({ months: 1, start: "2026-01-31", at: "02:30", missingDay: "clamp" }),
      "every month at 02:30, from 2026-01-31, or on the last day of a shorter month, UTC"
    ],
    [Trigger.calendarInterval({ years: 2, weeks: 3 }), "every 2 years and 3 weeks at 00:00, UTC"],
    [
      Trigger.rrule("DTSTART;TZID=America/New_York:19970902T090000\nRRULE:FREQ=MONTHLY;BYDAY=-2MO;COUNT=6"),
      "every month, on the 2nd to last Monday, from 1997-09-02 09:00, 6 times in all, America/New_York"
    ],
    [Trigger.union(daily, Trigger.interval("1 hour")), "at 09:00 every day, Europe/Warsaw; or every hour"],
    [
      Trigger.intersection(daily, Trigger.cron("0 * * * fri"), { threshold: "1 second" }),
      "whenever these agree within 1 second: at 09:00 every day, Europe/Warsaw; and every hour, on Friday, UTC"
    ],
    [Trigger.except(daily, Trigger.date(0)), "at 09:00 every day, Europe/Warsaw; except: at 1970-01-01 00:00 UTC"],
    [
      Trigger.except(daily, Calendar.days(["sat", "12-25"]), { inside: "defer" }),
      "at 09:00 every day, except during 25 December and Saturdays (UTC), then deferred to the end of that, Europe/Warsaw"
    ],
    [
      Trigger.during(daily, Calendar.weekly({ mon: ["08:00-10:00"] })),
      "at 09:00 every day, only during Monday 08:00-10:00 (UTC), Europe/Warsaw"
    ],
    [
      Trigger.except(daily, Calendar.named("holidays")),
      `at 09:00 every day, except during the calendar "holidays", Europe/Warsaw`
    ],
    [Trigger.between(daily, { start: 0 }), "at 09:00 every day, from 1970-01-01 00:00 UTC, Europe/Warsaw"],
    [Trigger.limit(daily, 3), "at 09:00 every day, 3 times in all, Europe/Warsaw"],
    [Trigger.offset(daily, "-1 hours"), "1 hour before: at 09:00 every day, Europe/Warsaw"],
    [Trigger.andThen(Trigger.after(0), daily), "once, at once; then at 09:00 every day, Europe/Warsaw"],
    [Trigger.jitter(daily, "5 minutes"), "at 09:00 every day, plus up to 5 minutes, Europe/Warsaw"]
  ]
  for (const [trigger, expected] of cases) {
    it(`${trigger.spec._tag}: ${expected}`, () => assert.strictEqual(Trigger.describe(trigger), expected))
  }

  it("anything at all is described in one line without holes", () => {
    const random = TriggerLaws.random(77)
    for (let round = 0; round < 300; round++) {
      const text = Trigger.describe(TriggerLaws.trigger(random))
      assert.notMatch(text, /undefined|NaN|\[object|\n| ,|,,| {2}/, text)
    }
  })
})
