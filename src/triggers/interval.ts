/**
 * A fixed period of elapsed time.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { TriggerError } from "./error.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires every `millis` milliseconds: from `start` on, or counted from the anchor.
 *
 * **Details**
 *
 * Without `start` the grid is `anchor + k * millis`, from `k = 1`, or from `k = 0` when `immediate`. With `start` the grid
 * is `start + k * millis` from `k = 0`, and only instants at or after the anchor count. `end` is inclusive. Both are epoch
 * milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface IntervalSpec {
  readonly _tag: "interval"
  readonly millis: number
  readonly start?: number
  readonly end?: number
  readonly immediate?: boolean
}

/** @internal */
export const interval: Kind<IntervalSpec> = {
  schema: () =>
    Schema.TaggedStruct("interval", {
      millis: Schema.Int,
      start: Schema.optionalKey(Schema.Int),
      end: Schema.optionalKey(Schema.Int),
      immediate: Schema.optionalKey(Schema.Boolean)
    }),

  normalize: ({ millis, start, end, immediate }) => ({
    _tag: "interval",
    millis,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(immediate === true ? { immediate } : {})
  }),

  compile(spec) {
    const period = Instant.checkDuration("period", spec.millis)
    const start = spec.start === undefined ? undefined : Instant.check("start", spec.start)
    // an interval without an end ends where DateTime does
    const end = spec.end === undefined ? Instant.max : Instant.check("end", spec.end)
    Instant.checkOrder(start, spec.end)
    if (start !== undefined && spec.immediate === true) {
      throw new TriggerError({
        reason: "option",
        field: "immediate",
        value: "true",
        expected: "no start beside it: an interval with a start fires at its start"
      })
    }
    const firstStep = spec.immediate === true ? 0 : 1

    /** The first instant of all for this anchor, whatever the end says. */
    const first = (anchor: number): number =>
      start === undefined
        ? anchor + firstStep * period
        : start >= anchor
        ? start
        : start + Math.ceil((anchor - start) / period) * period

    return {
      next(after, anchor) {
        const origin = first(anchor)
        const at = after < origin ? origin : origin + (Math.floor((after - origin) / period) + 1) * period
        return at <= end ? at : undefined
      },
      previous(before, anchor) {
        const origin = first(anchor)
        const limit = Math.min(before, end + 1)
        if (limit <= origin) return undefined
        return origin + (Math.ceil((limit - origin) / period) - 1) * period
      },
      count(from, to, anchor) {
        const origin = first(anchor)
        const last = Math.min(to, end)
        if (last < origin || last <= from) return 0
        const upTo = Math.floor((last - origin) / period) + 1
        return from < origin ? upTo : upTo - (Math.floor((from - origin) / period) + 1)
      },
      canFire(from, to) {
        if (start === undefined) return from <= Math.min(to, end)
        const at = from <= start ? start : start + Math.ceil((from - start) / period) * period
        return at <= Math.min(to, end)
      }
    }
  }
}
