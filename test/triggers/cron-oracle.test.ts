import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Random from "../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../src/Trigger.ts"
import * as Oracle from "./oracle.ts"

const minute = 60_000
const day = 1440 * minute

/** Zones with the instants of changes worth looking at, at any time of the day around them. */
const changes: ReadonlyArray<readonly [zone: string, instants: ReadonlyArray<string>]> = [
  ["UTC", ["2026-01-01T00:00Z"]],
  ["+05:45", ["2026-01-01T00:00Z"]],
  ["America/New_York", ["2026-03-08T07:00Z", "2026-11-01T06:00Z", "1974-01-06T07:00Z"]],
  ["Europe/Warsaw", ["2026-03-29T01:00Z", "2026-10-25T01:00Z"]],
  ["Europe/London", ["2026-03-29T01:00Z", "2026-10-25T01:00Z", "1971-10-31T02:00Z"]],
  ["Europe/Dublin", ["2026-03-29T01:00Z", "2026-10-25T01:00Z"]],
  ["Australia/Lord_Howe", ["2026-04-04T15:00Z", "2026-10-03T15:30Z", "1985-10-26T14:30Z"]],
  ["Africa/Casablanca", ["2026-02-15T02:00Z", "2026-03-22T02:00Z"]],
  ["Africa/Cairo", ["2026-04-23T22:00Z", "2026-10-29T21:00Z"]],
  ["America/Havana", ["2026-03-08T05:00Z", "2026-11-01T05:00Z"]],
  ["Pacific/Apia", ["2011-12-30T10:00Z", "2011-09-24T14:00Z"]],
  ["Pacific/Kwajalein", ["1993-08-21T12:00Z"]],
  ["Asia/Kathmandu", ["1985-12-31T18:30Z"]],
  ["Pacific/Chatham", ["2026-04-04T14:00Z", "2026-09-26T14:00Z"]],
  ["America/Santiago", ["2026-04-05T03:00Z", "2026-09-06T04:00Z"]],
  ["Antarctica/Troll", ["2026-03-29T01:00Z", "2026-10-25T01:00Z"]],
  ["Antarctica/Casey", ["2023-03-08T16:00Z", "2010-03-04T15:00Z"]],
  ["America/Recife", ["2000-10-08T03:00Z", "2000-10-15T02:00Z"]]
]

const randomField = (random: Random.Random, min: number, max: number, near: ReadonlyArray<number>): string => {
  const value = () => random.int(0, 2) === 0 ? random.int(min, max) : random.pick(near)
  const item = () => {
    switch (random.int(0, 6)) {
      case 0:
        return `*/${random.int(1, Math.min(12, max - min))}`
      case 1:
        return `${value()}-${value()}`
      case 2:
        return `${value()}/${random.int(1, Math.min(20, max - min))}`
      case 3:
        return `${value()}-${value()}/${random.int(1, 3)}`
      default:
        return String(value())
    }
  }
  return random.int(0, 3) === 0 ? `${item()},${item()}` : item()
}

const randomExpression = (random: Random.Random): string => {
  const star = (odds: number, text: () => string) => random.int(1, 100) <= odds ? "*" : text()
  return [
    star(20, () => randomField(random, 0, 59, [0, 1, 15, 29, 30, 31, 45, 59])),
    star(40, () => randomField(random, 0, 23, [0, 1, 2, 3, 23])),
    star(60, () => randomField(random, 1, 31, [1, 8, 25, 28, 29, 30, 31])),
    star(80, () => randomField(random, 1, 12, [3, 10, 11])),
    star(60, () => randomField(random, 0, 6, [0, 1, 5, 6]))
  ].join(" ")
}

const gaps = ["first-valid", "shift", "skip"] as const
const overlaps = ["first", "second", "both"] as const

/** Compares the engine with the oracle in one window. */
const compare = (
  random: Random.Random,
  timeZone: string,
  clock: (instant: number) => number,
  from: number,
  to: number
): void => {
  const expression = randomExpression(random)
  const gap = random.pick(gaps)
  const overlap = random.pick(overlaps)
  const expected = Oracle.enumerate(expression, from, to, { clock, gap, overlap })
  const label = `${expression} in ${timeZone}, gap ${gap}, overlap ${overlap}, from ${iso(from)} to ${iso(to)}`
  const parsed = Trigger.parseCron(expression, { timeZone, gap, overlap })
  if (Result.isFailure(parsed)) {
    assert.strictEqual(parsed.failure.reason, "neverFires", label)
    assert.deepStrictEqual(expected, [], label)
    return
  }
  const { count, next, previous } = Trigger.occurrences(parsed.success)
  const anchor = from - 400 * day

  const forward: Array<number> = []
  for (let at = next(from - 1, anchor); at !== undefined && at < to; at = next(at, anchor)) forward.push(at)
  assert.deepStrictEqual(forward.map(iso), expected.map(iso), label)

  const backward: Array<number> = []
  for (let at = previous(to, anchor); at !== undefined && at >= from; at = previous(at, anchor)) backward.unshift(at)
  assert.deepStrictEqual(backward.map(iso), expected.map(iso), label)

  const low = from + random.int(0, to - from)
  const high = low + random.int(0, to - low)
  assert.strictEqual(
    count(low, high, anchor),
    expected.filter((at) => at > low && at <= high).length,
    `${label}, count from ${iso(low)} to ${iso(high)}`
  )
}

const iso = (instant: number) => new Date(instant).toISOString()

describe("cron against a naive oracle: next, previous and count", () => {
  for (const [index, [timeZone, instants]] of changes.entries()) {
    it(`around clock changes of ${timeZone}`, () => {
      const random = Random.make(1000 + index)
      const clock = Oracle.wallClock(timeZone === "+05:45" ? "Asia/Kathmandu" : timeZone)
      for (const instant of instants) {
        for (let round = 0; round < 15; round++) {
          const middle = Date.parse(instant)
          compare(
            random,
            timeZone,
            clock,
            middle - random.int(0, 30) * 60 * minute,
            middle + random.int(1, 40) * 60 * minute
          )
        }
      }
    })
  }

  it("in any zone, at any time from 1972 to 2100", () => {
    const random = Random.make(3)
    const zones = Intl.supportedValuesOf("timeZone")
    // whole minutes only: until 1972 Monrovia was a part of a minute off
    const start = Date.UTC(1972, 1, 1) / minute
    for (let round = 0; round < 40; round++) {
      const timeZone = random.pick(zones)
      const from = random.int(start, start + 128 * 365 * 1440) * minute
      compare(random, timeZone, Oracle.wallClock(timeZone), from, from + random.int(60, 1440) * minute)
    }
  })
})
