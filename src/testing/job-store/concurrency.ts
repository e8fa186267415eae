/** Many callers at once. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, jobOf, lane } from "./case.ts"
import { advance, at, done, job, occurrence, release, retry, run, verdict } from "./rows.ts"

const together = { concurrency: "unbounded" } as const
const count = (n: number) => Array.from({ length: n }, (_, i) => i)

export const concurrency = chapter("concurrency", {
  "however many claim, no run is claimed twice and none is left": function*(store) {
    yield* store.enqueue({ runs: count(60).map((n) => run(`r${n}`, { planned: at(n % 7) })), now: at(10) })
    const worker = (node: string) =>
      Effect.gen(function*() {
        const ids: Array<string> = []
        for (let turn = 0; turn < 100; turn++) {
          const { runs } = yield* store.claim({ node, lanes: [lane], limit: 4, now: at(10) })
          if (runs.length === 0) break
          for (const row of runs) has(row, { node, fence: 1, state: "running" })
          ids.push(...idsOf(runs))
          yield* Effect.yieldNow
        }
        return ids
      })
    const claimed = (yield* Effect.forEach(count(8), (n) => worker(`n${n}`), together)).flat()
    assert.equal(new Set(claimed).size, claimed.length, "a run was claimed twice")
    assert.equal(claimed.length, 60, "a run was left in the queue")
  },

  "of many decisions on one revision exactly one is carried out": function*(store) {
    yield* store.insertJobs([job("a")])
    const answers = (yield* Effect.forEach(
      count(12),
      (n) =>
        store.commit({
          changes: [
            advance(job("a"), at(1000), {
              runs: [occurrence(job("a"), at(1000)), run(`extra${n}`)],
              verdicts: [verdict(job("a"), null, at(999), { node: `n${n}` })]
            })
          ],
          now: at(1000)
        }),
      together
    )).flat()
    assert.deepEqual(answers.toSorted(), ["ok", ...count(11).map(() => "stale")])
    assert.equal((yield* jobOf(store, "a")).revision, 2)
    assert.equal((yield* store.runs({ limit: 100 })).length, 2)
    assert.deepEqual((yield* store.verdicts({ job: "a", limit: 10 })).map((row) => row.count), [1])
  },

  "an id and a unique key are given once": function*(store) {
    const enqueue = (id: string, uniqueKey: string | null) =>
      store.enqueue({ runs: [run(id, { uniqueKey })], now: at(0) })
    const byId = yield* Effect.forEach(count(8), () => enqueue("same", null), together)
    assert.equal(byId.flat().filter((answer) => answer === "added").length, 1)
    const byKey = yield* Effect.forEach(count(8), (n) => enqueue(`r${n}`, "key"), together)
    assert.equal(byKey.flat().filter((answer) => answer === "added").length, 1)
    const inserted = yield* Effect.forEach(count(8), (n) => store.insertJobs([job("a", { task: `T${n}` })]), together)
    assert.equal(inserted.flat().filter((answer) => answer === "inserted").length, 1)
  },

  "a claim is settled once": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    const settle = (n: number) =>
      store.settle({ settlements: [done(claimed!, at(2), {}, [run(`follow${n}`)])], now: at(2) })
    const answers = (yield* Effect.forEach(count(8), settle, together)).flat()
    assert.deepEqual(answers.toSorted(), [...count(7).map(() => "already"), "ok"])
    assert.equal((yield* store.runs({ going: true, limit: 10 })).length, 1)
  },

  "a claim is either settled or taken, not both": function*(store) {
    yield* store.enqueue({ runs: count(10).map((n) => run(`r${n}`)), now: at(0) })
    const claimed = yield* claim(store, at(1))
    const [, ...answers] = yield* Effect.all([
      store.reap({ now: at(100), includeExpired: true, limit: 100 }),
      ...claimed.map((row) => store.settle({ settlements: [done(row, at(100))], now: at(100) }))
    ], together)
    const ended = yield* store.runs({ going: false, limit: 100 })
    assert.deepEqual(
      idsOf(ended).toSorted(),
      claimed.filter((_, n) => answers[n]![0] === "ok").map(({ id }) => id).toSorted()
    )
    assert.equal((yield* store.runs({ going: true, limit: 100 })).length, 10 - ended.length)
  },

  "however many enqueue, settle and claim, a limit holds, and nobody is left behind": function*(store) {
    const limitOf = (n: number) => [{ key: `k${n % 5}`, max: 2 }, { key: "t", max: 5 }]
    const ended = new Set<string>()
    const running = new Map<string, number>()
    const count = (limits: ReadonlyArray<{ readonly key: string; readonly max: number }>, by: number) => {
      for (const { key, max } of limits) {
        const n = (running.get(key) ?? 0) + by
        running.set(key, n)
        assert.ok(n <= max, `${n} runs are going at once under ${key}, ${max} may`)
      }
    }
    const worker = (n: number) =>
      Effect.gen(function*() {
        const news = Array.from({ length: 10 }, (_, i) =>
          run(`w${n}r${i}`, { planned: at(i), limits: limitOf(n * 3 + i) }))
        for (let turn = 0; turn < 500 && ended.size < 50; turn++) {
          if (news.length > 0) {
            yield* store.enqueue({ runs: news.splice(0, 2), now: at(100) })
          }
          const { runs } = yield* store.claim({ node: `n${n}`, lanes: [lane], limit: 2, now: at(100 + turn) })
          for (const row of runs) {
            count(row.limits, 1)
          }
          yield* Effect.yieldNow
          for (const row of runs) {
            const isTriedAgain = row.attempt === 0 && row.planned % 3 === 0
            // it gives its places back in the store a moment later
            count(row.limits, -1)
            const next = isTriedAgain ? retry(row, at(101 + turn)) : done(row, at(101))
            yield* store.settle({ settlements: [next], now: at(100 + turn) })
            if (!isTriedAgain) {
              ended.add(row.id)
            }
          }
          yield* Effect.yieldNow
        }
      })
    yield* Effect.forEach([0, 1, 2, 3, 4], worker, together)
    assert.equal(ended.size, 50, "runs were left behind")
    assert.equal((yield* store.runs({ going: true, limit: 100 })).length, 0)
  },

  "however many take from a bucket, it gives no more than it holds": function*(store) {
    const take = store.take({ wants: [{ key: "a", interval: 1000, burst: 7, n: 2 }], now: at(0) })
    const answers = (yield* Effect.forEach(count(12), () => take, together)).flat()
    assert.equal(answers.reduce((sum, { granted }) => sum + granted, 0), 7)
  },

  "however many settle and claim, no more are admitted than allowed, and all get their turn": function*(store) {
    yield* store.enqueue({ runs: count(30).map((n) => occurrence(job("a"), at(n), { serial: 3 })), now: at(100) })
    const ended = new Set<string>()
    let running = 0
    const worker = (node: string) =>
      Effect.gen(function*() {
        for (let turn = 0; turn < 500 && ended.size < 30; turn++) {
          const { runs } = yield* store.claim({ node, lanes: [lane], limit: 2, now: at(100) })
          running += runs.length
          assert.ok(running <= 3, `${running} runs are going at once`)
          yield* Effect.yieldNow
          for (const row of runs) {
            const back = row.fence === 1 && row.planned % 3 === 0
            running--
            yield* store.settle({ settlements: [back ? release(row) : done(row, at(101))], now: at(101) })
            if (!back) ended.add(row.id)
          }
          yield* Effect.yieldNow
        }
      })
    yield* Effect.forEach(count(5), (n) => worker(`n${n}`), together)
    assert.equal(ended.size, 30, "runs were left behind")
    assert.equal((yield* store.runs({ going: true, limit: 100 })).length, 0)
  }
})
