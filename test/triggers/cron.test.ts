import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Random from "../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../src/Trigger.ts"

const iso = (instant: number): string => new Date(instant).toISOString().replace(".000Z", "Z").replace(":00Z", "Z")

/** The first instants strictly after `from`, without seconds where they are zero. */
const nextOf = (trigger: Trigger.Trigger, from: string, count: number): Array<string> => {
  const { next } = Trigger.occurrences(trigger)
  const out: Array<string> = []
  let instant: number | undefined = Date.parse(from)
  while (out.length < count) {
    instant = next(instant, Date.parse(from))
    if (instant === undefined) break
    out.push(iso(instant))
  }
  return out
}

describe("cron text", () => {
  const from2026 = (expression: string, count: number, options?: Trigger.CronOptions) =>
    nextOf(Trigger.cron(expression, options), "2026-01-01T00:00Z", count)

  const table: ReadonlyArray<readonly [expression: string, ...instants: Array<string>]> = [
    ["*/25 * * * *", "2026-01-01T00:25Z", "2026-01-01T00:50Z", "2026-01-01T01:00Z"],
    ["5/25 1 * * *", "2026-01-01T01:05Z", "2026-01-01T01:30Z", "2026-01-01T01:55Z", "2026-01-02T01:05Z"],
    ["0 22-2/2 * * *", "2026-01-01T02:00Z", "2026-01-01T22:00Z", "2026-01-02T00:00Z"],
    ["0 0 * nov-feb *", "2026-01-02T00:00Z"],
    ["0 0 1 NOV-feb/2 *", "2026-11-01T00:00Z", "2027-01-01T00:00Z", "2027-11-01T00:00Z"],
    [
      "0 0 * * fri-mon",
      "2026-01-02T00:00Z",
      "2026-01-03T00:00Z",
      "2026-01-04T00:00Z",
      "2026-01-05T00:00Z",
      "2026-01-09T00:00Z"
    ],
    ["0 0 * * 0", "2026-01-04T00:00Z"],
    ["0 0 * * 7", "2026-01-04T00:00Z"],
    ["0 0 * * 5-7", "2026-01-02T00:00Z", "2026-01-03T00:00Z", "2026-01-04T00:00Z", "2026-01-09T00:00Z"],
    ["0 0 * * 7-1", "2026-01-04T00:00Z", "2026-01-05T00:00Z", "2026-01-11T00:00Z"],
    ["0 0 * * 1-7/3", "2026-01-04T00:00Z", "2026-01-05T00:00Z", "2026-01-08T00:00Z", "2026-01-11T00:00Z"],
    ["0 0 25-3/4 * *", "2026-01-02T00:00Z", "2026-01-25T00:00Z", "2026-01-29T00:00Z", "2026-02-02T00:00Z"],
    ["0 0 13 * fri", "2026-01-02T00:00Z", "2026-01-09T00:00Z", "2026-01-13T00:00Z", "2026-01-16T00:00Z"],
    ["0 0 */13 * fri", "2026-02-27T00:00Z", "2026-03-27T00:00Z"],
    ["0 0 ? * fri", "2026-01-02T00:00Z", "2026-01-09T00:00Z"],
    ["30 0 0 * * *", "2026-01-01T00:00:30Z", "2026-01-02T00:00:30Z"],
    ["*/20 0 0 1 * * 2027/2", "2027-01-01T00:00Z", "2027-01-01T00:00:20Z", "2027-01-01T00:00:40Z", "2027-02-01T00:00Z"],
    ["0 0 0 1 1 * 2030-2031,2040", "2030-01-01T00:00Z", "2031-01-01T00:00Z", "2040-01-01T00:00Z"],
    ["0 0 L * *", "2026-01-31T00:00Z", "2026-02-28T00:00Z", "2026-03-31T00:00Z"],
    ["0 0 l-3 * *", "2026-01-28T00:00Z", "2026-02-25T00:00Z"],
    ["0 0 L-30 * *", "2026-03-01T00:00Z", "2026-05-01T00:00Z"],
    ["0 0 15W * *", "2026-01-15T00:00Z", "2026-02-16T00:00Z", "2026-03-16T00:00Z", "2026-04-15T00:00Z"],
    ["0 0 1w * *", "2026-02-02T00:00Z", "2026-03-02T00:00Z", "2026-04-01T00:00Z"],
    ["0 0 31W * *", "2026-01-30T00:00Z", "2026-03-31T00:00Z", "2026-05-29T00:00Z"],
    ["0 0 LW * *", "2026-01-30T00:00Z", "2026-02-27T00:00Z", "2026-03-31T00:00Z"],
    ["0 0 * * friL", "2026-01-30T00:00Z", "2026-02-27T00:00Z"],
    ["0 0 * * 7L", "2026-01-25T00:00Z", "2026-02-22T00:00Z"],
    ["0 0 * * MON#2,5#5", "2026-01-12T00:00Z", "2026-01-30T00:00Z", "2026-02-09T00:00Z", "2026-03-09T00:00Z"],
    ["0 0 1,L * sunL", "2026-01-25T00:00Z", "2026-01-31T00:00Z", "2026-02-01T00:00Z", "2026-02-22T00:00Z"],
    ["  0\t0 1  * * ", "2026-02-01T00:00Z"],
    ["@yearly", "2027-01-01T00:00Z"],
    ["@Annually", "2027-01-01T00:00Z"],
    ["@MONTHLY", "2026-02-01T00:00Z"],
    ["@weekly", "2026-01-04T00:00Z"],
    ["@daily", "2026-01-02T00:00Z"],
    ["@midnight", "2026-01-02T00:00Z"],
    ["@hourly", "2026-01-01T01:00Z"],
    ["0 0 29 2 *", "2028-02-29T00:00Z", "2032-02-29T00:00Z"]
  ]
  for (const [expression, ...instants] of table) {
    it(expression, () => assert.deepStrictEqual(from2026(expression, instants.length), instants))
  }

  it("2100 has no leap day", () => {
    assert.deepStrictEqual(nextOf(Trigger.cron("0 0 29 2 *"), "2096-03-01T00:00Z", 1), ["2104-02-29T00:00Z"])
  })

  it("both day fields, or either, when told", () => {
    assert.deepStrictEqual(from2026("0 0 13 * fri", 2, { days: "both" }), ["2026-02-13T00:00Z", "2026-03-13T00:00Z"])
    assert.deepStrictEqual(from2026("0 0 */13 * fri", 3, { days: "either" }), [
      "2026-01-02T00:00Z",
      "2026-01-09T00:00Z",
      "2026-01-14T00:00Z"
    ])
    assert.deepStrictEqual(from2026("0 0 * * fri", 2, { days: "either" }), ["2026-01-02T00:00Z", "2026-01-09T00:00Z"])
  })

  it("Quartz counts from 1 = Sunday", () => {
    const options = { dialect: "quartz" } as const
    assert.deepStrictEqual(from2026("0 0 12 ? * 1", 1, options), ["2026-01-04T12:00Z"])
    assert.deepStrictEqual(from2026("0 0 12 ? * 2-6", 2, options), ["2026-01-01T12:00Z", "2026-01-02T12:00Z"])
    assert.deepStrictEqual(from2026("0 0 12 ? * 6L", 1, options), ["2026-01-30T12:00Z"])
    assert.deepStrictEqual(from2026("0 0 12 ? * 6#3 2027", 1, options), ["2027-01-15T12:00Z"])
    assert.deepStrictEqual(from2026("0 0 12 ? * SAT-MON", 3, options), [
      "2026-01-03T12:00Z",
      "2026-01-04T12:00Z",
      "2026-01-05T12:00Z"
    ])
    assert.deepStrictEqual(from2026("0 0 12 * * MON", 1, options), ["2026-01-05T12:00Z"])
  })

  it("stops at the end of the year 9999", () => {
    const { next, previous } = Trigger.occurrences(Trigger.cron("0 0 1 1 *", { timeZone: "America/New_York" }))
    const last = Date.parse("9999-01-01T05:00Z")
    assert.strictEqual(previous(Infinity, 0), last)
    assert.strictEqual(next(last - 1, 0), last)
    assert.strictEqual(next(last, 0), undefined)
  })
})

