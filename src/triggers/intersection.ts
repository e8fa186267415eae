/**
 * Where several triggers agree.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Search from "./bounded-search.ts"
import type { TriggerSpec } from "./compile.ts"
import { TriggerError } from "./error.ts"
import { isFixed } from "./fixed.ts"
import * as Instant from "./instant.ts"
import type { Compiled, Kind } from "./kind.ts"
import type { Occurrences } from "./occurrences.ts"

/**
 * Fires at the beginning of every shortest stretch of time, no longer than `threshold` milliseconds (0 where it is left
 * out), in which all members fire. With a threshold of 0 these are the instants that all members share.
 *
 * **Details**
 *
 * A stretch is one of the shortest when none lies within it in which all members fire as well. So an exact agreement is
 * not announced a threshold too early by a member that fires often, the order of the members does not matter, and no state
 * is needed to say what fires.
 *
 * @category models
 * @since 0.1.0
 */
export interface IntersectionSpec {
  readonly _tag: "intersection"
  readonly of: ReadonlyArray<TriggerSpec>
  readonly threshold?: number
}

/** @internal */
export const intersection: Kind<IntersectionSpec> = {
  schema: (member) =>
    Schema.TaggedStruct("intersection", { of: Schema.Array(member), threshold: Schema.optionalKey(Schema.Int) }),

  normalize({ of, threshold }, member) {
    const exact = threshold === undefined || threshold === 0
    const members = of.map(member).flatMap((spec) =>
      exact && spec._tag === "intersection" && spec.threshold === undefined ? spec.of : [spec]
    )
    if (members.length === 1) return members[0]!
    return { _tag: "intersection", of: members, ...(exact ? {} : { threshold }) }
  },

  compile(spec, member) {
    if (spec.of.length === 0) {
      throw new TriggerError({ reason: "neverFires", field: "of", value: "[]", expected: "at least one trigger" })
    }
    const threshold = spec.threshold === undefined ? 0 : Instant.checkDuration("threshold", spec.threshold)
    const members = spec.of.map(member)

    const { next, previous } = threshold === 0 ? exact(members) : within(members, threshold)

    return {
      next,
      previous,
      count: () => undefined,
      canFire(from, to) {
        if (!isFixed(spec)) return members.every((one) => one.canFire(from, to + threshold))
        const at = next(from - 1, Instant.min)
        return at !== undefined && at <= to
      }
    }
  }
}

type Searches = Pick<Occurrences, "next" | "previous">

/** The instants that all members share: each in turn is asked for its first that is not before that of the one asked last. */
const exact = (members: ReadonlyArray<Compiled>): Searches => ({
  next(after, anchor) {
    const outermost = Search.begin()
    try {
      let shared = after
      let agreed = 0
      for (let i = 0; agreed < members.length; i = i + 1 < members.length ? i + 1 : 0) {
        if (!Search.step()) return undefined
        const at = members[i]!.next(agreed === 0 ? shared : shared - 1, anchor)
        if (at === undefined) return undefined
        agreed = at === shared ? agreed + 1 : 1
        shared = at
      }
      return Search.isSpent() ? undefined : shared
    } finally {
      Search.end(outermost)
    }
  },
  previous(before, anchor) {
    const outermost = Search.begin()
    try {
      let shared = before
      let agreed = 0
      for (let i = 0; agreed < members.length; i = i + 1 < members.length ? i + 1 : 0) {
        if (!Search.step()) return undefined
        const at = members[i]!.previous(agreed === 0 ? shared : shared + 1, anchor)
        if (at === undefined) return undefined
        agreed = at === shared ? agreed + 1 : 1
        shared = at
      }
      return Search.isSpent() ? undefined : shared
    } finally {
      Search.end(outermost)
    }
  }
})

/** The beginnings of the shortest stretches that are no longer than the threshold. */
const within = (members: ReadonlyArray<Compiled>, threshold: number): Searches => ({
  next(after, anchor) {
    const outermost = Search.begin()
    try {
      while (Search.step()) {
        // the earliest end of a stretch in which all fire: where the last of them fires first
        const end = earliestEnd(members, after + 1, anchor)
        if (end === Infinity) return undefined
        const start = latestStart(members, end, anchor)
        if (end - start <= threshold) return Search.isSpent() ? undefined : start
        after = end - threshold - 1 // any later stretch ends later, so it cannot begin before this
      }
      return undefined
    } finally {
      Search.end(outermost)
    }
  },
  previous(before, anchor) {
    const outermost = Search.begin()
    let limit = before + threshold // the stretch ends before this
    try {
      while (Search.step()) {
        const start = latestStart(members, limit - 1, anchor)
        if (start === -Infinity) return undefined
        const end = earliestEnd(members, start, anchor)
        if (start < before && end - start <= threshold) return Search.isSpent() ? undefined : start
        limit = Math.min(end, start + threshold + 1)
      }
      return undefined
    } finally {
      Search.end(outermost)
    }
  }
})

/** The latest instant from which on, up to `end`, all members fire; -Infinity when one has not fired until then. */
const latestStart = (members: ReadonlyArray<Compiled>, end: number, anchor: number): number => {
  let start = Infinity
  for (let i = 0; i < members.length; i++) {
    const at = members[i]!.previous(end + 1, anchor)
    if (at === undefined) return -Infinity
    if (at < start) start = at
  }
  return start
}

/** The earliest instant until which, from `start` on, all members fire; Infinity when one never does. */
const earliestEnd = (members: ReadonlyArray<Compiled>, start: number, anchor: number): number => {
  let end = -Infinity
  for (let i = 0; i < members.length; i++) {
    const at = members[i]!.next(start - 1, anchor)
    if (at === undefined) return Infinity
    if (at > end) end = at
  }
  return end
}
