import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Task } from "effect-scheduler"
import { upgrade } from "../../src/decisions/upgrade.ts"

/** A step writes down that it was taken. */
const steps = (from: number, to: number): Task.Upgrade =>
  Object.fromEntries(
    Array.from({ length: to - from }, (_, i) => [from + i, (taken: ReadonlyArray<number>) => [...taken, from + i]])
  )

const task = (version: number, how: Task.Upgrade | undefined) => Task.make("T", { version, upgrade: how })

const Version = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 }))

describe("upgrade", () => {
  it.prop(
    "from an older version to today's is by way of any version in between",
    { versions: Schema.Tuple([Version, Version, Version]) },
    ({ versions }) => {
      const [stored, between, today] = [...versions].sort((a, b) => a - b) as [number, number, number]
      const all = steps(1, 12)
      // A release in between knows the steps up to itself.
      const known = (version: number) =>
        Object.fromEntries(Object.entries(all).filter(([from]) => Number(from) < version)) as Task.Upgrade
      const halfway = Result.getOrThrow(upgrade(task(between, known(between)), [], stored))
      const direct = Result.getOrThrow(upgrade(task(today, known(today)), [], stored))
      assert.deepStrictEqual(Result.getOrThrow(upgrade(task(today, known(today)), halfway, between)), direct)
      assert.deepStrictEqual(direct, Array.from({ length: today - stored }, (_, i) => stored + i))
    },
    { arbitrary: { runs: 200, seed: "versions" } }
  )

  it("a payload of today's version stays as it is, and so does any where the task says nothing", () => {
    const value = { a: 1 }
    assert.strictEqual(Result.getOrThrow(upgrade(task(3, steps(1, 3)), value, 3)), value)
    assert.strictEqual(Result.getOrThrow(upgrade(task(3, undefined), value, 1)), value)
    assert.strictEqual(Result.getOrThrow(upgrade(task(1, undefined), value, 7)), value)
  })

  it("a function is given the version that was stored", () => {
    const how: Task.Upgrade = (encoded, version) => [encoded, version]
    assert.deepStrictEqual(Result.getOrThrow(upgrade(task(5, how), "x", 2)), ["x", 2])
  })

  it("says why there is no way: a step is missing, one throws, the payload is newer", () => {
    const why = (version: number, how: Task.Upgrade, stored: number) =>
      Result.isFailure(upgrade(task(version, how), null, stored)) &&
      (upgrade(task(version, how), null, stored) as Result.Failure<unknown, string>).failure
    assert.strictEqual(why(3, { 2: () => 0 }, 1), "task T has no upgrade from version 1")
    assert.strictEqual(
      why(2, {
        1: () => {
          throw new Error("no name")
        }
      }, 1),
      "the upgrade of task T from version 1 threw: no name"
    )
    assert.strictEqual(why(2, { 1: () => 0 }, 3), "it is of version 3 of task T, and this node knows version 2")
  })
})
