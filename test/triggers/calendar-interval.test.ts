import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Random from "../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../src/Trigger.ts"
import { wallClock } from "./oracle.ts"

const day = 86_400_000

/** What fires after `from` and until `to`, in UTC, to the minute; the job was added at `from`. */
const firesOf = (options: Trigger.CalendarIntervalOptions, from: string, to: string): Array<string> => {
  const { next } = Trigger.occurrences(Trigger.calendarInterval(options))
  const anchor = Date.parse(`${from}Z`)
  const out: Array<string> = []
  for (let at = next(anchor - 1, anchor); at !== undefined && at <= Date.parse(`${to}Z`); at = next(at, anchor)) {
    out.push(new Date(at).toISOString().slice(0, 16))
  }
  return out
}

describe("calendar intervals", () => {
  const cases: ReadonlyArray<
    readonly [name: string, options: Trigger.CalendarIntervalOptions, from: string, to: string, fires: Array<string>]
  > = [
    [
      "months without the start's day are skipped",
      { months: 1, start: "2026-01-31" },
      "2026-01-01T00:00",
      "2026-06-30T00:00",
      ["2026-01-31T00:00", "2026-03-31T00:00", "2026-05-31T00:00"]
    ],
    [
      "or clamped to their last day, and the 31st comes back",
      { months: 1, start: "2026-01-31", missingDay: "clamp" },
      "2026-01-01T00:00",
      "2026-05-01T00:00",
      ["2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]
    ],
    [
      "a leap day comes every four years",
      { years: 1, start: "2024-02-29", at: "12:30" },
      "2024-01-01T00:00",
      "2033-01-01T00:00",
      ["2024-02-29T12:30", "2028-02-29T12:30", "2032-02-29T12:30"]
    ],
    [
      "and not in 2100",
      { years: 4, start: "2092-02-29" },
      "2092-01-01T00:00",
      "2105-01-01T00:00",
      ["2092-02-29T00:00", "2096-02-29T00:00", "2104-02-29T00:00"]
    ],
    [
      "months first, then days, each counted from the start",
      { months: 1, days: 1, start: "2026-01-30" },
      "2026-01-01T00:00",
      "2026-05-30T00:00",
      ["2026-01-30T00:00", "2026-04-01T00:00", "2026-05-03T00:00"]
    ],
    [
      "every other week, whatever the clocks do",
      { weeks: 2, start: "2026-03-16", at: "09:00", timeZone: "Europe/Warsaw" },
      "2026-03-01T00:00",
      "2026-04-20T00:00",
      ["2026-03-16T08:00", "2026-03-30T07:00", "2026-04-13T07:00"]
    ],
    [
      "without a start the dates are counted from the anchor's, strictly after it",
      { days: 2, at: "09:00" },
      "2026-03-01T09:00",
      "2026-03-06T00:00",
      ["2026-03-03T09:00", "2026-03-05T09:00"]
    ],
    [
      "the anchor's date is the one on the wall",
      { days: 2, at: "09:00", timeZone: "Asia/Tokyo" },
      "2026-03-01T20:00",
      "2026-03-05T00:00",
      ["2026-03-02T00:00", "2026-03-04T00:00"]
    ],
    [
      "with a start the anchor itself may fire",
      { days: 2, start: "2026-02-27", at: "09:00" },
      "2026-03-01T09:00",
      "2026-03-04T00:00",
      ["2026-03-01T09:00", "2026-03-03T09:00"]
    ],
    [
      "the end is inclusive",
      { days: 1, start: "2026-03-01", end: "2026-03-02", at: "23:59:59" },
      "2026-01-01T00:00",
      "2027-01-01T00:00",
      ["2026-03-01T23:59", "2026-03-02T23:59"]
    ],
    [
      "a start before 1970 keeps its grid",
      { years: 10, start: "1956-04-12" },
      "1970-01-01T00:00",
      "2000-01-01T00:00",
      ["1976-04-12T00:00", "1986-04-12T00:00", "1996-04-12T00:00"]
    ],
    [
      "gap, by default: the first valid instant",
      { days: 1, start: "2026-03-07", at: "02:30", timeZone: "America/New_York" },
      "2026-03-07T00:00",
      "2026-03-10T00:00",
      ["2026-03-07T07:30", "2026-03-08T07:00", "2026-03-09T06:30"]
    ],
    [
      "gap: shift",
      { days: 1, start: "2026-03-08", end: "2026-03-08", at: "02:30", timeZone: "America/New_York", gap: "shift" },
      "2026-03-07T00:00",
      "2026-03-10T00:00",
      ["2026-03-08T07:30"]
    ],
    [
      "gap: skip",
      { days: 1, start: "2026-03-07", at: "02:30", timeZone: "America/New_York", gap: "skip" },
      "2026-03-07T00:00",
      "2026-03-10T00:00",
      ["2026-03-07T07:30", "2026-03-09T06:30"]
    ],
    [
      "overlap, by default: the first",
      { weeks: 1, start: "2026-10-25", at: "02:30", timeZone: "Europe/Warsaw" },
      "2026-10-24T00:00",
      "2026-10-26T00:00",
      ["2026-10-25T00:30"]
    ],
    [
      "overlap: both",
      { weeks: 1, start: "2026-10-25", at: "02:30", timeZone: "Europe/Warsaw", overlap: "both" },
      "2026-10-24T00:00",
      "2026-10-26T00:00",
      ["2026-10-25T00:30", "2026-10-25T01:30"]
    ],
    [
      "Lord Howe jumps half an hour",
      { days: 1, start: "2026-10-04", at: "02:15", timeZone: "Australia/Lord_Howe" },
      "2026-10-03T00:00",
      "2026-10-04T00:00",
      ["2026-10-03T15:30"]
    ],
    [
      "Cairo has no midnight once a year",
      { months: 1, start: "2026-03-24", timeZone: "Africa/Cairo" },
      "2026-04-01T00:00",
      "2026-05-01T00:00",
      ["2026-04-23T22:00"]
    ],
    [
      "nor has Havana",
      { days: 1, start: "2026-03-08", timeZone: "America/Havana" },
      "2026-03-07T00:00",
      "2026-03-09T05:00",
      ["2026-03-08T05:00", "2026-03-09T04:00"]
    ],
    [
      "Apia skipped a day",
      { days: 1, start: "2011-12-29", at: "09:00", timeZone: "Pacific/Apia" },
      "2011-12-29T00:00",
      "2011-12-31T00:00",
      ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"]
    ],
    [
      "Dublin, whose winter time is the exception",
      { days: 1, start: "2026-10-25", at: "01:30", timeZone: "Europe/Dublin" },
      "2026-10-24T12:00",
      "2026-10-26T12:00",
      ["2026-10-25T00:30", "2026-10-26T01:30"]
    ]
  ]
  for (const [name, options, from, to, fires] of cases) {
    it(name, () => assert.deepStrictEqual(firesOf(options, from, to), fires))
  }

  it("equal steps are equal triggers", () => {
    assert.strictEqual(
      Trigger.calendarInterval({ years: 1, weeks: 1, at: "02:30:00" }),
      Trigger.calendarInterval({
        months: 12,
        days: 7,
        at: "02:30",
        timeZone: "UTC",
        gap: "first-valid",
        missingDay: "skip"
      })
    )
  })

  it("beside a naive oracle, day by day", () => {
    const random = Random.make(31)
    for (let round = 0; round < 300; round++) {
      const zone = random.pick(TriggerLaws.zones.filter((zone) => zone.includes("/")))
      const clock = wallClock(zone)
      const months = random.pick([0, 1, 1, 2, 5, 12, 13, 48])
      const days = months > 0 && random.int(0, 2) > 0 ? 0 : random.pick([1, 3, 7, 10, 100])
      const start = Date.UTC(random.int(1972, 2030), random.int(0, 11), random.pick([1, 15, 28, 29, 30, 31]))
      const missingDay = random.pick(["skip", "clamp"] as const)
      const minutes = random.int(0, 287) * 5
      const at = new Date(minutes * 60_000).toISOString().slice(11, 16)
      const trigger = Trigger.calendarInterval({
        months,
        days,
        at,
        start: new Date(start).toISOString().slice(0, 10),
        timeZone: zone,
        missingDay,
        gap: "shift"
      })
      const expected: Array<number> = []
      const first = new Date(start)
      for (let k = 0; k < 40; k++) {
        const month = first.getUTCMonth() + k * months
        const last = new Date(Date.UTC(first.getUTCFullYear(), month + 1, 0)).getUTCDate()
        if (last < first.getUTCDate() && missingDay === "skip") continue
        const date = Date.UTC(first.getUTCFullYear(), month, Math.min(first.getUTCDate(), last)) + k * days * day
        const wall = date + minutes * 60_000
        const offsets = [wall - day, wall + day].map((near) => clock(near) - near)
        const shown = offsets.map((offset) => wall - offset).filter((instant) => clock(instant) === wall)
        expected.push(shown.length === 0 ? wall - offsets[0]! : Math.min(...shown))
      }
      const { count, next, previous } = Trigger.occurrences(trigger)
      const label = Trigger.encode(trigger)
      for (const [i, instant] of expected.entries()) {
        assert.strictEqual(next(i === 0 ? -Infinity : expected[i - 1]!, 0), instant, label)
        assert.strictEqual(previous(instant, 0), expected[i - 1], label)
        assert.strictEqual(count(-Infinity, instant, 0), i + 1, label)
      }
    }
  })

  for (
    const [name, options] of [
      ["anchored", { months: 1, at: "02:30", timeZone: "America/New_York" }],
      ["mixed", {
        months: 3,
        days: 10,
        start: "1999-11-30",
        missingDay: "clamp",
        timeZone: "Europe/Warsaw",
        at: "02:15"
      }],
      ["with an end", { weeks: 3, start: "2026-01-01", end: "2030-01-01", overlap: "both", timeZone: "Africa/Cairo" }],
      ["skipping", { days: 1, at: "02:30:15", gap: "skip", overlap: "second", timeZone: "Australia/Lord_Howe" }],
      ["leap days", { years: 1, start: "1972-02-29" }]
    ] as ReadonlyArray<readonly [string, Trigger.CalendarIntervalOptions]>
  ) {
    it.effect(`obeys the laws: ${name}`, () =>
      Effect.gen(function*() {
        for (const law of TriggerLaws.cases(Trigger.calendarInterval(options))) {
          const exit: Exit.Exit<void> = yield* Effect.exit(law.run)
          if (Exit.isFailure(exit)) assert.fail(`${law.name}: ${String(exit.cause)}`)
        }
      }))
  }
})

describe("what a calendar interval refuses", () => {
  const cases: ReadonlyArray<readonly [given: unknown, field: string, reason: string]> = [
    [undefined, "calendarInterval", "syntax"],
    ["1 month", "calendarInterval", "syntax"],
    [{}, "calendarInterval", "range"],
    [{ months: 0 }, "calendarInterval", "range"],
    [{ months: -1 }, "months", "range"],
    [{ days: 1.5 }, "days", "range"],
    [{ weeks: Number.NaN }, "weeks", "range"],
    [{ years: "1" }, "years", "range"],
    [{ years: 10_000_000 }, "months", "range"],
    [{ months: 1, every: 2 }, "every", "option"],
    [{ months: 1, at: "2:30" }, "at", "syntax"],
    [{ months: 1, at: "24:00" }, "at", "syntax"],
    [{ months: 1, at: "02:30:60" }, "at", "syntax"],
    [{ months: 1, at: "02:30 noon" }, "at", "syntax"],
    [{ months: 1, at: 230 }, "at", "syntax"],
    [{ months: 1, start: "2026-02-30" }, "start", "syntax"],
    [{ months: 1, start: "tomorrow" }, "start", "syntax"],
    [{ months: 1, start: "2026-01-01T00:00:00Z" }, "start", "syntax"],
    [{ months: 1, end: "2026-13-01" }, "end", "syntax"],
    [{ months: 1, start: "2026-02-01", end: "2026-01-31" }, "end", "neverFires"],
    [{ days: 1, start: "1960-01-01", end: "1969-12-31" }, "calendarInterval", "neverFires"],
    [{ months: 1, timeZone: "Mars/Olympus" }, "timeZone", "timeZone"],
    [{ months: 1, gap: "jump" }, "gap", "option"],
    [{ months: 1, overlap: "third" }, "overlap", "option"],
    [{ months: 1, missingDay: "last" }, "missingDay", "option"],
    [
      {
        days: 1,
        start: "2026-03-08",
        end: "2026-03-08",
        at: "02:30",
        gap: "skip",
        timeZone: "America/New_York"
      },
      "calendarInterval",
      "neverFires"
    ]
  ]
  for (const [given, field, reason] of cases) {
    it(JSON.stringify(given) ?? "undefined", () => {
      const refused = Effect.runSync(
        Effect.result(Trigger.attempt(() => Trigger.calendarInterval(given as Trigger.CalendarIntervalOptions)))
      )
      const error = Result.getOrThrow(Result.flip(refused))
      assert.deepStrictEqual([error.field, error.reason as string], [field, reason])
    })
  }
})
