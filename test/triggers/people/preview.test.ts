import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Trigger from "../../../src/Trigger.ts"

const lines = (trigger: Trigger.Trigger, from: string, count: number): ReadonlyArray<string> =>
  Trigger.preview(trigger, { from, count }).map(({ change, fires, offset, wall }) =>
    `${fires ? "" : "not "}${wall} ${offset}${change === undefined ? "" : ` ${change}`}`
  )

const warsaw = (expression: string, options?: Trigger.CronOptions) =>
  Trigger.cron(expression, { timeZone: "Europe/Warsaw", ...options })

describe("a gap: the clocks of Warsaw go from two to three on 29 March 2026", () => {
  const from = "2026-03-28T12:00:00Z"
  const cases: ReadonlyArray<readonly [string, Trigger.Trigger, ReadonlyArray<string>]> = [
    ["moved to the first valid instant", warsaw("30 2 * * *"), [
      "2026-03-29 03:00:00 +02:00 moved",
      "2026-03-30 02:30:00 +02:00"
    ]],
    ["shifted", warsaw("0,30 2 * * *", { gap: "shift" }), [
      "2026-03-29 03:00:00 +02:00 moved",
      "2026-03-29 03:30:00 +02:00 moved"
    ]],
    ["skipped", warsaw("30 2 * * *", { gap: "skip" }), [
      "not 2026-03-29 02:30:00 +01:00 skipped",
      "2026-03-30 02:30:00 +02:00",
      "2026-03-31 02:30:00 +02:00"
    ]],
    ["not moved, but regular", warsaw("0 3 * * *"), ["2026-03-29 03:00:00 +02:00", "2026-03-30 03:00:00 +02:00"]],
    ["of a calendar interval", Trigger.calendarInterval({ days: 1, at: "02:30", timeZone: "Europe/Warsaw" }), [
      "2026-03-29 03:00:00 +02:00 moved",
      "2026-03-30 02:30:00 +02:00"
    ]],
    ["of a recurrence", Trigger.rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0", { timeZone: "Europe/Warsaw" }), [
      "2026-03-29 03:30:00 +02:00 moved",
      "2026-03-30 02:30:00 +02:00"
    ]],
    ["within combinators", Trigger.limit(Trigger.union(warsaw("30 2 * * *"), warsaw("45 2 * * *")), 2), [
      "2026-03-29 03:00:00 +02:00 moved",
      "2026-03-30 02:30:00 +02:00"
    ]]
  ]
  for (const [name, trigger, expected] of cases) {
    it(name, () => {
      const firing = expected.filter((line) => !line.startsWith("not")).length
      assert.deepStrictEqual(lines(trigger, from, firing), expected)
    })
  }
})

describe("an overlap: the clocks of Warsaw go from three to two on 25 October 2026", () => {
  const from = "2026-10-24T12:00:00Z"
  it("first of two", () => {
    assert.deepStrictEqual(lines(warsaw("30 2 * * *"), from, 2), [
      "2026-10-25 02:30:00 +02:00 first",
      "not 2026-10-25 02:30:00 +01:00 skipped",
      "2026-10-26 02:30:00 +01:00"
    ])
  })
  it("second of two", () => {
    assert.deepStrictEqual(lines(warsaw("30 2 * * *", { overlap: "second" }), from, 1), [
      "not 2026-10-25 02:30:00 +02:00 skipped",
      "2026-10-25 02:30:00 +01:00 second"
    ])
  })
  it("both", () => {
    assert.deepStrictEqual(lines(warsaw("30 2 * * *", { overlap: "both" }), from, 3), [
      "2026-10-25 02:30:00 +02:00 first",
      "2026-10-25 02:30:00 +01:00 second",
      "2026-10-26 02:30:00 +01:00"
    ])
  })
})

describe("what a preview shows", () => {
  it("in the trigger's zone, in another, or in UTC", () => {
    const zone = (trigger: Trigger.Trigger, timeZone?: string) =>
      Trigger.preview(trigger, { from: "2026-01-01T00:00:00Z", count: 1, timeZone })[0]
    const nepal = Trigger.cron("0 9 * * *", { timeZone: "Asia/Kathmandu" })
    assert.deepInclude(zone(nepal), { wall: "2026-01-01 09:00:00", offset: "+05:45", timeZone: "Asia/Kathmandu" })
    assert.deepInclude(zone(nepal, "America/New_York"), { wall: "2025-12-31 22:15:00", offset: "-05:00" })
    assert.deepInclude(zone(Trigger.interval("1500 millis")), { wall: "2026-01-01 00:00:01.500", timeZone: "UTC" })
    const monrovia = Trigger.cron("0 9 * * *", { timeZone: "Africa/Monrovia" })
    assert.strictEqual(Trigger.preview(monrovia, { from: "1971-01-01T00:00:00Z", count: 1 })[0]!.offset, "-00:44:30")
    const recurrence = Trigger.rrule("DTSTART;TZID=America/New_York:19970902T090000\nRRULE:FREQ=DAILY")
    assert.strictEqual(zone(recurrence)!.timeZone, "America/New_York")
  })

  it("exactly the instants of the trigger, for the given anchor", () => {
    const trigger = Trigger.interval("1 hour")
    const entries = Trigger.preview(trigger, { from: "2026-01-01T12:00:00Z", count: 2, anchor: "2026-01-01T00:30:00Z" })
    assert.deepStrictEqual(entries.map(({ at }) => DateTime.formatIso(at)), [
      "2026-01-01T12:30:00.000Z",
      "2026-01-01T13:30:00.000Z"
    ])
    assert.strictEqual(Trigger.preview(Trigger.after(0), { from: 0 }).length, 1)
    assert.strictEqual(trigger.pipe(Trigger.preview({ from: 0 })).length, 10)
  })
})
