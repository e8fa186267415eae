import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { TriggerLaws } from "../../../src/testing/index.ts"
import * as Random from "../../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../../src/Trigger.ts"
import * as Oracle from "./oracle.ts"
import * as RandomRule from "./random-rule.ts"

const frequencies = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"] as const
const gaps = ["first-valid", "shift", "skip"] as const
const overlaps = ["first", "second", "both"] as const

/** A recurrence with everything that the text may say, or undefined for one that never fires. */
const recurrence = (random: Random.Random): Trigger.Trigger | undefined => {
  const zone = random.pick(TriggerLaws.zones)
  const rule = RandomRule.make(random, random.pick(frequencies), random.pick([0, 15, 30]))
  const start = Date.UTC(random.int(1960, 2030), random.int(0, 11), random.int(1, 31), random.int(0, 23), 30)
  const stamps = (name: string) =>
    Array.from(
      { length: random.int(0, 2) },
      () => `${name}:${Oracle.stamp(start + random.int(0, 20_000) * 86_400_000 + random.int(0, 96) * 900_000)}Z`
    )
  const limit = random.pick([
    {},
    {},
    { count: random.int(1, 3000) },
    { until: start + random.int(1, 30_000) * 86_400_000 }
  ])
  const lines = [
    ...(random.int(0, 2) === 0 ? [] : [`DTSTART:${Oracle.stamp(start)}`]),
    `RRULE:${Oracle.toText({ ...rule, ...limit })}`,
    ...stamps("RDATE"),
    ...stamps("EXDATE")
  ]
  const parsed = Trigger.parseRrule(lines.join("\n"), {
    timeZone: zone,
    gap: random.pick(gaps),
    overlap: random.pick(overlaps)
  })
  if (Result.isFailure(parsed)) assert.strictEqual(parsed.failure.reason, "neverFires", parsed.failure.message)
  return Result.isSuccess(parsed) ? parsed.success : undefined
}

describe("recurrences obey the laws", () => {
  for (let seed = 1; seed <= 8; seed++) {
    it.effect(`seed ${seed}`, () =>
      Effect.gen(function*() {
        const random = Random.make(seed * 5545)
        let looked = 0
        for (let round = 0; round < 25; round++) {
          const trigger = recurrence(random)
          if (trigger === undefined) continue
          looked++
          const anchors = [TriggerLaws.instant(random)]
          for (const { name, run } of TriggerLaws.cases(trigger, { anchors })) {
            const exit: Exit.Exit<void> = yield* Effect.exit(run)
            if (Exit.isSuccess(exit)) continue
            const label: string = `${name}\n${Trigger.encode(trigger)}\nanchor ${new Date(anchors[0]!).toISOString()}\n`
            assert.fail(`${label}${String(exit.cause)}`)
          }
        }
        assert.isAbove(looked, 15)
      }), 60_000)
  }
})
