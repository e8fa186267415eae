/**
 * Where hints go, and where those come from who wait for them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { Fragment } from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { Signal } from "../../JobStore.ts"

/**
 * **Details**
 *
 * Publishing never waits: of too many hints the oldest are lost.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hub {
  readonly publish: (signals: ReadonlyArray<Signal>) => Effect.Effect<void>
  readonly signals: Stream.Stream<Signal>
  /** Where a statement can tell others with its own commit; `undefined` while it should not. */
  readonly teller?: (signal: Signal) => Teller | undefined
}

/**
 * A hint that travels with a statement.
 *
 * @category models
 * @since 0.1.0
 */
export interface Teller {
  /** Yields whether others will hear of it; to be evaluated once, if there is anything to tell. */
  readonly tell: Fragment
  /** Follows the commit: tells this process, and the others if they have not been told. */
  readonly after: (told: boolean) => Effect.Effect<void>
}

/**
 * Between the fibers of this process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Hub> = Effect.map(PubSub.sliding<Signal>(1024), (hub) => ({
  publish: (signals) => Effect.asVoid(PubSub.publishAll(hub, signals)),
  signals: Stream.fromPubSub(hub)
}))
