/** Reading runs and verdicts, page by page, and forgetting them. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { NewRun, RunQuery, Service } from "../../JobStore.ts"
import { chapter, claim, has, idsOf, runOf } from "./case.ts"
import { advance, at, done, exhaust, job, occurrence, release, retry, run, verdict } from "./rows.ts"

/** Going: g9, g1, g0. Done: e and d at 50, f at 40, c at 30. */
const someHistory = Effect.fnUntraced(function*(store: Service) {
  const a = { job: "a", incarnation: "i1" }
  yield* store.enqueue({
    runs: [
      run("c", a),
      run("d", { ...a, incarnation: "i0" }),
      run("e", { task: "Other" }),
      run("f", a),
      run("g0", { planned: at(5), ...a }),
      run("g1", { planned: at(5), task: "Other" }),
      run("g9", { readyAt: at(5000) })
    ],
    now: at(0)
  })
  const claimed = yield* claim(store, at(10), 5)
  const finished: Readonly<Record<string, number>> = { c: 30, d: 50, e: 50, f: 40 }
  yield* store.settle({
    settlements: claimed.filter(({ id }) => id in finished).map((row) => done(row, at(finished[row.id]!))),
    now: at(60)
  })
})

const inPages = Effect.fnUntraced(function*(store: Service, query: Omit<RunQuery, "limit" | "after">, limit: number) {
  const ids: Array<string> = []
  let after: RunQuery["after"]
  while (ids.length <= 100) {
    const page = yield* store.runs({ ...query, limit, ...(after === undefined ? {} : { after }) })
    assert.ok(page.length <= limit, "a page is no longer than its limit")
    const last = page[page.length - 1]
    if (last === undefined) return ids
    ids.push(...idsOf(page))
    after = { finished: last.finished, id: last.id }
  }
  return assert.fail("the pages never end")
})

