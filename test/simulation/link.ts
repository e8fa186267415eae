/**
 * One node's way to the store, with all that can happen on it.
 */
import { Clock, Effect, Stream } from "effect"
import { type JobStore, SchedulerError } from "effect-scheduler"
import type { Random } from "./random.ts"

export interface Link {
  /** Carries out a verb over the link; one that is dead answers nothing, whatever that is. */
  readonly through: <A>(
    name: string,
    verb: Effect.Effect<A, SchedulerError.StoreError>,
    nothing: A
  ) => Effect.Effect<A, SchedulerError.StoreError>
  readonly store: JobStore.Service
  /** No call comes through, no reply comes back, no hint arrives. */
  cut: boolean
  /** Calls may fail, replies may be lost or late, hints may be lost or repeated. */
  flaky: boolean
  /** Calls and replies take their time, up to more than a lease. */
  slow: boolean
  /** The process is dead: whatever is left of it talks to nobody. */
  dead: boolean
}

export type Weather = Partial<Pick<Link, "cut" | "flaky" | "slow">>

const failed = (verb: string) => new SchedulerError.StoreError({ verb, retryable: true, message: "the link" })

/** The longest that a call or a reply may take, in milliseconds. */
const late = 12_000

/** And on a slow way: longer than a lease. */
export const slowest = 25_000

/** More often longer than a beat. */
const paces = [500, 6_000, 6_000, slowest]

export const link = (store: JobStore.Service, random: Random): Link => {
  const state = { store, cut: false, flaky: false, slow: false, dead: false }
  const pace = random.fork("pace")
  const way = Effect.suspend(() =>
    state.slow && pace.chance(0.5)
      ? Effect.sleep(pace.int(1, pace.pick(paces)))
      : state.flaky && random.chance(0.04)
      ? Effect.sleep(random.int(1, random.chance(0.3) ? late : 500))
      : Effect.void
  )
  const through = <A>(name: string, verb: Effect.Effect<A, SchedulerError.StoreError>, nothing: A) =>
    Effect.gen(function*() {
      yield* way
      if (state.dead) return nothing
      if (state.cut || state.flaky && random.chance(0.02)) return yield* failed(name)
      const answer = yield* verb
      yield* way
      if (state.dead) return nothing
      if (state.cut || state.flaky && random.chance(0.02)) return yield* failed(name)
      return answer
    })
  const idle = { runs: [], next: null }
  return Object.assign(state, {
    through,
    store: {
      ...store,
      insertJobs: (rows) => through("insertJobs", store.insertJobs(rows), rows.map(() => "inserted" as const)),
      jobs: (query) => through("jobs", store.jobs(query), []),
      due: (request) => through("due", store.due(request), { jobs: [], next: null }),
      commit: (request) => through("commit", store.commit(request), request.changes.map(() => "ok" as const)),
      enqueue: (request) => through("enqueue", store.enqueue(request), request.runs.map(() => "added" as const)),
      claim: (request) => through("claim", store.claim(request), idle),
      settle: (request) => through("settle", store.settle(request), request.settlements.map(() => "stale" as const)),
      cancel: (request) => through("cancel", store.cancel(request), { settled: [], flagged: [] }),
      runs: (query) => through("runs", store.runs(query), []),
      verdicts: (query) => through("verdicts", store.verdicts(query), []),
      beat: (node) => through("beat", store.beat(node), []),
      leave: (request) => through("leave", store.leave(request), undefined),
      reap: (request) => through("reap", store.reap(request), { released: [], abandoned: [] }),
      take: (request) =>
        through("take", store.take(request), request.wants.map(({ n }) => ({ granted: n, next: request.now }))),
      revive: (request) => through("revive", store.revive(request), request.runs.map(() => "revived" as const)),
      note: (request) => through("note", store.note(request), undefined),
      sweep: (request) => through("sweep", store.sweep(request), 0),
      signals: Stream.flatMap(store.signals, (signal) => {
        if (state.cut || state.dead || state.flaky && random.chance(0.1)) return Stream.empty
        return state.flaky && random.chance(0.1) ? Stream.make(signal, signal) : Stream.make(signal)
      })
    } satisfies JobStore.Service
  })
}

export const now = Clock.currentTimeMillis