describe("cron fields, as APScheduler reads them", () => {
  const table: ReadonlyArray<readonly [Trigger.CronFields, ...Array<string>]> = [
    [{ second: "*/30" }, "2026-01-01T00:00:30Z", "2026-01-01T00:01Z"],
    [{ minute: 5 }, "2026-01-01T00:05Z", "2026-01-01T01:05Z"],
    [{ hour: "8-18/2", minute: "15,45" }, "2026-01-01T08:15Z", "2026-01-01T08:45Z", "2026-01-01T10:15Z"],
    [{ dayOfWeek: 0 }, "2026-01-05T00:00Z", "2026-01-12T00:00Z"],
    [{ dayOfWeek: "mon-fri", hour: 9 }, "2026-01-01T09:00Z", "2026-01-02T09:00Z", "2026-01-05T09:00Z"],
    [{ dayOfWeek: "sat-mon" }, "2026-01-03T00:00Z", "2026-01-04T00:00Z", "2026-01-05T00:00Z", "2026-01-10T00:00Z"],
    [{ day: "last" }, "2026-01-31T00:00Z", "2026-02-28T00:00Z"],
    [{ day: "LAST  Fri , 1st mon" }, "2026-01-05T00:00Z", "2026-01-30T00:00Z", "2026-02-02T00:00Z"],
    [{ day: "5th sun" }, "2026-03-29T00:00Z", "2026-05-31T00:00Z"],
    [{ month: "feb , may-jun" }, "2026-02-01T00:00Z", "2026-05-01T00:00Z", "2026-06-01T00:00Z"],
    [{ year: "2028" }, "2028-01-01T00:00Z"],
    [{ week: 53 }, "2026-12-28T00:00Z", "2026-12-29T00:00Z"],
    [{ week: 1, dayOfWeek: "mon" }, "2027-01-04T00:00Z", "2028-01-03T00:00Z", "2029-01-01T00:00Z", "2029-12-31T00:00Z"],
    [{ day: "13", dayOfWeek: "fri" }, "2026-02-13T00:00Z", "2026-03-13T00:00Z"]
  ]
  for (const [fields, ...instants] of table) {
    it(
      JSON.stringify(fields),
      () => assert.deepStrictEqual(nextOf(Trigger.cron(fields), "2026-01-01T00:00Z", instants.length), instants)
    )
  }

  it("equal fields are equal triggers, in whatever order", () => {
    assert.strictEqual(
      Trigger.encode(Trigger.cron({ minute: "5", hour: undefined, day: "last" })),
      Trigger.encode(Trigger.cron({ day: "last", minute: 5 }))
    )
  })
})

