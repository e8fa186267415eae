/** Rules that RFC 5545 allows, at random, with values that often agree with each other. */
import type { Random } from "../../../src/testing/trigger-laws/random.ts"
import type { Freq, Rule } from "./oracle.ts"

const weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

const some = <A>(random: Random, max: number, value: () => A): ReadonlyArray<A> =>
  Array.from(new Set(Array.from({ length: random.int(1, max) }, value)))

const signed = (random: Random, max: number): number => random.int(1, max) * (random.int(0, 2) === 0 ? -1 : 1)

/** A rule without COUNT and UNTIL. `odds` of a hundred parts are given where they are allowed. */
export const make = (random: Random, freq: Freq, odds = 30): Rule => {
  const given = (): boolean => random.int(1, 100) <= odds
  const rule: { -readonly [K in keyof Rule]: Rule[K] } = { freq }
  const isSubDaily = freq === "HOURLY" || freq === "MINUTELY" || freq === "SECONDLY"
  if (random.int(0, 1) === 0) {
    rule.interval = isSubDaily
      ? random.pick([2, 3, 5, 7, 12, 15, 24, 36, 45, 60, 90, 100, 168, 1440, 4000, random.int(2, 5000)])
      : random.int(2, freq === "YEARLY" ? 5 : 20)
  }
  if (given()) rule.wkst = random.pick(weekdays)
  if (given()) rule.byMonth = some(random, 4, () => random.int(1, 12))
  if (freq === "YEARLY" && given()) rule.byWeekNo = some(random, 4, () => random.pick([1, 2, 20, 52, 53, -1, -2, -53]))
  if ((freq === "YEARLY" || isSubDaily) && given()) rule.byYearDay = some(random, 5, () => signed(random, 366))
  if (freq !== "WEEKLY" && given()) rule.byMonthDay = some(random, 5, () => signed(random, 31))
  if (given() || given()) {
    const max = freq === "MONTHLY" ? 5 : freq === "YEARLY" && rule.byWeekNo === undefined ? 53 : 0
    rule.byDay = some(random, 4, () => {
      const n = max > 0 && random.int(0, 1) === 0 ? String(signed(random, random.pick([2, 5, max]))) : ""
      return n + random.pick(weekdays)
    })
  }
  if (given()) rule.byHour = some(random, 3, () => random.int(0, 23))
  if (given()) rule.byMinute = some(random, 3, () => random.pick([0, 15, 30, 45, random.int(0, 59)]))
  if (given()) rule.bySecond = some(random, 3, () => random.pick([0, 30, random.int(0, 59)]))
  const hasPart = Object.keys(rule).some((key) => key.startsWith("by"))
  if (hasPart && given()) rule.bySetPos = some(random, 3, () => signed(random, 5))
  return rule
}
