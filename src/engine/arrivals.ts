/**
 * A run that is asked for where a slot is free is claimed by the statement that adds it, and starts without a way through the queue: that saves it a
 * statement, and the other nodes a hint to what is gone when they look.
 *
 * So it is while the worker waits for work; else others stand before the run, or are about to, and it is added as ever.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import { ofRun } from "./announce.ts"
import type { Claims } from "./claims.ts"
import type { Core } from "./core.ts"
import type { Lease } from "./heartbeat.ts"
import { moment } from "./moment.ts"

/** What became of a run; `undefined`: nothing, for it has to be added as ever. */
export type Arrival = "added" | "claimed" | "duplicate" | undefined

/** Adds an ad-hoc run that could start at once. What is claimed starts, also where the caller does not wait for the answer. */
export type Arrivals = (run: JobStore.NewRun, at: number) => Effect.Effect<Arrival, StoreError>

export const make = Effect.fnUntraced(function*(
  core: Core,
  executor: Executor.Service,
  lease: Lease,
  claims: Claims,
  /** Whether the worker waits for work, and no hint of any has come. */
  isIdle: () => boolean
): Effect.fn.Return<Arrivals, never, Scope.Scope> {
  const { node, store } = core
  const fibers = yield* FiberSet.make<void>()
  const background = yield* FiberSet.runtime(fibers)<never>()
  /** Of many that arrive together the worker claims all with one statement. */
  let isArriving = false

  const isFree = (): boolean => {
    const now = moment(core.clock)
    if (isArriving || !isIdle() || !core.gate.isOpen() || !core.settler.isFlowing()) return false
    if (claims.upTo(now) !== undefined) return false
    if (lease.holds(now)) return true
    // The worker is about to claim the run: the lease that it needs is renewed while the run is added.
    if (!lease.isRenewing()) background(lease.secure)
    return false
  }

  const admit = (run: JobStore.NewRun, at: number, arrival: Arriving) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* restore(executor.take(1))
        arrival.slot = "taken"
        const asked = moment(core.clock)
        const answer = yield* Effect.exit(restore(store.enqueue({ runs: [run], node, now: at })))
        isArriving = false
        if (Exit.isFailure(answer)) {
          // The reply may have been lost. Who is interrupted, because the scheduler closes, leaves the store after this.
          yield* lease.doubt
          if (!Exit.hasInterrupts(answer)) Deferred.doneUnsafe(arrival.answer, Effect.failCause(answer.cause))
          return
        }
        const became = answer.value[0] as Arrival
        if (became === "claimed") {
          arrival.slot = "used"
          if (core.events.heard()) core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
          const claimed = { asked, upTo: undefined, runs: [asClaimed(run, node, at)], afterCaller: true }
          yield* claims.receive(claimed, restore)
        }
        // It is known here before its caller knows of it: he may ask for its end at once.
        Deferred.doneUnsafe(arrival.answer, Effect.succeed(became))
      })
    ).pipe(Effect.ensuring(Effect.suspend(() => {
      Deferred.doneUnsafe(arrival.answer, Effect.undefined)
      return arrival.slot === "taken" ? executor.release(1) : Effect.void
    })))

  return (run, at) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (!isFree()) return Effect.undefined
        isArriving = true
        const arrival: Arriving = { answer: Deferred.makeUnsafe(), slot: "wanted" }
        // He may wait no longer, and it goes on.
        return Effect.flatMap(FiberSet.run(fibers, admit(run, at, arrival)), (fiber) => {
          if (arrival.slot !== "wanted") return restore(Deferred.await(arrival.answer))
          // It would have to wait for a slot, or the scheduler closes.
          fiber.interruptUnsafe()
          isArriving = false
          return Effect.undefined
        })
      })
    )
})

/** A run on its way. */
interface Arriving {
  readonly answer: Deferred.Deferred<Arrival, StoreError>
  slot: "wanted" | "taken" | "used"
}

/** As the store has it. */
const asClaimed = (run: JobStore.NewRun, node: string, at: number): JobStore.RunRow => ({
  ...run,
  state: "running",
  orderAt: null,
  fence: 1,
  attempt: 0,
  attempts: "[]",
  node,
  cancel: null,
  claimed: at,
  started: null,
  finished: null,
  outcome: null,
  result: null,
  progress: null,
  log: null,
  expiresAt: null
})
