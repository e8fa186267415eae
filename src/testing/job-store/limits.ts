/** Limits that runs of any job share: who has a place, who waits for one, and who moves up. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { Limit, NewRun, Service } from "../../JobStore.ts"
import { chapter, claim, has, idsOf, runOf, runsOf } from "./case.ts"
import { at, done, job, occurrence, release, remove, retry, run } from "./rows.ts"

const a1: Limit = { key: "a", max: 1 }
const b1: Limit = { key: "b", max: 1 }
const t2: Limit = { key: "t", max: 2 }
const request = { reason: "r", by: "b" }

const limited = (id: string, planned: number, limits: ReadonlyArray<Limit>, fields: Partial<NewRun> = {}) =>
  run(id, { planned: at(planned), limits, ...fields })

const states = (store: Service, ...ids: ReadonlyArray<string>) =>
  Effect.map(runsOf(store, ...ids), (rows) => rows.map(({ state }) => state).join(" "))

const end = Effect.fnUntraced(function*(store: Service, id: string, now = 20) {
  const { fence } = yield* runOf(store, id)
  assert.deepEqual(yield* store.settle({ settlements: [done({ id, fence }, at(now))], now: at(now) }), ["ok"])
})

export const limits = chapter("limits", {
  "as many have a place as allowed, and the others are blocked": function*(store) {
    const runs = [1, 2, 3].map((n) => limited(`r${n}`, n, [t2]))
    yield* store.enqueue({ runs, now: at(10) })
    const rows = yield* runsOf(store, "r1", "r2", "r3")
    assert.deepEqual(rows.map(({ orderAt, state }) => [state, orderAt]), [
      ["ready", at(1)],
      ["ready", at(2)],
      ["blocked", null]
    ])
    assert.deepEqual(idsOf(yield* claim(store, at(10))), ["r1", "r2"])
    assert.deepEqual(idsOf(yield* store.runs({ going: true, limit: 9 })), ["r3", "r2", "r1"])
  },

  "they hold across jobs, and for those that have none": function*(store) {
    yield* store.insertJobs([job("j"), job("k")])
    yield* store.enqueue({
      runs: [
        occurrence(job("j"), at(1), { limits: [a1], serial: 1 }),
        occurrence(job("k"), at(2), { limits: [a1], serial: 1 }),
        limited("x", 3, [a1])
      ],
      now: at(10)
    })
    assert.deepEqual(idsOf(yield* claim(store, at(10))), [occurrence(job("j"), at(1)).id])
  },

  "when one ends, the next takes its place: by the orderAt it would have had, then id": function*(store) {
    yield* store.enqueue({
      runs: [
        limited("first", 1, [a1]),
        limited("d", 5, [a1]),
        limited("c", 5, [a1]),
        limited("boosted", 9, [a1], { boost: 6 }),
        limited("delayed", 0, [a1], { readyAt: at(4) })
      ],
      now: at(10)
    })
    const order: Array<string> = []
    for (let n = 0; n < 5; n++) {
      const [claimed] = yield* claim(store, at(20))
      order.push(claimed!.id)
      yield* store.settle({ settlements: [done(claimed!, at(20))], now: at(20) })
    }
    assert.deepEqual(order, ["first", "boosted", "delayed", "c", "d"])
  },

  "a run needs a place under each of its limits; those that need others pass it by": function*(store) {
    yield* store.enqueue({
      runs: [
        limited("a1", 1, [a1, t2]),
        limited("a2", 2, [a1, t2]),
        limited("a3", 3, [a1, t2]),
        limited("b1", 4, [b1, t2]),
        limited("b2", 5, [b1, t2])
      ],
      now: at(10)
    })
    assert.equal(yield* states(store, "a1", "a2", "a3", "b1", "b2"), "ready blocked blocked ready blocked")
    yield* claim(store, at(10))
    yield* end(store, "b1")
    assert.equal(yield* states(store, "a2", "a3", "b2"), "blocked blocked ready")
    has(yield* runOf(store, "b2"), { orderAt: at(20) })
    yield* end(store, "a1")
    assert.equal(yield* states(store, "a2", "a3"), "ready blocked")
  },

  "a run keeps the places it has while it waits for the next": function*(store) {
    const t1: Limit = { key: "t", max: 1 }
    yield* store.enqueue({
      runs: [limited("x", 1, [t1]), limited("a1", 2, [a1, t1]), limited("y", 1, [t1]), limited("a2", 0, [a1])],
      now: at(10)
    })
    assert.equal(yield* states(store, "x", "a1", "y", "a2"), "ready blocked blocked blocked")
    yield* claim(store, at(10))
    yield* end(store, "x")
    assert.equal(yield* states(store, "a1", "y", "a2"), "blocked ready blocked")
    yield* claim(store, at(20))
    yield* end(store, "y")
    assert.equal(yield* states(store, "a1", "a2"), "ready blocked")
    yield* claim(store, at(20))
    yield* end(store, "a1")
    assert.equal(yield* states(store, "a2"), "ready")
  },

  "a key with many runs in wait does not keep another key's single run waiting": function*(store) {
    yield* store.enqueue({
      runs: [...Array.from({ length: 50 }, (_, n) => limited(`a${n}`, n, [a1, t2])), limited("b", 99, [b1, t2])],
      now: at(100)
    })
    assert.deepEqual(idsOf(yield* claim(store, at(100))), ["a0", "b"])
  },

  "keys take turns, however many runs each has in wait": function*(store) {
    const t1: Limit = { key: "t", max: 1 }
    const order: Array<string> = []
    yield* store.enqueue({ runs: [0, 1, 2, 3, 4, 5].map((n) => limited(`a${n}`, n, [a1, t1])), now: at(10) })
    for (let now = 20; now < 28; now++) {
      if (now === 21) yield* store.enqueue({ runs: [0, 1].map((n) => limited(`b${n}`, 20, [b1, t1])), now: at(now) })
      const [claimed] = yield* claim(store, at(now))
      order.push(claimed!.id)
      yield* store.settle({ settlements: [done(claimed!, at(now))], now: at(now) })
    }
    assert.deepEqual(order, ["a0", "a1", "b0", "a2", "b1", "a3", "a4", "a5"])
    // and so they do where slots are scarce, not places
    yield* store.enqueue({ runs: [6, 7, 8].map((n) => limited(`a${n}`, n, [a1])), now: at(30) })
    yield* store.enqueue({ runs: [limited("b6", 29, [b1])], now: at(30) })
    const second: Array<string> = []
    for (let now = 31; now < 35; now++) {
      const [claimed] = yield* claim(store, at(now), 1)
      second.push(claimed!.id)
      yield* store.settle({ settlements: [done(claimed!, at(now))], now: at(now) })
    }
    assert.deepEqual(second, ["a6", "b6", "a7", "a8"])
  },

  "one that is claimed, handed back or taken away keeps its places": function*(store) {
    yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(50) })
    yield* store.enqueue({ runs: [limited("x", 1, [a1]), limited("y", 2, [a1])], now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [release(first!)], now: at(20) })
    assert.equal(yield* states(store, "x", "y"), "ready blocked")
    yield* claim(store, at(30))
    yield* store.reap({ now: at(100), includeExpired: true, limit: 9 })
    assert.equal(yield* states(store, "x", "y"), "ready blocked")
    const [again] = yield* claim(store, at(100))
    yield* store.settle({ settlements: [retry(again!, at(90))], now: at(101) })
    assert.equal(yield* states(store, "x", "y"), "ready blocked")
  },

  "one that is to wait for an instant has none, and takes them when it comes": function*(store) {
    yield* store.enqueue({
      runs: [limited("x", 1, [a1]), limited("later", 2, [a1], { readyAt: at(100), boost: 60 }), limited("y", 3, [a1])],
      now: at(10)
    })
    assert.equal(yield* states(store, "x", "later", "y"), "ready waiting blocked")
    const [first] = yield* claim(store, at(10))
    yield* store.settle({ settlements: [retry(first!, at(200))], now: at(20) })
    assert.equal(yield* states(store, "x", "later", "y"), "waiting waiting ready")
    assert.deepEqual(idsOf(yield* claim(store, at(30))), ["y"])
    const { next, runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 9, now: at(100) })
    assert.deepEqual([idsOf(runs), next], [[], at(200)])
    assert.equal(yield* states(store, "x", "later", "y"), "waiting blocked running")
    yield* end(store, "y", 110)
    has(yield* runOf(store, "later"), { state: "ready", orderAt: at(50) })
    assert.deepEqual(idsOf(yield* claim(store, at(300))), ["later"])
    assert.equal(yield* states(store, "x"), "blocked")
    yield* end(store, "later", 310)
    has(yield* runOf(store, "x"), { state: "ready", orderAt: at(310) })
  },

  "those whose instant comes together take their places by instant, then id": function*(store) {
    yield* store.enqueue({
      runs: [
        limited("c", 1, [a1], { readyAt: at(50) }),
        limited("b", 1, [a1], { readyAt: at(50) }),
        limited("a", 1, [a1], { readyAt: at(60), boost: 30 })
      ],
      now: at(10)
    })
    assert.deepEqual(idsOf(yield* claim(store, at(100))), ["b"])
    yield* end(store, "b", 110)
    assert.deepEqual(idsOf(yield* claim(store, at(110))), ["a"])
  },

  "first its family lets a run in, then its limits": function*(store) {
    const j = job("j")
    const [one, two] = [1, 2].map((n) => occurrence(j, at(n), { serial: 1, limits: [a1] }))
    yield* store.insertJobs([j])
    yield* store.enqueue({ runs: [one!, two!, limited("x", 3, [a1])], now: at(10) })
    assert.equal(yield* states(store, one!.id, two!.id, "x"), "ready blocked blocked")
    yield* claim(store, at(10))
    // who has waited under the limit goes before who had to wait for its family first
    yield* end(store, one!.id)
    assert.equal(yield* states(store, two!.id, "x"), "blocked ready")
    assert.equal((yield* store.due({ now: at(1000), limit: 9 })).jobs[0]!.going, 1)
    yield* claim(store, at(20))
    yield* end(store, "x")
    has(yield* runOf(store, two!.id), { state: "ready", orderAt: at(20) })
  },

  "however a run ends, it gives its places back": function*(store) {
    const j = job("j")
    const own = occurrence(j, at(1), { limits: [a1] })
    yield* store.insertJobs([j])
    yield* store.enqueue({
      runs: [own, ...[2, 3, 4, 5].map((n) => limited(`r${n}`, n, [a1], { atMostOnce: n === 3 }))],
      now: at(10)
    })
    yield* store.commit({ changes: [remove(j, { cancel: request })], now: at(20) })
    assert.equal(yield* states(store, own.id, "r2", "r3"), "done ready blocked")
    yield* store.cancel({ runs: ["r2"], request, now: at(21) })
    assert.equal(yield* states(store, "r2", "r3", "r4"), "done ready blocked")
    yield* claim(store, at(22))
    yield* store.leave({ node: "n1", now: at(23) })
    assert.equal(yield* states(store, "r3", "r4", "r5"), "done ready blocked")
    yield* store.cancel({ runs: ["r5"], request, now: at(24) })
    assert.equal(yield* states(store, "r4", "r5"), "ready done")
    yield* claim(store, at(25))
    yield* store.settle({
      settlements: [done({ id: "r4", fence: 1 }, at(26), {}, [limited("f", 6, [a1])])],
      now: at(26)
    })
    assert.equal(yield* states(store, "f"), "ready")
  },

  "what a decision cancels has gone before its new runs come": function*(store) {
    const j = job("j")
    yield* store.insertJobs([j])
    yield* store.enqueue({ runs: [occurrence(j, at(1), { limits: [a1] }), limited("x", 2, [a1])], now: at(10) })
    const change = {
      ...remove(j, { cancel: request, runs: [occurrence(j, at(2), { limits: [a1] })] }),
      update: { _tag: "Replace" as const, row: j }
    }
    yield* store.commit({ changes: [change], now: at(20) })
    assert.equal(yield* states(store, "x", occurrence(j, at(2)).id), "ready blocked")
  },

  "a limit that was raised holds for runs that say so, and nobody overtakes": function*(store) {
    const a3: Limit = { key: "a", max: 3 }
    yield* store.enqueue({ runs: [limited("x", 1, [a1]), limited("y", 2, [a1])], now: at(10) })
    yield* store.enqueue({ runs: [3, 4, 5, 6].map((n) => limited(`r${n}`, n, [a3])), now: at(10) })
    assert.equal(yield* states(store, "y", "r3", "r4", "r5", "r6"), "blocked ready ready blocked blocked")
    yield* claim(store, at(10))
    yield* end(store, "r3")
    assert.equal(yield* states(store, "y", "r5", "r6"), "blocked blocked blocked")
    for (const id of ["r4", "x"]) yield* end(store, id)
    assert.equal(yield* states(store, "y", "r5", "r6"), "ready ready ready")
  },

  "a run that is refused takes no place": function*(store) {
    yield* store.enqueue({
      runs: [
        limited("x", 1, [a1], { uniqueKey: "k" }),
        limited("x", 1, [b1]),
        limited("y", 1, [b1], { uniqueKey: "k" })
      ],
      now: at(10)
    })
    yield* store.enqueue({ runs: [limited("z", 1, [b1])], now: at(10) })
    assert.equal(yield* states(store, "x", "z"), "ready ready")
  },

  "many at once, in any order": function*(store) {
    const runs = Array.from({ length: 300 }, (_, n) => {
      const key: Limit = { key: `k${n % 7}`, max: 2 }
      return limited(`r${n}`, n, [key, { key: "t", max: 9 }])
    })
    yield* store.enqueue({ runs, now: at(1000) })
    let ended = 0
    for (let turn = 0; turn < 300 && ended < 300; turn++) {
      const claimed = yield* claim(store, at(1000), 100)
      const byKey = Map.groupBy(claimed, ({ limits }) => limits[0]!.key)
      assert.ok(claimed.length <= 9, `${claimed.length} runs are going at once`)
      assert.ok([...byKey.values()].every((runs) => runs.length <= 2), "a key has too many runs")
      assert.ok(claimed.length > 0, "runs were left behind")
      yield* store.settle({ settlements: claimed.map((row) => done(row, at(1001))), now: at(1001) })
      ended += claimed.length
    }
    assert.equal(ended, 300)
  }
})
