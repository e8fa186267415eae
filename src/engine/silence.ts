/**
 * Takes silence for failure: a store that neither answers nor fails in time (a network that drops packets, a server that stands still) is one
 * that cannot be reached, and all that is done in an outage is done then.
 *
 * A call that is given up is interrupted, and not waited for: a client that cannot let go of its connection would take the engine along. It may
 * have been carried out, or may be yet, as with any reply that is lost; verbs are safe to repeat.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as JobStore from "../JobStore.ts"
import { StoreError } from "../SchedulerError.ts"

/** For so many rows that a call writes it has its time anew: who schedules a hundred thousand jobs at once waits longer, and not in vain. */
const batch = 512

/** So many times the time has a call of which nobody knows how much it has to do. */
const unknown = 6

/** The store with a bound on the time of each call, in milliseconds; `Infinity`: as it is. */
export const within = (store: JobStore.Service, millis: number): JobStore.Service => {
  if (millis === Infinity) return store

  const heard = <A>(verb: string, call: Effect.Effect<A, StoreError>, times = 1): Effect.Effect<A, StoreError> => {
    const patience = times * millis
    const silence = Effect.suspend(() =>
      Effect.fail(new StoreError({ verb, retryable: true, message: `${verb} was not answered within ${patience} ms` }))
    )
    return Effect.flatMap(store.transaction, (open) =>
      open === undefined
        ? apart(call, patience, silence)
        // What goes on behind the caller's back could still write when he commits.
        : Effect.timeoutOrElse(call, { duration: patience, orElse: () => silence }))
  }

  return {
    capabilities: store.capabilities,
    transaction: store.transaction,
    clock: store.clock === undefined ? undefined : heard("clock", store.clock),
    insertJobs: (rows) => heard("insertJobs", store.insertJobs(rows), batches(rows.length)),
    jobs: (query) => heard("jobs", store.jobs(query), search(query)),
    due: (request) => heard("due", store.due(request)),
    commit: (request) => heard("commit", store.commit(request), extent(request.changes)),
    enqueue: (request) => heard("enqueue", store.enqueue(request), batches(request.runs.length)),
    take: (request) => heard("take", store.take(request)),
    claim: (request) => heard("claim", store.claim(request)),
    settle: (request) => heard("settle", store.settle(request), batches(request.settlements.length)),
    note: (request) => heard("note", store.note(request)),
    cancel: (request) =>
      heard(
        "cancel",
        store.cancel(request),
        request.runs === undefined ? unknown * batches(request.jobs?.length ?? 1) : batches(request.runs.length)
      ),
    revive: (request) => heard("revive", store.revive(request), batches(request.runs.length)),
    runs: (query) => heard("runs", store.runs(query), search(query)),
    verdicts: (query) => heard("verdicts", store.verdicts(query)),
    beat: (node) => heard("beat", store.beat(node)),
    leave: (request) => heard("leave", store.leave(request)),
    reap: (request) => heard("reap", store.reap(request)),
    sweep: (request) => heard("sweep", store.sweep(request), unknown),
    signals: store.signals
  }
}

/** What is not named is looked for, and may be the last of millions. */
const search = ({ ids }: { readonly ids?: ReadonlyArray<string> }): number => ids === undefined ? unknown : 1

const batches = (rows: number): number => Math.max(1, Math.ceil(rows / batch))

const extent = (changes: ReadonlyArray<JobStore.Change>): number => {
  let rows = 0
  let times = 1
  for (const { cancel, runs } of changes) {
    rows += 1 + runs.length
    if (cancel !== null) times = unknown
  }
  return times * batches(rows)
}

/** Waits for a call so long, and no longer where it cannot be interrupted. */
const apart = <A>(
  call: Effect.Effect<A, StoreError>,
  millis: number,
  silence: Effect.Effect<never, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(call, { startImmediately: true }), (fiber) => {
      const answer = fiber.pollUnsafe()
      if (answer !== undefined) return answer
      const ended = Effect.timeoutOption(Fiber.await(fiber), millis)
      const giveUp = Effect.sync(() => fiber.interruptUnsafe())
      // Who stops waiting still waits for it to stop: what it does must not come after what he does next.
      return Effect.flatMap(
        Effect.onInterrupt(restore(ended), () => Effect.andThen(giveUp, ended)),
        Option.match({ onNone: () => Effect.andThen(giveUp, silence), onSome: (exit) => exit })
      )
    })
  )
