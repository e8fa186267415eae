/** Asking for the end of runs. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, runOf, runsOf, sorted } from "./case.ts"
import { at, done, job, occurrence, run } from "./rows.ts"

const request = { reason: "no longer \"wanted\"", by: "me" }

export const cancelling = chapter("cancel", {
  "runs that are not running end at once": function*(store) {
    yield* store.enqueue({
      runs: [
        run("ready", { retention: 895 }),
        run("waiting", { readyAt: at(100), retention: 895 }),
        occurrence(job("a"), at(1), { serial: 1 }),
        run("blocked", { job: "a", incarnation: "i1", serial: 1, retention: 895 })
      ],
      now: at(0)
    })
    const runs = ["ready", "waiting", "blocked"]
    const answer = yield* store.cancel({ runs, request, now: at(5) })
    assert.deepEqual(sorted(answer.settled), sorted(runs))
    assert.deepEqual(answer.flagged, [])
    for (const row of yield* runsOf(store, ...runs)) {
      has(row, { state: "done", outcome: "cancelled", finished: at(5), orderAt: null, expiresAt: at(900), node: null })
      assert.deepEqual(JSON.parse(row.cancel!), request)
    }
  },

  "a running run is flagged, with the first request": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    const answer = yield* store.cancel({ runs: ["a"], request, now: at(2) })
    assert.deepEqual(answer, { settled: [], flagged: ["a"] })
    yield* store.cancel({ runs: ["a"], request: { reason: "second", by: "you" }, now: at(3) })
    const row = yield* runOf(store, "a")
    assert.deepEqual({ ...row, cancel: null }, { ...claimed })
    assert.deepEqual(JSON.parse(row.cancel!), request)
  },

  "runs that are done or unknown are passed over": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.settle({ settlements: [done(claimed!, at(2))], now: at(2) })
    const row = yield* runOf(store, "a")
    const answer = yield* store.cancel({ runs: ["a", "nobody"], request, now: at(3) })
    assert.deepEqual(answer, { settled: [], flagged: [] })
    assert.deepEqual(yield* runOf(store, "a"), row)
  },

  "a run named twice is cancelled once": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b")], now: at(0) })
    yield* claim(store, at(1), 1)
    const answer = yield* store.cancel({ runs: ["a", "b", "b", "a"], request, now: at(2) })
    assert.deepEqual(answer, { settled: ["b"], flagged: ["a"] })
  },

  "by job: all that are going, of one incarnation if it is given": function*(store) {
    const old = job("a", { incarnation: "i0" })
    const runs = [
      occurrence(job("a"), at(1)),
      occurrence(job("a"), at(2)),
      occurrence(old, at(1)),
      occurrence(job("b"), at(1))
    ]
    const [a1, a2, a0, b] = runs.map(({ id }) => id)
    yield* store.enqueue({ runs: [...runs, run("x")], now: at(0) })
    const first = yield* store.cancel({ job: "a", incarnation: "i1", request, now: at(5) })
    assert.deepEqual(sorted(first.settled), sorted([a1!, a2!]))
    const second = yield* store.cancel({ job: "a", request, now: at(6) })
    assert.deepEqual(second, { settled: [a0], flagged: [] })
    assert.deepEqual((yield* runsOf(store, b!, "x")).map(({ state }) => state), ["ready", "ready"])
  },

  "by several jobs: all that are going of each, and of no other": function*(store) {
    const old = job("a", { incarnation: "i0" })
    const runs = [
      occurrence(job("a"), at(1), { boost: 10 }),
      occurrence(job("a"), at(2)),
      occurrence(old, at(1)),
      occurrence(job("b"), at(1), { serial: 1 }),
      occurrence(job("b"), at(2), { serial: 1 }),
      occurrence(job("c"), at(1))
    ]
    const ids = runs.map(({ id }) => id)
    yield* store.insertJobs([job("a"), job("b"), job("c")])
    yield* store.enqueue({ runs: [...runs, run("x")], now: at(0) })
    yield* claim(store, at(1), 1)
    const answer = yield* store.cancel({ jobs: ["b", "a", "nobody", "b"], request, now: at(5) })
    assert.deepEqual(answer.flagged, [ids[0]])
    assert.deepEqual(sorted(answer.settled), sorted(ids.slice(1, 5)))
    assert.deepEqual((yield* runsOf(store, ids[5]!, "x")).map(({ state }) => state), ["ready", "ready"])
  },

  "nothing selected, nothing cancelled": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    for (const selection of [{ runs: [] }, { jobs: [] }, { jobs: ["nobody"] }, { job: "nobody" }, {}]) {
      const answer = yield* store.cancel({ ...selection, request, now: at(5) })
      assert.deepEqual(answer, { settled: [], flagged: [] })
    }
    assert.equal((yield* runOf(store, "a")).state, "ready")
  },

  "a cancelled run cannot be claimed, even when it was to wait": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b", { readyAt: at(100) })], now: at(0) })
    yield* store.cancel({ runs: ["a", "b"], request, now: at(1) })
    assert.deepEqual(yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 9, now: at(200) }), {
      runs: [],
      next: null
    })
  }
})
