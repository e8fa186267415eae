/**
 * Transactions of handlers: what a handler settles in one is carried out when it commits, in one step with its writes, or never.
 */
import { Context, Effect, Option } from "effect"
import { type JobStore, SchedulerError } from "effect-scheduler"
import type { Link } from "./link.ts"

interface Open extends JobStore.Transaction {
  readonly settled: Array<Parameters<JobStore.Service["settle"]>[0]>
  readonly after: Array<Effect.Effect<void>>
}

class OpenTransaction extends Context.Service<OpenTransaction, Open>()("simulation/OpenTransaction") {}

const open = Effect.map(Effect.serviceOption(OpenTransaction), Option.getOrUndefined)

const conflict = new SchedulerError.StoreError({ verb: "commit", retryable: true, message: "somebody was faster" })

/** A store whose `settle` joins the caller's transaction. */
export const transactional = (store: JobStore.Service): JobStore.Service => ({
  ...store,
  transaction: open,
  settle: (request) =>
    Effect.flatMap(open, (transaction) => {
      if (transaction === undefined) return store.settle(request)
      transaction.settled.push(request)
      return Effect.map(
        store.runs({ ids: request.settlements.map(({ run }) => run), limit: request.settlements.length }),
        (rows) =>
          request.settlements.map(({ fence, run }) => {
            const row = rows.find(({ id }) => id === run)
            return row?.fence !== fence ? "stale" : row.state === "running" ? "ok" : "already"
          })
      )
    })
})

/** Carries out a handler's body in a transaction; `wrote` tells that it was committed. */
export const inTransaction = <A, E, R>(
  link: Link,
  store: JobStore.Service,
  body: Effect.Effect<A, E, R>,
  wrote: () => void
): Effect.Effect<A, E | SchedulerError.StoreError, R> =>
  Effect.suspend(() => {
    const after: Array<Effect.Effect<void>> = []
    const transaction: Open = {
      settled: [],
      after,
      afterCommit: (effect) => Effect.sync(() => void after.push(effect))
    }
    const commit = Effect.suspend(() => {
      for (const request of transaction.settled) {
        const answers = Effect.runSync(store.settle(request))
        if (answers.some((answer) => answer !== "ok")) return Effect.fail(conflict)
      }
      wrote()
      return Effect.void
    })
    return Effect.provideService(body, OpenTransaction, transaction).pipe(
      Effect.tap(() => Effect.andThen(link.through("commit", commit, undefined), Effect.all(after, { discard: true })))
    ) as Effect.Effect<A, E | SchedulerError.StoreError, R>
  })
