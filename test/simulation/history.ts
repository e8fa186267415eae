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
  | {
    readonly _tag: "committed"
    readonly change: JobStore.Change
    readonly now: number
    /** The runs that its cancellation has ended. */
    readonly ended: ReadonlyArray<string>
  }
  | { readonly _tag: "enqueued"; readonly run: JobStore.NewRun }
  /** A run took the place of one that waited, whose id it has now. */
  | { readonly _tag: "replaced"; readonly run: JobStore.NewRun }
  | { readonly _tag: "claimed"; readonly row: JobStore.RunRow; readonly onArrival?: true }
  | { readonly _tag: "settled"; readonly settlement: JobStore.Settlement; readonly done: boolean }
  | { readonly _tag: "cancelled"; readonly runs: ReadonlyArray<string> }
  | { readonly _tag: "taken"; readonly runs: ReadonlyArray<string>; readonly abandoned: ReadonlyArray<string> }
  | { readonly _tag: "left"; readonly node: string; readonly abandoned: ReadonlyArray<string> }
  /** Runs were forgotten: as they were then, and those that are remembered. */
  | {
    readonly _tag: "swept"
    readonly rows: ReadonlyArray<JobStore.RunRow>
    readonly kept: ReadonlyArray<JobStore.RunRow>
    readonly now: number
  }
  /** A rate was asked for starts. */
  | { readonly _tag: "granted"; readonly want: JobStore.Want; readonly granted: number }
  /** A run that was done goes again; `outcome` is what it had come to. */
  | { readonly _tag: "revived"; readonly run: string; readonly outcome: string }
  /** Somebody is about to ask for a run to go again, or for all. */
  | { readonly _tag: "asked"; readonly call: number; readonly run: string | undefined }
  /** Somebody asks for a run, and is answered with one that stands for what they asked for. */
  | { readonly _tag: "requesting"; readonly call: number }
  | {
    readonly _tag: "requested"
    readonly call: number
    readonly run: string
    readonly uniqueKey: string | undefined
  }
  /** Somebody asks for the end of a run, and is told that it has ended. */
  | { readonly _tag: "cancelling"; readonly call: number; readonly run: string }
  | { readonly _tag: "ceased"; readonly call: number; readonly run: string }
  /** A handler asks to be run again at an instant. */
  | { readonly _tag: "snoozed"; readonly attempt: Attempt; readonly until: number }
  /** What a handler wrote in a transaction was committed, and with it the end of its run. */
  | { readonly _tag: "wrote"; readonly attempt: Attempt }
  /** Somebody is about to let a job out of quarantine, and is told that it is. */
  | { readonly _tag: "releasing" | "released"; readonly call: number; readonly job: string }
  /** A call of `redrive` returned. */
  | { readonly _tag: "redriven"; readonly call: number; readonly run: string }
  | { readonly _tag: "started"; readonly attempt: Attempt }
  | { readonly _tag: "ended"; readonly attempt: Attempt }
  /** A node starts with a program of a version. */
  | { readonly _tag: "joined"; readonly node: string; readonly version: number }
  | { readonly _tag: "crashed"; readonly node: string }
  /** The clock of the machine was set. */
  | { readonly _tag: "stepped"; readonly by: number }
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
export const recorded = (store: JobStore.Service, see: See): JobStore.Service => {
  const select = (query: Omit<JobStore.RunQuery, "limit">) => Effect.runSync(store.runs({ ...query, limit: 1_000_000 }))
  const idsOf = (rows: ReadonlyArray<JobStore.RunRow>) => rows.map(({ id }) => id)
  const doneOf = (ids: ReadonlyArray<string>) => ids.length === 0 ? [] : idsOf(select({ ids, going: false }))
  return {
    ...store,
    // A hint is published within the step of which it tells: it must not be heard before the step is over.
    signals: Stream.tap(store.signals, () => Effect.yieldNow),
    insertJobs: (rows) =>
      told(store.insertJobs(rows), (answers) => {
        for (const [i, row] of rows.entries()) if (answers[i] === "inserted") see({ _tag: "inserted", row })
      }),
    commit: (request) =>
      Effect.suspend(() => {
        const going = request.changes.map(({ cancel, incarnation, job }) =>
          cancel === null ? [] : idsOf(select({ job, incarnation, going: true }))
        )
        return told(store.commit(request), (answers) => {
          for (const [i, change] of request.changes.entries()) {
            if (answers[i] === "ok") see({ _tag: "committed", change, now: request.now, ended: doneOf(going[i]!) })
          }
        })
      }),
    enqueue: (request) =>
      told(store.enqueue(request), (answers) => {
        for (const [i, run] of request.runs.entries()) {
          if (answers[i] === "added" || answers[i] === "claimed") see({ _tag: "enqueued", run })
          if (answers[i] === "claimed") see({ _tag: "claimed", row: select({ ids: [run.id] })[0]!, onArrival: true })
          else if (answers[i] === "replaced") {
            const [holder] = select({ uniqueKey: run.uniqueKey! })
            see({ _tag: "replaced", run: { ...run, id: holder!.id } })
          }
        }
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
    leave: (request) =>
      Effect.suspend(() => {
        const held = idsOf(select({ going: true }).filter(({ node }) => node === request.node))
        return told(store.leave(request), () => see({ _tag: "left", node: request.node, abandoned: doneOf(held) }))
      }),
    sweep: (request) =>
      Effect.suspend(() => {
        const before = select({})
        return told(store.sweep(request), () => {
          const kept = select({})
          const left = new Set(idsOf(kept))
          see({ _tag: "swept", rows: before.filter(({ id }) => !left.has(id)), kept, now: request.now })
        })
      }),
    take: (request) =>
      told(store.take(request), (answers) => {
        for (const [i, want] of request.wants.entries()) see({ _tag: "granted", want, granted: answers[i]!.granted })
      }),
    revive: (request) =>
      Effect.suspend(() => {
        const outcomes = new Map(select({ ids: request.runs }).map(({ id, outcome }) => [id, outcome]))
        return told(store.revive(request), (answers) => {
          for (const [i, run] of request.runs.entries()) {
            if (answers[i] === "revived") see({ _tag: "revived", run, outcome: outcomes.get(run)! })
          }
        })
      })
  }
}