describe("special days against a naive reading", () => {
  /** Whether a date matches, asked of `Date` alone. */
  const rules: ReadonlyArray<
    readonly [text: string, weekday: boolean, matches: (year: number, month: number, day: number) => boolean]
  > = (() => {
    const weekdayOf = (y: number, m: number, d: number) => new Date(Date.UTC(y, m, d)).getUTCDay()
    const lengthOf = (y: number, m: number) => new Date(Date.UTC(y, m + 1, 0)).getUTCDate()
    const isWorkday = (y: number, m: number, d: number) => ![0, 6].includes(weekdayOf(y, m, d))
    const nearest = (y: number, m: number, target: number): number | undefined => {
      if (target > lengthOf(y, m)) return undefined
      for (const distance of [0, -1, 1, -2, 2]) {
        const day = target + distance
        if (day >= 1 && day <= lengthOf(y, m) && isWorkday(y, m, day)) return day
      }
      return undefined
    }
    const out: Array<readonly [string, boolean, (y: number, m: number, d: number) => boolean]> = []
    for (let n = 0; n <= 30; n++) out.push([n === 0 ? "L" : `L-${n}`, false, (y, m, d) => d === lengthOf(y, m) - n])
    for (let n = 1; n <= 31; n++) out.push([`${n}W`, false, (y, m, d) => nearest(y, m, n) === d])
    out.push(["LW", false, (y, m, d) => nearest(y, m, lengthOf(y, m)) === d])
    for (let weekday = 0; weekday < 7; weekday++) {
      out.push([`${weekday}L`, true, (y, m, d) => weekdayOf(y, m, d) === weekday && d + 7 > lengthOf(y, m)])
      for (let n = 1; n <= 5; n++) {
        out.push([`${weekday}#${n}`, true, (y, m, d) => weekdayOf(y, m, d) === weekday && Math.ceil(d / 7) === n])
      }
    }
    return out
  })()

  for (const [text, weekday, matches] of rules) {
    it(text, () => {
      const trigger = Trigger.cron(weekday ? `0 0 * * ${text}` : `0 0 ${text} * *`)
      const { count, next, previous } = Trigger.occurrences(trigger)
      const from = Date.UTC(2023, 11, 31)
      const to = Date.UTC(2028, 11, 31)
      const expected: Array<number> = []
      for (let instant = from + 86_400_000; instant <= to; instant += 86_400_000) {
        const date = new Date(instant)
        if (matches(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate())) expected.push(instant)
      }
      const forward: Array<number> = []
      for (let at = next(from, 0)!; at <= to; at = next(at, 0)!) forward.push(at)
      assert.deepStrictEqual(forward, expected)
      const backward: Array<number> = []
      for (let at = previous(to + 1, 0)!; at > from; at = previous(at, 0)!) backward.unshift(at)
      assert.deepStrictEqual(backward, expected)
      assert.strictEqual(count(from, to, 0), expected.length)
    })
  }

  it("ISO weeks", () => {
    for (let week = 1; week <= 53; week++) {
      const { next } = Trigger.occurrences(Trigger.cron({ week }))
      const expected: Array<number> = []
      for (let instant = Date.UTC(2018, 11, 1); instant <= Date.UTC(2034, 1, 1); instant += 86_400_000) {
        const thursday = new Date(instant - ((new Date(instant).getUTCDay() + 6) % 7 - 3) * 86_400_000)
        const dayOfYear = (thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / 86_400_000
        if (Math.floor(dayOfYear / 7) + 1 === week) expected.push(instant)
      }
      const actual: Array<number> = []
      for (let at = next(Date.UTC(2018, 11, 1) - 1, 0)!; at <= Date.UTC(2034, 1, 1); at = next(at, 0)!) actual.push(at)
      assert.deepStrictEqual(actual.map(iso), expected.map(iso), `week ${week}`)
    }
  })
})

describe("seconds and sub-seconds", () => {
  it("every second of a window, forwards, backwards and counted", () => {
    const random = Random.make(7)
    for (let round = 0; round < 40; round++) {
      const seconds = Array.from({ length: random.int(1, 4) }, () => random.int(0, 59))
      const minutes = Array.from({ length: random.int(1, 4) }, () => random.int(0, 59))
      const expression = `${seconds.join(",")} ${minutes.join(",")} ${random.pick(["*", "1", "*/5"])} * * *`
      const { count, next, previous } = Trigger.occurrences(Trigger.cron(expression))
      const hours = expression.includes(" 1 *") ? [1] : expression.includes("*/5") ? [0, 5, 10, 15, 20] : undefined
      const from = Date.UTC(2026, 4, 5, random.int(0, 23), random.int(0, 59)) + random.int(0, 59_999)
      const to = from + random.int(1, 30 * 3_600_000)
      const expected: Array<number> = []
      for (let at = Math.ceil((from + 1) / 1000) * 1000; at <= to; at += 1000) {
        const date = new Date(at)
        if (
          seconds.includes(date.getUTCSeconds()) && minutes.includes(date.getUTCMinutes()) &&
          (hours?.includes(date.getUTCHours()) ?? true)
        ) expected.push(at)
      }
      const forward: Array<number> = []
      for (let at = next(from, 0)!; at <= to; at = next(at, 0)!) forward.push(at)
      assert.deepStrictEqual(forward, expected, expression)
      const backward: Array<number> = []
      for (let at = previous(to + 1, 0)!; at > from; at = previous(at, 0)!) backward.unshift(at)
      assert.deepStrictEqual(backward, expected, expression)
      assert.strictEqual(count(from, to, 0), expected.length, expression)
    }
  })
})

describe("refused, with field and position", () => {
  type Case = readonly [
    input: string | Trigger.CronFields,
    reason: Trigger.TriggerError["reason"],
    field: string,
    position: number | undefined,
    value: string,
    options?: Trigger.CronOptions
  ]
  const quartz = { dialect: "quartz" } as const
  const cases: ReadonlyArray<Case> = [
    ["", "syntax", "expression", 0, `""`],
    ["   ", "syntax", "expression", 0, `"   "`],
    ["0 9 * *", "syntax", "expression", 7, `"0 9 * *"`],
    ["0 0 0 1 1 * 2026 x", "syntax", "expression", 17, `"x"`],
    ["0 9 * * * ; rm", "syntax", "weekday", 10, `";"`],
    ["60 * * * *", "range", "minute", 0, `"60"`],
    ["0 24 * * *", "range", "hour", 2, `"24"`],
    ["0 0 0 * *", "range", "day", 4, `"0"`],
    ["0 0 32 * *", "range", "day", 4, `"32"`],
    ["0 0 1 13 *", "range", "month", 6, `"13"`],
    ["0 0 * * 8", "range", "weekday", 8, `"8"`],
    ["0 0 0 1 1 * 1969", "range", "year", 12, `"1969"`],
    ["0 0 0 1 1 * 2030-2026", "range", "year", 12, `"2030-2026"`],
    ["99999999999999999999 * * * *", "range", "minute", 0, `"99999999999999999999"`],
    ["*/0 * * * *", "range", "minute", 2, `"0"`],
    ["*/60 * * * *", "range", "minute", 2, `"60"`],
    ["*/ * * * *", "syntax", "minute", 2, `""`],
    ["1- * * * *", "syntax", "minute", 2, `""`],
    ["-1 * * * *", "syntax", "minute", 0, `"-1"`],
    ["1,,2 * * * *", "syntax", "minute", 2, `","`],
    [",1 * * * *", "syntax", "minute", 0, `","`],
    ["1, * * * *", "syntax", "minute", 2, `""`],
    ["1.5 * * * *", "syntax", "minute", 1, `".5"`],
    ["* * * * mon,tues", "syntax", "weekday", 15, `"s"`],
    ["* * * * mn", "name", "weekday", 8, `"mn"`],
    ["* * * foo *", "name", "month", 6, `"foo"`],
    ["* * * mon *", "name", "month", 6, `"mon"`],
    ["* * * january *", "syntax", "month", 9, `"uary"`],
    ["jan * * * *", "syntax", "minute", 0, `"jan"`],
    ["? * * * *", "syntax", "minute", 0, `"?"`],
    ["* * ?/2 * *", "syntax", "day", 4, `"?/2"`],
    ["* * ** * *", "syntax", "day", 5, `"*"`],
    ["H * * * *", "syntax", "minute", 0, `"H"`],
    ["* * LWW * *", "syntax", "day", 6, `"W"`],
    ["* * L-31 * *", "range", "day", 6, `"31"`],
    ["* * L-0 * *", "range", "day", 6, `"0"`],
    ["* * L- * *", "syntax", "day", 6, `""`],
    ["* * W * *", "syntax", "day", 4, `"W"`],
    ["* * 1-5W * *", "syntax", "day", 7, `"W"`],
    ["* L * * *", "syntax", "hour", 2, `"L"`],
    ["* * * * L", "name", "weekday", 8, `"L"`],
    ["* * * * 5#6", "range", "weekday", 10, `"6"`],
    ["* * * * 5#0", "range", "weekday", 10, `"0"`],
    ["* * * * 5#", "syntax", "weekday", 10, `""`],
    ["* * * * 1-5#2", "syntax", "weekday", 11, `"#2"`],
    ["* * * * 5L2", "syntax", "weekday", 10, `"2"`],
    ["0 9\u0000* * *", "syntax", "expression", 3, `"\\u0000"`],
    ["0 9 * * *\n", "syntax", "expression", 9, `"\\n"`],
    ["0 9 * * \u00e9", "syntax", "weekday", 8, `"\u00e9"`],
    ["\uff11 * * * *", "syntax", "minute", 0, `"\uff11"`],
    ["@noon", "name", "expression", 0, `"@noon"`],
    ["@daily 5", "syntax", "expression", 7, `"5"`],
    ["@reboot", "name", "expression", 0, `"@reboot"`],
    ["@every 5m", "name", "expression", 0, `"@every"`],
    ["* ".repeat(600), "syntax", "expression", 1024, `"${"* ".repeat(38)}...`],
    ["0 0 30 2 *", "neverFires", "expression", undefined, `"0 0 30 2 *"`],
    ["0 0 31 4,6,9,11 *", "neverFires", "expression", undefined, `"0 0 31 4,6,9,11 *"`],
    ["0 0 0 29 2 ? 2026-2027", "neverFires", "expression", undefined, `"0 0 0 29 2 ? 2026-2027"`],
    ["0 0 0 29 2 ? 2100", "neverFires", "expression", undefined, `"0 0 0 29 2 ? 2100"`],
    ["0 0 30 2 1#5", "neverFires", "expression", undefined, `"0 0 30 2 1#5"`, { days: "both" }],
    // the only such time is in a gap, and gaps are skipped
    [
      "0 30 2 29 3 ? 2026",
      "neverFires",
      "cron",
      undefined,
      `{"_tag":"cron","expression":"0 30 2 29 3 ? 2026","timeZone":"Europe/Warsaw","...`,
      { timeZone: "Europe/Warsaw", gap: "skip" }
    ],
    ["0 9 * * mon", "syntax", "expression", 11, `"0 9 * * mon"`, quartz],
    ["0 0 9 ? * ?", "syntax", "weekday", 10, `"?"`, quartz],
    ["0 0 9 1 * 2", "syntax", "weekday", 10, `"2"`, quartz],
    ["0 0 9 ? * 0", "range", "weekday", 10, `"0"`, quartz],
    ["0 0 9 ? * 8", "range", "weekday", 10, `"8"`, quartz],
    ["0 9 * * *", "timeZone", "timeZone", undefined, `"Mars/Olympus"`, { timeZone: "Mars/Olympus" }],
    ["0 9 * * *", "timeZone", "timeZone", undefined, `""`, { timeZone: "" }],
    ["0 9 * * *", "timeZone", "timeZone", undefined, `"+25:00"`, { timeZone: "+25:00" }],
    ["0 9 * * *", "timeZone", "timeZone", undefined, `"local"`, { timeZone: "local" }],
    ["0 9 * * *", "neverFires", "end", undefined, "2026-01-01T00:00:00.000Z", {
      start: "2027-01-01",
      end: "2026-01-01"
    }],
    ["0 9 * * *", "option", "gap", undefined, `"later"`, { gap: "later" as never }],
    ["0 9 * * *", "option", "overlap", undefined, `"none"`, { overlap: "none" as never }],
    ["0 9 * * *", "option", "days", undefined, `"or"`, { days: "or" as never }],
    ["0 9 * * *", "option", "dialect", undefined, `"spring"`, { dialect: "spring" as never }],
    ["0 9 * * *", "timeZone", "timeZone", undefined, "5", { timeZone: 5 as never }],
    [{}, "syntax", "expression", undefined, "{}"],
    [{ weekday: 1 } as never, "name", "weekday", undefined, `"1"`],
    [{ hour: 24 }, "range", "hour", 0, `"24"`],
    [{ hour: 1.5 }, "syntax", "hour", 1, `".5"`],
    [{ dayOfWeek: 7 }, "range", "dayOfWeek", 0, `"7"`],
    [{ dayOfWeek: "mon#2" }, "syntax", "dayOfWeek", 3, `"#2"`],
    [{ day: "lastfoo" }, "syntax", "day", 0, `"lastfoo"`],
    [{ day: "last foo" }, "name", "day", 5, `"foo"`],
    [{ day: "2nd" }, "syntax", "day", 0, `"2nd"`],
    [{ day: "6th mon" }, "syntax", "day", 1, `"th mon"`],
    [{ day: "L" }, "syntax", "day", 0, `"L"`],
    [{ week: "54" }, "range", "week", 0, `"54"`],
    [{ week: "4-8", month: "may-nov" }, "neverFires", "expression", undefined, `{"month":"may-nov","week":"4-8"}`],
    [{ hour: 9 }, "option", "days", undefined, `"both"`, { days: "both" }],
    [42 as never, "syntax", "expression", undefined, "42"],
    [null as never, "syntax", "expression", undefined, "null"]
  ]
  for (const [input, reason, field, position, value, options] of cases) {
    it(`${typeof input === "string" ? JSON.stringify(input.slice(0, 40)) : JSON.stringify(input)} ${reason}`, () => {
      const result = Trigger.parseCron(input, options)
      if (Result.isSuccess(result)) return assert.fail("was not refused")
      const error = result.failure
      assert.strictEqual(error._tag, "TriggerError")
      assert.deepStrictEqual([error.reason, error.field, error.position, error.value], [reason, field, position, value])
      assert.isAbove(error.expected.length, 0)
      assert.include(error.message, error.expected)
      assert.throws(() => Trigger.cron(input, options), error.message)
    })
  }

  it("anything at all: refused or right, never thrown otherwise, and soon", () => {
    const random = Random.make(42)
    const pieces = [
      "*",
      "?",
      "L",
      "W",
      "#",
      "/",
      "-",
      ",",
      " ",
      "\t",
      "0",
      "1",
      "5",
      "31",
      "59",
      "60",
      "mon",
      "JAN",
      "last",
      "@",
      "é",
      "\n",
      "2026"
    ]
    for (let round = 0; round < 5_000; round++) {
      const text = Array.from({ length: random.int(0, 16) }, () => random.pick(pieces)).join(random.pick(["", " "]))
      const result = Trigger.parseCron(text)
      if (Result.isFailure(result)) {
        assert.strictEqual(result.failure._tag, "TriggerError")
      } else {
        assert.isDefined(Trigger.occurrences(result.success).next(0, 0), text)
      }
    }
  })
})
