/** Nodes, what they hold, and what becomes of it when they are gone. */
import * as assert from "node:assert/strict"
import type { NodeRow } from "../../JobStore.ts"
import { chapter, claim, has, idsOf, runOf, sorted } from "./case.ts"
import { at, done, release, run } from "./rows.ts"

const node = (id: string, expiresAt: number): NodeRow => ({ id, host: "host.invalid", pid: 1, expiresAt })
const request = { reason: "r", by: "b" }
const reap = (now: number, limit = 100) => ({ now, includeExpired: true, limit })

export const leases = chapter("leases", {
  "a beat answers with what the node holds": function*(store) {
    assert.deepEqual(yield* store.beat(node("n1", at(100))), [])
    yield* store.enqueue({ runs: [run("a"), run("b"), run("c"), run("d")], now: at(0) })
    const [a] = yield* claim(store, at(1), 1)
    yield* store.settle({ settlements: [release(a!)], now: at(2) })
    yield* claim(store, at(3), 2)
    yield* claim(store, at(3), 1, "n2")
    yield* store.cancel({ runs: ["b"], request, now: at(4) })
    const held = (yield* store.beat(node("n1", at(200)))).toSorted((a, b) => a.run < b.run ? -1 : 1)
    assert.deepEqual(held.map(({ cancel, fence, run }) => ({ run, fence, flagged: cancel !== null })), [
      { run: "a", fence: 2, flagged: false },
      { run: "b", fence: 1, flagged: true }
    ])
    assert.deepEqual(JSON.parse(held[1]!.cancel!), request)
    yield* store.settle({ settlements: [done({ id: "a", fence: 2 }, at(5))], now: at(5) })
    assert.deepEqual((yield* store.beat(node("n1", at(200)))).map(({ run }) => run), ["b"])
  },

  "a lease that has not ended is respected": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    assert.deepEqual(yield* store.reap(reap(at(99))), { released: [], abandoned: [] })
    assert.deepEqual(yield* runOf(store, "a"), claimed)
  },

  "a lease holds through its last instant, and is over one millisecond later": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1))
    assert.deepEqual(yield* store.reap(reap(at(100))), { released: [], abandoned: [] })
    assert.deepEqual(yield* store.reap(reap(at(101))), { released: ["a"], abandoned: [] })
  },

  "a beat renews the lease": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1))
    yield* store.beat(node("n1", at(200)))
    assert.deepEqual(yield* store.reap(reap(at(150))), { released: [], abandoned: [] })
    assert.deepEqual(yield* store.reap(reap(at(250))), { released: ["a"], abandoned: [] })
  },

  "a beat that comes late does not make the lease end sooner": function*(store) {
    yield* store.beat(node("n1", at(200)))
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1))
    yield* store.beat(node("n1", at(100)))
    assert.deepEqual(yield* store.reap(reap(at(150))), { released: [], abandoned: [] })
    assert.deepEqual(yield* store.reap(reap(at(250))), { released: ["a"], abandoned: [] })
  },

  "the claims of a silent node are taken, and its late settlements refused": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.beat(node("n2", at(900)))
    yield* store.enqueue({ runs: [run("a", { boost: 10 }), run("b")], now: at(0) })
    const [a] = yield* claim(store, at(1), 1)
    yield* claim(store, at(1), 1, "n2")
    assert.deepEqual(yield* store.reap(reap(at(101))), { released: ["a"], abandoned: [] })
    has(yield* runOf(store, "a"), { state: "ready", node: null, claimed: null, orderAt: at(-10), outcome: null })
    assert.deepEqual(yield* store.settle({ settlements: [done(a!, at(102))], now: at(102) }), ["stale"])
    assert.deepEqual(yield* store.beat(node("n1", at(300))), [])
    const [again] = yield* claim(store, at(103), 1, "n2")
    assert.equal(again!.id, "a")
    assert.ok(again!.fence > a!.fence, "the fence grows with each claim")
    assert.deepEqual(yield* store.settle({ settlements: [done(a!, at(104))], now: at(104) }), ["stale"])
    assert.deepEqual(yield* store.settle({ settlements: [done(again!, at(105))], now: at(105) }), ["ok"])
  },

  "silence means nothing to one who was not well himself": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    const answer = yield* store.reap({ now: at(5000), includeExpired: false, limit: 100 })
    assert.deepEqual(answer, { released: [], abandoned: [] })
    assert.deepEqual(yield* runOf(store, "a"), claimed)
  },

  "claims of a node that has no lease are taken": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1), 1, "stranger")
    assert.deepEqual((yield* store.reap(reap(at(2)))).released, ["a"])
  },

  "a run that must not run twice is abandoned, and so is a flagged one": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a", { atMostOnce: true }), run("b"), run("c")], now: at(0) })
    const [a] = yield* claim(store, at(1))
    yield* store.cancel({ runs: ["b"], request, now: at(2) })
    const answer = yield* store.reap(reap(at(101)))
    assert.deepEqual({ released: answer.released, abandoned: sorted(answer.abandoned) }, {
      released: ["c"],
      abandoned: ["a", "b"]
    })
    has(yield* runOf(store, "a"), { state: "done", outcome: "abandoned", finished: at(101), node: null, orderAt: null })
    assert.deepEqual(yield* store.settle({ settlements: [done(a!, at(102))], now: at(102) }), ["stale"])
    assert.deepEqual(idsOf(yield* claim(store, at(103))), ["c"])
  },

  "an abandoned run frees its unique key": function*(store) {
    yield* store.enqueue({ runs: [run("a", { atMostOnce: true, uniqueKey: "k" })], now: at(0) })
    yield* claim(store, at(1))
    yield* store.reap(reap(at(2)))
    assert.deepEqual(yield* store.enqueue({ runs: [run("b", { uniqueKey: "k" })], now: at(3) }), ["added"])
  },

  "a run that must not run twice may still be released and tried again by its node": function*(store) {
    yield* store.enqueue({ runs: [run("a", { atMostOnce: true })], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.settle({ settlements: [release(claimed!)], now: at(2) })
    assert.deepEqual(idsOf(yield* claim(store, at(3))), ["a"])
  },

  "no more claims are taken than the limit, and the rest later": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: Array.from({ length: 5 }, (_, i) => run(`r${i}`)), now: at(0) })
    yield* claim(store, at(1))
    const taken = new Set<string>()
    for (const expected of [2, 2, 1, 0]) {
      const { released } = yield* store.reap(reap(at(101), 2))
      assert.equal(released.length, expected)
      for (const id of released) taken.add(id)
    }
    assert.equal(taken.size, 5)
  },

  "a node that leaves hands back what it holds": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.enqueue({ runs: [run("a"), run("b", { atMostOnce: true }), run("c")], now: at(0) })
    const [a] = yield* claim(store, at(1), 2)
    yield* claim(store, at(1), 1, "n2")
    yield* store.leave({ node: "n1", now: at(5) })
    has(yield* runOf(store, "a"), { state: "ready", node: null, claimed: null })
    has(yield* runOf(store, "b"), { state: "done", outcome: "abandoned", finished: at(5) })
    has(yield* runOf(store, "c"), { state: "running", node: "n2" })
    assert.deepEqual(yield* store.settle({ settlements: [done(a!, at(6))], now: at(6) }), ["stale"])
  },

  "a node that left may come again": function*(store) {
    yield* store.beat(node("n1", at(100)))
    yield* store.leave({ node: "n1", now: at(5) })
    assert.deepEqual(yield* store.beat(node("n1", at(200))), [])
    yield* store.enqueue({ runs: [run("a")], now: at(6) })
    yield* claim(store, at(7))
    assert.deepEqual(yield* store.reap(reap(at(150))), { released: [], abandoned: [] })
  }
})
