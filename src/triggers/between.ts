/**
 * A trigger held within two instants.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires with its member from `start` to `end`, both inclusive, in epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface BetweenSpec {
  readonly _tag: "between"
  readonly of: TriggerSpec
  readonly start?: number
  readonly end?: number
}

/** @internal */
export const between: Kind<BetweenSpec> = {
  schema: (member) =>
    Schema.TaggedStruct("between", {
      of: member,
      start: Schema.optionalKey(Schema.Int),
      end: Schema.optionalKey(Schema.Int)
    }),

  normalize({ of, start, end }, member) {
    const normal = member(of)
    if (start === undefined && end === undefined) return normal
    return {
      _tag: "between",
      of: normal,
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end })
    }
  },

  compile(spec, member) {
    const inner = member(spec.of)
    const start = spec.start === undefined ? -Infinity : Instant.check("start", spec.start)
    const end = spec.end === undefined ? Infinity : Instant.check("end", spec.end)
    Instant.checkOrder(spec.start, spec.end)
    return {
      next(after, anchor) {
        const at = inner.next(Math.max(after, start - 1), anchor)
        return at !== undefined && at <= end ? at : undefined
      },
      previous(before, anchor) {
        const at = inner.previous(Math.min(before, end + 1), anchor)
        return at !== undefined && at >= start ? at : undefined
      },
      count: (from, to, anchor) => inner.count(Math.max(from, start - 1), Math.min(to, end), anchor),
      canFire: (from, to) => inner.canFire(Math.max(from, start), Math.min(to, end))
    }
  }
}
