/**
 * One trigger after another.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import { show, TriggerError } from "./error.ts"
import type { Kind } from "./kind.ts"
import { perAnchor } from "./per-anchor.ts"

/**
 * Fires with `first` until that has no more instants, and with `second` from then on. The last instant of `first` is the
 * anchor of `second`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AndThenSpec {
  readonly _tag: "andThen"
  readonly first: TriggerSpec
  readonly second: TriggerSpec
}

/** Whoever fires after this fires for ever, as far as anybody will know: the beginning of the year 9000. */
const forever = 221_845_392_000_000

/** @internal */
export const andThen: Kind<AndThenSpec> = {
  schema: (member) => Schema.TaggedStruct("andThen", { first: member, second: member }),

  normalize: ({ first, second }, member) => ({ _tag: "andThen", first: member(first), second: member(second) }),

  compile(spec, member) {
    const first = member(spec.first)
    const second = member(spec.second)
    const last = first.previous(Infinity, 0)
    if (last !== undefined && last > forever) {
      throw new TriggerError({
        reason: "neverFires",
        field: "second",
        value: show(spec.second),
        expected: "a first trigger that ends, such as dates or one with an end or a limit"
      })
    }
    /** The last instant of the first trigger, or -Infinity where it has none. */
    const handover = perAnchor((anchor) => first.previous(Infinity, anchor) ?? -Infinity)

    return {
      next(after, anchor) {
        const from = handover(anchor)
        if (after < from) return first.next(after, anchor)
        return second.next(after, Math.max(from, anchor))
      },
      previous(before, anchor) {
        const from = handover(anchor)
        const at = before > from ? second.previous(before, Math.max(from, anchor)) : undefined
        return at !== undefined && at > from ? at : first.previous(before, anchor)
      },
      count(from, to, anchor) {
        const middle = handover(anchor)
        const one = first.count(from, Math.min(to, middle), anchor)
        const two = second.count(Math.max(from, middle), to, Math.max(middle, anchor))
        return one === undefined || two === undefined ? undefined : one + two
      },
      canFire: (from, to) => first.canFire(from, to) || second.canFire(from, to)
    }
  }
}
