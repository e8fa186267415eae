import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Policy } from "effect-scheduler"
import { instants, limitsOf, wantOf } from "../../src/decisions/limits.ts"
import { takePlaces } from "../../src/stores/limits.ts"
import { draw } from "../../src/stores/rates.ts"

const policy = (fields: Partial<Policy.Policy>): Policy.Policy => ({ ...Policy.defaults, ...fields })

describe("limits", () => {
  it("a run needs a place under its own key first, then under its task", () => {
    const both = limitsOf("T", policy({ concurrency: { task: 5, key: 2 }, key: "acme" }))
    assert.deepStrictEqual(both, [{ key: "key:T:acme", max: 2 }, { key: "task:T", max: 5 }])
    assert.deepStrictEqual(both.toSorted((a, b) => a.key < b.key ? -1 : 1), [...both])
    assert.deepStrictEqual(limitsOf("T", policy({ concurrency: { task: 5, key: 2 } })), [{ key: "task:T", max: 5 }])
    assert.deepStrictEqual(limitsOf("T", policy({ key: "acme" })), [])
  })

  it.prop("places are taken in order, up to the first limit that is full, and never beyond a limit", {
    taken: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))).check(Schema.isMaxLength(5))
  }, ({ taken }) => {
    const limits = taken.map((_, n) => ({ key: `k${n}`, max: 3 }))
    const counts = new Map(taken.map((n, i) => [`k${i}`, n]))
    const at = takePlaces(limits, 0, counts)
    const full = taken.findIndex((n) => n >= 3)
    assert.strictEqual(at, full < 0 ? taken.length : full)
    taken.forEach((n, i) => assert.strictEqual(counts.get(`k${i}`), i < at ? n + 1 : n))
  })
})

describe("rates", () => {
  it("a task has one bucket, or one for each key", () => {
    const rate = { limit: 4, per: 1000 }
    assert.deepStrictEqual(wantOf("T", policy({ rate })), { key: "rate:T", interval: 250, burst: 4, n: 1 })
    assert.deepStrictEqual(wantOf("T", policy({ rate: { ...rate, burst: 1, key: true }, key: "a" })), {
      key: "rate:T:a",
      interval: 250,
      burst: 1,
      n: 1
    })
    assert.isUndefined(wantOf("T", policy({})))
  })

  it.prop("a bucket gives the same whoever asks, and instants are told in its rhythm", {
    asks: Schema.Array(Schema.Struct({
      wait: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })),
      n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))
    })).check(Schema.isMaxLength(20)),
    limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 }))
  }, ({ asks, limit }) => {
    const want = wantOf("T", policy({ rate: { limit, per: 1000 } }))!
    let fullAt: number | undefined
    let now = 0
    let last = -Infinity
    const starts: Array<number> = []
    for (const { n, wait } of asks) {
      now += wait
      const answer = draw({ ...want, n }, fullAt, now)
      fullAt = answer.fullAt
      assert.isAtMost(answer.granted, n)
      assert.isAtLeast(answer.next, now)
      for (let i = 0; i < answer.granted; i++) starts.push(now)
      // whoever comes at the instant that was told gets one, if nobody else has been there
      assert.strictEqual(draw({ ...want, n: 1 }, fullAt, answer.next).granted, 1)
      if (answer.next > now) assert.strictEqual(draw({ ...want, n: 1 }, fullAt, answer.next - 1).granted, 0)
      const times = instants(answer.next, want, last, n - answer.granted)
      for (const at of times) {
        assert.isAtLeast(at, Math.max(answer.next, last + want.interval) - 1)
        last = at
      }
    }
    // no stretch of time sees more starts than the burst and what is regained in it
    for (const [i, from] of starts.entries()) {
      for (const [j, to] of starts.entries()) {
        if (j >= i) assert.isAtMost(j - i + 1, limit + Math.floor((to - from) / want.interval + 1e-6))
      }
    }
  })
})
