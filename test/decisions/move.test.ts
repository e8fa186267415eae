import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { spanOf } from "../../src/decisions/move.ts"
import { enumerate } from "./occurrenceSets.ts"
import { anchors, sets } from "./situations.ts"

const choices = Arbitrary.schema(Schema.Array(
  Schema.Struct({
    which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000 })),
    where: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
  })
))

describe("the span of a move", () => {
  it.prop("whatever is moved one after another within its span, occurrences stay due in their order", {
    set: sets,
    anchor: anchors,
    choices
  }, ({ anchor, choices, set }) => {
    const all = enumerate(set.occurrences, anchor, Date.UTC(2026, 9, 25, 3)).slice(0, 50)
    if (all.length === 0) return
    const moved = new Map<number, number>()
    const due = (nominal: number) => moved.get(nominal) ?? nominal
    for (const { where, which } of choices) {
      const nominal = all[which % all.length]!
      const span = spanOf({ occurrences: set.occurrences, anchor, nominal, due })
      assert.isDefined(span)
      const [after, before] = [Math.max(span!.after, nominal - 60_000), Math.min(span!.before, nominal + 60_000)]
      assert.isTrue(after < nominal && nominal < before || moved.size > 0)
      const to = after + 1 + Math.floor(where * (before - after - 2))
      if (to > after && to < before) moved.set(nominal, to)
      for (let i = 0; i < all.length; i++) {
        const at = due(all[i]!)
        if (i > 0) assert.isTrue(at > all[i - 1]! && at > due(all[i - 1]!))
        if (i + 1 < all.length) assert.isTrue(at < all[i + 1]!)
      }
    }
  }, { arbitrary: { runs: 200, seed: "moves" } })

  it.prop("what is no occurrence has none", { set: sets, anchor: anchors }, ({ anchor, set }) => {
    const [first] = enumerate(set.occurrences, anchor, Date.UTC(2026, 9, 25, 3))
    if (first === undefined) return
    assert.isUndefined(
      spanOf({ occurrences: set.occurrences, anchor, nominal: first - 1, due: (nominal) => nominal })
    )
  }, { arbitrary: { runs: 100, seed: "none" } })
})
