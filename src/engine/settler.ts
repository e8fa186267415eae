/**
 * The role *settler*: writes outcomes in batches, one transaction for all that ended meanwhile, and keeps them while the store is away.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import { now } from "./core.ts"
import type { Outage } from "./outage.ts"

/** What the store said, that it was never reached, or that it takes everything but this outcome: then the run has `died`. */
export type Answer = JobStore.Settled | "lost" | "refused"

/** So often the store must have refused an outcome for good, and by itself, before its run ends without it. */
const patience = 3

/** What a run has come to. */
interface Outcome {
  /** Whose slot is to be given back. */
  readonly executor: Executor.Service
  /** `null`: there is nothing to record, only a slot to give back. */
  readonly settlement: JobStore.Settlement | null
  readonly recorded: (answer: Answer) => void
}

/** An outcome on its way to the store. */
interface Entry extends Omit<Outcome, "executor"> {
  /** `undefined` once the slot was given back. */
  executor: Executor.Service | undefined
  /** What the store has said of it. */
  answer: Answer | undefined
}

/** One that has something to record. */
interface Recordable extends Entry {
  readonly settlement: JobStore.Settlement
}

const isUnanswered = (entry: Entry): entry is Recordable => entry.settlement !== null && entry.answer === undefined

export interface Settler {
  /** Records an outcome, gives the run's slot back, and calls `recorded` when both are done. */
  readonly submit: (outcome: Outcome) => void
  /** Returns while outcomes are recorded; waits while the store does not take them. */
  readonly flowing: Effect.Effect<void>
  readonly isFlowing: () => boolean
  /** The role's loop. */
  readonly loop: Effect.Effect<never>
  /** Returns when all that was handed in is recorded, and its slots are given back. */
  readonly drained: Effect.Effect<void>
  /** Waits no more for a store that does not answer: what it has not recorded ends with this node's lease. */
  readonly giveUp: Effect.Effect<void>
}

/** The result of a run whose outcome the store refuses. */
export const unstorable = JSON.stringify({ message: "The store refused to record how the run ended" })

export const make = (store: JobStore.Service, outage: Outage, batch: number): Settler => {
  let pending: Array<Entry> = []
  /** Entries taken and not yet recorded: they survive a restart of the loop. */
  let inHand: Array<Entry> = []
  /** Open when the store is not waited for any more. */
  const hopeless = Latch.makeUnsafe(false)
  const wake = Latch.makeUnsafe(false)

  const flow = Latch.makeUnsafe(true)
  /** Open while nothing is left to be recorded. */
  const empty = Latch.makeUnsafe(true)

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

  const refusals = new Map<string, number>()

  /** One outcome that the store refuses for good, because it is too large for it, say, must not keep all others from being recorded. */
  const record = (entries: ReadonlyArray<Recordable>): Effect.Effect<void, StoreError> => {
    const settlements = entries.map(({ settlement }) => settlement)
    return Effect.flatMap(now, (at) => store.settle({ settlements, now: at })).pipe(
      Effect.map((told) => entries.forEach((one, i) => one.answer = told[i]!)),
      Effect.catch((error) => {
        if (error.retryable) return Effect.fail(error)
        if (entries.length === 1) return refuse(entries[0]!, error)
        const half = entries.length >> 1
        return Effect.flatMap(
          Effect.exit(record(entries.slice(0, half))),
          (first) => Effect.andThen(record(entries.slice(half)), first)
        )
      })
    )
  }

  /** Not at the first word: what the store takes to be for good may pass all the same. */
  const refuse = Effect.fnUntraced(function*(entry: Recordable, error: StoreError) {
    const { settlement } = entry
    const { next, run } = settlement
    const times = (refusals.get(run) ?? 0) + 1
    refusals.set(run, times)
    if (times < patience || next._tag === "Release") return yield* error
    const at = yield* now
    const instead: JobStore.Settlement = {
      ...settlement,
      follow: [],
      next: {
        _tag: "Done",
        outcome: "died",
        result: unstorable,
        started: next.started,
        finished: at,
        attempt: next.attempt,
        attempts: "[]"
      }
    }
    const [answer] = yield* store.settle({ settlements: [instead], now: at })
    entry.answer = answer === "ok" ? "refused" : answer!
    yield* Effect.logError(
      `effect-scheduler: the store refuses the outcome of run ${run} (${error.message}); it is recorded as died`
    )
  })

  const write = Effect.gen(function*() {
    if (inHand.some(isUnanswered)) {
      const rest = Effect.suspend(() => {
        const unanswered = inHand.filter(isUnanswered)
        return unanswered.length === 0 ? Effect.void : record(unanswered)
      })
      yield* Effect.raceFirst(outage.rideOut(Effect.tapError(rest, () => stall)), hopeless.await)
    }
    flow.openUnsafe()
    const entries = inHand
    inHand = []
    yield* release(entries)
    entries.forEach(({ answer, recorded, settlement }) => {
      if (settlement !== null && refusals.size > 0) refusals.delete(settlement.run)
      recorded(settlement === null ? "ok" : answer ?? "lost")
    })
  })

  return {
    submit: ({ executor, recorded, settlement }) => {
      pending.push({ executor, settlement, recorded, answer: undefined })
      empty.closeUnsafe()
      wake.openUnsafe()
    },
    loop: Effect.forever(Effect.gen(function*() {
      if (inHand.length === 0) {
        wake.closeUnsafe()
        if (pending.length === 0) {
          yield* wake.await
          // What was claimed together may end together.
          yield* Effect.yieldNow
        }
        inHand = pending.length <= batch ? pending : pending.splice(0, batch)
        if (inHand === pending) pending = []
      }
      yield* write
      if (pending.length === 0) empty.openUnsafe()
    })),
    flowing: flow.await,
    isFlowing: () => flow.isOpen(),
    drained: empty.await,
    giveUp: Effect.asVoid(hopeless.open)
  }
}
