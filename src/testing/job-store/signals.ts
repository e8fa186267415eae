/** Hints for those who wait. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Service, Signal } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { chapter, claim } from "./case.ts"
import { advance, at, done, job, occurrence, release, replace, run } from "./rows.ts"

/** Ends when the hint has come; a store that never gives it does not end, and its stream must not end either. */
const heard = (store: Service, isWanted: (signal: Signal) => boolean): Effect.Effect<void, StoreError> =>
  Effect.map(Stream.runHead(Stream.filter(store.signals, isWanted)), (hint) => {
    assert.ok(Option.isSome(hint), "the stream of signals has ended")
  })

/** Carries out the verbs while somebody listens. */
const hinted = Effect.fnUntraced(function*(
  store: Service,
  isWanted: (signal: Signal) => boolean,
  verbs: Effect.Effect<unknown, StoreError>
) {
  const listener = yield* Effect.forkChild(heard(store, isWanted), { startImmediately: true })
  yield* Effect.yieldNow
  yield* verbs
  yield* Fiber.join(listener)
})

const names = (tag: "cancel" | "settled", id: string) => (signal: Signal): boolean =>
  signal._tag === tag && signal.runs.includes(id)

const request = { reason: "r", by: "b" }

export const signals = chapter("signals", {
  "an added job is hinted at": function*(store) {
    yield* hinted(store, ({ _tag }) => _tag === "jobs", store.insertJobs([job("a")]))
  },

  "a changed job is hinted at": function*(store) {
    yield* store.insertJobs([job("a")])
    const commit = store.commit({ changes: [replace(job("a"), { nextDue: at(500) })], now: at(100) })
    yield* hinted(store, ({ _tag }) => _tag === "jobs", commit)
  },

  "a planned run is hinted at": function*(store) {
    yield* store.insertJobs([job("a")])
    const commit = store.commit({
      changes: [advance(job("a"), at(1000), { runs: [occurrence(job("a"), at(1000))] })],
      now: at(1000)
    })
    yield* hinted(store, ({ _tag }) => _tag === "ready", commit)
  },

  "an enqueued run is hinted at, even when it is to wait": function*(store) {
    const enqueue = store.enqueue({ runs: [run("a", { readyAt: at(100) })], now: at(0) })
    yield* hinted(store, ({ _tag }) => _tag === "ready", enqueue)
  },

  "one that is not claimed as it arrives is hinted at": function*(store) {
    yield* store.enqueue({ runs: [run("first")], now: at(0) })
    const arrive = store.enqueue({ runs: [run("a")], node: "n1", now: at(0) })
    yield* hinted(store, ({ _tag }) => _tag === "ready", arrive)
  },

  "a settled run is hinted at": function*(store) {
    yield* store.enqueue({ runs: [run("a")], now: at(0) })
    const [claimed] = yield* claim(store, at(1))
    yield* hinted(store, names("settled", "a"), store.settle({ settlements: [done(claimed!, at(2))], now: at(2) }))
  },

  "a run that is handed back or promoted is hinted at": function*(store) {
    const isReady = ({ _tag }: Signal) => _tag === "ready"
    yield* store.enqueue({ runs: [1, 2].map((n) => occurrence(job("a"), at(n), { serial: 1 })), now: at(10) })
    const [first] = yield* claim(store, at(10))
    yield* hinted(store, isReady, store.settle({ settlements: [release(first!)], now: at(11) }))
    const [again] = yield* claim(store, at(12))
    yield* hinted(store, isReady, store.settle({ settlements: [done(again!, at(13))], now: at(13) }))
  },

  "cancelled and flagged runs are hinted at": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b")], now: at(0) })
    yield* claim(store, at(1), 1)
    const cancel = (id: string) => store.cancel({ runs: [id], request, now: at(2) })
    yield* hinted(store, names("cancel", "a"), cancel("a"))
    yield* hinted(store, names("settled", "b"), cancel("b"))
  },

  "what cancelling along with a decision does is hinted at": function*(store) {
    yield* store.insertJobs([job("a")])
    const runs = [1, 2].map((n) => occurrence(job("a"), at(n)))
    yield* store.enqueue({ runs, now: at(10) })
    yield* claim(store, at(10), 1)
    const commit = store.commit({ changes: [advance(job("a"), at(1000), { cancel: request })], now: at(1000) })
    const wanted = [names("cancel", runs[0]!.id), names("settled", runs[1]!.id)]
    const seen = new Set<number>()
    yield* hinted(store, (signal) => {
      for (const [n, isWanted] of wanted.entries()) if (isWanted(signal)) seen.add(n)
      return seen.size === wanted.length
    }, commit)
  },

  "released and abandoned runs are hinted at": function*(store) {
    yield* store.enqueue({ runs: [run("a"), run("b", { atMostOnce: true })], now: at(0) })
    yield* claim(store, at(1), 1)
    const reap = store.reap({ now: at(100), includeExpired: true, limit: 10 })
    yield* hinted(store, ({ _tag }) => _tag === "ready", reap)
    yield* claim(store, at(101))
    yield* hinted(store, names("settled", "b"), store.leave({ node: "n1", now: at(102) }))
  },

  "everyone who listens gets the hints": function*(store) {
    const listen = heard(store, ({ _tag }) => _tag === "jobs")
    const listeners = yield* Effect.forEach(
      [1, 2, 3],
      () => Effect.forkChild(listen, { startImmediately: true })
    )
    yield* Effect.yieldNow
    yield* store.insertJobs([job("a")])
    for (const listener of listeners) yield* Fiber.join(listener)
  },

  "a flood that nobody reads does not stop the verbs": function*(store) {
    yield* Effect.forkChild(Stream.runForEach(store.signals, () => Effect.never), { startImmediately: true })
    yield* Effect.yieldNow
    for (let n = 0; n < 3000; n++) {
      yield* store.cancel({ runs: ["nobody"], request, now: at(n) })
      if (n % 2 === 0) yield* store.enqueue({ runs: [run(`r${n}`)], now: at(n) })
    }
  }
})
