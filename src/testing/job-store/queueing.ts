/** Adding runs and claiming them. */
import * as assert from "node:assert/strict"
import { chapter, claim, has, idsOf, lane, runOf, runsOf } from "./case.ts"
import { at, done, release, retry, run } from "./rows.ts"

const keyed = (id: string) => run(id, { uniqueKey: "k" })

export const queueing = chapter("enqueue and claim", {
  "a run is added once": function*(store) {
    const answer = yield* store.enqueue({
      runs: [run("a", { payload: "1" }), run("a", { payload: "2" }), run("b")],
      now: at(0)
    })
    assert.deepEqual(answer, ["added", "duplicate", "added"])
    assert.deepEqual(yield* store.enqueue({ runs: [run("a", { payload: "3" })], now: at(0) }), ["duplicate"])
    assert.equal((yield* runOf(store, "a")).payload, "1")
  },

  "a run that was refused takes neither its id nor its key": function*(store) {
    yield* store.enqueue({ runs: [run("taken"), run("holder", { uniqueKey: "held" })], now: at(0) })
    const runs = [
      run("taken", { uniqueKey: "k" }),
      run("a", { uniqueKey: "k" }),
      run("b", { uniqueKey: "held" }),
      run("b", { payload: "second" }),
      run("b", { payload: "third" })
    ]
    const answers = ["duplicate", "added", "duplicate", "added", "duplicate"]
    assert.deepEqual(yield* store.enqueue({ runs, now: at(0) }), answers)
    assert.equal((yield* runOf(store, "b")).payload, "second")
  },

  "an id stays taken when its run is over": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(0))
    yield* store.settle({ settlements: [done(claimed!, at(1))], now: at(1) })
    assert.deepEqual(yield* store.enqueue({ runs: [run("a")], now: at(2) }), ["duplicate"])
  },

  "a unique key is taken while its run is going": function*(store) {
    assert.deepEqual(
      yield* store.enqueue({ runs: [keyed("a"), keyed("b"), run("c", { uniqueKey: "other" })], now: at(0) }),
      ["added", "duplicate", "added"]
    )
    const [a] = yield* claim(store, at(0), 1)
    assert.deepEqual(yield* store.enqueue({ runs: [keyed("b")], now: at(1) }), ["duplicate"])
    yield* store.settle({ settlements: [retry(a!, at(100))], now: at(2) })
    assert.deepEqual(yield* store.enqueue({ runs: [keyed("b")], now: at(3) }), ["duplicate"])
    const [again] = (yield* claim(store, at(100))).filter(({ id }) => id === "a")
    yield* store.settle({ settlements: [done(again!, at(101))], now: at(101) })
    assert.deepEqual(yield* store.enqueue({ runs: [keyed("b")], now: at(102) }), ["added"])
    yield* store.cancel({ runs: ["b"], request: { reason: "r", by: "b" }, now: at(103) })
    assert.deepEqual(yield* store.enqueue({ runs: [keyed("d")], now: at(104) }), ["added"])
  },

  "the queue is in the order of orderAt, then of ids": function*(store) {
    yield* store.enqueue({
      runs: [
        run("d", { planned: at(300) }),
        run("c", { planned: at(200) }),
        run("b", { planned: at(200) }),
        run("a", { planned: at(250), readyAt: at(400) }),
        run("e", { planned: at(500), boost: 400 })
      ],
      now: at(1000)
    })
    assert.deepEqual(idsOf(yield* claim(store, at(1000), 2)), ["e", "b"])
    assert.deepEqual(idsOf(yield* claim(store, at(1000), 9)), ["c", "d", "a"])
    assert.deepEqual(idsOf(yield* claim(store, at(1000), 9)), [])
  },

  "a claimed run says by whom, when and under which fence": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(7), 1, "n7")
    has(claimed!, { state: "running", node: "n7", claimed: at(7), fence: 1, orderAt: null, attempt: 0, started: null })
    assert.deepEqual(yield* runOf(store, "a"), claimed)
  },

  "only the lanes asked for are served, together in one order": function*(store) {
    yield* store.enqueue({
      runs: [
        run("a", { lane: "x/A", planned: at(3) }),
        run("b", { lane: "x/B", planned: at(1) }),
        run("c", { lane: "x/C", planned: at(0) }),
        run("d", { lane: "x/A", planned: at(2) })
      ],
      now: at(10)
    })
    const serve = (lanes: ReadonlyArray<string>, limit: number) =>
      store.claim({ node: "n1", lanes, limit, now: at(10) })
    assert.deepEqual((yield* serve([], 10)).runs, [])
    assert.deepEqual((yield* serve(["x/D"], 10)).runs, [])
    assert.deepEqual(idsOf((yield* serve(["x/A", "x/B", "x/A"], 2)).runs), ["b", "d"])
    assert.deepEqual(idsOf((yield* serve(["x/A", "x/B"], 10)).runs), ["a"])
    assert.equal((yield* runOf(store, "c")).state, "ready")
  },

  "nothing is claimed beyond the limit": function*(store) {
    yield* store.enqueue({ runs: Array.from({ length: 20 }, (_, i) => run(`r${i}`)), now: at(0) })
    assert.equal((yield* claim(store, at(0), 0)).length, 0)
    assert.equal((yield* claim(store, at(0), 7)).length, 7)
    assert.equal((yield* claim(store, at(0), 70)).length, 13)
  },

  "a delayed run waits for its instant": function*(store) {
    yield* store.enqueue({
      runs: [run("a", { readyAt: at(100), boost: 30 }), run("b", { readyAt: at(200) })],
      now: at(0)
    })
    has(yield* runOf(store, "a"), { state: "waiting", orderAt: null, readyAt: at(100) })
    const serve = (now: number) => store.claim({ node: "n1", lanes: [lane], limit: 10, now: at(now) })
    assert.deepEqual(yield* serve(99), { runs: [], next: at(100) })
    const first = yield* serve(100)
    assert.deepEqual(idsOf(first.runs), ["a"])
    assert.equal(first.next, at(200))
    assert.equal((yield* serve(500)).next, null)
  },

  "a run that has waited stands where its instant and boost put it": function*(store) {
    yield* store.enqueue({
      runs: [
        run("waited", { readyAt: at(100), planned: at(0) }),
        run("boosted", { readyAt: at(120), planned: at(0), boost: 60 })
      ],
      now: at(50)
    })
    yield* store.enqueue({ runs: [run("early", { planned: at(99) }), run("late", { planned: at(101) })], now: at(150) })
    assert.deepEqual(idsOf(yield* claim(store, at(150))), ["boosted", "early", "waited", "late"])
  },

  "a run whose instant has come is ready when another lane is served": function*(store) {
    yield* store.enqueue({ runs: [run("a", { readyAt: at(100), boost: 30 })], now: at(0) })
    yield* store.claim({ node: "n1", lanes: [], limit: 1, now: at(100) })
    has(yield* runOf(store, "a"), { state: "ready", orderAt: at(70) })
  },

  "to look is not to claim: whether there is work now, and else when": function*(store) {
    const look = (now: number, lanes: ReadonlyArray<string> = [lane]) =>
      store.claim({ node: "n1", lanes, limit: 0, now: at(now) })
    assert.deepEqual(yield* look(0), { runs: [], next: null })
    yield* store.enqueue({
      runs: [run("later", { readyAt: at(200) }), run("waiting", { readyAt: at(100) }), run("other", { lane: "x/A" })],
      now: at(0)
    })
    assert.deepEqual(yield* look(99), { runs: [], next: at(100) })
    assert.deepEqual(yield* look(99, ["x/A"]), { runs: [], next: at(99) })
    assert.deepEqual(yield* look(99, ["x/B", "x/A"]), { runs: [], next: at(99) })
    assert.deepEqual(yield* look(99, []), { runs: [], next: at(100) })
    assert.deepEqual(yield* look(150), { runs: [], next: at(150) })
    has(yield* runOf(store, "other"), { state: "ready", fence: 0, node: null })
    assert.deepEqual(yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(1000) }), [])
    assert.deepEqual(idsOf(yield* claim(store, at(150))), ["waiting"])
    assert.deepEqual(yield* look(150), { runs: [], next: at(200) })
  },

  "what is newer than asked for is left where it stands, and what stands behind it is claimed": function*(store) {
    const newer = { taskVersion: 3 }
    yield* store.enqueue({
      runs: [
        run("a", { ...newer, planned: at(0) }),
        run("b", { planned: at(1) }),
        run("c", { taskVersion: 2, planned: at(2) }),
        run("d", { ...newer, planned: at(3) }),
        run("e", { planned: at(4) }),
        run("f", { ...newer, lane: "x/A", planned: at(5) }),
        run("g", { ...newer, readyAt: at(10) })
      ],
      now: at(5)
    })
    const serve = (lanes: ReadonlyArray<string>, version: number, limit: number) =>
      store.claim({ node: "n1", lanes, upTo: new Map([[lane, version]]), limit, now: at(20) })
    // what a lane holds of another one's says nothing
    assert.deepEqual(idsOf((yield* serve([lane, "x/A"], 1, 2)).runs), ["b", "e"])
    assert.deepEqual(idsOf((yield* serve([lane, "x/A"], 1, 2)).runs), ["f"])
    assert.deepEqual(yield* serve([lane], 1, 9), { runs: [], next: null })
    assert.deepEqual(idsOf((yield* serve([lane], 2, 9)).runs), ["c"])
    const [a, d, g] = yield* runsOf(store, "a", "d", "g")
    for (const left of [a, d, g]) has(left!, { state: "ready", fence: 0, node: null })
    assert.deepEqual([a!.orderAt, d!.orderAt, g!.orderAt], [at(0), at(3), at(10)])
    assert.deepEqual(idsOf((yield* serve([lane], 3, 1)).runs), ["a"])
    assert.deepEqual(idsOf(yield* claim(store, at(20))), ["d", "g"])
  },

  "what is newer than asked for is no work": function*(store) {
    const look = (now: number, version: number) =>
      store.claim({ node: "n1", lanes: ["x/A", lane], upTo: new Map([[lane, version]]), limit: 0, now: at(now) })
    const newer = run("a", { taskVersion: 2 })
    yield* store.enqueue({ runs: [newer, run("b", { readyAt: at(100) })], now: at(0) })
    assert.deepEqual(yield* look(0, 1), { runs: [], next: at(100) })
    assert.deepEqual(yield* look(0, 2), { runs: [], next: at(0) })
    assert.deepEqual(yield* look(100, 1), { runs: [], next: at(100) })
  },

  "behind a thousand that are newer than asked for others are found": function*(store) {
    const runs = Array.from({ length: 1000 }, (_, i) => run(`newer${i}`, { taskVersion: 2 }))
    const serve = store.claim({ node: "n1", lanes: [lane], upTo: new Map([[lane, 1]]), limit: 2, now: at(9) })
    yield* store.enqueue({ runs: [...runs, run("a", { planned: at(1) }), run("b", { planned: at(2) })], now: at(9) })
    assert.deepEqual(idsOf((yield* serve).runs), ["a", "b"])
  },

  "the fence grows with each claim": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    for (const fence of [1, 2, 3]) {
      const [claimed] = yield* claim(store, at(fence))
      assert.equal(claimed!.fence, fence)
      yield* store.settle({ settlements: [release(claimed!)], now: at(fence) })
    }
  }
})
