/**
 * The first instants of a trigger.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Search from "./bounded-search.ts"
import type { TriggerSpec } from "./compile.ts"
import { TriggerError } from "./error.ts"
import * as Instant from "./instant.ts"
import type { Compiled, Kind } from "./kind.ts"
import { perAnchor } from "./per-anchor.ts"

/**
 * Fires at the first `times` instants of its member, counted from the anchor.
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitSpec {
  readonly _tag: "limit"
  readonly of: TriggerSpec
  readonly times: number
}

/** @internal */
export const limit: Kind<LimitSpec> = {
  schema: (member) => Schema.TaggedStruct("limit", { of: member, times: Schema.Int }),

  normalize({ of, times }, member) {
    const normal = member(of)
    return normal._tag === "limit"
      ? { _tag: "limit", of: normal.of, times: Math.min(times, normal.times) }
      : { _tag: "limit", of: normal, times }
  },

  compile({ of, times }, member) {
    const inner = member(of)
    const closed = inner.count(0, 0, 0) !== undefined
    // without a closed form the instants have to be counted one by one, once for each anchor
    const most = closed ? Number.MAX_SAFE_INTEGER : Search.limit
    if (!Number.isInteger(times) || times < 1 || times > most) {
      throw new TriggerError({
        reason: "option",
        field: "times",
        value: String(times),
        expected: closed
          ? "a whole number of at least 1"
          : `a whole number from 1 to ${most}, because instants of this trigger can only be counted one by one`
      })
    }
    /** The instant at which the limit is reached. */
    const end = perAnchor((anchor) => nth(inner, times, anchor, closed))

    return {
      next(after, anchor) {
        const at = inner.next(after, anchor)
        return at !== undefined && at <= end(anchor) ? at : undefined
      },
      previous: (before, anchor) => inner.previous(Math.min(before, end(anchor) + 1), anchor),
      count: (from, to, anchor) => inner.count(from, Math.min(to, end(anchor)), anchor),
      canFire: inner.canFire
    }
  }
}

/** The n-th instant of all; `Infinity` when there are fewer. */
const nth = (inner: Compiled, n: number, anchor: number, closed: boolean): number => {
  const first = inner.next(-Infinity, anchor)
  if (first === undefined) return Infinity
  if (!closed) {
    let at: number | undefined = first
    for (let i = 1; i < n && at !== undefined; i++) at = inner.next(at, anchor)
    return at ?? Infinity
  }
  // the n-th lies in (low, high], and `counted` instants lie up to low: first double the stretch, then halve it
  const count = (from: number, to: number) => inner.count(from, to, anchor)!
  let low = first - 1
  let counted = 0
  let high = first
  for (let span = 60_000;; span *= 2) {
    const some = count(low, high)
    if (counted + some >= n) break
    if (high === Instant.max) return Infinity
    low = high
    counted += some
    high = Math.min(Instant.max, high + span)
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const some = count(low, middle)
    if (counted + some >= n) {
      high = middle
      if (counted + some === n) break
    } else {
      low = middle
      counted += some
    }
  }
  return inner.previous(high + 1, anchor)!
}
