/** Each verb called twice with the same arguments, as after a reply that did not arrive. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { Service } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { chapter, claim, has, runOf } from "./case.ts"
import { advance, at, done, job, occurrence, release, remove, replace, retry, run, verdict } from "./rows.ts"

const everything = Effect.fnUntraced(function*(store: Service) {
  return {
    jobs: yield* store.jobs({ limit: 100 }),
    runs: yield* store.runs({ limit: 100 }),
    verdicts: yield* store.verdicts({ job: "a", limit: 100 })
  }
})

/** Calls the verb twice; the second call must change nothing. */
const twice = Effect.fnUntraced(function*<A>(store: Service, verb: Effect.Effect<A, StoreError>) {
  const first = yield* verb
  const before = yield* everything(store)
  const second = yield* verb
  assert.deepEqual(yield* everything(store), before, "the second call changed something")
  return [first, second] as const
})

const request = { reason: "r", by: "b" }

export const lostReplies = chapter("lost replies", {
  insertJobs: function*(store) {
    assert.deepEqual(yield* twice(store, store.insertJobs([job("a"), job("b")])), [
      ["inserted", "inserted"],
      ["exists", "exists"]
    ])
  },

  "commit: an advance with all that belongs to it": function*(store) {
    yield* store.insertJobs([job("a")])
    yield* store.enqueue({ runs: [run("old", { job: "a", incarnation: "i1" })], now: at(0) })
    const change = advance(job("a"), at(1000), {
      runs: [occurrence(job("a"), at(1000))],
      verdicts: [verdict(job("a"), null, at(999))],
      cancel: request
    })
    assert.deepEqual(yield* twice(store, store.commit({ changes: [change], now: at(1000) })), [["ok"], ["stale"]])
  },

  "commit: a replacement and a removal": function*(store) {
    yield* store.insertJobs([job("a"), job("b")])
    const changes = [replace(job("a"), { payload: "1" }), remove(job("b"))]
    assert.deepEqual(yield* twice(store, store.commit({ changes, now: at(0) })), [["ok", "ok"], ["stale", "stale"]])
  },

  enqueue: function*(store) {
    const runs = [
      run("a", { uniqueKey: "k" }),
      run("b", { readyAt: at(100) }),
      occurrence(job("a"), at(1), { serial: 1 })
    ]
    assert.deepEqual(yield* twice(store, store.enqueue({ runs, now: at(0) })), [
      ["added", "added", "added"],
      ["duplicate", "duplicate", "duplicate"]
    ])
  },

  "claim: the second call gets other runs, and the beat tells of the first ones": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b")], now: at(0) })
    const verb = claim(store, at(1), 1)
    assert.deepEqual((yield* verb).map(({ id }) => id), ["a"])
    assert.deepEqual((yield* verb).map(({ id }) => id), ["b"])
    assert.deepEqual(yield* verb, [])
    has(yield* runOf(store, "a"), { fence: 1 })
    const held = yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(100) })
    assert.deepEqual(held.map(({ run }) => run).toSorted(), ["a", "b"])
  },

  "settle: done, retry, release, stale, and what follows": function*(store) {
    yield* store.enqueue({
      runs: [
        run("a"),
        run("b"),
        run("c"),
        occurrence(job("a"), at(1), { serial: 1 }),
        occurrence(job("a"), at(2), { serial: 1 })
      ],
      now: at(5)
    })
    const [a, b, c, d] = yield* claim(store, at(5))
    const settlements = [
      done(a!, at(6), {}, [run("f")]),
      retry(b!, at(100)),
      release(c!),
      done(d!, at(6)),
      done({ id: "a", fence: 9 }, at(6))
    ]
    assert.deepEqual(yield* twice(store, store.settle({ settlements, now: at(6) })), [
      ["ok", "ok", "ok", "ok", "stale"],
      ["already", "already", "already", "already", "stale"]
    ])
  },

  "settle: a flagged run": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.cancel({ runs: ["a"], request, now: at(2) })
    const verb = store.settle({ settlements: [retry(claimed!, at(100))], now: at(3) })
    assert.deepEqual(yield* twice(store, verb), [["cancelled"], ["already"]])
  },

  note: function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    yield* claim(store, at(1))
    yield* twice(store, store.note({ run: "a", fence: 1, progress: "half" }))
  },

  "cancel: the second call still tells whom to wait for": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b")], now: at(0) })
    yield* claim(store, at(1), 1)
    const verb = store.cancel({ runs: ["a", "b"], request, now: at(2) })
    assert.deepEqual(yield* twice(store, verb), [
      { settled: ["b"], flagged: ["a"] },
      { settled: [], flagged: ["a"] }
    ])
  },

  "beat, leave and reap": function*(store) {
    const beat = store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(10) })
    yield* beat
    yield* store.enqueue({ runs: [run("a"), run("b", { atMostOnce: true }), run("c")], now: at(0) })
    yield* claim(store, at(1), 2)
    const [first, second] = yield* twice(store, beat)
    assert.deepEqual(first, second)
    assert.deepEqual(yield* twice(store, store.reap({ now: at(20), includeExpired: true, limit: 10 })), [
      { released: ["a"], abandoned: ["b"] },
      { released: [], abandoned: [] }
    ])
    yield* beat
    yield* claim(store, at(21), 1)
    yield* twice(store, store.leave({ node: "n1", now: at(22) }))
  },

  sweep: function*(store) {
    yield* store.enqueue({ runs: [run("a", { retention: 1 }), run("b")], now: at(0) })
    yield* store.cancel({ runs: ["a"], request, now: at(1) })
    assert.deepEqual(yield* twice(store, store.sweep({ now: at(5), before: at(5), limit: 10 })), [1, 0])
  }
})
