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
  /** Calls may never be answered, though they were carried out, or are later. */
  silent: boolean
  /** The process is dead: whatever is left of it talks to nobody. */
  dead: boolean
}

export type Weather = Partial<Pick<Link, "cut" | "flaky" | "silent" | "slow">>

const failed = (verb: string) => new SchedulerError.StoreError({ verb, retryable: true, message: "the link" })

/** The longest that a call or a reply may take, in milliseconds. */
const late = 12_000

/** And on a slow way: longer than a lease. */
export const slowest = 25_000

/** The longest that a call may be on its way which is not answered, in milliseconds; and no call is waited for longer by those who give up. */
export const longestSilence = 60_000

/** More often longer than a beat. */
const paces = [500, 6_000, 6_000, slowest]

export const link = (store: JobStore.Service, random: Random): Link => {
  const state = { store, cut: false, flaky: false, slow: false, silent: false, dead: false }
  const pace = random.fork("pace")
  const silence = random.fork("silence")
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
  /** A verb of the store, whose callers are to give it up. */
  const asked = <A>(name: string, verb: Effect.Effect<A, SchedulerError.StoreError>, nothing: A) =>
    Effect.suspend(() => {
      if (!state.silent || state.dead || !silence.chance(0.5)) return through(name, verb, nothing)
      const late = silence.pick([0, silence.int(1, longestSilence), Infinity])
      // What is on its way does not care who still waits for it.
      const arrives = late === Infinity ? Effect.void : Effect.andThen(Effect.sleep(late), Effect.exit(verb))
      return Effect.andThen(Effect.forkDetach(arrives, { startImmediately: true }), Effect.never)
    })
  const idle = { runs: [], next: null }
  return Object.assign(state, {
    through,
    store: {
      ...store,
      insertJobs: (rows) => asked("insertJobs", store.insertJobs(rows), rows.map(() => "inserted" as const)),
      jobs: (query) => asked("jobs", store.jobs(query), []),
      due: (request) => asked("due", store.due(request), { jobs: [], next: null }),
      commit: (request) => asked("commit", store.commit(request), request.changes.map(() => "ok" as const)),
      enqueue: (request) => asked("enqueue", store.enqueue(request), request.runs.map(() => "added" as const)),
      claim: (request) => asked("claim", store.claim(request), idle),
      settle: (request) => asked("settle", store.settle(request), request.settlements.map(() => "stale" as const)),
      cancel: (request) => asked("cancel", store.cancel(request), { settled: [], flagged: [] }),
      runs: (query) => asked("runs", store.runs(query), []),
      verdicts: (query) => asked("verdicts", store.verdicts(query), []),
      beat: (node) => asked("beat", store.beat(node), []),
      leave: (request) => asked("leave", store.leave(request), undefined),
      reap: (request) => asked("reap", store.reap(request), { released: [], abandoned: [] }),
      take: (request) =>
        asked("take", store.take(request), request.wants.map(({ n }) => ({ granted: n, next: request.now }))),
      revive: (request) => asked("revive", store.revive(request), request.runs.map(() => "revived" as const)),
      note: (request) => asked("note", store.note(request), undefined),
      sweep: (request) => asked("sweep", store.sweep(request), 0),
      signals: Stream.flatMap(store.signals, (signal) => {
        if (state.cut || state.silent || state.dead || state.flaky && random.chance(0.1)) return Stream.empty
        return state.flaky && random.chance(0.1) ? Stream.make(signal, signal) : Stream.make(signal)
      })
    } satisfies JobStore.Service
  })
}

export const now = Clock.currentTimeMillis
