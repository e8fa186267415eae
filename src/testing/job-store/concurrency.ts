/** Many callers at once. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, jobOf, lane } from "./case.ts"
import { advance, at, done, job, occurrence, release, run, verdict } from "./rows.ts"

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
