/**
 * What follows a write: others are told, runs are interrupted. In a transaction of the caller's that has to wait, for it may be rolled back.
 */
import * as Effect from "effect/Effect"
import type { Core } from "./core.ts"

/** Does it at once; in a transaction of the caller's when that is committed, and never if it is rolled back. */
export const onceCommitted = ({ store }: Core, tell: () => void): Effect.Effect<void> =>
  Effect.flatMap(
    store.transaction,
    (open) => open === undefined ? Effect.sync(tell) : open.afterCommit(Effect.sync(tell))
  )

/** What others see only after the commit cannot be waited for before it. */
export const unlessInTransaction = <E>({ store }: Core, wait: Effect.Effect<unknown, E>): Effect.Effect<unknown, E> =>
  Effect.flatMap(store.transaction, (open) => open === undefined ? wait : Effect.void)
