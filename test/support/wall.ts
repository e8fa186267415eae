/**
 * The clock on the wall of the machine that all nodes are on: it goes as time does, until somebody sets it.
 */
import { type Clock, Effect } from "effect"

export interface Wall {
  readonly clock: Clock.Clock
  readonly now: () => number
  readonly set: (by: number) => void
}

export const wall = (time: Clock.Clock): Wall => {
  let offset = 0
  const now = () => time.currentTimeMillisUnsafe() + offset
  const nanos = () => time.currentTimeNanosUnsafe() + BigInt(offset) * 1_000_000n
  return {
    now,
    set: (by) => offset += by,
    clock: {
      // A test that goes by it moves time as ever.
      ...time,
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: () => time.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: time.monotonicTimeNanos,
      sleep: (duration) => time.sleep(duration)
    }
  }
}
