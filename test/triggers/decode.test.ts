import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Trigger from "../../src/Trigger.ts"

/** JSON with one of its values replaced. */
const changed = (random: TriggerLaws.Random, json: unknown): unknown => {
  if (typeof json === "number" && random.int(0, 3) > 0) {
    return random.pick([-1, 0, 1, 1000, 86_400_000, 1.7e12, 8.64e15, -8.64e15, 2 ** 53, json + 1, -json])
  }
  if (typeof json === "string" && random.int(0, 3) > 0) {
    return random.pick([
      "UTC",
      "Asia/Tokyo",
      "0 9 * * *",
      "* * * * * *",
      "skip",
      "both",
      "clamp",
      "FREQ=DAILY",
      "02-29",
      "sat"
    ])
  }
  if (typeof json !== "object" || json === null || random.int(0, 12) === 0) {
    return random.pick([null, -1, 0, 0.5, 1e300, -8.64e15, 2 ** 53, "", "x", "UTC", "defer", true, [], {}, [[1, 0]]])
  }
  const keys = Object.keys(json)
  if (keys.length === 0) return { x: 1 }
  const key = random.pick(keys)
  const value = changed(random, (json as Record<string, unknown>)[key])
  return Array.isArray(json)
    ? json.map((item, i) => String(i) === key ? value : item)
    : { ...json, [key]: value }
}

describe("text of triggers with a value changed", () => {
  it("is a trigger that answers, or a TriggerError, and soon", () => {
    const random = TriggerLaws.random(4242)
    let made = 0
    for (let round = 0; round < 500; round++) {
      let json: unknown = TriggerLaws.trigger(random).spec
      for (let n = random.int(1, 2); n > 0; n--) json = changed(random, json)
      const text = JSON.stringify(json)
      const begun = performance.now()
      const result = Trigger.decode(text)
      if (Result.isSuccess(result)) {
        made++
        const { count, next, previous } = Trigger.occurrences(result.success)
        for (const at of [-Infinity, 0, 1.7e12, 8e15, Infinity]) {
          next(at, 1.7e12)
          previous(at, 1.7e12)
          count(0, Math.min(at, 1.8e12), 1.7e12)
        }
        assert.isString(Trigger.describe(result.success), text)
        Trigger.preview(result.success, { from: 1.7e12, count: 2 })
      }
      assert.isBelow(performance.now() - begun, 5000, text)
    }
    assert.isAbove(made, 25)
  }, 120_000)
})
