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
import type * as Latch from "effect/Latch"
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
  wake: Latch.Latch,
  lease: Lease,
  claims: Claims
): Effect.fn.Return<Arrivals, never, Scope.Scope> {
  const { node, store } = core
  const fibers = yield* FiberSet.make<void>()

  let isArriving = false
  let isSecuring = false

  /** The worker is about to claim the run: the lease that it needs is renewed while the run is added. */
  const secure = (): void => {
    if (isSecuring) return
    isSecuring = true
    core.background(Effect.ensuring(lease.secure, Effect.sync(() => isSecuring = false)))
  }

  /** Not where a claim is under way, or a hint tells of others. Of many that arrive together the worker claims all with one statement. */
  const isFree = (): boolean => {
    const now = moment(core.clock)
    if (isArriving || !claims.isIdle || wake.isOpen() || !core.gate.isOpen() || !core.settler.isFlowing()) return false
    if (claims.upTo(now) !== undefined) return false
    if (lease.holds(now)) return true
    secure()
    return false
  }

  const admit = (run: JobStore.NewRun, at: number, arrival: Arriving) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* restore(executor.take(1))
        arrival.slot = "taken"
        const asked = moment(core.clock)
        const answer = yield* Effect.exit(restore(store.enqueue({ runs: [run], node, now: at })))
        if (Exit.isFailure(answer)) {
          // The reply may have been lost. Who is interrupted, because the scheduler closes, leaves the store after this.
          yield* lease.doubt
          if (!Exit.hasInterrupts(answer)) yield* Deferred.failCause(arrival.answer, answer.cause)
          return
        }
        const became = answer.value[0] as Arrival
        if (became !== "claimed") return yield* Deferred.succeed(arrival.answer, became)
        arrival.slot = "used"
        if (core.events.heard()) core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
        yield* Deferred.succeed(arrival.answer, became)
        // Whoever asked for it goes on before its handler does, which may compute for a while.
        yield* Effect.yieldNow
        yield* claims.receive({ asked, upTo: undefined, runs: [claimed(run, node, at)] }, restore)
      })
    ).pipe(Effect.ensuring(Effect.suspend(() => {
      isArriving = false
      Deferred.doneUnsafe(arrival.answer, Effect.undefined)
      return arrival.slot === "taken" ? executor.release(1) : Effect.void
    })))

  return (run, at) =>
    Effect.suspend(() => {
      if (!isFree()) return Effect.undefined
      isArriving = true
      const arrival: Arriving = { answer: Deferred.makeUnsafe(), slot: "wanted" }
      return Effect.flatMap(FiberSet.run(fibers, Effect.interruptible(admit(run, at, arrival))), (fiber) => {
        if (arrival.slot !== "wanted") return Deferred.await(arrival.answer)
        // It would have to wait for a slot, or the scheduler closes.
        fiber.interruptUnsafe()
        isArriving = false
        return Effect.undefined
      })
    })
})

/** A run on its way. */
interface Arriving {
  readonly answer: Deferred.Deferred<Arrival, StoreError>
  slot: "wanted" | "taken" | "used"
}

/** As the store has it. */
const claimed = (run: JobStore.NewRun, node: string, at: number): JobStore.RunRow => ({
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
