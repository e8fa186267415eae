/**
 * The role *worker*, one for each executor: claims what has a free slot and gives each claimed run a fiber.
 */
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import { startAttempt } from "./attempt.ts"
import { stop } from "./cancel.ts"
import { type Core, lanesOf, now, type Running, waitFor } from "./core.ts"
import type { Lease } from "./heartbeat.ts"

export const worker = (
  core: Core,
  executor: Executor.Service,
  wake: Latch.Latch,
  lease: Lease
): Effect.Effect<never> => {
  const lanes = lanesOf(core, executor)
  const { settings } = core
  return Effect.forever(Effect.gen(function*() {
    yield* core.gate.await
    // What is taken is given back, and what is claimed is started: an interruption in between would leak slots, or leave runs that
    // nobody carries out.
    const next = yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const slots = unused = yield* restore(executor.take(settings.claimBatch))
        if (!core.gate.isOpen()) return null // paused while waiting for a slot
        wake.closeUnsafe() // before claiming, or what becomes ready meanwhile is missed
        const { at, claimed } = yield* restore(core.outage.rideOut(claim(slots)))
        for (const row of claimed.runs) {
          unused--
          const running: Running = {
            row,
            executor,
            served: core.served.get(row.task)!,
            fiber: undefined,
            stop: undefined,
            exempt: false,
            ended: undefined
          }
          startAttempt(core, running)
        }
        if (claimed.runs.length > 0) core.holdWake.openUnsafe()
        return claimed.runs.length === slots ? at : claimed.next
      }).pipe(Effect.ensuring(Effect.suspend(() => unused === 0 ? Effect.void : executor.release(unused))))
    )
    const at = yield* now
    const alarm = next === null ? Infinity : next - at
    if (alarm > 0) yield* waitFor(wake, Math.min(alarm, settings.reread, settings.poll))
  }))
}
