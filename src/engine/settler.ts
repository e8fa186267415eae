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
  /** Records an outcome, calls `recorded` when that is done, and gives the run's slot back. */
  readonly submit: (entry: Entry) => void
  /** The role's loop. */
  readonly loop: Effect.Effect<never>
  /** Lets go of outcomes that could not be recorded, and of those that come: their claims end with this node's lease. */
  readonly giveUp: Effect.Effect<void>
}

export const make = (store: JobStore.Service, outage: Outage, batch: number): Settler => {
  let pending: Array<Entry> = []
  /** Entries taken and not yet recorded: they survive a restart of the loop. */
  let inHand: Array<Entry> = []
  let closed = false
  const wake = Latch.makeUnsafe(false)

  const release = (entries: ReadonlyArray<Entry>): Effect.Effect<void> => {
    const slots = new Map<Executor.Service, number>()
    for (const { executor } of entries) slots.set(executor, (slots.get(executor) ?? 0) + 1)
    return Effect.forEach(slots, ([executor, n]) => executor.release(n), { discard: true })
  }

  const write = Effect.gen(function*() {
    const settlements: Array<JobStore.Settlement> = []
    for (const { settlement } of inHand) if (settlement !== null) settlements.push(settlement)
    const answers = settlements.length === 0
      ? []
      : yield* outage.rideOut(store.settle({ settlements, now: yield* now }))
    const entries = inHand
    inHand = []
    let i = 0
    for (const entry of entries) entry.recorded(entry.settlement === null ? "ok" : answers[i++]!)
    yield* release(entries)
  })

  return {
    submit: (entry) => {
      if (closed) return entry.recorded("lost")
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
    giveUp: Effect.suspend(() => {
      closed = true
      const entries = [...inHand, ...pending]
      inHand = []
      pending = []
      for (const entry of entries) entry.recorded("lost")
      return release(entries)
    })
  }
}
