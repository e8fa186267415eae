/**
 * An executor that keeps count of its free slots.
 */
import { Effect } from "effect"
import type { Executor } from "effect-scheduler"

export const counting = (inner: Executor.Service, slots: number) => {
  let free = slots
  const executor: Executor.Service = {
    ...inner,
    take: (max) => Effect.tap(inner.take(max), (taken) => Effect.sync(() => (free -= taken))),
    release: (n) => Effect.tap(inner.release(n), () => Effect.sync(() => (free += n)))
  }
  return { executor, free: () => free }
}
