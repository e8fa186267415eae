/**
 * The role *worker*, one for each executor: claims what has a free slot and gives each claimed run a fiber. The latch `idle` is open while it waits for
 * work: then it has looked, and has found all there was.
 */
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import type { Claims } from "./claims.ts"
import { type Core, lanesOf, now, waitFor } from "./core.ts"
import type { Lease } from "./heartbeat.ts"
import { moment } from "./moment.ts"

export const worker = (
  core: Core,
  [name, executor]: readonly [name: string, executor: Executor.Service],
  wake: Latch.Latch,
  lease: Lease,
  claims: Claims,
  idle: Latch.Latch
): Effect.Effect<never> => {
  const lanes = lanesOf(core.served, name)
  const { settings, store } = core

  /**
   * Makes sure of the lease, or answers when to look again where there is nothing to claim. That comes before any slot is taken, for it waits until an
   * outage is over.
   */
  const prepare = Effect.gen(function*() {
    if (lease.holds(moment(core.clock))) return undefined
    // An idle node renews no lease only to find nothing to do. Where it is being renewed somebody expects something.
    if (!lease.isRenewing()) {
      wake.closeUnsafe() // before looking, or what becomes ready meanwhile is missed
      yield* core.keepTime
      const asked = moment(core.clock)
      const { next } = yield* store.claim({
        node: core.node,
        lanes,
        upTo: claims.upTo(asked),
        limit: 0,
        now: asked.at
      })
      if (next === null || next > asked.at) return { next }
    }
    yield* lease.secure
    return undefined
  })

  /** Makes sure of it once more, after a slot was waited for; or finds that the store does not answer. */
  const stillHolds = Effect.suspend(() =>
    lease.holds(moment(core.clock))
      ? Effect.succeed(true)
      : Effect.raceFirst(Effect.as(lease.secure, true), Effect.as(core.outage.awaitDown, false))
  )

  /** Each try asks anew: what held before an outage does not hold after it. */
  const claim = Effect.fnUntraced(function*(limit: number) {
    yield* core.keepTime
    const asked = moment(core.clock)
    const upTo = claims.upTo(asked)
    if (!lease.holds(asked)) return { asked, upTo, runs: [], next: asked.at }
    const request = { node: core.node, lanes, upTo, limit, now: asked.at }
    const answer = yield* Effect.tapError(store.claim(request), () => lease.doubt)
    return { asked, upTo, ...answer }
  })

  /** Claims up to so many runs, starts them, and answers when to look again. */
  const fill = Effect.fnUntraced(function*(
    slots: number,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    used: (n: number) => void
  ) {
    wake.closeUnsafe() // before claiming, or what becomes ready meanwhile is missed
    const { asked, next, runs, upTo } = yield* restore(core.outage.observe(claim(slots)))
    used(runs.length)
    if (runs.length === 0) return next
    const started = yield* claims.receive({ asked, upTo, runs }, restore)
    return runs.length === slots ? started.at : next
  })

  /**
   * One look for work. What is taken is given back, and what is claimed is started: an interruption in between would lose slots, or leave
   * runs that nobody carries out. Nothing is taken while outcomes cannot be recorded, and nothing is kept while the store does not answer:
   * other stores' engines have the same executor.
   */
  const round = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      while (true) {
        yield* restore(Effect.andThen(core.gate.await, core.settler.flowing))
        const nothing = yield* restore(core.outage.observe(prepare))
        if (nothing !== undefined) return nothing.next
        const slots = yield* restore(executor.take(settings.claimBatch))
        let free = slots
        const release = Effect.suspend(() => free === 0 ? Effect.void : executor.release(free))
        const filled = yield* Effect.ensuring(
          Effect.gen(function*() {
            const isLeased = yield* restore(stillHolds)
            // The scheduler may have been paused, or the store lost, while this waited for a slot.
            if (!isLeased || !core.gate.isOpen() || !core.settler.isFlowing()) return undefined
            return { next: yield* fill(slots, restore, (n) => free -= n) }
          }),
          release
        )
        if (filled !== undefined) return filled.next
      }
    })
  )

  return Effect.forever(Effect.gen(function*() {
    const next = yield* core.outage.insist(round)
    const due = next === null ? Infinity : next - (yield* now)
    const alarm = Math.min(due, claims.again(moment(core.clock)))
    if (alarm <= 0) return
    idle.openUnsafe()
    yield* Effect.ensuring(
      waitFor(wake, Math.min(alarm, settings.reread, settings.poll)),
      Effect.sync(() => idle.closeUnsafe())
    )
  }))
}
