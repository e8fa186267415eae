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
  /** Lets go of those who still wait: their outcomes are lost to this process, and their claims end with its lease. */
  readonly giveUp: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*(store: JobStore.Service, outage: Outage, batch: number) {
  const queue = yield* Queue.unbounded<Entry>()
  /** Entries taken from the queue and not yet recorded: they survive a restart of the loop. */
  const inHand: Array<Entry> = []
  let closed = false
  const lost = Effect.die(
    new Error("the store could not be reached before the scheduler closed; the outcome is not recorded")
  )
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
        if (closed) return lost
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
    giveUp: Effect.gen(function*() {
      closed = true
      for (const [, answer] of [...inHand, ...yield* Queue.clear(queue)]) Deferred.doneUnsafe(answer, lost)
      inHand.length = 0
    })
  }
  return settler
})
