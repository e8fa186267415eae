/**
 * Fixed instants.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { TriggerError } from "./error.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires at the given instants, in epoch milliseconds, ascending.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatesSpec {
  readonly _tag: "dates"
  readonly at: ReadonlyArray<number>
}

/** @internal */
export const dates: Kind<DatesSpec> = {
  schema: () => Schema.TaggedStruct("dates", { at: Schema.Array(Schema.Int) }),

  normalize: ({ at }) => ({
    _tag: "dates",
    at: Array.from(new Set(at)).toSorted((a, b) => a - b)
  }),

  compile({ at }) {
    if (at.length === 0) {
      throw new TriggerError({ reason: "neverFires", field: "at", value: "[]", expected: "at least one instant" })
    }
    const instants = Float64Array.from(at, (millis) => Instant.check("at", millis))

    /** How many instants are at or before `instant`, by bisection. */
    const rank = (instant: number): number => {
      let low = 0
      let high = instants.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (instants[middle]! <= instant) low = middle + 1
        else high = middle
      }
      return low
    }
    /** How many instants are before `instant`. */
    const rankBefore = (instant: number): number => {
      const n = rank(instant)
      return n > 0 && instants[n - 1] === instant ? n - 1 : n
    }

    return {
      // dates keep their instants whatever the anchor: a date in the past is for the catch-up policy to judge
      next: (after) => instants[rank(after)],
      previous: (before) => instants[rankBefore(before) - 1],
      count: (from, to) => Math.max(0, rank(to) - rank(from)),
      canFire: (from, to) => rank(to) > rankBefore(from)
    }
  }
}
