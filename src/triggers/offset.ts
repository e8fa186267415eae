/**
 * A trigger moved in time.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import { show, TriggerError } from "./error.ts"
import { isFixed } from "./fixed.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires `millis` milliseconds after its member, or before it when negative.
 *
 * @category models
 * @since 0.1.0
 */
export interface OffsetSpec {
  readonly _tag: "offset"
  readonly of: TriggerSpec
  readonly millis: number
}

/** @internal */
export const offset: Kind<OffsetSpec> = {
  schema: (member) => Schema.TaggedStruct("offset", { of: member, millis: Schema.Int }),

  normalize({ millis, of }, member) {
    const normal = member(of)
    const inner = normal._tag === "offset" ? normal.of : normal
    const total = normal._tag === "offset" ? millis + normal.millis : millis
    return total === 0 ? inner : { _tag: "offset", of: inner, millis: total }
  },

  compile({ millis, of }, member) {
    if (!Number.isSafeInteger(millis) || Math.abs(millis) > Instant.max) {
      throw new TriggerError({
        reason: "option",
        field: "duration",
        value: `${show(millis)} ms`,
        expected: "a finite duration in whole milliseconds"
      })
    }
    const inner = member(of)
    const canFire = (from: number, to: number) => inner.canFire(from - millis, to - millis)
    if (isFixed(of)) {
      // what the anchor hides is judged by the moved instants: the anchor moves along
      return {
        next: (after, anchor) => moved(inner.next(after - millis, anchor - millis), millis),
        previous: (before, anchor) => moved(inner.previous(before - millis, anchor - millis), millis),
        count: (from, to, anchor) => inner.count(from - millis, to - millis, anchor - millis),
        canFire
      }
    }
    // what is counted from the anchor stays counted from it, and nothing moves to before it
    return {
      next: (after, anchor) => moved(inner.next(Math.max(after, anchor - 1) - millis, anchor), millis),
      previous(before, anchor) {
        const at = moved(inner.previous(before - millis, anchor), millis)
        return at !== undefined && at >= anchor ? at : undefined
      },
      count: (from, to, anchor) => inner.count(Math.max(from, anchor - 1) - millis, to - millis, anchor),
      canFire
    }
  }
}

const moved = (at: number | undefined, millis: number): number | undefined => at === undefined ? undefined : at + millis
