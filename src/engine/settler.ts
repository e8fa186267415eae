/**
 * The role *settler*: writes outcomes in batches, one transaction for all that ended meanwhile, and keeps them while the store is away.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as JobStore from "../JobStore.ts"
import { now } from "./core.ts"
import type { Outage } from "./outage.ts"

type Answer = "ok" | "already" | "stale"
type Entry = readonly [settlement: JobStore.Settlement, answer: Deferred.Deferred<Answer>]

export interface Settler {
  /** Returns when the outcome is recorded. Its caller is beyond interruption: an outcome is not given up. */
  readonly settle: (settlement: JobStore.Settlement) => Effect.Effect<Answer>
  /** The role's loop. */
  readonly loop: Effect.Effect<never>
  /** Writes what is left, until nothing is. */
  readonly flush: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*(store: JobStore.Service, outage: Outage, batch: number) {
  const queue = yield* Queue.unbounded<Entry>()
  /** Entries taken from the queue and not yet recorded: they survive a restart of the loop. */
  const inHand: Array<Entry> = []
  const write = Effect.gen(function*() {
    const at = yield* now
    const answers = yield* outage.rideOut(
      store.settle({ settlements: inHand.map(([settlement]) => settlement), now: at })
    )
    for (let i = 0; i < answers.length; i++) Deferred.doneUnsafe(inHand[i]![1], Effect.succeed(answers[i]!))
    inHand.length = 0
  })
  const settler: Settler = {
    settle: (settlement) =>
      Effect.suspend(() => {
        const answer = Deferred.makeUnsafe<Answer>()
        Queue.offerUnsafe(queue, [settlement, answer])
        return Deferred.await(answer)
      }),
    loop: Effect.forever(Effect.gen(function*() {
      if (inHand.length === 0) {
        // Let the runs that end in this turn of the event loop join the batch.
        inHand.push(...yield* Queue.takeBetween(queue, 1, batch))
      }
      yield* write
    })),
    flush: Effect.gen(function*() {
      while (inHand.length > 0 || (yield* Queue.size(queue)) > 0) {
        if (inHand.length === 0) inHand.push(...yield* Queue.takeBetween(queue, 1, batch))
        yield* write
      }
    })
  }
  return settler
})
