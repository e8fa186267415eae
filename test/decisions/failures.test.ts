import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import type { Run } from "effect-scheduler"
import { failuresInARow, isFailure } from "../../src/decisions/failures.ts"

const failing: ReadonlyArray<Run.Outcome> = ["failed", "died", "timedOut", "undecodable"]
const silent: ReadonlyArray<Run.Outcome> = ["cancelled", "deadlineMissed", "abandoned"]
const all: ReadonlyArray<Run.Outcome> = ["succeeded", ...failing, ...silent]

const histories = Arbitrary.schema(Schema.Array(Schema.Literals(all)))

const law = (name: string, check: (history: ReadonlyArray<Run.Outcome>) => void) =>
  it.prop(name, { history: histories }, ({ history }) => check(history), { arbitrary: { runs: 300, seed: name } })

describe("failures in a row", () => {
  law("only those newer than the last success count", (history) => {
    const last = history.indexOf("succeeded")
    const since = last < 0 ? history : history.slice(0, last)
    assert.strictEqual(failuresInARow(history), since.filter((outcome) => failing.includes(outcome)).length)
  })

  law("what says nothing about the job may be left out, wherever it stands", (history) => {
    assert.strictEqual(
      failuresInARow(history.filter((outcome) => !silent.includes(outcome))),
      failuresInARow(history)
    )
  })

  law("one more failure is one more, and a success begins anew", (history) => {
    for (const outcome of failing) {
      assert.strictEqual(failuresInARow([outcome, ...history]), failuresInARow(history) + 1)
    }
    assert.strictEqual(failuresInARow(["succeeded", ...history]), 0)
  })

  it("every outcome is a success, a failure, or says nothing", () => {
    assert.deepStrictEqual(all.filter(isFailure), failing)
    for (const outcome of all) assert.strictEqual(failuresInARow([outcome]), isFailure(outcome) ? 1 : 0)
  })
})
