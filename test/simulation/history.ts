/**
 * What a simulation leaves behind for the checker: what the store did, as seen from inside it, and what handlers and callers saw.
 */
import { Effect, Stream } from "effect"
import type { JobStore, SchedulerError } from "effect-scheduler"

/** An attempt as its handler knows it. */
export interface Attempt {
  readonly node: string
  readonly run: string
  readonly fence: number
  readonly job: string | undefined
  readonly attempt: number
}

export type Happening =
  | { readonly _tag: "inserted"; readonly row: JobStore.JobRow }
  | { readonly _tag: "committed"; readonly change: JobStore.Change; readonly now: number }
  | { readonly _tag: "enqueued"; readonly run: JobStore.NewRun }
  | { readonly _tag: "claimed"; readonly row: JobStore.RunRow }
  | { readonly _tag: "settled"; readonly settlement: JobStore.Settlement; readonly done: boolean }
  | { readonly _tag: "cancelled"; readonly runs: ReadonlyArray<string> }
  | { readonly _tag: "taken"; readonly runs: ReadonlyArray<string>; readonly abandoned: ReadonlyArray<string> }
  | { readonly _tag: "left"; readonly node: string }
  | { readonly _tag: "started"; readonly attempt: Attempt }
  | { readonly _tag: "ended"; readonly attempt: Attempt }
  | { readonly _tag: "crashed"; readonly node: string }
  | { readonly _tag: "healthy"; readonly node: string; readonly since: number | undefined }
  /** A call of `remove` returned: the change was tagged with `by`. */
  | {
    readonly _tag: "removed"
    readonly by: string
    readonly own: string | undefined
    readonly abandoned: ReadonlyArray<string>
  }

export type See = (happening: Happening) => void

/** Does and tells in one step, so that nobody acts on what is not told yet. */
const told = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>, tell: (answer: A) => void): Effect.Effect<A> =>
  Effect.sync(() => {
    const answer = Effect.runSync(verb)
    tell(answer)
    return answer
  })

/** A store, each of whose verbs is one step, that tells what it did. */
export const recorded = (store: JobStore.Service, see: See): JobStore.Service => ({
  ...store,
  // A hint is published within the step of which it tells: it must not be heard before the step is over.
  signals: Stream.tap(store.signals, () => Effect.yieldNow),
  insertJobs: (rows) =>
    told(store.insertJobs(rows), (answers) => {
      for (const [i, row] of rows.entries()) if (answers[i] === "inserted") see({ _tag: "inserted", row })
    }),
  commit: (request) =>
    told(store.commit(request), (answers) => {
      for (const [i, change] of request.changes.entries()) {
        if (answers[i] === "ok") see({ _tag: "committed", change, now: request.now })
      }
    }),
  enqueue: (request) =>
    told(store.enqueue(request), (answers) => {
      for (const [i, run] of request.runs.entries()) if (answers[i] === "added") see({ _tag: "enqueued", run })
    }),
  claim: (request) =>
    told(store.claim(request), ({ runs }) => {
      for (const row of runs) see({ _tag: "claimed", row })
    }),
  settle: (request) =>
    told(store.settle(request), (answers) => {
      for (const [i, settlement] of request.settlements.entries()) {
        if (answers[i] !== "ok" && answers[i] !== "cancelled") continue
        const [row] = Effect.runSync(store.runs({ ids: [settlement.run], limit: 1 }))
        see({ _tag: "settled", settlement, done: row?.state === "done" })
      }
    }),
  cancel: (request) => told(store.cancel(request), ({ settled }) => see({ _tag: "cancelled", runs: settled })),
  reap: (request) =>
    told(store.reap(request), ({ abandoned, released }) => {
      if (abandoned.length + released.length > 0) see({ _tag: "taken", runs: [...abandoned, ...released], abandoned })
    }),
  leave: (request) => told(store.leave(request), () => see({ _tag: "left", node: request.node }))
})
