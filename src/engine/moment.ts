/**
 * How much time has passed, on a machine whose clock somebody may set.
 *
 * The wall clock alone does not tell: set back, it comes to the same instant twice. The steady one alone does not either: it may stand still
 * while the machine sleeps. So the one that has gone further counts.
 */
import type * as Clock from "effect/Clock"

export interface Moment {
  /** Epoch milliseconds. */
  readonly at: number
  /** Milliseconds of the clock that nobody sets. */
  readonly steady: number
}

/** A moment before all others. */
export const never: Moment = { at: -Infinity, steady: -Infinity }

export const moment = (clock: Clock.Clock): Moment => ({
  at: clock.currentTimeMillisUnsafe(),
  steady: Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
})

/** In milliseconds. */
export const passed = (since: Moment, until: Moment): number =>
  Math.max(until.at - since.at, until.steady - since.steady)
