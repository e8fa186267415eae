import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { JobStore } from "../../src/JobStore.ts"

const { at, job, occurrence, run } = Suite

/** Around the sizes at which a batch needs another statement, and beyond the number of lanes that one statement looks at. */
const sizes = [1, 2, 3, 127, 128, 129, 255, 256, 257, 600]

describe("batches of any size", () => {
  for (const size of sizes) {
    it.effect(`${size} jobs through all verbs`, () =>
      Effect.gen(function*() {
        const store = yield* JobStore
        const jobs = Array.from({ length: size }, (_, i) =>
          job(`j${String(i).padStart(4, "0")}`, { lane: `default/T${i % 250}` }))
        const lanes = Array.from({ length: Math.min(size, 250) }, (_, i) =>
          `default/T${i}`)
        const ids = jobs.map(({ id }) => id)
        assert.deepStrictEqual(yield* store.insertJobs(jobs), jobs.map(() => "inserted"))
        assert.deepStrictEqual(yield* store.insertJobs(jobs), jobs.map(() => "exists"))
        assert.deepStrictEqual((yield* store.jobs({ ids, limit: size })).map(({ id }) => id), ids)

        const due = yield* store.due({ now: at(1000), limit: size })
        assert.deepStrictEqual(due.jobs.map(({ job }) => job), jobs)
        const commit = store.commit({
          now: at(1000),
          changes: jobs.map((job) =>
            Suite.advance(job, at(1000), {
              runs: [occurrence(job, at(1000), { serial: 1 }), occurrence(job, at(1001), { serial: 1 })],
              verdicts: [Suite.verdict(job, null, at(900)), Suite.verdict(job, at(900), at(950), { kind: "missed" })]
            })
          )
        })
        assert.deepStrictEqual(yield* commit, jobs.map(() => "ok"))
        assert.deepStrictEqual(yield* commit, jobs.map(() => "stale"))
        const going = yield* store.due({ now: at(3000), limit: size })
        assert.isTrue(going.jobs.every(({ going }) => going === 2))

        const claimed = yield* store.claim({ node: "n1", lanes, limit: size * 2, now: at(1000) })
        assert.deepStrictEqual(claimed.runs.map((run) => run.job), ids)
        const settle = store.settle({
          now: at(1002),
          settlements: claimed.runs.map((run) => Suite.done(run, at(1002)))
        })
        assert.deepStrictEqual(yield* settle, claimed.runs.map(() => "ok"))
        assert.deepStrictEqual(yield* settle, claimed.runs.map(() => "already"))

        const rest = yield* store.claim({ node: "n1", lanes, limit: size * 2, now: at(1002) })
        assert.strictEqual(rest.runs.length, size)
        assert.strictEqual((yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(1) })).length, size)
        const { flagged } = yield* store.cancel({
          runs: rest.runs.map(({ id }) => id),
          request: { reason: "no", by: "me" },
          now: at(1003)
        })
        assert.strictEqual(flagged.length, size)
        const again = yield* store.cancel({ jobs: ids, request: { reason: "no", by: "me" }, now: at(1003) })
        assert.deepStrictEqual(again.flagged.toSorted(), flagged.toSorted())
        const { abandoned } = yield* store.reap({ now: at(2000), includeExpired: true, limit: size })
        assert.strictEqual(abandoned.length, size)
      }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
  }

  it.effect("more sleepers than one statement wakes", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const runs = Array.from({ length: 2500 }, (_, i) => run(`r${i}`, { readyAt: at(10), uniqueKey: `k${i}` }))
      yield* store.enqueue({ runs, now: at(0) })
      const claim = (now: number) => store.claim({ node: "n1", lanes: ["default/Task"], limit: 5000, now })
      assert.deepStrictEqual(yield* claim(at(9)), { runs: [], next: at(10) })
      const claimed = yield* claim(at(10))
      assert.strictEqual(claimed.runs.length, 2500)
      assert.isNull(claimed.next)
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
})
