import { assert, describe, it } from "@effect/vitest"
import type { JobStore } from "effect-scheduler"
import * as Sharing from "../../src/engine/sharing.ts"

const batch = 10

/** Jobs that are due at once, planners that read and commit in turn, and how much of what they decided was in vain. */
const world = (jobs: number) => {
  let left = Array.from({ length: jobs }, (_, i) => ({ job: { id: `j${i}` } }) as JobStore.DueJob)
  const planned: Array<string> = []
  let stale = 0
  const planner = () => {
    const sharing = Sharing.make()
    let inHand: ReadonlyArray<JobStore.DueJob> = []
    return {
      read: (now: number) => {
        inHand = sharing.mine(batch, left.slice(0, sharing.reach(batch, now)))
      },
      commit: (now: number) => {
        const answers = inHand.map((one) => left.includes(one) ? "ok" as const : "stale" as const)
        planned.push(...inHand.filter((_, i) => answers[i] === "ok").map(({ job }) => job.id))
        stale += answers.filter((answer) => answer === "stale").length
        left = left.filter((one) => !inHand.includes(one))
        sharing.told(answers, now)
        return inHand.length
      }
    }
  }
  return { planner, planned, left: () => left.length, stale: () => stale }
}

describe("several planners share what is due", () => {
  for (const planners of [1, 2, 3, 4]) {
    it(`${planners} of them, each reading while the others decide: little is decided in vain, and nothing is left`, () => {
      const jobs = 1000
      const w = world(jobs)
      const all = Array.from({ length: planners }, () => w.planner())
      all.forEach((one) => one.read(0))
      // within the second for which a planner stands behind the others
      for (let turn = 0; w.left() > 0; turn++) {
        const one = all[turn % planners]!
        one.commit(turn)
        one.read(turn)
      }
      assert.strictEqual(new Set(w.planned).size, jobs)
      assert.strictEqual(w.planned.length, jobs)
      // alone nobody decides in vain; n - 1 learn of each other at the price of some batches
      assert.isAtMost(w.stale(), (planners - 1) * 5 * batch)
    })
  }

  it("what a planner has left to another one that dies is planned by it all the same", () => {
    const w = world(100)
    const [first, second] = [w.planner(), w.planner()]
    first.read(0)
    second.read(0)
    first.commit(0)
    second.commit(0)
    // the first one dies
    for (let turn = 0; w.left() > 0 && turn < 20; turn++) {
      second.read(1)
      second.commit(1)
    }
    assert.strictEqual(w.planned.length, 100)
  })

  it("after a second it tries the front again, also if the clock was set back; and a few jobs that somebody changed mean nothing", () => {
    const sharing = Sharing.make()
    const stale = (n: number) => Array.from({ length: batch }, (_, i) => i < n ? "stale" as const : "ok" as const)
    sharing.told(stale(2), 5_000)
    sharing.told(["stale", "stale"], 5_000)
    assert.strictEqual(sharing.reach(batch, 5_000), batch)
    sharing.told(stale(5), 5_000)
    assert.strictEqual(sharing.reach(batch, 5_999), 3 * batch)
    assert.strictEqual(sharing.reach(batch, 6_000), batch)
    sharing.told(stale(5), 6_000)
    assert.strictEqual(sharing.reach(batch, 5_999), batch)
  })
})
