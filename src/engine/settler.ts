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
export type Answer = JobStore.Settled | "lost"

interface Entry {
  /** Whose slot is to be given back; `undefined` once it was. */
  executor: Executor.Service | undefined
  /** `null`: there is nothing to record, only a slot to give back. */
  readonly settlement: JobStore.Settlement | null
  readonly recorded: (answer: Answer) => void
}

export interface Settler {
  /** Records an outcome, gives the run's slot back, and calls `recorded` when both are done. */
  readonly submit: (entry: Entry) => void
  /** Returns while outcomes are recorded; waits while the store does not take them. */
  readonly flowing: Effect.Effect<void>
  readonly isFlowing: () => boolean
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

  const flow = Latch.makeUnsafe(true)

  const release = (entries: ReadonlyArray<Entry>): Effect.Effect<void> => {
    const slots = new Map<Executor.Service, number>()
    for (const entry of entries) {
      const { executor } = entry
      if (executor === undefined) continue
      entry.executor = undefined
      slots.set(executor, (slots.get(executor) ?? 0) + 1)
    }
    return Effect.forEach(slots, ([executor, n]) => executor.release(n), { discard: true })
  }

  /**
   * The handlers have ended, and their slots are others' who can use them: another store may answer. There will not be more of these entries than
   * there were slots, since nothing is claimed until they are recorded.
   */
  const stall = Effect.suspend(() => {
    flow.closeUnsafe()
    return release([...inHand, ...pending])
  })

  const write = Effect.gen(function*() {
    const settlements: Array<JobStore.Settlement> = []
    for (const { settlement } of inHand) if (settlement !== null) settlements.push(settlement)
    const answers: ReadonlyArray<Answer> = settlements.length === 0 ? [] : yield* Effect.raceFirst(
      outage.rideOut(
        Effect.tapError(Effect.flatMap(now, (at) => store.settle({ settlements, now: at })), () => stall)
      ),
      Effect.as(hopeless.await, settlements.map(() => "lost" as const))
    )
    flow.openUnsafe()
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
    flowing: flow.await,
    isFlowing: () => flow.isOpen(),
    giveUp: Effect.asVoid(hopeless.open)
  }
}
