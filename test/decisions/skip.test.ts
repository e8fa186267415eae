import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { plan } from "../../src/decisions/plan.ts"
import { planWithout } from "../../src/decisions/skip.ts"
import { enumerate } from "./occurrenceSets.ts"
import { judge } from "./planOracle.ts"
import { anchors, cursors, goings, nows, policies, sets } from "./situations.ts"

const choices = Arbitrary.all({
  set: sets,
  anchor: anchors,
  cursor: cursors,
  policy: policies,
  going: goings,
  now: nows,
  // Some of them are occurrences: which ones is chosen below.
  chosen: Arbitrary.array(goings, { minLength: 0, maxLength: 4 })
})

describe("planWithout", () => {
  it.prop(
    "skips what it is asked to, and judges the others as if the trigger did not have those",
    { of: choices },
    ({ of }) => {
      const { anchor, chosen, cursor, now, policy, set } = of
      const all = enumerate(set.occurrences, anchor, now + 600_000).filter((at) => at > cursor)
      const skips = [...new Set(chosen.flatMap((i) => all[i * 2] ?? []))].sort((a, b) => a - b)
      const made = planWithout({ ...of, occurrences: set.occurrences }, skips)
      const due = all.filter((at) => at <= now)
      const expected = judge(due.filter((at) => !skips.includes(at)), { ...of, policy })
      let from = cursor
      const seen = new Map<number, string>()
      for (const segment of made.segments) {
        assert.isAbove(segment.to, from)
        const held = due.filter((at) => at > from && at <= segment.to)
        for (const at of held) seen.set(at, segment._tag === "fired" ? "fired" : `${segment.kind}(${segment.reason})`)
        if (segment._tag === "not" && segment.count !== null) assert.strictEqual(segment.count, held.length)
        if (segment._tag === "fired") assert.deepStrictEqual(held, [segment.to])
        from = segment.to
      }
      assert.strictEqual(made.cursor, due.at(-1) ?? cursor)
      assert.strictEqual(made.next, set.occurrences.next(made.cursor, anchor))
      for (const at of due) {
        const judged = expected.get(at)
        const verdict = judged === undefined
          ? "skipped(requested)"
          : judged.kind === "fired"
          ? "fired"
          : `${judged.kind}(${judged.reason})`
        assert.strictEqual(seen.get(at), verdict, `${at} of ${skips.join(" ")}`)
      }
      if (!made.segments.some(({ _tag }) => _tag === "fired")) assert.isFalse(made.cancelGoing)
    },
    { arbitrary: { runs: 800, seed: "skip", size: 40 } }
  )

  it.prop("with nothing to skip it is plan", { of: choices }, ({ of }) => {
    const situation = { ...of, occurrences: of.set.occurrences }
    assert.deepStrictEqual(planWithout(situation, []), plan(situation))
  }, { arbitrary: { runs: 200, seed: "none", size: 40 } })
})