export const history = chapter("history", {
  "what is going comes first, then what finished last; ties by descending id": function*(store) {
    yield* someHistory(store)
    assert.deepEqual(idsOf(yield* store.runs({ limit: 100 })), ["g9", "g1", "g0", "e", "d", "f", "c"])
  },

  "pages of any length are complete and without repeats": function*(store) {
    yield* someHistory(store)
    for (const limit of [1, 2, 3, 4, 7, 8]) {
      assert.deepEqual(yield* inPages(store, {}, limit), ["g9", "g1", "g0", "e", "d", "f", "c"], `in pages of ${limit}`)
    }
    assert.deepEqual(yield* inPages(store, { going: false }, 1), ["e", "d", "f", "c"])
    assert.deepEqual(yield* inPages(store, { going: true }, 1), ["g9", "g1", "g0"])
    assert.deepEqual(yield* inPages(store, { job: "a" }, 1), ["g0", "d", "f", "c"])
  },

  "filters are all applied": function*(store) {
    yield* someHistory(store)
    const ids = (query: Omit<RunQuery, "limit">) => Effect.map(store.runs({ ...query, limit: 100 }), idsOf)
    assert.deepEqual(yield* ids({ job: "a", incarnation: "i1" }), ["g0", "f", "c"])
    assert.deepEqual(yield* ids({ job: "a", incarnation: "i1", going: false }), ["f", "c"])
    assert.deepEqual(yield* ids({ task: "Other" }), ["g1", "e"])
    assert.deepEqual(yield* ids({ task: "Other", going: true }), ["g1"])
    assert.deepEqual(yield* ids({ ids: ["c", "g9", "nobody", "c"] }), ["g9", "c"])
    assert.deepEqual(yield* ids({ ids: ["c", "g9"], going: false }), ["c"])
    assert.deepEqual(yield* ids({ ids: [] }), [])
    assert.deepEqual(yield* ids({ job: "nobody" }), [])
  },

  "runs are found by how they ended": function*(store) {
    const outcomes = ["succeeded", "failed", "cancelled"]
    yield* store.enqueue({
      runs: ["a", "b", "c", "d", "e", "f"].map((id) => run(id, id < "d" ? { job: "j", incarnation: "i1" } : {})),
      now: at(0)
    })
    const claimed = yield* claim(store, at(1), 5)
    yield* store.settle({
      settlements: claimed.map((row, n) => done(row, at(n), { outcome: outcomes[n % 3]! })),
      now: at(10)
    })
    const ids = (query: Omit<RunQuery, "limit">, limit = 9) => Effect.map(store.runs({ ...query, limit }), idsOf)
    assert.deepEqual(yield* ids({ outcomes: ["succeeded"] }), ["d", "a"])
    assert.deepEqual(yield* ids({ outcomes: ["failed", "cancelled"] }), ["e", "c", "b"])
    assert.deepEqual(yield* ids({ outcomes: ["failed", "cancelled"] }, 2), ["e", "c"])
    assert.deepEqual(yield* inPages(store, { outcomes: ["failed", "cancelled"] }, 1), ["e", "c", "b"])
    assert.deepEqual(yield* ids({ outcomes: ["failed", "cancelled"], job: "j" }), ["c", "b"])
    assert.deepEqual(yield* ids({ outcomes: ["failed"], ids: ["a", "b", "f"] }), ["b"])
    assert.deepEqual(yield* ids({ outcomes: ["failed"], going: false }), ["e", "b"])
    assert.deepEqual(yield* ids({ outcomes: ["failed"], going: true }), [])
    assert.deepEqual(yield* ids({ outcomes: [] }), [])
  },

  "verdicts come newest first, in pages, and by instant": function*(store) {
    yield* store.insertJobs([job("a"), job("b")])
    const verdicts = [
      verdict(job("a"), null, at(10), { reason: "1" }),
      verdict(job("a"), at(10), at(20), { reason: "2" }),
      verdict(job("a"), at(25), at(30), { reason: "3" })
    ]
    yield* store.commit({
      changes: [
        advance(job("a"), at(30), { verdicts }),
        advance(job("b"), at(30), { verdicts: [verdict(job("b"), null, at(15))] })
      ],
      now: at(30)
    })
    const reasons = (query: { readonly at?: number; readonly before?: number; readonly limit?: number }) =>
      Effect.map(
        store.verdicts({ job: "a", limit: 10, ...query }),
        (rows) => rows.map(({ reason }) => reason).join(" ")
      )
    assert.equal(yield* reasons({}), "3 2 1")
    assert.equal(yield* reasons({ limit: 2 }), "3 2")
    assert.equal(yield* reasons({ before: at(30) }), "2 1")
    assert.equal(yield* reasons({ before: at(20) }), "1")
    assert.equal(yield* reasons({ before: at(10) }), "")
    const instants = [-99, 10, 11, 20, 21, 25, 26, 30, 31]
    const found: Array<string> = []
    for (const instant of instants) found.push(yield* reasons({ at: at(instant) }))
    assert.deepEqual(found, ["1", "1", "2", "2", "", "", "3", "3", ""])
    assert.deepEqual(yield* store.verdicts({ job: "a", incarnation: "i0", limit: 10 }), [])
    assert.equal((yield* store.verdicts({ job: "b", limit: 10 })).length, 1)
  }
})

const stretches = (id: string) =>
  [10, 20, 30].map((to) => verdict(job(id), at(to - 10), at(to), { reason: String(to) }))

