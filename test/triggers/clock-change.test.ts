import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import * as Trigger from "../../src/Trigger.ts"

/** What fires after `from` and until `to`, in UTC, to the minute. */
const firesOf = (expression: string, options: Trigger.CronOptions, from: string, to: string): Array<string> => {
  const { next } = Trigger.occurrences(Trigger.cron(expression, options))
  const out: Array<string> = []
  const end = Date.parse(`${to}Z`)
  const anchor = Date.parse(`${from}Z`)
  for (let at = next(anchor, anchor); at !== undefined && at <= end; at = next(at, anchor)) {
    out.push(new Date(at).toISOString().slice(0, 16))
  }
  return out
}

describe("clock changes, as Vixie cron keeps them unless told otherwise", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      expression: string,
      options: Trigger.CronOptions,
      from: string,
      to: string,
      fires: ReadonlyArray<string>
    ]
  > = [
    [
      "a fixed time in a gap fires once, at the first valid instant",
      "30 2 * * *",
      { timeZone: "America/New_York" },
      "2026-03-07T12:00",
      "2026-03-09T12:00",
      ["2026-03-08T07:00", "2026-03-09T06:30"]
    ],
    [
      "several fixed times in a gap fire once",
      "0,30 1-2 * * *",
      { timeZone: "America/New_York" },
      "2026-03-08T00:00",
      "2026-03-08T12:00",
      ["2026-03-08T06:00", "2026-03-08T06:30", "2026-03-08T07:00"]
    ],
    [
      "and not beside a regular time there",
      "0 2,3 * * *",
      { timeZone: "America/New_York" },
      "2026-03-08T00:00",
      "2026-03-08T12:00",
      ["2026-03-08T07:00"]
    ],
    [
      "a wildcard makes nothing up in a gap",
      "*/30 2 * * *",
      { timeZone: "America/New_York" },
      "2026-03-07T12:00",
      "2026-03-09T06:15",
      ["2026-03-09T06:00"]
    ],
    [
      "an hourly job is hourly across a gap",
      "0 * * * *",
      { timeZone: "America/New_York" },
      "2026-03-08T05:30",
      "2026-03-08T08:30",
      ["2026-03-08T06:00", "2026-03-08T07:00", "2026-03-08T08:00"]
    ],
    [
      "a fixed time in an overlap fires at the first of two",
      "30 1 * * *",
      { timeZone: "America/New_York" },
      "2026-10-31T12:00",
      "2026-11-02T12:00",
      ["2026-11-01T05:30", "2026-11-02T06:30"]
    ],
    [
      "a wildcard fires in both passes",
      "*/30 1 * * *",
      { timeZone: "America/New_York" },
      "2026-11-01T00:00",
      "2026-11-01T12:00",
      ["2026-11-01T05:00", "2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30"]
    ],
    [
      "an hourly job is hourly across an overlap",
      "0 * * * *",
      { timeZone: "America/New_York" },
      "2026-11-01T04:30",
      "2026-11-01T07:30",
      ["2026-11-01T05:00", "2026-11-01T06:00", "2026-11-01T07:00"]
    ],
    [
      "the day after the gap keeps its first hour",
      "15 0 * * *",
      { timeZone: "Europe/Warsaw" },
      "2026-03-28T12:00",
      "2026-03-30T12:00",
      ["2026-03-28T23:15", "2026-03-29T22:15"]
    ],
    ["April is not lost", "0 0 1 * *", { timeZone: "Europe/Warsaw" }, "2026-02-15T00:00", "2026-05-15T00:00", [
      "2026-02-28T23:00",
      "2026-03-31T22:00",
      "2026-04-30T22:00"
    ]],
    ["London", "30 1 * * *", { timeZone: "Europe/London" }, "2026-10-24T12:00", "2026-10-26T12:00", [
      "2026-10-25T00:30",
      "2026-10-26T01:30"
    ]],
    [
      "Dublin, whose winter time is the exception",
      "30 1 * * *",
      { timeZone: "Europe/Dublin" },
      "2026-10-24T12:00",
      "2026-10-26T12:00",
      ["2026-10-25T00:30", "2026-10-26T01:30"]
    ],
    [
      "Lord Howe jumps half an hour",
      "15 2 * * *",
      { timeZone: "Australia/Lord_Howe" },
      "2026-10-03T00:00",
      "2026-10-04T23:00",
      ["2026-10-03T15:30", "2026-10-04T15:15"]
    ],
    [
      "Lord Howe by the quarter",
      "*/15 2 * * *",
      { timeZone: "Australia/Lord_Howe" },
      "2026-10-03T00:00",
      "2026-10-03T23:00",
      ["2026-10-03T15:30", "2026-10-03T15:45"]
    ],
    [
      "Casablanca leaves its summer time for Ramadan",
      "30 2 * * *",
      { timeZone: "Africa/Casablanca" },
      "2026-02-14T12:00",
      "2026-02-16T12:00",
      ["2026-02-15T01:30", "2026-02-16T02:30"]
    ],
    [
      "Cairo has no midnight once a year",
      "0 0 * * *",
      { timeZone: "Africa/Cairo" },
      "2026-04-22T12:00",
      "2026-04-24T23:00",
      ["2026-04-22T22:00", "2026-04-23T22:00", "2026-04-24T21:00"]
    ],
    ["nor has Havana", "@daily", { timeZone: "America/Havana" }, "2026-03-07T12:00", "2026-03-09T12:00", [
      "2026-03-08T05:00",
      "2026-03-09T04:00"
    ]],
    ["Santiago", "0 0 * * *", { timeZone: "America/Santiago" }, "2026-09-05T12:00", "2026-09-07T12:00", [
      "2026-09-06T04:00",
      "2026-09-07T03:00"
    ]],
    ["Apia skipped a day", "0 9 * * *", { timeZone: "Pacific/Apia" }, "2011-12-29T12:00", "2011-12-31T23:00", [
      "2011-12-29T19:00",
      "2011-12-30T10:00",
      "2011-12-30T19:00",
      "2011-12-31T19:00"
    ]],
    [
      "Apia, by the hour",
      "0 9-10/1 30-31 12 *",
      { timeZone: "Pacific/Apia", gap: "skip" },
      "2011-12-29T12:00",
      "2011-12-31T23:00",
      ["2011-12-30T19:00", "2011-12-30T20:00"]
    ],
    [
      "Kathmandu moved by a quarter of an hour",
      "0 0 * * *",
      { timeZone: "Asia/Kathmandu" },
      "1985-12-30T12:00",
      "1986-01-01T23:00",
      ["1985-12-30T18:30", "1985-12-31T18:30", "1986-01-01T18:15"]
    ],
    ["Chatham", "0 3 * * *", { timeZone: "Pacific/Chatham" }, "2026-09-25T16:00", "2026-09-27T16:00", [
      "2026-09-26T14:00",
      "2026-09-27T13:15"
    ]],
    [
      "Troll jumps two hours",
      "30 1,2 * * *",
      { timeZone: "Antarctica/Troll" },
      "2026-03-28T12:00",
      "2026-03-29T12:00",
      ["2026-03-29T01:00"]
    ],
    [
      "shift: as much later as the clocks jump",
      "30 2 * * *",
      { timeZone: "America/New_York", gap: "shift" },
      "2026-03-07T12:00",
      "2026-03-09T12:00",
      ["2026-03-08T07:30", "2026-03-09T06:30"]
    ],
    [
      "skip: not that day",
      "30 2 * * *",
      { timeZone: "America/New_York", gap: "skip" },
      "2026-03-07T12:00",
      "2026-03-09T12:00",
      ["2026-03-09T06:30"]
    ],
    [
      "second: the later of two",
      "30 1 * * *",
      { timeZone: "America/New_York", overlap: "second" },
      "2026-10-31T12:00",
      "2026-11-01T12:00",
      ["2026-11-01T06:30"]
    ],
    [
      "both: both",
      "30 1 * * *",
      { timeZone: "America/New_York", overlap: "both" },
      "2026-10-31T12:00",
      "2026-11-01T12:00",
      ["2026-11-01T05:30", "2026-11-01T06:30"]
    ],
    [
      "first, told to a wildcard",
      "*/30 1 * * *",
      { timeZone: "America/New_York", overlap: "first" },
      "2026-11-01T00:00",
      "2026-11-01T12:00",
      ["2026-11-01T05:00", "2026-11-01T05:30"]
    ],
    [
      "far in the future the rules go on",
      "30 2 * * *",
      { timeZone: "America/New_York" },
      "2426-03-07T12:00",
      "2426-03-09T12:00",
      ["2426-03-08T07:00", "2426-03-09T06:30"]
    ]
  ]
  for (const [name, expression, options, from, to, fires] of cases) {
    it(`${name}: ${expression} ${options.timeZone}`, () =>
      assert.deepStrictEqual(firesOf(expression, options, from, to), fires))
  }

  it("never the machine's zone", () => {
    assert.deepStrictEqual(firesOf("0 9 * * *", {}, "2026-07-01T00:00", "2026-07-02T00:00"), ["2026-07-01T09:00"])
    const zoned = Trigger.cron("0 9 * * *", { timeZone: DateTime.zoneMakeNamedUnsafe("Asia/Tokyo") })
    assert.strictEqual(zoned, Trigger.cron("0 9 * * *", { timeZone: "Asia/Tokyo" }))
    const offset = Trigger.cron("0 9 * * *", { timeZone: DateTime.zoneMakeOffset(-3.5 * 3_600_000) })
    assert.strictEqual(offset, Trigger.cron("0 9 * * *", { timeZone: "-03:30" }))
  })

  it.effect("a year of fires under TestClock, each to the millisecond", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-01-01T00:00:00.123Z"))
      const hours: Array<number> = []
      const job = Effect.gen(function*() {
        const { now, output } = yield* Schedule.CurrentMetadata
        hours.push(DateTime.toEpochMillis(output as DateTime.Utc))
        assert.isAtMost(now, DateTime.toEpochMillis(output as DateTime.Utc))
      })
      const trigger = Trigger.cron("0 9 * * *", { timeZone: "America/New_York" })
      const fiber = yield* Effect.forkChild(Effect.schedule(job, trigger))
      yield* TestClock.adjust("365 days")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(hours.length, 365)
      assert.deepStrictEqual(
        new Set(hours.map((at) => new Date(at).toISOString().slice(11))),
        new Set(["14:00:00.000Z", "13:00:00.000Z"])
      )
    }))
})
