import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Trigger from "../../src/Trigger.ts"

describe("generated triggers obey the laws", () => {
  for (const [index, kind] of TriggerLaws.kinds.entries()) {
    it.effect(kind, () =>
      Effect.gen(function*() {
        const random = TriggerLaws.random(7000 + index)
        for (let round = 0; round < 25; round++) {
          const trigger = TriggerLaws.trigger(random, kind)
          const anchors = [TriggerLaws.instant(random)]
          for (const { name, run } of TriggerLaws.cases(trigger, { anchors })) {
            const exit = yield* Effect.exit(run)
            if (Exit.isSuccess(exit)) continue
            const label = `${name}\n${Trigger.encode(trigger)}\nanchor ${new Date(anchors[0]!).toISOString()}\n`
            assert.fail(`${label}${String(exit.cause)}`)
          }
        }
      }), 60_000)
  }
})

describe("a trigger that breaks a law is found", () => {
  const Broken = Trigger.custom("broken", {
    parameters: Schema.Struct({ how: Schema.String }),
    occurrences({ how }) {
      let asked = 0
      const grid = 3_600_000
      return {
        next(after, anchor) {
          asked++
          if (how === "stands still") return Math.max(after, anchor)
          if (how === "half milliseconds") return Math.max(after, anchor) + 0.5
          if (how === "counts its calls") return Math.ceil(Math.max(after, anchor)) + asked
          if (how === "ignores the anchor") return Number.isFinite(after) ? (Math.floor(after / grid) + 1) * grid : 0
          if (how === "is slow") {
            for (const until = performance.now() + 300; performance.now() < until;);
          }
          const at = (Math.floor(Math.max(after, anchor) / grid) + 1) * grid
          return at <= 8.64e15 ? at : undefined
        },
        previous(before, anchor) {
          const limit = how === "previous is inclusive" ? before + 1 : before
          const at = (Math.ceil(Math.min(limit, 8.64e15 + 1) / grid) - 1) * grid
          return at > anchor ? at : undefined
        },
        count: (from, to, anchor) => {
          if (how !== "counts wrong") return undefined
          return Math.round((to - Math.max(from, anchor)) / grid) + 1
        }
      }
    }
  })
  const registry = Trigger.registry({ kinds: [Broken] })
  const failures = (how: string) =>
    Effect.gen(function*() {
      const broken: Array<string> = []
      for (const { name, run } of TriggerLaws.cases(Broken.make({ how }), { anchors: [1_780_000_000_123], registry })) {
        if (Exit.isFailure(yield* Effect.exit(run))) broken.push(name)
      }
      return broken
    })

  for (
    const [how, law] of [
      ["stands still", "strictly increasing"],
      ["half milliseconds", "strictly increasing"],
      ["counts its calls", "no gap between asks"],
      ["counts its calls", "the same question has the same answer"],
      ["ignores the anchor", "no instant before the anchor, dates apart"],
      ["previous is inclusive", "previous is the inverse of next"],
      ["counts wrong", "count agrees with enumeration, where it answers"]
    ] as const
  ) {
    it.effect(`${how}: ${law}`, () =>
      Effect.gen(function*() {
        assert.include(yield* failures(how), law)
      }))
  }

  it.effect("and one that breaks none is not", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failures("not at all"), [])
    }))

  it.effect("is slow: answers soon, wherever it is asked", () =>
    Effect.gen(function*() {
      const slow = TriggerLaws.laws.find(({ name }) => name.startsWith("answers soon"))!
      const subject = { trigger: Broken.make({ how: "is slow" }), anchor: 0, registry }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(slow.check(subject))))
    }))
})
