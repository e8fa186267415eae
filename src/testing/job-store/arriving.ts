/** Runs that are claimed as they are added. A store that cannot do that adds them as ever. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { NewRun, Service } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { chapter, claim, has, idsOf, lane, runOf } from "./case.ts"
import { at, done, retry, run } from "./rows.ts"

const arrive = (store: Service, run: NewRun, now: number, node = "n1"): Effect.Effect<string, StoreError> =>
  Effect.map(store.enqueue({ runs: [run], node, now }), ([answer]) => answer!)

/** What a store answers that can do it, or else does as ever. */
const claimedBy = ({ capabilities }: Service): string => capabilities.claimsOnArrival === true ? "claimed" : "added"

export const arriving = chapter("claims on arrival", {
  "a run with nobody before it is claimed, and is as a claim would have left it": function*(store) {
    const answer = yield* arrive(store, run("a"), at(5))
    assert.equal(answer, claimedBy(store))
    if (answer === "added") has((yield* claim(store, at(5)))[0]!, { id: "a" })
    yield* store.enqueue({ runs: [run("b")], now: at(5) })
    const [b] = yield* claim(store, at(5))
    assert.deepEqual({ ...(yield* runOf(store, "a")), id: "b" }, b)
    const held = yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(100) })
    assert.deepEqual(idsOf(held.map(({ run }) => ({ id: run }))).toSorted(), ["a", "b"])
    assert.deepEqual(
      yield* store.settle({ settlements: [done({ id: "a", fence: 1 }, at(6)), done(b!, at(6))], now: at(6) }),
      ["ok", "ok"]
    )
  },

  "it is added once": function*(store) {
    yield* arrive(store, run("a", { uniqueKey: "k" }), at(0))
    assert.equal(yield* arrive(store, run("a"), at(1), "n2"), "duplicate")
    assert.equal(yield* arrive(store, run("b", { uniqueKey: "k" }), at(1)), "duplicate")
    assert.deepEqual(yield* store.runs({ ids: ["b"], limit: 1 }), [])
    if (claimedBy(store) === "claimed") has(yield* runOf(store, "a"), { node: "n1", fence: 1 })
  },

  "with a key that is given up with the first claim, it is added as ever": function*(store) {
    const keyed = (id: string) => run(id, { uniqueKey: "k", uniqueWhile: "queued" })
    assert.equal(yield* arrive(store, keyed("a"), at(0)), "added")
    assert.equal(yield* arrive(store, keyed("b"), at(1)), "duplicate")
    yield* claim(store, at(1))
    assert.equal(yield* arrive(store, keyed("b"), at(2)), "added")
  },

  "one that stands in its lane goes first": function*(store) {
    yield* store.enqueue({ runs: [run("first", { lane: "x/A" })], now: at(0) })
    assert.equal(yield* arrive(store, run("other", { lane: "x/B" }), at(0)), claimedBy(store))
    assert.equal(yield* arrive(store, run("second", { lane: "x/A", boost: 1_000 }), at(0)), "added")
    assert.deepEqual(idsOf((yield* store.claim({ node: "n1", lanes: ["x/A"], limit: 5, now: at(0) })).runs), [
      "second",
      "first"
    ])
  },

  "one that waits goes first when its instant has come": function*(store) {
    yield* store.enqueue({ runs: [run("first", { readyAt: at(100) })], now: at(0) })
    assert.equal(yield* arrive(store, run("sooner"), at(99)), claimedBy(store))
    assert.equal(yield* arrive(store, run("later"), at(100)), "added")
    const claimed = idsOf(yield* claim(store, at(100)))
    assert.deepEqual(claimed.filter((id) => id !== "sooner"), ["later", "first"])
  },

  "one that runs, or is over, stands in nobody's way": function*(store) {
    yield* store.enqueue({ runs: [run("running"), run("over"), run("retried")], now: at(0) })
    const [running, over, retried] = yield* claim(store, at(0))
    has(running!, { id: "over" })
    yield* store.settle({ settlements: [done(over!, at(1)), retry(retried!, at(500))], now: at(1) })
    assert.equal(yield* arrive(store, run("a"), at(2)), claimedBy(store))
  },

  "a run is not claimed before its instant, nor one of a job, nor with limits, nor one of several": function*(store) {
    const later = run("later", { lane: "x/A", readyAt: at(100) })
    const limited = run("limited", { lane: "x/B", limits: [{ key: "k", max: 1 }] })
    const ofJob = run("ofJob", { lane: "x/C", job: "j", incarnation: "i" })
    for (const one of [later, limited, ofJob]) assert.equal(yield* arrive(store, one, at(0)), "added", one.id)
    const several = [run("a", { lane: "x/D" }), run("b", { lane: "x/D" })]
    assert.deepEqual(yield* store.enqueue({ runs: several, node: "n1", now: at(0) }), ["added", "added"])
    has(yield* runOf(store, "later"), { state: "waiting" })
    for (const id of ["limited", "ofJob", "a", "b"]) {
      has(yield* runOf(store, id), { state: "ready", fence: 0, node: null })
    }
  },

  "who replaces is added as ever": function*(store) {
    const keyed = run("a", { uniqueKey: "k", uniqueWhile: "queued" })
    assert.deepEqual(yield* store.enqueue({ runs: [keyed], replace: true, node: "n1", now: at(0) }), ["added"])
    has(yield* runOf(store, "a"), { state: "ready" })
  },

  "of many that arrive at once each is claimed once, or waits": function*(store) {
    const ids = Array.from({ length: 40 }, (_, i) => `r${i}`)
    const nodes = new Map<string, string>()
    yield* Effect.forEach(ids, (id, i) =>
      Effect.gen(function*() {
        const node = `n${i % 3}`
        if ((yield* arrive(store, run(id), at(0), node)) === "claimed") nodes.set(id, node)
        const { runs } = yield* store.claim({ node, lanes: [lane], limit: 1, now: at(0) })
        for (const { id } of runs) {
          assert.ok(!nodes.has(id), `${id} is claimed twice`)
          nodes.set(id, node)
        }
      }), { concurrency: "unbounded", discard: true })
    for (const { id } of yield* claim(store, at(1))) {
      assert.ok(!nodes.has(id), `${id} is claimed twice`)
      nodes.set(id, "n1")
    }
    for (const { fence, id, node } of yield* store.runs({ limit: 100 })) {
      assert.deepEqual({ fence, node }, { fence: 1, node: nodes.get(id) })
    }
    assert.equal(nodes.size, ids.length)
  }
})
