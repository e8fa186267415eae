/**
 * A while from each instant of a trigger on.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "../compile.ts"
import { show, TriggerError } from "../error.ts"
import { isFixed } from "../fixed.ts"
import * as Instant from "../instant.ts"
import * as Zone from "../zone/zone.ts"
import type { CalendarKind } from "./compile.ts"
import { type Coverage, zoned } from "./coverage.ts"

/**
 * Covers `millis` milliseconds from each instant of a trigger on.
 *
 * **Details**
 *
 * With a `wall` zone the trigger, which is then one in UTC, and the duration are read on the wall of that zone, so that a
 * day lasts from midnight to midnight on the days of clock changes too.
 *
 * @category models
 * @since 0.1.0
 */
export interface EachSpec {
  readonly _tag: "each"
  readonly of: TriggerSpec
  readonly millis: number
  readonly wall?: string
}

/** @internal */
export const each: CalendarKind<EachSpec> = {
  schema: (_, trigger) =>
    Schema.TaggedStruct("each", { of: trigger, millis: Schema.Int, wall: Schema.optionalKey(Schema.String) }),

  normalize: ({ millis, of, wall }, _, trigger) => ({
    _tag: "each",
    of: trigger(of),
    millis,
    ...(wall === undefined ? {} : { wall })
  }),

  compile({ millis, of, wall }, { trigger }) {
    Instant.checkDuration("duration", millis)
    if (!isFixed(of)) {
      throw new TriggerError({
        reason: "option",
        field: "each",
        value: show(of),
        expected: "a trigger that is the same for every job, such as cron or an interval with a start"
      })
    }
    const { next, previous } = trigger(of)
    const coverage: Coverage = (at) => {
      const start = previous(at + 1, Instant.min)
      if (start !== undefined && at < start + millis) return { covered: true, start, end: start + millis }
      return {
        covered: false,
        start: start === undefined ? -Infinity : start + millis,
        end: next(at, Instant.min) ?? Infinity
      }
    }
    if (wall === undefined) return coverage
    return zoned((second) => {
      const { covered, end, start } = coverage(second * 1000)
      return { covered, start: Math.ceil(start / 1000), end: Math.ceil(end / 1000) }
    }, Zone.table("wall", wall))
  }
}
