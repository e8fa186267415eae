/** Unique keys, runs that take the place of others, and runs that go again. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, lane, runOf, runsOf } from "./case.ts"
import { at, done, job, occurrence, release, retry, run } from "./rows.ts"

const queued = (id: string, fields: Parameters<typeof run>[1] = {}) =>
  run(id, { uniqueKey: "k", uniqueWhile: "queued", ...fields })
const request = { reason: "r", by: "b" }
const blockA = [{ key: "a", max: 1 }]

export const replacing = chapter("unique keys and replacement", {
  "a key that is held while queued is free when its run is claimed, and stays so": function*(store) {
    assert.deepEqual(
      yield* store.enqueue({ runs: [queued("a"), queued("b")], now: at(0) }),
      ["added", "duplicate"]
    )
    const [a] = yield* claim(store, at(1), 1)
    assert.deepEqual(yield* store.enqueue({ runs: [queued("b")], now: at(1) }), ["added"])
    yield* store.settle({ settlements: [release(a!)], now: at(2) })
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", limit: 9 })), ["b"])
    yield* store.settle({ settlements: [done((yield* claim(store, at(3), 1))[0]!, at(3))], now: at(3) })
    assert.deepEqual(yield* store.enqueue({ runs: [queued("c")], now: at(4) }), ["duplicate"])
    yield* claim(store, at(4), 1, "n2")
    assert.deepEqual(yield* store.enqueue({ runs: [queued("c")], now: at(5) }), ["added"])
  },

  "the run that has a key is found by it": function*(store) {
    yield* store.enqueue({ runs: [run("a", { uniqueKey: "k" }), run("b", { uniqueKey: "l" }), run("c")], now: at(0) })
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", limit: 9 })), ["a"])
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", ids: ["b"], limit: 9 })), [])
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", task: "Other", limit: 9 })), [])
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "nobody's", limit: 9 })), [])
    const [a] = yield* claim(store, at(1), 1)
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", limit: 9 })), ["a"])
    yield* store.settle({ settlements: [done(a!, at(2))], now: at(2) })
    assert.deepEqual(idsOf(yield* store.runs({ uniqueKey: "k", limit: 9 })), [])
  },

  "a new run takes the place of the one that waits under its key, in all but the id": function*(store) {
    yield* store.enqueue({ runs: [queued("a", { readyAt: at(100), payload: "1" })], now: at(0) })
    const next = queued("b", {
      readyAt: at(200),
      payload: "2",
      policy: "{\"p\":2}",
      planned: at(50),
      created: at(50),
      boost: 7,
      taskVersion: 3
    })
    assert.deepEqual(yield* store.enqueue({ runs: [next], replace: true, now: at(50) }), ["replaced"])
    has(yield* runOf(store, "a"), { ...next, id: "a", state: "waiting", fence: 0 })
    assert.deepEqual(yield* store.enqueue({ runs: [next], replace: true, now: at(50) }), ["replaced"])
    assert.deepEqual(idsOf(yield* store.runs({ limit: 9 })), ["a"])
    assert.deepEqual(yield* store.claim({ node: "n1", lanes: [lane], limit: 9, now: at(199) }), {
      runs: [],
      next: at(200)
    })
    assert.deepEqual((yield* claim(store, at(200))).map(({ payload }) => payload), ["2"])
  },

  "nothing is replaced that was claimed, or has no key, or whose id is known": function*(store) {
    yield* store.enqueue({ runs: [run("a", { uniqueKey: "k" }), run("b")], now: at(0) })
    const [a] = yield* claim(store, at(1), 1)
    const put = (id: string, uniqueKey: string | null = "k") =>
      store.enqueue({ runs: [run(id, { uniqueKey, payload: "2" })], replace: true, now: at(2) })
    assert.deepEqual(yield* put("c"), ["duplicate"])
    yield* store.settle({ settlements: [retry(a!, at(100))], now: at(2) })
    assert.deepEqual(yield* put("c"), ["duplicate"])
    assert.deepEqual(yield* put("b", null), ["duplicate"])
    assert.deepEqual(yield* put("d", null), ["added"])
    assert.deepEqual(yield* put("e", "other"), ["added"])
    assert.deepEqual(yield* put("d", "other"), ["duplicate"])
    assert.deepEqual((yield* runsOf(store, "a", "b", "e")).map(({ payload }) => payload), ["{}", "{}", "2"])
  },

  "without being told to, nothing is replaced": function*(store) {
    yield* store.enqueue({ runs: [queued("a", { payload: "1" })], now: at(0) })
    assert.deepEqual(yield* store.enqueue({ runs: [queued("b", { payload: "2" })], now: at(0) }), ["duplicate"])
    assert.equal((yield* runOf(store, "a")).payload, "1")
  },

  "of several with one key the last counts": function*(store) {
    const runs = ["a", "b", "c"].map((id) => queued(id, { payload: id, readyAt: at(9) }))
    assert.deepEqual(yield* store.enqueue({ runs, replace: true, now: at(0) }), ["added", "replaced", "replaced"])
    assert.deepEqual((yield* store.runs({ limit: 9 })).map(({ id, payload }) => [id, payload]), [["a", "c"]])
  },

  "what a replaced run had in its way moves up": function*(store) {
    const j = job("j")
    yield* store.insertJobs([j])
    yield* store.enqueue({
      runs: [
        occurrence(j, at(1), { uniqueKey: "k", serial: 1, limits: blockA }),
        occurrence(j, at(2), { serial: 1 }),
        run("x", { planned: at(3), limits: blockA })
      ],
      now: at(10)
    })
    yield* store.enqueue({ runs: [run("new", { uniqueKey: "k", readyAt: at(100) })], replace: true, now: at(20) })
    const rows = yield* runsOf(store, occurrence(j, at(1)).id, occurrence(j, at(2)).id, "x")
    assert.deepEqual(rows.map(({ state }) => state), ["waiting", "ready", "ready"])
    has(rows[0]!, { job: null, limits: [] })
  },

  "a run that is done goes again, as if nothing had been attempted": function*(store) {
    yield* store.enqueue({ runs: [run("a", { boost: 3, uniqueKey: "k", payload: "1" })], now: at(0) })
    const before = yield* runOf(store, "a")
    const [first] = yield* claim(store, at(1))
    yield* store.note({ run: "a", fence: 1, progress: "1", log: "[1]" })
    yield* store.settle({ settlements: [retry(first!, at(5))], now: at(2) })
    const [again] = yield* claim(store, at(5))
    yield* store.cancel({ runs: ["a"], request, now: at(5) })
    yield* store.settle({
      settlements: [done(again!, at(6), { outcome: "failed", result: "no", attempt: 2, attempts: "[1,2]" })],
      now: at(6)
    })
    assert.deepEqual(yield* store.revive({ runs: ["a"], now: at(10) }), ["revived"])
    assert.deepEqual(yield* runOf(store, "a"), { ...before, fence: 2, progress: "1", log: "[1]" })
    assert.deepEqual(yield* store.settle({ settlements: [done(again!, at(11))], now: at(11) }), ["already"])
    const [revived] = yield* claim(store, at(12))
    has(revived!, { id: "a", fence: 3, attempt: 0 })
    assert.deepEqual(yield* store.settle({ settlements: [done(again!, at(13))], now: at(13) }), ["stale"])
    assert.deepEqual(yield* store.settle({ settlements: [done(revived!, at(13))], now: at(13) }), ["ok"])
  },

  "what cannot go again says why": function*(store) {
    yield* store.enqueue({ runs: [run("a", { uniqueKey: "k" }), run("b")], now: at(0) })
    const [a] = yield* claim(store, at(1), 1)
    yield* store.settle({ settlements: [done(a!, at(2))], now: at(2) })
    yield* store.enqueue({ runs: [run("holder", { uniqueKey: "k" })], now: at(3) })
    const row = yield* runOf(store, "a")
    assert.deepEqual(
      yield* store.revive({ runs: ["a", "b", "nobody"], now: at(4) }),
      ["duplicate", "going", "gone"]
    )
    assert.deepEqual(yield* runOf(store, "a"), row)
    yield* store.cancel({ runs: ["holder"], request, now: at(5) })
    assert.deepEqual(yield* store.revive({ runs: ["a", "a", "holder"], now: at(6) }), ["revived", "going", "duplicate"])
  },

  "one that goes again is let in as a new one is": function*(store) {
    const j = job("j")
    yield* store.insertJobs([j])
    const ids = [1, 2].map((n) => occurrence(j, at(n)).id)
    yield* store.enqueue({
      runs: [1, 2].map((n) => occurrence(j, at(n), { serial: 1 })).concat(
        ["x", "y"].map((id) => run(id, { planned: at(5), limits: blockA }))
      ),
      now: at(10)
    })
    for (const now of [11, 12]) {
      const claimed = yield* claim(store, at(now))
      yield* store.settle({ settlements: claimed.map((row) => done(row, at(now))), now: at(now) })
    }
    assert.deepEqual(yield* store.revive({ runs: [...ids, "x", "y"], now: at(20) }), Array(4).fill("revived"))
    const rows = yield* runsOf(store, ...ids, "x", "y")
    assert.deepEqual(rows.map(({ state }) => state), ["ready", "blocked", "ready", "blocked"])
    const claimed = yield* claim(store, at(21))
    yield* store.settle({ settlements: claimed.map((row) => done(row, at(22))), now: at(22) })
    assert.deepEqual(idsOf(yield* claim(store, at(23))).toSorted(), [ids[1]!, "y"].toSorted())
    assert.equal(yield* store.sweep({ now: at(1e12), before: at(0), limit: 9 }), 2)
  }
})

const rate = (key: string, n: number, fields: { readonly interval?: number; readonly burst?: number } = {}) => ({
  key,
  n,
  interval: 100,
  burst: 3,
  ...fields
})

export const rates = chapter("rates", {
  "a bucket gives what it holds, and says when there is one more": function*(store) {
    const take = (n: number, now: number) => store.take({ wants: [rate("a", n)], now: at(now) })
    assert.deepEqual(yield* take(0, 0), [{ granted: 0, next: at(0) }])
    assert.deepEqual(yield* take(2, 0), [{ granted: 2, next: at(0) }])
    assert.deepEqual(yield* take(5, 0), [{ granted: 1, next: at(100) }])
    assert.deepEqual(yield* take(5, 99), [{ granted: 0, next: at(100) }])
    assert.deepEqual(yield* take(5, 100), [{ granted: 1, next: at(200) }])
    assert.deepEqual(yield* take(5, 250), [{ granted: 1, next: at(300) }])
    assert.deepEqual(yield* take(5, 9000), [{ granted: 3, next: at(9100) }])
  },

  "each key has a bucket, and wishes are met in order": function*(store) {
    assert.deepEqual(
      yield* store.take({ wants: [rate("a", 2), rate("b", 9), rate("a", 2)], now: at(0) }),
      [{ granted: 2, next: at(0) }, { granted: 3, next: at(100) }, { granted: 1, next: at(100) }]
    )
    assert.deepEqual(yield* store.take({ wants: [], now: at(0) }), [])
  },

  "an interval may be a fraction of a millisecond, or of several": function*(store) {
    const fast = rate("fast", 99, { interval: 0.25, burst: 10 })
    assert.deepEqual(yield* store.take({ wants: [fast], now: at(0) }), [{ granted: 10, next: at(1) }])
    assert.deepEqual(yield* store.take({ wants: [fast], now: at(1) }), [{ granted: 4, next: at(2) }])
    const third = rate("third", 1, { interval: 1000 / 3, burst: 1 })
    assert.deepEqual(yield* store.take({ wants: [third], now: at(0) }), [{ granted: 1, next: at(334) }])
    assert.deepEqual(yield* store.take({ wants: [third], now: at(333) }), [{ granted: 0, next: at(334) }])
  },

  "time that goes back gives nothing": function*(store) {
    yield* store.take({ wants: [rate("a", 3)], now: at(1000) })
    assert.deepEqual(yield* store.take({ wants: [rate("a", 3)], now: at(0) }), [{ granted: 0, next: at(1100) }])
  },

  "buckets that are full are forgotten, others are not": function*(store) {
    yield* store.take({ wants: [rate("a", 3)], now: at(0) })
    assert.equal(yield* store.sweep({ now: at(200), before: at(0), limit: 9 }), 0)
    assert.deepEqual(yield* store.take({ wants: [rate("a", 3)], now: at(200) }), [{ granted: 2, next: at(300) }])
    assert.equal(yield* store.sweep({ now: at(9999), before: at(0), limit: 9 }), 0)
    assert.deepEqual(yield* store.take({ wants: [rate("a", 3)], now: at(9999) }), [{ granted: 3, next: at(10_099) }])
  }
})
