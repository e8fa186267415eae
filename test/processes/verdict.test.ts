/**
 * A checker that finds nothing is worth nothing: each of these is wrong, and must be said to be.
 */
import { assert, describe, it } from "@effect/vitest"
import { Trigger } from "effect-scheduler"
import type { JobStore } from "effect-scheduler"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import type { Entry } from "./journal.ts"
import { type Remains, violations } from "./verdict.ts"
import { Once } from "./work.ts"

const paused = Suite.job("j", { state: "paused", anchor: 0, cursor: 4_000, updated: 4_500 })

const row = (run: JobStore.NewRun, fields: Partial<JobStore.RunRow> = {}): JobStore.RunRow => ({
  ...run,
  state: "done",
  orderAt: null,
  fence: 1,
  attempt: 1,
  attempts: "[]",
  node: null,
  cancel: null,
  claimed: 0,
  started: 0,
  finished: 0,
  outcome: "succeeded",
  result: null,
  progress: null,
  log: null,
  expiresAt: null,
  ...fields
})

const fired = (n: number) => Suite.occurrence(paused, n, { serial: 1 })
const [one, two, four] = [fired(1_000), fired(2_000), fired(4_000)]

const carriedOut = (run: string, from: number, to: number, by = "p1", fence = 1): ReadonlyArray<Entry> => [
  { _tag: "claimed", by, run, fence },
  { _tag: "begun", by, run, fence, attempt: 1, at: from },
  { _tag: "ended", run, fence, how: "succeeded", at: to },
  { _tag: "settled", by, run, fence, next: "Done", answer: "ok" }
]

const right: Remains = {
  planned: [{
    id: "j",
    task: Once,
    trigger: Trigger.interval(1_000),
    policy: {},
    until: (_anchor, end) => [1_000, 2_000, 3_000, 4_000].filter((at) => at <= end)
  }],
  asked: ["adhoc"],
  jobs: [paused],
  runs: [row(one), row(two), row(four), row(Suite.run("adhoc", { atMostOnce: true, planned: 0 }))],
  verdicts: [Suite.verdict(paused, 2_000, 3_000, { reason: "overlap" })],
  journal: [
    ...carriedOut(one.id, 1_001, 1_010),
    ...carriedOut(two.id, 2_001, 3_500, "p2"),
    ...carriedOut(four.id, 4_001, 4_002),
    ...carriedOut("adhoc", 0, 1)
  ]
}

const wrong: Record<string, readonly [remains: Partial<Remains>, says: RegExp]> = {
  "a job is gone": [{ jobs: [] }, /job j is gone/],
  "a job goes on": [{ jobs: [{ ...paused, state: "active" }] }, /is active at the end/],
  "an occurrence was forgotten": [{ verdicts: [] }, /occurrence 3000 of j has 0 verdicts/],
  "an occurrence was decided twice": [
    { verdicts: [Suite.verdict(paused, 1_000, 3_000)] },
    /occurrence 2000 of j has 2 verdicts/
  ],
  "stretches overlap": [
    { verdicts: [...right.verdicts, Suite.verdict(paused, 2_500, 3_500)] },
    /verdicts of j overlap at 2500/
  ],
  "a run is no occurrence": [{ runs: [...right.runs, row(fired(1_500))] }, /fired at 1500, which is no occurrence/],
  "a run that was asked for is gone": [{ runs: right.runs.slice(0, 3) }, /run adhoc is gone/],
  "a run was left behind": [
    { runs: [row(one, { state: "running", outcome: null }), ...right.runs.slice(1)] },
    /is running at the end/
  ],
  "a success that no handler had": [{ runs: [row(one, { fence: 2 }), ...right.runs.slice(1)] }, /ended as undefined/],
  "a run abandoned that may run again": [
    { runs: [row(one, { outcome: "abandoned" }), ...right.runs.slice(1)] },
    /was abandoned/
  ],
  "a run cancelled by nobody": [
    { runs: [row(one, { outcome: "cancelled" }), ...right.runs.slice(1)] },
    /was cancelled by nobody/
  ],
  "one claim for two": [
    { journal: [...right.journal, { _tag: "claimed", by: "p9", run: one.id, fence: 1 }] },
    /went to p1 and to p9/
  ],
  "two settle one claim": [
    {
      journal: [
        ...right.journal,
        { _tag: "settled", by: "p9", run: one.id, fence: 1, next: "Done", answer: "ok" }
      ]
    },
    /p9 settled .*, the claim of p1/
  ],
  "a run ends twice": [{ journal: [...right.journal, ...carriedOut(one.id, 5_000, 5_001, "p2", 2)] }, /ended twice/],
  "a run begins after its end": [
    {
      journal: [
        ...right.journal,
        { _tag: "claimed", by: "p2", run: one.id, fence: 2 },
        { _tag: "begun", by: "p2", run: one.id, fence: 2, attempt: 2, at: 5_000 }
      ]
    },
    /began after its end/
  ],
  "an atMostOnce run begins again": [
    {
      journal: [
        { _tag: "claimed", by: "p2", run: "adhoc", fence: 0 },
        { _tag: "begun", by: "p2", run: "adhoc", fence: 0, attempt: 1, at: 0 },
        ...right.journal
      ]
    },
    /atMostOnce run began twice/
  ],
  "a run begins before its instant": [
    { journal: [...right.journal.slice(4), ...carriedOut(one.id, 800, 810)] },
    /began 200 ms before its instant/
  ],
  "a role failed": [
    { journal: [...right.journal, { _tag: "told", by: "p1", event: "RoleRestarted", at: 7 }] },
    /a role of p1 failed/
  ],
  "two at once where one may": [
    { journal: [...right.journal.slice(4), ...carriedOut(one.id, 1_001, 2_500)] },
    /2 attempts of j at once at 2001/
  ]
}

describe("what the processes leave behind", () => {
  it("is right where nothing is wrong", () => assert.deepStrictEqual(violations(right), []))

  for (const [name, [changes, says]] of Object.entries(wrong)) {
    it(`is wrong where ${name}`, () => {
      const said = violations({ ...right, ...changes })
      assert.isTrue(said.some((violation) => says.test(violation)), said.join("\n") || "nobody noticed")
    })
  }
})
