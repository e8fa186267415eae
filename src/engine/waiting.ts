/**
 * Waiting for runs to be settled, on whatever node.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Core } from "./core.ts"

/** The name under which those register who wait for any run. */
export const anyRun = "*"

/**
 * Looks until there is something to see: at once, and again whenever the run (or any run) may have been settled. Hints may be lost, so
 * it looks again after a while in any case.
 */
export const untilSettled = <A, E, R>(
  core: Core,
  run: string,
  look: Effect.Effect<A | undefined, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    // Registered before looking, or what is settled in between is missed.
    const waiter = Deferred.makeUnsafe<void>()
    const waiting = core.waiters.get(run)
    if (waiting === undefined) core.waiters.set(run, new Set([waiter]))
    else waiting.add(waiter)
    const leave = Effect.sync(() => {
      const set = core.waiters.get(run)
      if (set?.delete(waiter) === true && set.size === 0) core.waiters.delete(run)
    })
    const again = Math.min(core.settings.poll, core.settings.reread)
    const wait = again === Infinity
      ? Deferred.await(waiter)
      : Effect.timeoutOrElse(Deferred.await(waiter), { duration: again, orElse: () => Effect.void })
    return look.pipe(
      Effect.tap((seen) => seen === undefined ? wait : Effect.void),
      Effect.ensuring(leave)
    )
  }).pipe(Effect.repeat({ until: (seen) => seen !== undefined })) as Effect.Effect<A, E, R>

/** Tells those who wait for this run. */
export const notifySettled = (core: Core, run: string): void => {
  if (core.waiters.size === 0) return
  notify(core, run)
  notify(core, anyRun)
}

const notify = (core: Core, key: string): void => {
  const waiting = core.waiters.get(key)
  if (waiting === undefined) return
  core.waiters.delete(key)
  for (const waiter of waiting) Deferred.doneUnsafe(waiter, Effect.void)
}
