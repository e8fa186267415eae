/** Runs of a job that follow one another: admitted or blocked, and promoted when one ends. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, runOf, runsOf } from "./case.ts"
import { at, done, job, occurrence, release, retry, run } from "./rows.ts"

const a = job("a")
const one = occurrence(a, at(1), { serial: 1 })
const two = occurrence(a, at(2), { serial: 1, boost: 500 })
const three = occurrence(a, at(3), { serial: 1 })
const request = { reason: "r", by: "b" }

export const serial = chapter("serial", {
  "as many are admitted as allowed, and the others are blocked": function*(store) {
    const runs = [1, 2, 3, 4].map((n) => occurrence(a, at(n), { serial: 2 }))
    yield* store.enqueue({ runs, now: at(10) })
    const rows = yield* runsOf(store, ...idsOf(runs))
    assert.deepEqual(rows.map(({ state }) => state), ["ready", "ready", "blocked", "blocked"])
    assert.deepEqual(rows.map(({ orderAt }) => orderAt), [at(1), at(2), null, null])
    assert.equal((yield* claim(store, at(10))).length, 2)
  },

  "each incarnation counts for itself, and a run without a job is never blocked": function*(store) {
    const runs = [
      one,
      occurrence(job("a", { incarnation: "i2" }), at(1), { serial: 1 }),
      occurrence(job("b"), at(1), { serial: 1 }),
      run("x", { serial: 1 }),
      run("y", { serial: 1 })
    ]
    yield* store.enqueue({ runs, now: at(10) })
    assert.equal((yield* claim(store, at(10))).length, 5)
  },

  "a waiting run counts, a blocked one does not": function*(store) {
    yield* store.enqueue({
      runs: [{ ...one, readyAt: at(100) }, two, occurrence(a, at(3), { serial: 2 })],
      now: at(10)
    })
    const rows = yield* runsOf(store, one.id, two.id, three.id)
    assert.deepEqual(rows.map(({ state }) => state), ["waiting", "blocked", "ready"])
  },

  "a run without a bound is admitted, and counts": function*(store) {
    yield* store.enqueue({ runs: [occurrence(a, at(1)), occurrence(a, at(2)), three], now: at(10) })
    const rows = yield* runsOf(store, one.id, two.id, three.id)
    assert.deepEqual(rows.map(({ state }) => state), ["ready", "ready", "blocked"])
  },

  "when one is settled, the next in the order of planned becomes ready": function*(store) {
    yield* store.enqueue({ runs: [one, three, two], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [done(first!, at(20))], now: at(20) })
    has(yield* runOf(store, two.id), { state: "ready", orderAt: at(2) - 500 })
    has(yield* runOf(store, three.id), { state: "blocked" })
    const [second] = yield* claim(store, at(20))
    assert.equal(second!.id, two.id)
    yield* store.settle({ settlements: [done(second!, at(30))], now: at(30) })
    assert.deepEqual(idsOf(yield* claim(store, at(30))), [three.id])
  },

  "the order of blocked runs planned at one instant is that of their ids": function*(store) {
    const member = { job: "a", incarnation: "i1", serial: 1, planned: at(5) }
    yield* store.enqueue({
      runs: [run("r0", member), run("r3", member), run("r1", member), run("r2", member)],
      now: at(10)
    })
    const order: Array<string> = []
    for (let n = 0; n < 4; n++) {
      const [claimed] = yield* claim(store, at(10))
      order.push(claimed!.id)
      yield* store.settle({ settlements: [done(claimed!, at(11))], now: at(11) })
    }
    assert.deepEqual(order, ["r0", "r1", "r2", "r3"])
  },

  "a retry or a release keeps the others blocked": function*(store) {
    yield* store.enqueue({ runs: [one, two], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [retry(first!, at(100))], now: at(20) })
    assert.equal((yield* runOf(store, two.id)).state, "blocked")
    const [again] = yield* claim(store, at(100))
    yield* store.settle({ settlements: [release(again!)], now: at(110) })
    assert.equal((yield* runOf(store, two.id)).state, "blocked")
  },

  "cancelling one promotes the next": function*(store) {
    yield* store.enqueue({ runs: [one, two], now: at(10) })
    yield* store.cancel({ runs: [one.id], request, now: at(20) })
    has(yield* runOf(store, two.id), { state: "ready", orderAt: at(2) - 500 })
  },

  "cancelling all promotes none of them": function*(store) {
    yield* store.enqueue({ runs: [one, two, three], now: at(10) })
    const { settled } = yield* store.cancel({ job: "a", incarnation: "i1", request, now: at(20) })
    assert.equal(settled.length, 3)
    assert.deepEqual(yield* claim(store, at(20)), [])
  },

  "cancelling a blocked run promotes nobody": function*(store) {
    yield* store.enqueue({ runs: [one, two, three], now: at(10) })
    yield* store.cancel({ runs: [two.id], request, now: at(20) })
    has(yield* runOf(store, three.id), { state: "blocked" })
  },

  "the end of a flagged run promotes the next": function*(store) {
    yield* store.enqueue({ runs: [one, two], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.cancel({ runs: [one.id], request, now: at(20) })
    assert.equal((yield* runOf(store, two.id)).state, "blocked")
    yield* store.settle({ settlements: [release(first!)], now: at(30) })
    assert.equal((yield* runOf(store, two.id)).state, "ready")
  },

  "an abandoned run promotes the next": function*(store) {
    yield* store.enqueue({ runs: [{ ...one, atMostOnce: true }, two], now: at(10) })
    yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(50) })
    yield* claim(store, at(10))
    yield* store.reap({ now: at(100), includeExpired: true, limit: 10 })
    assert.equal((yield* runOf(store, two.id)).state, "ready")
  },

  "a blocked run whose instant has not come is promoted to wait for it": function*(store) {
    yield* store.enqueue({ runs: [one, { ...two, readyAt: at(1000) }], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [done(first!, at(20))], now: at(20) })
    has(yield* runOf(store, two.id), { state: "waiting", orderAt: null })
    assert.deepEqual(idsOf(yield* claim(store, at(1000))), [two.id])
  },

  "nobody overtakes the first that must stay blocked": function*(store) {
    const runs = [1, 2].map((n) => occurrence(a, at(n))).concat(three, occurrence(a, at(4), { serial: 2 }))
    yield* store.enqueue({ runs, now: at(10) })
    const [first] = yield* claim(store, at(10), 1)
    yield* store.settle({ settlements: [done(first!, at(20))], now: at(20) })
    assert.deepEqual((yield* runsOf(store, runs[2]!.id, runs[3]!.id)).map(({ state }) => state), ["blocked", "blocked"])
  },

  "those that wait go before those that follow": function*(store) {
    yield* store.enqueue({ runs: [one, three], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [done(first!, at(20), {}, [two])], now: at(20) })
    assert.deepEqual((yield* runsOf(store, two.id, three.id)).map(({ state }) => state), ["blocked", "ready"])
  }
})
