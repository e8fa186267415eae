/**
 * The role *listener*: turns the store's hints into wake-ups.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { stopRuns } from "./cancel.ts"
import { type Core, wakeWorkers } from "./core.ts"
import { notifySettled } from "./waiting.ts"

export const listener = (core: Core): Effect.Effect<void> =>
  Stream.runForEachArray(core.store.signals, (signals) =>
    Effect.sync(() => {
      for (const signal of signals) {
        switch (signal._tag) {
          case "jobs":
            core.planWake.openUnsafe()
            break
          case "ready":
            wakeWorkers(core)
            break
          case "cancel":
            stopRuns(core, signal.runs)
            break
          case "settled":
            for (const run of signal.runs) notifySettled(core, run)
            break
        }
      }
    }))
