/**
 * The role *settler*: writes outcomes in batches, one transaction for all that ended meanwhile, and keeps them while the store is away.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import { now } from "./core.ts"
import type { Outage } from "./outage.ts"

/** What the store said, or that it was never reached. */
export type Answer = "ok" | "already" | "stale" | "lost"

interface Entry {
  readonly executor: Executor.Service
  /** `null`: there is nothing to record, only a slot to give back. */
  readonly settlement: JobStore.Settlement | null
  readonly recorded: (answer: Answer) => void
}

export interface Settler {
  /** Records an outcome, gives the run's slot back, and calls `recorded` when both are done. */
  readonly submit: (entry: Entry) => void
  /** The role's loop. */
  readonly loop: Effect.Effect<never>
  /** Waits no more for a store that does not answer: what it has not recorded ends with this node's lease. */
  readonly giveUp: Effect.Effect<void>
}

export const make = (store: JobStore.Service, outage: Outage, batch: number): Settler => {
  let pending: Array<Entry> = []
  /** Entries taken and not yet recorded: they survive a restart of the loop. */
  let inHand: Array<Entry> = []
  /** Open when the store is not waited for any more. */
  const hopeless = Latch.makeUnsafe(false)
  const wake = Latch.makeUnsafe(false)

  const release = (entries: ReadonlyArray<Entry>): Effect.Effect<void> => {
    const slots = new Map<Executor.Service, number>()
    for (const { executor } of entries) slots.set(executor, (slots.get(executor) ?? 0) + 1)
    return Effect.forEach(slots, ([executor, n]) => executor.release(n), { discard: true })
  }

  const write = Effect.gen(function*() {
    const settlements: Array<JobStore.Settlement> = []
    for (const { settlement } of inHand) if (settlement !== null) settlements.push(settlement)
    const answers: ReadonlyArray<Answer> = settlements.length === 0 ? [] : yield* Effect.raceFirst(
      outage.rideOut(Effect.flatMap(now, (at) => store.settle({ settlements, now: at }))),
      Effect.as(hopeless.await, settlements.map(() => "lost" as const))
    )
    const entries = inHand
    inHand = []
    yield* release(entries)
    let i = 0
    for (const entry of entries) entry.recorded(entry.settlement === null ? "ok" : answers[i++]!)
  })

  return {
    submit: (entry) => {
      pending.push(entry)
      wake.openUnsafe()
    },
    loop: Effect.forever(Effect.gen(function*() {
      if (inHand.length === 0) {
        wake.closeUnsafe()
        if (pending.length === 0) yield* wake.await
        inHand = pending.length <= batch ? pending : pending.splice(0, batch)
        if (inHand === pending) pending = []
      }
      yield* write
    })),
    giveUp: Effect.asVoid(hopeless.open)
  }
}
