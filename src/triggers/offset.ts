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
    const fixed = isFixed(of)
    // What the anchor hides is judged by the moved instants: for what is fixed the anchor moves along. What is counted from
    // the anchor stays counted from it, and nothing moves to before it.
    const anchorOf = (anchor: number) => fixed ? anchor - millis : anchor
    const first = (anchor: number) => fixed ? Instant.min : Math.max(anchor, Instant.min)
    return {
      next(after, anchor) {
        const at = inner.next(Math.max(after, first(anchor) - 1) - millis, anchorOf(anchor))
        return at !== undefined && at + millis <= Instant.max ? at + millis : undefined
      },
      previous(before, anchor) {
        const at = inner.previous(Math.min(before, Instant.max + 1) - millis, anchorOf(anchor))
        return at !== undefined && at + millis >= first(anchor) ? at + millis : undefined
      },
      count: (from, to, anchor) =>
        inner.count(
          Math.max(from, first(anchor) - 1) - millis,
          Math.min(to, Instant.max) - millis,
          anchorOf(anchor)
        ),
      canFire: (from, to) => inner.canFire(from - millis, to - millis)
    }
  }
}
