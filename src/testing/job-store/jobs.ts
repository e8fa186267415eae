/** Adding and listing jobs. */
import * as assert from "node:assert/strict"
import { chapter, idsOf, jobOf } from "./case.ts"
import { advance, at, exhaust, job, occurrence, remove, renew, replace } from "./rows.ts"

export const jobs = chapter("jobs", {
  "a row comes back as it was given": function*(store) {
    const row = job("a", {
      revision: 7,
      cursor: at(5),
      payload: `{"text":"Zażółć — 日本 \\u0000 \\"q\\""}`,
      tags: `["x","y"]`,
      metadata: `{"k":1}`,
      pause: `{"by":"me"}`,
      overrides: `{"skip":1}`,
      nextNominal: at(2000),
      nextDue: at(2300)
    })
    assert.deepEqual(yield* store.insertJobs([row]), ["inserted"])
    assert.deepEqual({ ...(yield* jobOf(store, "a")) }, row)
  },

  "an id that exists is not added again": function*(store) {
    yield* store.insertJobs([job("a", { task: "First" })])
    assert.deepEqual(
      yield* store.insertJobs([job("a", { task: "Second", incarnation: "i2" }), job("b")]),
      ["exists", "inserted"]
    )
    assert.equal((yield* jobOf(store, "a")).task, "First")
  },

  "an id given twice is added once": function*(store) {
    const answers = yield* store.insertJobs([job("a", { task: "First" }), job("a", { task: "Second" })])
    assert.deepEqual(answers, ["inserted", "exists"])
    assert.equal((yield* jobOf(store, "a")).task, "First")
  },

  "nothing added is nothing answered": function*(store) {
    assert.deepEqual(yield* store.insertJobs([]), [])
    assert.deepEqual(yield* store.jobs({ limit: 10 }), [])
  },

  "an id that was removed is free again": function*(store) {
    yield* store.insertJobs([job("a")])
    yield* store.commit({ changes: [remove(job("a"))], now: at(0) })
    assert.deepEqual(yield* store.jobs({ limit: 10 }), [])
    assert.deepEqual(yield* store.insertJobs([job("a", { incarnation: "i2" })]), ["inserted"])
    assert.equal((yield* jobOf(store, "a")).incarnation, "i2")
  },

  "pages follow the code units of the ids": function*(store) {
    const ids = ["a", "B", "a/10", "a/2", "a%", "a_", "A", "ä", "z", "", "a b", "Ω"]
    yield* store.insertJobs(ids.map((id) => job(id)))
    const listed: Array<string> = []
    for (let after: string | undefined; listed.length <= ids.length;) {
      const page = yield* store.jobs({ limit: 5, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      assert.ok(page.length <= 5, "a page is no longer than its limit")
      listed.push(...idsOf(page))
      after = page[page.length - 1]!.id
    }
    assert.deepEqual(listed, ids.toSorted((a, b) => a < b ? -1 : 1))
  },

  "a listing follows what is added and removed": function*(store) {
    yield* store.insertJobs([job("a"), job("c")])
    assert.deepEqual(idsOf(yield* store.jobs({ limit: 10 })), ["a", "c"])
    yield* store.insertJobs([job("b")])
    assert.deepEqual(idsOf(yield* store.jobs({ limit: 10 })), ["a", "b", "c"])
    yield* store.commit({ changes: [remove(job("a"))], now: at(0) })
    assert.deepEqual(idsOf(yield* store.jobs({ limit: 10 })), ["b", "c"])
  },

  "a prefix is text, not a pattern": function*(store) {
    yield* store.insertJobs(["a", "a%", "a%b", "a_c", "ab", "A%", "a%\uffff", "b"].map((id) => job(id)))
    assert.deepEqual(idsOf(yield* store.jobs({ prefix: "a%", limit: 10 })), ["a%", "a%b", "a%\uffff"])
    assert.deepEqual(idsOf(yield* store.jobs({ prefix: "a_", limit: 10 })), ["a_c"])
    assert.deepEqual(idsOf(yield* store.jobs({ prefix: "a%", after: "a%", limit: 1 })), ["a%b"])
    assert.deepEqual(idsOf(yield* store.jobs({ prefix: "a", after: "0", limit: 1 })), ["a"])
    assert.deepEqual(idsOf(yield* store.jobs({ prefix: "a", after: "b", limit: 10 })), [])
  },

  "filters are all applied": function*(store) {
    yield* store.insertJobs([
      job("a", { task: "X" }),
      job("b", { task: "Y" }),
      job("c", { task: "X", state: "paused", nextDue: null }),
      job("d", { task: "X", tz: "1999z" })
    ])
    assert.deepEqual(idsOf(yield* store.jobs({ task: "X", limit: 10 })), ["a", "c", "d"])
    assert.deepEqual(idsOf(yield* store.jobs({ task: "X", state: "active", limit: 10 })), ["a", "d"])
    assert.deepEqual(idsOf(yield* store.jobs({ state: "paused", limit: 10 })), ["c"])
    assert.deepEqual(idsOf(yield* store.jobs({ exceptTz: job("a").tz, limit: 10 })), ["d"])
    assert.deepEqual(idsOf(yield* store.jobs({ exceptTz: "1999z", state: "active", limit: 1 })), ["a"])
    assert.deepEqual(idsOf(yield* store.jobs({ ids: ["d", "b", "nobody", "d"], limit: 10 })), ["b", "d"])
    assert.deepEqual(idsOf(yield* store.jobs({ ids: ["d", "b", "a"], after: "a", task: "X", limit: 10 })), ["d"])
    assert.deepEqual(idsOf(yield* store.jobs({ ids: [], limit: 10 })), [])
  },

  "a change shows in the row": function*(store) {
    yield* store.insertJobs([job("a"), job("b"), job("c")])
    yield* store.commit({
      changes: [
        advance(job("a"), at(1000)),
        replace(job("b"), { task: "Other", state: "paused", nextDue: null, pause: "{}", updated: at(9) }),
        exhaust(job("c"), at(1000))
      ],
      now: at(1000)
    })
    const [a, b, c] = yield* store.jobs({ limit: 3 })
    assert.deepEqual({ ...a }, {
      ...job("a"),
      revision: 2,
      cursor: at(1000),
      nextNominal: at(2000),
      nextDue: at(2000),
      updated: at(1000)
    })
    assert.deepEqual({ ...b }, {
      ...job("b"),
      revision: 2,
      task: "Other",
      state: "paused",
      nextDue: null,
      pause: "{}",
      updated: at(9)
    })
    assert.deepEqual({ ...c }, {
      ...job("c"),
      revision: 2,
      cursor: at(1000),
      nextNominal: null,
      nextDue: null,
      state: "done",
      updated: at(1000)
    })
  },

  "a replacement cannot change who the job is": function*(store) {
    yield* store.insertJobs([job("a")])
    const impostor = replace(job("a"), { id: "b", incarnation: "i9", revision: 40, created: at(77), payload: "[]" })
    assert.deepEqual(yield* store.commit({ changes: [impostor], now: at(0) }), ["ok"])
    assert.deepEqual((yield* store.jobs({ limit: 10 })).map((row) => ({ ...row })), [
      { ...job("a"), revision: 2, payload: "[]" }
    ])
  },

  "another job takes a job's place in one step": function*(store) {
    const a = job("a")
    yield* store.insertJobs([a, job("b")])
    yield* store.commit({ changes: [advance(a, at(1000), { runs: [occurrence(a, at(1000))] })], now: at(1000) })
    const successor = {
      incarnation: "i9",
      created: at(77),
      cursor: null,
      payload: "[]",
      nextDue: at(5000),
      revision: 0
    }
    const change = renew({ ...a, revision: 2 }, successor, { cancel: { reason: "replaced", by: "me" } })
    assert.deepEqual(yield* store.commit({ changes: [change], now: at(1500) }), ["ok"])
    assert.deepEqual(yield* store.commit({ changes: [change], now: at(1500) }), ["stale"])
    const [stored] = yield* store.jobs({ ids: ["a"], limit: 1 })
    assert.deepEqual({ ...stored! }, { ...a, ...successor, revision: 3 })
    // What was going belonged to the one before.
    const [run] = yield* store.runs({ job: "a", limit: 10 })
    assert.deepEqual([run!.incarnation, run!.state, run!.outcome], [a.incarnation, "done", "cancelled"])
    const { jobs } = yield* store.due({ now: at(5000), limit: 10 })
    assert.deepEqual(jobs.map(({ going, job }) => [job.id, going]).filter(([id]) => id === "a"), [["a", 0]])
  }
})
