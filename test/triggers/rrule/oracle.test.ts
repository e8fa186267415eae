import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Random from "../../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../../src/Trigger.ts"
import { wallClock } from "../oracle.ts"
import * as Oracle from "./oracle.ts"
import * as RandomRule from "./random-rule.ts"

const day = 86_400_000

/** How far the oracle looks: what it can count in some milliseconds. */
const windows: { readonly [freq in Oracle.Freq]: number } = {
  YEARLY: 3000,
  MONTHLY: 1500,
  WEEKLY: 1000,
  DAILY: 1000,
  HOURLY: 40,
  MINUTELY: 12,
  SECONDLY: 2
}

const expand = (rule: Oracle.Rule, start: number, end: number, zone?: string) => {
  const head = zone === undefined
    ? `DTSTART:${Oracle.stamp(start)}Z`
    : `DTSTART;TZID=${zone}:${Oracle.stamp(start)}`
  const text = `${head}\nRRULE:${Oracle.toText(rule)}${rule.until === undefined ? "" : "Z"}`
  const expected = Oracle.enumerate(rule, start, end)
  const trigger = Trigger.parseRrule(text)
  return { text, expected, trigger }
}

describe("a recurrence rule, beside a naive oracle", () => {
  for (const freq of Object.keys(windows) as Array<Oracle.Freq>) {
    it(`${freq}: the same instants, forwards, backwards and counted`, () => {
      const random = Random.make(0x5545 + freq.length * 31 + freq.charCodeAt(0))
      let fired = 0
      for (let round = 0; round < (freq === "SECONDLY" ? 15 : 100); round++) {
        const start = Date.UTC(random.int(1972, 2040), random.int(0, 11), random.int(1, 31)) +
          random.int(0, 86_399) * 1000
        const end = start + windows[freq] * day
        const plain = RandomRule.make(random, freq, random.pick([10, 25, 40]))
        const limit = random.int(0, 3)
        const rule: Oracle.Rule = limit === 0
          ? { ...plain, count: random.int(1, 40) }
          : limit === 1
          ? { ...plain, until: start + random.int(0, windows[freq]) * day }
          : plain
        const { expected, text, trigger } = expand(rule, start, end)
        if (Result.isFailure(trigger)) {
          assert.strictEqual(trigger.failure.reason, "neverFires", `${text}: ${trigger.failure.message}`)
          assert.deepStrictEqual(expected, [], text)
          continue
        }
        const { count, next, previous } = Trigger.occurrences(trigger.success)
        const found: Array<number> = []
        for (let at = next(-Infinity, 0); at !== undefined && at <= end; at = next(at, 0)) found.push(at)
        assert.deepStrictEqual(found.map(Oracle.show), expected.map(Oracle.show), text)
        const backwards: Array<number> = []
        for (let at = previous(end + 1, 0); at !== undefined; at = previous(at, 0)) backwards.push(at)
        assert.deepStrictEqual(backwards.toReversed(), found, text)
        assert.strictEqual(count(-Infinity, end, 0), found.length, text)
        for (let i = 0; i < 5; i++) {
          const from = start + random.int(-10, windows[freq]) * day + random.int(0, 86_399_999)
          const to = from + random.int(0, windows[freq]) * day + random.int(0, 86_399_999)
          if (to > end) continue
          assert.strictEqual(count(from, to, 0), found.filter((at) => at > from && at <= to).length, text)
          assert.strictEqual(next(from, 0), found.find((at) => at > from) ?? next(end, 0), text)
          assert.strictEqual(previous(from, 0), found.findLast((at) => at < from), text)
        }
        fired += found.length
      }
      assert.isAbove(fired, 300)
    }, 60_000)
  }

  const zones: ReadonlyArray<readonly [zone: string, around: string]> = [
    ["America/New_York", "2026-03-08"],
    ["America/New_York", "2026-11-01"],
    ["Europe/Warsaw", "2026-03-29"],
    ["Europe/Warsaw", "2026-10-25"],
    ["Australia/Lord_Howe", "2026-10-04"],
    ["Australia/Lord_Howe", "2026-04-05"],
    ["Pacific/Apia", "2011-12-30"],
    ["Europe/Dublin", "2026-10-25"],
    ["Africa/Cairo", "2026-04-24"],
    ["America/Havana", "2026-03-08"],
    ["America/Havana", "2026-11-01"],
    ["Asia/Kathmandu", "1986-01-01"],
    ["Antarctica/Troll", "2026-03-29"]
  ]
  for (const [zone, around] of zones) {
    it(`at a clock change: ${zone}, ${around}`, () => {
      const random = Random.make(around.length * 7919 + zone.length)
      const clock = wallClock(zone)
      const middle = Date.parse(`${around}T00:00:00Z`)
      let fired = 0
      for (let round = 0; round < 60; round++) {
        const freq = random.pick(["DAILY", "WEEKLY", "MONTHLY", "HOURLY", "MINUTELY"] as const)
        const start = middle - random.int(0, 3) * day + random.int(0, 5 * 60) * 60_000
        const end = middle + 4 * day
        const { byMonthDay: _, ...rule } = RandomRule.make(random, freq, 15)
        const { expected, text, trigger } = expand({ ...rule, byHour: [0, 1, 2, 3] }, start, end + 2 * day, zone)
        if (Result.isFailure(trigger)) {
          assert.strictEqual(trigger.failure.reason, "neverFires", text)
          continue
        }
        const { count, next, previous } = Trigger.occurrences(trigger.success)
        const instants = Array.from(new Set(expected.map((wall) => Oracle.instantOf(wall, clock))))
          .toSorted((a, b) => a - b)
          .filter((at) => at <= end)
        const found: Array<number> = []
        for (let at = next(-Infinity, 0); at !== undefined && at <= end; at = next(at, 0)) found.push(at)
        assert.deepStrictEqual(found.map(Oracle.show), instants.map(Oracle.show), text)
        const backwards: Array<number> = []
        for (let at = previous(end + 1, 0); at !== undefined; at = previous(at, 0)) backwards.push(at)
        assert.deepStrictEqual(backwards.toReversed(), found, text)
        assert.strictEqual(count(-Infinity, end, 0), found.length, text)
        fired += found.length
      }
      assert.isAbove(fired, 100)
    })
  }

  it("without a start: refused only if it fires from no start, and never accepted in vain", () => {
    const random = Random.make(0x0707)
    let refused = 0
    let accepted = 0
    for (let round = 0; round < 300; round++) {
      const freq = random.pick(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"] as const)
      const { interval: _, ...plain } = RandomRule.make(random, freq, 35)
      const rule = { ...plain, byHour: plain.byHour ?? [9], bySetPos: [random.int(1, 12) * random.pick([1, -1])] }
      const open = Trigger.parseRrule(`RRULE:${Oracle.toText(rule)}`)
      /** From the first day of each month of a year: every weekday is among them. */
      const fires = Array.from({ length: 12 }, (_, month) => Date.UTC(2026, month, 1))
        .some((start) => Result.isSuccess(expand(rule, start, start).trigger))
      assert.strictEqual(Result.isSuccess(open), fires, Oracle.toText(rule))
      if (fires) accepted++
      else refused++
    }
    assert.isAbove(refused, 50)
    assert.isAbove(accepted, 50)
  })
})
