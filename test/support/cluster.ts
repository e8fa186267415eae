/**
 * Several nodes on one store, and a way to cut one off from it.
 */
import { Effect } from "effect"
import { type JobStore, MemoryJobStore, SchedulerError } from "effect-scheduler"
import { withVerbs } from "./world.ts"

/** A memory store that several nodes share, as a database is shared by processes. */
export const shared = Effect.map(
  MemoryJobStore.make(),
  (store) => withVerbs(store, (inner) => ({ capabilities: { ...inner.capabilities, shared: true } }))
)

export const times = { lease: "20 seconds", beat: "5 seconds", reap: "5 seconds" } as const

/** One node's view of a store that can be cut off from it, as by a lost network. */
export const link = (store: JobStore.Service) => {
  const state = { cut: false }
  const gone = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "cut off" })
  const cut = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
    Effect.suspend((): Effect.Effect<A, SchedulerError.StoreError> => state.cut ? Effect.fail(gone) : verb)
  return {
    state,
    store: withVerbs(store, (inner) => ({
      due: (request) => cut(inner.due(request)),
      commit: (request) => cut(inner.commit(request)),
      claim: (request) => cut(inner.claim(request)),
      settle: (request) => cut(inner.settle(request)),
      beat: (request) => cut(inner.beat(request)),
      reap: (request) => cut(inner.reap(request)),
      leave: (request) => cut(inner.leave(request))
    }))
  }
}
