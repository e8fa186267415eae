import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Service } from "../../../src/JobStore.ts"
import { JobStore } from "../../../src/JobStore.ts"
import * as MemoryJobStore from "../../../src/stores/MemoryJobStore.ts"
import { advance, at, done, job, occurrence, remove, run, verdict } from "../../../src/testing/JobStoreSuite.ts"

/** Runs an occurrence of the job from beginning to end. */
const runOnce = (store: Service, id: string, nominal: number) =>
  Effect.gen(function*() {
    yield* store.enqueue({ runs: [occurrence(job(id), at(nominal))], now: at(nominal) })
    const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(nominal) })
    const settlements = runs.map((row) => done(row, at(nominal)))
    yield* store.settle({ settlements, now: at(nominal) })
  })

const history = (store: Service) =>
  Effect.map(store.runs({ limit: 100 }), (rows) => rows.map(({ job, planned }) => `${job}@${planned - at(0)}`))

describe("MemoryJobStore keeps", () => {
  it.effect("the newest done runs and each job's last", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ runs: 3 })
      yield* store.insertJobs([job("a"), job("b")])
      yield* runOnce(store, "a", 1)
      yield* runOnce(store, "a", 2)
      yield* runOnce(store, "b", 3)
      for (const nominal of [4, 5, 6, 7]) yield* runOnce(store, "gone", nominal)
      assert.deepStrictEqual(yield* history(store), ["gone@7", "gone@6", "gone@5", "b@3", "a@2"])
      yield* runOnce(store, "a", 8)
      assert.deepStrictEqual(yield* history(store), ["a@8", "gone@7", "gone@6", "b@3"])
      yield* store.commit({ changes: [remove(job("b"))], now: at(9) })
      assert.deepStrictEqual(yield* history(store), ["a@8", "gone@7", "gone@6"])
    }))

  it.effect("every job's last run even when no others are kept", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ runs: 0 })
      yield* store.insertJobs([job("a"), job("b")])
      for (const nominal of [1, 2, 3]) {
        yield* runOnce(store, "a", nominal)
        yield* runOnce(store, "b", nominal)
        yield* runOnce(store, "gone", nominal)
      }
      assert.deepStrictEqual(yield* history(store), ["b@3", "a@3"])
      yield* store.cancel({
        runs: ["a:i1:1"],
        request: { reason: "r", by: "b" },
        now: at(4)
      })
      yield* store.commit({ changes: [remove(job("a")), remove(job("b"))], now: at(5) })
      assert.deepStrictEqual(yield* history(store), [])
    }))

  it.effect("a history that pages through all of it, even what finished out of order", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ runs: 3 })
      yield* store.insertJobs(["a", "b", "c"].map((id) => job(id)))
      for (const [id, nominal] of [["a", 9], ["b", 1], ["c", 5], ["gone", 4], ["gone", 8], ["gone", 7]] as const) {
        yield* runOnce(store, id, nominal)
      }
      yield* store.enqueue({ runs: [occurrence(job("a"), at(10))], now: at(10) })
      const paged: Array<string> = []
      let after: { readonly finished: number | null; readonly id: string } | undefined
      for (let n = 0; n < 10; n++) {
        const [row] = yield* store.runs({ limit: 1, ...(after === undefined ? {} : { after }) })
        if (row === undefined) break
        paged.push(`${row.job}@${row.planned - at(0)}`)
        after = { finished: row.finished, id: row.id }
      }
      assert.deepStrictEqual(paged, ["a@10", "a@9", "gone@8", "gone@7", "c@5", "b@1"])
      assert.deepStrictEqual(yield* history(store), paged)
    }))

  it.effect("everything that is going, however much it is", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ runs: 1 })
      yield* store.enqueue({ runs: Array.from({ length: 50 }, (_, n) => run(`r${n}`)), now: at(0) })
      assert.strictEqual((yield* store.runs({ limit: 100 })).length, 50)
    }))

  it.effect("an expired last run no longer than others", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ runs: 0 })
      yield* store.insertJobs([job("a")])
      yield* store.enqueue({ runs: [occurrence(job("a"), at(1), { retention: 1 })], now: at(1) })
      yield* store.cancel({ job: "a", request: { reason: "r", by: "b" }, now: at(2) })
      assert.strictEqual((yield* store.runs({ limit: 100 })).length, 1)
      assert.strictEqual(yield* store.sweep({ now: at(3), before: at(0), limit: 10 }), 1)
      assert.deepStrictEqual(yield* history(store), [])
    }))

  it.effect("the newest verdicts of each job", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make({ verdicts: 3 })
      yield* store.insertJobs([job("a"), job("b")])
      const verdicts = [1, 2, 3, 4, 5].map((n) => verdict(job("a"), at(n - 1), at(n), { reason: `${n}` }))
      yield* store.commit({
        changes: [
          advance(job("a"), at(5), { verdicts }),
          advance(job("b"), at(5), { verdicts: [verdict(job("b"), null, at(1))] })
        ],
        now: at(5)
      })
      const reasons = (yield* store.verdicts({ job: "a", limit: 10 })).map(({ reason }) => reason)
      assert.deepStrictEqual(reasons, ["5", "4", "3"])
      assert.strictEqual((yield* store.verdicts({ job: "b", limit: 10 })).length, 1)
    }))

  it.effect("the verdicts of removed jobs, but not of all there ever were", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      for (let n = 0; n < 25_000; n++) {
        const row = job(`j${n}`)
        yield* store.insertJobs([row])
        yield* store.commit({ changes: [remove(row, { verdicts: [verdict(row, null, at(1))] })], now: at(1) })
      }
      assert.strictEqual((yield* store.verdicts({ job: "j24999", limit: 1 })).length, 1)
      assert.strictEqual((yield* store.verdicts({ job: "j15001", limit: 1 })).length, 1)
      assert.strictEqual((yield* store.verdicts({ job: "j0", limit: 1 })).length, 0)
    }))

  it.effect("as much as its layer is told", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      for (const nominal of [1, 2, 3]) yield* runOnce(store, "gone", nominal)
      assert.deepStrictEqual(yield* history(store), ["gone@3", "gone@2"])
    }).pipe(Effect.provide(MemoryJobStore.layerWith({ runs: 2 }))))

  it.effect("rows that were handed out as they were", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      yield* store.insertJobs([job("a")])
      yield* store.enqueue({ runs: [occurrence(job("a"), at(1))], now: at(1) })
      const [planned] = yield* store.jobs({ limit: 1 })
      const { runs: [claimed] } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(1) })
      const before = JSON.stringify([planned, claimed])
      yield* store.note({ run: claimed!.id, fence: 1, progress: "half" })
      yield* store.cancel({ runs: [claimed!.id], request: { reason: "r", by: "b" }, now: at(2) })
      yield* store.settle({ settlements: [done(claimed!, at(3))], now: at(3) })
      yield* store.commit({ changes: [advance(job("a"), at(4))], now: at(4) })
      assert.strictEqual(JSON.stringify([planned, claimed]), before)
    }))
})
