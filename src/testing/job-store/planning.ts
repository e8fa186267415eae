/** Reading what is due, and committing decisions about it. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, jobOf, lane, runOf } from "./case.ts"
import { advance, at, done, exhaust, job, occurrence, remove, replace, run, verdict } from "./rows.ts"

export const planning = chapter("planning", {
  "nothing is due in an empty store": function*(store) {
    assert.deepEqual(yield* store.due({ now: at(0), limit: 10 }), { jobs: [], next: null })
  },

  "the longest due comes first, and the next instant is known": function*(store) {
    yield* store.insertJobs([
      job("a", { nextDue: at(3000) }),
      job("b", { nextDue: at(1000) }),
      job("c", { nextDue: at(2000) }),
      job("d", { nextDue: at(9000) }),
      job("e", { nextDue: at(8000) }),
      job("f", { nextDue: null, state: "paused" })
    ])
    const due = yield* store.due({ now: at(3000), limit: 10 })
    assert.deepEqual(due.jobs.map(({ job }) => job.id), ["b", "c", "a"])
    assert.equal(due.next, at(8000))
    assert.deepEqual(yield* store.due({ now: at(999), limit: 10 }), { jobs: [], next: at(1000) })
    assert.equal((yield* store.due({ now: at(9000), limit: 10 })).next, null)
  },

  "a paused job is due when its pause ends, if it has an end": function*(store) {
    yield* store.insertJobs([job("a"), job("b", { nextNominal: null, nextDue: at(2000), state: "paused" })])
    yield* store.commit({
      changes: [replace(job("a"), { state: "paused", nextNominal: null, nextDue: at(3000) })],
      now: at(500)
    })
    assert.equal((yield* store.due({ now: at(500), limit: 10 })).next, at(2000))
    const due = yield* store.due({ now: at(3000), limit: 10 })
    assert.deepEqual(due.jobs.map(({ job }) => [job.id, job.state, job.nextDue]), [
      ["b", "paused", at(2000)],
      ["a", "paused", at(3000)]
    ])
  },

  "no more than the limit, those that are due longest": function*(store) {
    yield* store.insertJobs(Array.from({ length: 20 }, (_, i) => job(`j${i}`, { nextDue: at((i * 7) % 20) })))
    const due = yield* store.due({ now: at(100), limit: 5 })
    assert.deepEqual(due.jobs.map(({ job }) => job.nextDue), [at(0), at(1), at(2), at(3), at(4)])
  },

  "reading decides nothing": function*(store) {
    yield* store.insertJobs([job("a")])
    const first = yield* store.due({ now: at(1000), limit: 10 })
    assert.deepEqual(yield* store.due({ now: at(1000), limit: 10 }), first)
  },

  "a due job comes with what is going of its incarnation": function*(store) {
    yield* store.insertJobs([job("a"), job("b")])
    const before = job("a", { incarnation: "i0" })
    yield* store.enqueue({
      runs: [
        occurrence(job("a"), at(1)),
        occurrence(job("a"), at(3), { serial: 1 }),
        occurrence(job("a"), at(2), { readyAt: at(99_000) }),
        occurrence(before, at(7)),
        run("adhoc")
      ],
      now: at(0)
    })
    const [claimed] = yield* claim(store, at(0), 1)
    assert.equal(claimed!.planned, at(0), "the ad-hoc run stands first in the queue")
    const due = yield* store.due({ now: at(1000), limit: 10 })
    const byId = new Map(due.jobs.map((entry) => [entry.job.id, entry]))
    has(byId.get("a")!, { going: 3, latest: occurrence(job("a"), at(3)).id })
    has(byId.get("b")!, { going: 0, latest: null })
  },

  "the newest that is going is the one planned last, then of the greatest id": function*(store) {
    yield* store.insertJobs([job("a")])
    const member = { job: "a", incarnation: "i1", planned: at(5) }
    yield* store.enqueue({
      runs: [run("r2", member), run("r1", member), run("r9", { ...member, planned: at(4) })],
      now: at(0)
    })
    assert.equal((yield* store.due({ now: at(1000), limit: 1 })).jobs[0]!.latest, "r2")
    yield* store.cancel({ runs: ["r2"], request: { reason: "r", by: "b" }, now: at(0) })
    assert.equal((yield* store.due({ now: at(1000), limit: 1 })).jobs[0]!.latest, "r1")
  },

  "a decision is carried out under the revision it was made on": function*(store) {
    yield* store.insertJobs([job("a")])
    assert.deepEqual(yield* store.commit({ changes: [advance(job("a"), at(1000))], now: at(1000) }), ["ok"])
    assert.equal((yield* jobOf(store, "a")).revision, 2)
    assert.deepEqual(yield* store.commit({ changes: [advance(job("a"), at(5000))], now: at(5000) }), ["stale"])
    assert.deepEqual(yield* store.commit({ changes: [advance(job("a", { revision: 3 }), at(5000))], now: at(5000) }), [
      "stale"
    ])
    has(yield* jobOf(store, "a"), { revision: 2, cursor: at(1000) })
  },

  "a decision about another incarnation or a job that is gone is stale": function*(store) {
    yield* store.insertJobs([job("a")])
    const changes = [
      advance(job("a", { incarnation: "i0" }), at(1000)),
      remove(job("nobody")),
      exhaust(job("b"), at(1))
    ]
    assert.deepEqual(yield* store.commit({ changes, now: at(1000) }), ["stale", "stale", "stale"])
    assert.equal((yield* jobOf(store, "a")).revision, 1)
  },

  "a stale decision changes nothing at all": function*(store) {
    yield* store.insertJobs([job("a", { revision: 2 })])
    yield* store.enqueue({ runs: [occurrence(job("a"), at(1))], now: at(0) })
    const change = remove(job("a"), {
      runs: [occurrence(job("a"), at(1000))],
      verdicts: [verdict(job("a"), null, at(1000))],
      cancel: { reason: "removed", by: "test" }
    })
    assert.deepEqual(yield* store.commit({ changes: [change], now: at(1000) }), ["stale"])
    has(yield* jobOf(store, "a"), { revision: 2 })
    assert.deepEqual(idsOf(yield* store.runs({ limit: 10 })), [occurrence(job("a"), at(1)).id])
    assert.equal((yield* store.runs({ limit: 10 }))[0]!.state, "ready")
    assert.deepEqual(yield* store.verdicts({ job: "a", limit: 10 }), [])
  },

  "each decision of a batch stands for itself": function*(store) {
    yield* store.insertJobs([job("a"), job("b", { revision: 5 }), job("c")])
    const changes = ["a", "b", "c"].map((id) => advance(job(id), at(1000), { runs: [occurrence(job(id), at(1000))] }))
    assert.deepEqual(yield* store.commit({ changes, now: at(1000) }), ["ok", "stale", "ok"])
    assert.deepEqual((yield* store.runs({ limit: 10 })).map(({ job }) => job).toSorted(), ["a", "c"])
  },

  "a second decision on the same revision in one batch is stale": function*(store) {
    yield* store.insertJobs([job("a")])
    const changes = [advance(job("a"), at(1000)), advance(job("a"), at(2000))]
    assert.deepEqual(yield* store.commit({ changes, now: at(2000) }), ["ok", "stale"])
    has(yield* jobOf(store, "a"), { revision: 2, cursor: at(1000) })
  },

  "a moved job is due when it says, a paused or finished one never": function*(store) {
    yield* store.insertJobs([job("a"), job("b"), job("c")])
    yield* store.commit({
      changes: [
        advance(job("a"), at(1000)),
        replace(job("b"), { state: "paused", nextDue: null }),
        exhaust(job("c"), at(1000))
      ],
      now: at(1000)
    })
    assert.deepEqual(yield* store.due({ now: at(1500), limit: 10 }), { jobs: [], next: at(2000) })
    const b = yield* jobOf(store, "b")
    yield* store.commit({ changes: [replace(b, { state: "active", nextDue: at(1200) })], now: at(1500) })
    assert.deepEqual((yield* store.due({ now: at(1500), limit: 10 })).jobs.map(({ job }) => job.id), ["b"])
  },

  "a removed job is gone, and its runs and verdicts are not": function*(store) {
    yield* store.insertJobs([job("a")])
    yield* store.commit({
      changes: [advance(job("a"), at(1000), { runs: [occurrence(job("a"), at(1000))] })],
      now: at(1000)
    })
    const removal = remove(yield* jobOf(store, "a"), {
      verdicts: [verdict(job("a"), at(1000), at(1500), { reason: "removed", count: 0 })]
    })
    assert.deepEqual(yield* store.commit({ changes: [removal], now: at(1500) }), ["ok"])
    assert.deepEqual(yield* store.due({ now: at(9000), limit: 10 }), { jobs: [], next: null })
    assert.equal((yield* runOf(store, occurrence(job("a"), at(1000)).id)).state, "ready")
    assert.equal((yield* store.verdicts({ job: "a", limit: 10 })).length, 1)
  },

  "a new run comes back as it was given": function*(store) {
    yield* store.insertJobs([job("a")])
    const given = occurrence(job("a"), at(1000), {
      taskVersion: 3,
      payload: `{"p":"ż"}`,
      policy: `{"q":1}`,
      boost: 250,
      serial: 4,
      limits: [{ key: "a", max: 1 }, { key: "task:Ł", max: 3 }],
      atMostOnce: true,
      uniqueKey: "key",
      uniqueWhile: "queued",
      trace: "00-ab-cd-01",
      created: at(1001)
    })
    yield* store.commit({ changes: [advance(job("a"), at(1000), { runs: [given] })], now: at(1001) })
    assert.deepEqual({ ...(yield* runOf(store, given.id)) }, {
      ...given,
      state: "ready",
      orderAt: at(750),
      fence: 0,
      attempt: 0,
      attempts: "[]",
      node: null,
      cancel: null,
      claimed: null,
      started: null,
      finished: null,
      outcome: null,
      result: null,
      progress: null,
      log: null,
      expiresAt: null
    })
  },

  "instants far away are kept to the millisecond": function*(store) {
    const [never, last, first] = [Date.parse("9999-12-31T23:59:59.999Z"), 8_639_999_999_999_999, -62_135_596_799_999]
    const kept = { cursor: first, nextNominal: never, nextDue: never, updated: never, created: first, anchor: first }
    yield* store.insertJobs([job("a", kept)])
    has(yield* jobOf(store, "a"), kept)
    assert.equal((yield* store.due({ now: at(0), limit: 10 })).next, never)
    const stretch = verdict(job("a"), first, never)
    const given = occurrence(job("a"), last, { readyAt: last, retention: last, boost: never })
    const change = advance(job("a", kept), never, { verdicts: [stretch], runs: [given] })
    assert.deepEqual(yield* store.commit({ changes: [change], now: at(0) }), ["ok"])
    assert.equal((yield* jobOf(store, "a")).cursor, never)
    has(yield* runOf(store, given.id), given)
    assert.equal((yield* store.claim({ node: "n1", lanes: [lane], limit: 0, now: at(0) })).next, last)
    const continued = verdict(job("a"), never, last)
    const further = advance(job("a", { ...kept, revision: 2 }), last, { verdicts: [continued] })
    assert.deepEqual(yield* store.commit({ changes: [further], now: at(0) }), ["ok"])
    const [range] = yield* store.verdicts({ job: "a", limit: 10 })
    has(range!, { from: first, to: last })
    const [claimed] = yield* claim(store, last)
    has(claimed!, { planned: last, claimed: last, retention: last })
  },

  "an occurrence is never decided twice, not even when its run is over": function*(store) {
    yield* store.insertJobs([job("a")])
    const first = occurrence(job("a"), at(1000), { payload: "1" })
    yield* store.commit({ changes: [advance(job("a"), at(1000), { runs: [first] })], now: at(1000) })
    const [claimed] = yield* claim(store, at(1000))
    yield* store.settle({ settlements: [done(claimed!, at(1100))], now: at(1100) })
    const row = yield* runOf(store, first.id)
    const again = { ...first, payload: "2" }
    const answer = yield* store.commit({
      changes: [advance(yield* jobOf(store, "a"), at(2000), { runs: [again] })],
      now: at(2000)
    })
    assert.deepEqual(answer, ["ok"], "the decision itself is carried out")
    assert.deepEqual(yield* runOf(store, first.id), row)
    assert.equal((yield* store.runs({ limit: 10 })).length, 1)
  },

  "a run whose unique key is taken is left out of the decision": function*(store) {
    yield* store.insertJobs([job("a")])
    yield* store.enqueue({ runs: [run("holder", { uniqueKey: "k" })], now: at(0) })
    const runs = [occurrence(job("a"), at(1000), { uniqueKey: "k" }), occurrence(job("a"), at(1001))]
    assert.deepEqual(yield* store.commit({ changes: [advance(job("a"), at(1001), { runs })], now: at(1001) }), ["ok"])
    assert.deepEqual(idsOf(yield* store.runs({ job: "a", limit: 10 })), [runs[1]!.id])
  },

  "cancelling along with a decision spares the runs it adds": function*(store) {
    yield* store.insertJobs([job("a")])
    const old = [occurrence(job("a"), at(1)), occurrence(job("a"), at(2))]
    const other = occurrence(job("a", { incarnation: "i0" }), at(3))
    yield* store.enqueue({ runs: [...old, other], now: at(0) })
    yield* claim(store, at(0), 1)
    const fresh = occurrence(job("a"), at(1000), { serial: 1 })
    yield* store.commit({
      changes: [advance(job("a"), at(1000), { runs: [fresh], cancel: { reason: "newer", by: "plan" } })],
      now: at(1000)
    })
    const running = yield* runOf(store, old[0]!.id)
    has(running, { state: "running" })
    assert.deepEqual(JSON.parse(running.cancel!), { reason: "newer", by: "plan" })
    has(yield* runOf(store, old[1]!.id), { state: "done", outcome: "cancelled", finished: at(1000) })
    has(yield* runOf(store, fresh.id), { state: "blocked", cancel: null })
    has(yield* runOf(store, other.id), { state: "ready" })
  },

  "verdicts that differ tile the time line": function*(store) {
    yield* store.insertJobs([job("a")])
    const verdicts = [
      verdict(job("a"), null, at(1000), { kind: "missed", reason: "age", count: 3 }),
      verdict(job("a"), at(1000), at(2000), { kind: "coalesced", reason: "latest", ref: "r" }),
      verdict(job("a"), at(2000), at(3000))
    ]
    yield* store.commit({ changes: [advance(job("a"), at(3000), { verdicts })], now: at(3000) })
    const rows = yield* store.verdicts({ job: "a", limit: 10 })
    assert.deepEqual(rows.map((row) => ({ ...row })), verdicts.toReversed())
  },

  "an equal verdict that continues the last one extends it": function*(store) {
    yield* store.insertJobs([job("a")])
    let row = yield* jobOf(store, "a")
    for (const to of [1000, 2000, 3000]) {
      const from = to === 1000 ? null : at(to - 1000)
      yield* store.commit({ changes: [advance(row, at(to), { verdicts: [verdict(row, from, at(to))] })], now: at(to) })
      row = yield* jobOf(store, "a")
    }
    const rows = yield* store.verdicts({ job: "a", limit: 10 })
    assert.deepEqual(rows.map(({ count, from, to }) => ({ count, from, to })), [{ count: 3, from: null, to: at(3000) }])
  },

  "what a verdict goes back to is kept, and equal notes make one stretch": function*(store) {
    yield* store.insertJobs([job("a")])
    const note = `{"reason":"\u017cniwa","by":"me"}`
    const verdicts = [
      verdict(job("a"), null, at(1000), { reason: "paused", note }),
      verdict(job("a"), at(1000), at(2000), { reason: "paused", note })
    ]
    yield* store.commit({ changes: [advance(job("a"), at(2000), { verdicts })], now: at(2000) })
    assert.deepEqual(
      (yield* store.verdicts({ job: "a", limit: 10 })).map(({ count, from, note, to }) => ({ count, from, note, to })),
      [{ count: 2, from: null, note, to: at(2000) }]
    )
  },

  "verdicts of one decision extend each other, and an unknown count stays unknown": function*(store) {
    yield* store.insertJobs([job("a")])
    const verdicts = [
      verdict(job("a"), null, at(1000), { count: 2 }),
      verdict(job("a"), at(1000), at(2000), { count: null }),
      verdict(job("a"), at(2000), at(3000), { count: 5 })
    ]
    yield* store.commit({ changes: [advance(job("a"), at(3000), { verdicts })], now: at(3000) })
    const rows = yield* store.verdicts({ job: "a", limit: 10 })
    assert.deepEqual(rows.map(({ count, from, to }) => ({ count, from, to })), [{
      count: null,
      from: null,
      to: at(3000)
    }])
  },

  "a gap, another reason, kind, ref, note or incarnation begins a new stretch": function*(store) {
    yield* store.insertJobs([job("a")])
    const other = job("a", { incarnation: "i0" })
    const verdicts = [
      verdict(job("a"), at(0), at(10)),
      verdict(job("a"), at(20), at(30)),
      verdict(job("a"), at(30), at(40), { reason: "paused" }),
      verdict(job("a"), at(40), at(50), { reason: "paused", kind: "missed" }),
      verdict(job("a"), at(50), at(60), { reason: "paused", kind: "missed", ref: "r" }),
      verdict(job("a"), at(60), at(65), { reason: "paused", kind: "missed", ref: "r", note: `{"by":"me"}` }),
      verdict(job("a"), at(65), at(67), { reason: "paused", kind: "missed", ref: "r", note: `{"by":"you"}` }),
      verdict(other, at(67), at(70), { reason: "paused", kind: "missed", ref: "r", note: `{"by":"you"}` })
    ]
    yield* store.commit({ changes: [advance(job("a"), at(3000), { verdicts })], now: at(3000) })
    assert.deepEqual(
      (yield* store.verdicts({ job: "a", limit: 10 })).map(({ to }) => to),
      [at(70), at(67), at(65), at(60), at(50), at(40), at(30), at(10)]
    )
  }
})