export const sweeping = chapter("sweep", {
  "done runs go when they have expired, at most the limit": function*(store) {
    const retentions = { a: 98, b: 198, c: 1e9, d: 1 }
    yield* store.enqueue({
      runs: Object.entries(retentions).map(([id, retention]) => run(id, { retention })),
      now: at(0)
    })
    const claimed = yield* claim(store, at(1), 3)
    yield* store.settle({ settlements: claimed.map((row) => done(row, at(2))), now: at(2) })
    const sweep = (now: number, limit = 10) => store.sweep({ now: at(now), before: at(-1000), limit })
    assert.equal(yield* sweep(99), 0)
    assert.equal(yield* sweep(250, 1), 1)
    assert.equal((yield* store.runs({ limit: 10 })).length, 3)
    assert.equal(yield* sweep(250), 1)
    assert.equal(yield* sweep(99_999), 0)
    assert.deepEqual(idsOf(yield* store.runs({ limit: 10 })), ["d", "c"])
  },

  "of a task the newest are kept, as many as it says": function*(store) {
    yield* store.enqueue({
      runs: ["a", "b", "c", "d"].map((id) => run(id)).concat(
        ["x", "y"].map((id) => run(id, { task: "Other", planned: at(1) })),
        run("going", { planned: at(2) })
      ),
      now: at(3)
    })
    const finished: Readonly<Record<string, number>> = { a: 30, b: 50, c: 50, d: 40, x: 1, y: 2 }
    const claimed = yield* claim(store, at(3), 6)
    yield* store.settle({ settlements: claimed.map((row) => done(row, at(finished[row.id]!))), now: at(60) })
    const sweep = (count: number, limit = 9) =>
      store.sweep({ now: at(60), before: at(0), keep: [{ task: "Task", count }], limit })
    const left = Effect.map(store.runs({ limit: 9 }), idsOf)
    assert.equal(yield* sweep(4), 0)
    assert.equal(yield* sweep(2, 1), 1)
    assert.deepEqual(yield* left, ["going", "c", "b", "d", "y", "x"])
    assert.equal(yield* sweep(2), 1)
    assert.deepEqual(yield* left, ["going", "c", "b", "y", "x"])
    assert.equal(yield* sweep(1), 1)
    assert.deepEqual(yield* left, ["going", "c", "y", "x"])
    assert.equal(yield* sweep(0), 1)
    assert.deepEqual(yield* left, ["going", "y", "x"])
  },

  "of a task the runs that may be asked for again are kept, however many": function*(store) {
    const runs = [
      run("a"),
      run("b"),
      run("a:then:0", { origin: "continuation" }),
      run("throttle:Task::0")
    ]
    yield* store.enqueue({ runs, now: at(0) })
    const claimed = yield* claim(store, at(0), 4)
    yield* store.settle({ settlements: claimed.map((row) => done(row, at(row.id === "b" ? 2 : 1))), now: at(2) })
    const keep = [{ task: "Task", count: 1 }]
    assert.equal(yield* store.sweep({ now: at(3), before: at(0), keep, limit: 9 }), 1)
    assert.deepEqual(idsOf(yield* store.runs({ limit: 9 })), ["b", "throttle:Task::0", "a:then:0"])
    assert.equal((yield* store.enqueue({ runs: runs.slice(2), now: at(3) })).join(), "duplicate,duplicate")
  },

  "an expiry counts from its very instant": function*(store) {
    yield* store.enqueue({ runs: [run("a", { retention: 99 })], now: at(0) })
    yield* store.cancel({ runs: ["a"], request: { reason: "r", by: "b" }, now: at(1) })
    assert.equal(yield* store.sweep({ now: at(99), before: at(0), limit: 10 }), 0)
    assert.equal(yield* store.sweep({ now: at(100), before: at(0), limit: 10 }), 1)
    assert.deepEqual(yield* store.runs({ limit: 10 }), [])
  },

  "whichever verb ended a run, it is remembered for as long as it said": function*(store) {
    const request = { reason: "r", by: "b" }
    const of = (fields: Partial<NewRun> = {}) => ({ job: "a", incarnation: "i1", retention: 40, ...fields })
    yield* store.insertJobs([job("a")])
    yield* store.enqueue({
      runs: [
        ...["settled", "released", "retried", "left"].map((id) => run(id, of())),
        run("reaped", of({ atMostOnce: true })),
        run("cancelled", of({ planned: at(1) })),
        run("replaced", of({ planned: at(1) }))
      ],
      now: at(2)
    })
    const runs = yield* claim(store, at(2), 5)
    const [, , released, retried, settled] = runs
    assert.deepEqual(idsOf(runs), ["left", "reaped", "released", "retried", "settled"])
    yield* store.cancel({ runs: ["cancelled", "left", "released", "retried"], request, now: at(3) })
    yield* store.settle({
      settlements: [done(settled!, at(4)), release(released!), retry(retried!, at(99))],
      now: at(5)
    })
    yield* store.commit({ changes: [advance(job("a"), at(1000), { cancel: request })], now: at(6) })
    yield* store.leave({ node: "n1", now: at(7) })
    const finished = { cancelled: 3, settled: 4, released: 5, retried: 5, replaced: 6, left: 7, reaped: 7 }
    const rows = yield* store.runs({ job: "a", limit: 10 })
    assert.equal(rows.length, 7)
    for (const row of rows) {
      const end = finished[row.id as keyof typeof finished]
      has(row, { state: "done", finished: at(end), expiresAt: at(end + 40) }, row.id)
    }
  },

  "the id of a forgotten run is free": function*(store) {
    const first = occurrence(job("a"), at(1), { uniqueKey: "k", retention: 1 })
    yield* store.enqueue({ runs: [first], now: at(1) })
    const [claimed] = yield* claim(store, at(1))
    yield* store.settle({ settlements: [done(claimed!, at(2))], now: at(2) })
    yield* store.sweep({ now: at(3), before: at(0), limit: 10 })
    assert.deepEqual(yield* store.enqueue({ runs: [first], now: at(4) }), ["added"])
    assert.equal((yield* runOf(store, first.id)).fence, 0)
  },

  "verdicts go when they ended before the horizon, at most the limit": function*(store) {
    yield* store.insertJobs([job("a"), job("b")])
    yield* store.commit({
      changes: ["a", "b"].map((id) => advance(job(id), at(30), { verdicts: stretches(id) })),
      now: at(30)
    })
    const left = Effect.gen(function*() {
      const rows = [
        ...(yield* store.verdicts({ job: "a", limit: 9 })),
        ...(yield* store.verdicts({ job: "b", limit: 9 }))
      ]
      return rows.map(({ reason }) => reason).toSorted().join(" ")
    })
    const sweep = (before: number, limit: number) => store.sweep({ now: at(0), before: at(before), limit })
    assert.equal(yield* sweep(10, 10), 0)
    assert.equal(yield* sweep(11, 1), 1)
    assert.equal(yield* left, "10 20 20 30 30")
    assert.equal(yield* sweep(30, 10), 3)
    assert.equal(yield* left, "30 30")
    assert.equal(yield* sweep(31, 10), 2)
    assert.equal(yield* left, "")
  },

  "a verdict extends the last one after older ones were forgotten, too": function*(store) {
    yield* store.insertJobs([job("a")])
    const first = [verdict(job("a"), at(0), at(10), { reason: "x" }), verdict(job("a"), at(10), at(20))]
    yield* store.commit({ changes: [advance(job("a"), at(20), { verdicts: first })], now: at(20) })
    yield* store.sweep({ now: at(20), before: at(20), limit: 10 })
    const moved = job("a", { revision: 2 })
    yield* store.commit({
      changes: [advance(moved, at(30), { verdicts: [verdict(moved, at(20), at(30))] })],
      now: at(30)
    })
    const rows = yield* store.verdicts({ job: "a", limit: 10 })
    assert.deepEqual(rows.map(({ count, from, to }) => ({ count, from, to })), [{ count: 2, from: at(10), to: at(30) }])
  },

  "jobs and what is going are never forgotten": function*(store) {
    yield* store.insertJobs([job("a"), job("b")])
    yield* store.commit({ changes: [exhaust(job("a"), at(1))], now: at(1) })
    yield* store.enqueue({ runs: [run("r")], now: at(1) })
    assert.equal(yield* store.sweep({ now: at(1e9), before: at(1e9), limit: 10 }), 0)
    assert.deepEqual(idsOf(yield* store.jobs({ limit: 10 })), ["a", "b"])
    assert.deepEqual(idsOf(yield* store.runs({ limit: 10 })), ["r"])
  }
})
