/** How attempts end, and what is kept of them while they run. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, runOf, runsOf } from "./case.ts"
import { at, done, release, retry, run } from "./rows.ts"

const request = { reason: "r", by: "b" }

export const settling = chapter("settle and note", {
  "a run that is over says how it ended": function*(store) {
    yield* store.enqueue({ runs: [run("a", { retention: 9000 })], now: at(0) })
    const [claimed] = yield* claim(store, at(5))
    const end = {
      outcome: "failed",
      result: `{"error":"ł"}`,
      started: at(6),
      attempt: 3,
      attempts: `[{"at":1},{"at":2}]`
    }
    assert.deepEqual(yield* store.settle({ settlements: [done(claimed!, at(8), end)], now: at(8) }), ["ok"])
    assert.deepEqual({ ...(yield* runOf(store, "a")) }, {
      ...claimed,
      ...end,
      state: "done",
      node: null,
      finished: at(8),
      expiresAt: at(9008)
    })
    assert.deepEqual(yield* claim(store, at(9)), [])
  },

  "a run that is tried again waits for its instant, with its attempts": function*(store) {
    yield* store.enqueue({ runs: [run("a", { boost: 40 })], now: at(0) })
    const [claimed] = yield* claim(store, at(5))
    const attempt = { started: at(6), attempt: 1, attempts: `[{"at":6}]` }
    assert.deepEqual(yield* store.settle({ settlements: [retry(claimed!, at(100), attempt)], now: at(8) }), ["ok"])
    has(yield* runOf(store, "a"), {
      ...attempt,
      state: "waiting",
      readyAt: at(100),
      orderAt: null,
      node: null,
      fence: 1,
      finished: null,
      outcome: null
    })
    assert.deepEqual(yield* claim(store, at(99)), [])
    const [again] = yield* claim(store, at(100))
    has(again!, { ...attempt, fence: 2, claimed: at(100) })
  },

  "a run that is tried again at once is ready": function*(store) {
    yield* store.enqueue({ runs: [run("a", { boost: 40 })], now: at(0) })
    const [claimed] = yield* claim(store, at(5))
    yield* store.settle({ settlements: [retry(claimed!, at(8))], now: at(8) })
    has(yield* runOf(store, "a"), { state: "ready", orderAt: at(8) - 40 })
  },

  "a claim handed back is as if it had not been made": function*(store) {
    yield* store.enqueue({ runs: [run("a", { boost: 40 }), run("b", { planned: at(3), readyAt: at(4) })], now: at(9) })
    const before = yield* runsOf(store, "a", "b")
    const claimed = yield* claim(store, at(10))
    assert.deepEqual(yield* store.settle({ settlements: claimed.map(release), now: at(11) }), ["ok", "ok"])
    assert.deepEqual(yield* runsOf(store, "a", "b"), before.map((row) => ({ ...row, fence: 1 })))
    assert.deepEqual(idsOf(yield* claim(store, at(12))), ["a", "b"])
  },

  "only the current claim may settle": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [first] = yield* claim(store, at(1))
    yield* store.settle({ settlements: [release(first!)], now: at(2) })
    const [second] = yield* claim(store, at(3), 1, "n2")
    const late = [done(first!, at(4)), retry(first!, at(90)), release(first!), done({ id: "a", fence: 3 }, at(4))]
    assert.deepEqual(yield* store.settle({ settlements: late, now: at(4) }), ["stale", "stale", "stale", "stale"])
    assert.deepEqual(yield* runOf(store, "a"), second)
    assert.deepEqual(yield* store.settle({ settlements: [done(second!, at(5))], now: at(5) }), ["ok"])
  },

  "nobody may settle a run that was never claimed or does not exist": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const settlements = [done({ id: "a", fence: 1 }, at(1)), done({ id: "nobody", fence: 1 }, at(1))]
    assert.deepEqual(yield* store.settle({ settlements, now: at(1) }), ["stale", "stale"])
    has(yield* runOf(store, "a"), { state: "ready", fence: 0 })
  },

  "what was recorded is not recorded again": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.settle({ settlements: [done(claimed!, at(2))], now: at(2) })
    const row = yield* runOf(store, "a")
    const others = [done(claimed!, at(3), { outcome: "failed" }), retry(claimed!, at(90)), release(claimed!)]
    assert.deepEqual(yield* store.settle({ settlements: others, now: at(3) }), ["already", "already", "already"])
    assert.deepEqual(yield* runOf(store, "a"), row)
  },

  "each settlement of a batch stands for itself": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b"), run("c")], now: at(0) })
    const [a, b, c] = yield* claim(store, at(1))
    const settlements = [done(a!, at(2)), done({ id: "b", fence: 7 }, at(2)), retry(c!, at(90)), done(a!, at(2))]
    assert.deepEqual(yield* store.settle({ settlements, now: at(2) }), ["ok", "stale", "ok", "already"])
    assert.deepEqual(yield* runOf(store, "b"), b)
  },

  "runs that follow are added when the settlement is recorded, and only then": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("taken")], now: at(0) })
    const [claimed] = yield* claim(store, at(1), 1)
    const follow = [run("f1"), run("taken", { payload: "1" }), run("f2", { readyAt: at(50) })]
    const stale = done({ id: "a", fence: 9 }, at(2), {}, [run("f3")])
    assert.deepEqual(
      yield* store.settle({ settlements: [stale, done(claimed!, at(2), {}, follow)], now: at(2) }),
      ["stale", "ok"]
    )
    assert.deepEqual(idsOf(yield* store.runs({ going: true, limit: 10 })), ["taken", "f2", "f1"])
    assert.equal((yield* runOf(store, "taken")).payload, "{}")
    assert.equal((yield* runOf(store, "f2")).state, "waiting")
  },

  "a flagged run that is released or tried again ends as cancelled": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b")], now: at(0) })
    const [a, b] = yield* claim(store, at(1))
    yield* store.cancel({ runs: ["a", "b"], request, now: at(2) })
    const settlements = [release(a!), { ...retry(b!, at(90)), follow: [run("f")] }]
    assert.deepEqual(yield* store.settle({ settlements, now: at(3) }), ["cancelled", "cancelled"])
    assert.deepEqual(yield* store.settle({ settlements, now: at(4) }), ["already", "already"])
    assert.deepEqual(idsOf(yield* store.runs({ limit: 10 })), ["b", "a"])
    has(yield* runOf(store, "a"), { state: "done", outcome: "cancelled", finished: at(3), node: null, attempt: 0 })
    has(yield* runOf(store, "b"), {
      state: "done",
      outcome: "cancelled",
      finished: at(3),
      node: null,
      attempt: 1,
      attempts: `[{"at":1}]`
    })
  },

  "a flagged run that is over says how it ended": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.cancel({ runs: ["a"], request, now: at(2) })
    yield* store.settle({ settlements: [done(claimed!, at(3), { outcome: "succeeded" })], now: at(3) })
    const row = yield* runOf(store, "a")
    has(row, { state: "done", outcome: "succeeded" })
    assert.deepEqual(JSON.parse(row.cancel!), request)
  },

  "what a handler reports is kept, from the current claim only": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* store.note({ run: "a", fence: 0, progress: "too early" })
    assert.equal((yield* runOf(store, "a")).progress, null)
    const [claimed] = yield* claim(store, at(1))
    yield* store.note({ run: "a", fence: 1, progress: "10%" })
    yield* store.note({ run: "a", fence: 2, progress: "not yet" })
    yield* store.note({ run: "nobody", fence: 1, progress: "?" })
    assert.deepEqual(yield* runOf(store, "a"), { ...claimed, progress: "10%" })
    yield* store.settle({ settlements: [done(claimed!, at(2))], now: at(2) })
    yield* store.note({ run: "a", fence: 1, progress: "too late" })
    assert.equal((yield* runOf(store, "a")).progress, "10%")
  },

  "what a report leaves out stays as it is": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1))
    yield* store.note({ run: "a", fence: 1, progress: "10%" })
    yield* store.note({ run: "a", fence: 1, log: `["one"]` })
    has(yield* runOf(store, "a"), { progress: "10%", log: `["one"]` })
    yield* store.note({ run: "a", fence: 1 })
    yield* store.note({ run: "a", fence: 1, progress: "20%", log: `["one","two"]` })
    has(yield* runOf(store, "a"), { progress: "20%", log: `["one","two"]` })
    yield* store.settle({ settlements: [retry({ id: "a", fence: 1 }, at(3))], now: at(2) })
    yield* claim(store, at(3))
    has(yield* runOf(store, "a"), { progress: "20%", log: `["one","two"]` })
  }
})
