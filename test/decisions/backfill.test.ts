import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { backfill } from "../../src/decisions/backfill.ts"
import { enumerate } from "./occurrenceSets.ts"
import { anchors, nows, sets } from "./situations.ts"

const limits = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })))

describe("backfill", () => {
  it.prop("runs exactly the occurrences of the range, once each and in order, or none when they are too many", {
    set: sets,
    anchor: anchors,
    from: nows,
    to: nows,
    limit: limits
  }, ({ anchor, from, limit, set, to }) => {
    const { occurrences } = set
    const expected = enumerate(occurrences, Math.min(anchor, from), Math.max(from, to))
      .filter((at) => at > from && at <= to)
    const made = backfill({ occurrences, anchor, from, to, limit })
    if (expected.length <= limit) assert.deepStrictEqual(made, { _tag: "Runs", nominal: expected })
    else {
      assert.strictEqual(made._tag, "TooMany")
      if (made._tag === "TooMany" && made.count !== undefined) assert.strictEqual(made.count, expected.length)
    }
  }, { arbitrary: { runs: 400, seed: "backfill" } })

  it.prop(
    "two ranges side by side are one",
    { set: sets, anchor: anchors, marks: Arbitrary.all([nows, nows, nows]) },
    ({
      anchor,
      marks,
      set
    }) => {
      const { occurrences } = set
      const [from, between, to] = marks.toSorted((a, b) => a - b) as [number, number, number]
      // Where the job was there all the time: what its trigger counts from is the same.
      if (from < anchor) return
      const of = (from: number, to: number) => {
        const made = backfill({ occurrences, anchor, from, to, limit: 100_000 })
        return made._tag === "Runs" ? made.nominal : []
      }
      assert.deepStrictEqual([...of(from, between), ...of(between, to)], of(from, to))
    },
    { arbitrary: { runs: 200, seed: "side by side" } }
  )
})
