/** What several processes do to each other on one server: the same cases for each of them. */
import { assert, describe, it } from "@effect/vitest"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { RunRow, Service } from "../../../src/JobStore.ts"

const { at, job, occurrence, run } = Suite

const count = (n: number) => Array.from({ length: n }, (_, i) => i)
const together = { concurrency: "unbounded" } as const
const lanes = ["default/A", "default/B", "default/C"]
const now = at(1000)

/** Claims and settles until nothing has been left for a while; answers with the ids. */
const work = (store: Service, node: string, settle: (run: RunRow) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const ids: Array<string> = []
    for (let idle = 0; idle < 3;) {
      const { runs } = yield* store.claim({ node, lanes, limit: 7, now })
      idle = runs.length === 0 ? idle + 1 : 0
      ids.push(...runs.map(({ id }) => id))
      yield* Effect.forEach(runs, settle, { concurrency: 3 })
      if (runs.length === 0) yield* Effect.sleep("10 millis")
    }
    return ids
  })

/** So many stores over the same tables, each with connections of its own. */
export type Several = (
  n: number
) => Effect.Effect<ReadonlyArray<{ readonly store: Service; readonly sql: SqlClient }>, unknown, Scope.Scope>

export const contention = (server: string, isRunning: boolean, several: Several): void => {
  describe.runIf(isRunning)(`several processes on one ${server}`, () => {
    it.live(
      "many claimers: each run is claimed once, from several lanes, and none is left",
      () =>
        Effect.gen(function*() {
          const stores = yield* several(6)
          const [{ store }] = stores as [typeof stores[number]]
          yield* store.enqueue({
            runs: count(600).map((n) => run(`r${n}`, { lane: lanes[n % 3]!, readyAt: n % 5 === 0 ? now : null })),
            now: at(0)
          })
          const claimed = yield* Effect.forEach(stores, ({ store }, n) =>
            work(
              store,
              `n${n}`,
              (run) => store.settle({ settlements: [Suite.done(run, now)], now })
            ), together)
          const ids = claimed.flat()
          assert.strictEqual(ids.length, 600)
          assert.strictEqual(new Set(ids).size, 600)
          assert.isAbove(claimed.filter((ids) => ids.length > 0).length, 1)
          assert.deepStrictEqual(yield* store.runs({ going: true, limit: 10 }), [])
        }),
      60_000
    )

    it.live("many planners: each occurrence is decided once", () =>
      Effect.gen(function*() {
        const stores = yield* several(4)
        const jobs = count(100).map((n) => job(`j${n}`))
        const inserted = yield* Effect.forEach(stores, ({ store }) => store.insertJobs(jobs), together)
        assert.strictEqual(inserted.flat().filter((answer) => answer === "inserted").length, jobs.length)
        const planned = yield* Effect.forEach(stores, ({ store }, n) =>
          Effect.gen(function*() {
            let decided = 0
            for (;;) {
              const due = yield* store.due({ now: at(5000), limit: 30 })
              if (due.jobs.length === 0) return decided
              // each in an order of its own
              const jobs = due.jobs.map(({ job }) => job).sort((a, b) =>
                (n % 2 === 0 ? 1 : -1) * (a.id < b.id ? -1 : 1)
              )
              const changes = jobs.map((job) =>
                Suite.advance(job, job.nextNominal!, {
                  runs: [occurrence(job, job.nextNominal!, { serial: 1 })],
                  verdicts: [Suite.verdict(job, job.cursor, job.nextNominal! - 1, { node: `n${n}` })]
                })
              )
              const answers = yield* store.commit({ changes, now: at(5000) })
              decided += answers.filter((answer) => answer === "ok").length
            }
          }), together)
        assert.strictEqual(planned.reduce((sum, n) => sum + n), 500)
        const [{ store }] = stores as [typeof stores[number]]
        const runs = yield* store.runs({ limit: 1000 })
        assert.strictEqual(runs.length, 500)
        assert.strictEqual(runs.filter(({ state }) => state === "ready").length, 100)
        assert.strictEqual((yield* store.verdicts({ job: "j7", limit: 100 })).length, 5)
      }), 60_000)

    for (const [where, isPlanned] of [["whose job is there", true], ["whose job is gone", false]] as const) {
      for (const serial of [1, 3]) {
        it.live(
          `runs ${where}: never more than ${serial} at once, and all get their turn`,
          () =>
            Effect.gen(function*() {
              const stores = yield* several(5)
              const [{ store }] = stores as [typeof stores[number]]
              if (isPlanned) yield* store.insertJobs([job("a")])
              const going = new Set<string>()
              let most = 0
              const enqueue = (store: Service, n: number) =>
                store.enqueue({ runs: [occurrence(job("a"), at(n), { serial, lane: lanes[n % 3]! })], now })
              // some arrive while others end
              yield* Effect.forEach(count(20), (n) => enqueue(stores[n % 5]!.store, n), together)
              const arriving = Effect.forEach(count(40), (n) => enqueue(stores[n % 5]!.store, 20 + n), {
                concurrency: 4
              })
              const working = Effect.forEach(stores, ({ store }, n) =>
                work(store, `n${n}`, (run) =>
                  Effect.gen(function*() {
                    going.add(run.id)
                    most = Math.max(most, going.size)
                    yield* Effect.sleep("1 millis")
                    going.delete(run.id)
                    const back = run.fence === 1 && run.planned % 4 === 0
                    const settlement = back ? Suite.release(run) : Suite.done(run, now)
                    assert.deepStrictEqual(yield* store.settle({ settlements: [settlement], now }), ["ok"])
                  })), together)
              yield* Effect.all([arriving, working], together)
              assert.isAtMost(most, serial)
              const left = yield* store.runs({ going: true, limit: 100 })
              assert.deepStrictEqual(left.map(({ id, state }) => [id, state]), [])
              assert.strictEqual((yield* store.runs({ limit: 100 })).length, 60)
            }),
          60_000
        )
      }
    }

    it.live("the same id and the same unique key, from everywhere at once", () =>
      Effect.gen(function*() {
        const stores = yield* several(5)
        const batch = (n: number) => [
          ...count(10).map((i) => run(`same${i}`)),
          ...count(10).map((i) => run(`r${n}-${i}`, { uniqueKey: `key${i}` }))
        ]
        const answers = yield* Effect.forEach(stores, ({ store }, n) =>
          store.enqueue({ runs: n % 2 === 0 ? batch(n) : batch(n).reverse(), now }), together)
        assert.strictEqual(
          answers.flat().filter((answer) =>
            answer === "added"
          ).length,
          20
        )
        assert.strictEqual((yield* stores[0]!.store.runs({ limit: 100 })).length, 20)
      }), 60_000)

    it.live(
      "settling, cancelling, removing and reaping get in each other's way, and nothing is lost",
      () =>
        Effect.gen(function*() {
          const stores = yield* several(4)
          const [a, b, c, d] = stores.map(({ store }) => store) as [Service, Service, Service, Service]
          const jobs = count(20).map((n) => job(`j${n}`))
          yield* a.insertJobs(jobs)
          yield* a.enqueue({
            runs: jobs.flatMap((job) =>
              count(5).map((n) => occurrence(job, at(n), { serial: 2, lane: lanes[n % 3]! }))
            ),
            now
          })
          const request = { reason: "r", by: "b" }
          yield* Effect.all([
            work(a, "n1", (run) => a.settle({ settlements: [Suite.done(run, now)], now })),
            work(b, "n2", (run) => b.settle({ settlements: [Suite.done(run, now)], now })),
            Effect.forEach(jobs.slice(0, 10), ({ id }) => c.cancel({ job: id, request, now })),
            c.cancel({ jobs: jobs.slice(8, 12).map(({ id }) => id).reverse(), request, now }),
            Effect.forEach(
              jobs.slice(5, 15),
              (job) => c.commit({ changes: [Suite.remove(job, { cancel: request })], now })
            ),
            Effect.forEach(count(20), () => d.reap({ now: at(9000), includeExpired: true, limit: 3 }))
          ], together)
          yield* work(a, "n1", (run) => a.settle({ settlements: [Suite.done(run, now)], now }))
          const runs = yield* a.runs({ limit: 200 })
          assert.strictEqual(runs.length, 100)
          assert.deepStrictEqual(runs.filter(({ state }) => state !== "done").map(({ id, state }) => [id, state]), [])
        }),
      60_000
    )

    it.live("waiting runs whose instant has come are woken once, however many look", () =>
      Effect.gen(function*() {
        const stores = yield* several(4)
        const [{ store }] = stores as [typeof stores[number]]
        yield* store.enqueue({
          runs: count(1500).map((n) => run(`r${n}`, { lane: lanes[0]!, readyAt: now })),
          now: at(0)
        })
        const looks = yield* Effect.forEach(
          stores,
          ({ store }) => store.claim({ node: "n", lanes, limit: 0, now }),
          together
        )
        assert.isTrue(looks.some(({ next }) => next === now))
        const claims = yield* Effect.forEach(
          stores,
          ({ store }, n) => store.claim({ node: `n${n}`, lanes, limit: 1000, now }),
          together
        )
        const ids = claims.flatMap(({ runs }) => runs.map(({ id }) => id))
        assert.strictEqual(new Set(ids).size, ids.length)
        const rest = yield* store.claim({ node: "n", lanes, limit: 2000, now })
        assert.strictEqual(ids.length + rest.runs.length, 1500)
        assert.isTrue([...claims, rest].every(({ runs }) => runs.every(({ fence }) => fence === 1)))
      }), 60_000)

    it.live("a run whose key somebody takes in between keeps nobody behind it", () =>
      Effect.gen(function*() {
        const [a, b] = yield* several(2)
        const limits = [{ key: "task", max: 1 }]
        const fiber = yield* a!.sql.withTransaction(Effect.gen(function*() {
          yield* a!.store.enqueue({ runs: [run("x", { uniqueKey: "u" })], now })
          const fiber = yield* Effect.forkDetach(b!.store.enqueue({
            runs: [run("y", { uniqueKey: "u", limits }), run("z", { limits })],
            now
          }))
          // until it waits for this transaction to say whose the key is
          yield* Effect.sleep("300 millis")
          return fiber
        }))
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["duplicate", "added"])
        const runs = yield* a!.store.runs({ going: true, limit: 10 })
        assert.deepStrictEqual(runs.map(({ id, state }) => [id, state]).sort(), [["x", "ready"], ["z", "ready"]])
        const { runs: claimed } = yield* b!.store.claim({ node: "n", lanes: ["default/Task"], limit: 5, now })
        assert.strictEqual(claimed.length, 2)
      }))
  })
}
