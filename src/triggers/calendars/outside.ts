/**
 * A trigger outside the times that a calendar covers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Search from "../bounded-search.ts"
import type { TriggerSpec } from "../compile.ts"
import { checkChoice } from "../error.ts"
import { isFixed } from "../fixed.ts"
import * as Instant from "../instant.ts"
import type { Kind } from "../kind.ts"
import type { Occurrences } from "../occurrences.ts"
import * as Calendars from "./compile.ts"
import { type Coverage, firstFree, lastFree } from "./coverage.ts"

/**
 * What becomes of instants that lie in a stretch of time which a calendar covers:
 *
 * - `"drop"`: they do not fire,
 * - `"defer"`: they fire once, together, when the stretch is over,
 * - `"advance"`: they fire once, together, when the stretch begins.
 *
 * @category models
 * @since 0.1.0
 */
export type Inside = typeof insides[number]

export const insides = ["drop", "defer", "advance"] as const

/**
 * Fires with its member, outside the times that a calendar covers. `inside` says what becomes of the others, which are
 * dropped where it is left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutsideSpec {
  readonly _tag: "outside"
  readonly of: TriggerSpec
  readonly calendar: Calendars.CalendarSpec
  readonly inside?: Inside
}

type Searches = Pick<Occurrences, "next" | "previous">

/** @internal */
export const outside: Kind<OutsideSpec> = {
  schema: (member) =>
    Schema.TaggedStruct("outside", {
      of: member,
      calendar: Calendars.schema(member),
      inside: Schema.optionalKey(Schema.Literals(insides))
    }),

  normalize: ({ calendar, inside, of }, member) => ({
    _tag: "outside",
    of: member(of),
    calendar: Calendars.normalize(calendar, member),
    ...(inside === undefined || inside === "drop" ? {} : { inside })
  }),

  compile(spec, member, names) {
    checkChoice("inside", spec.inside, insides)
    const inner = member(spec.of)
    const coverage = Calendars.compile(spec.calendar, member, names)
    const { next, previous } = bounded(
      spec.inside === "defer"
        ? deferred(inner, coverage)
        : spec.inside === "advance"
        ? advanced(inner, coverage)
        : dropped(inner, coverage)
    )
    return {
      next,
      previous,
      count: () => undefined,
      canFire(from, to) {
        if (!isFixed(spec)) return true
        const at = next(from - 1, Instant.min)
        return at !== undefined && at <= to
      }
    }
  }
}

/** Both searches with a purse of steps; what they find after it is empty proves nothing. */
const bounded = ({ next, previous }: Searches): Searches => {
  const search = (ask: Searches["next"]): Searches["next"] => (from, anchor) => {
    const outermost = Search.begin()
    try {
      const at = ask(from, anchor)
      return at === undefined || !Number.isFinite(at) || Search.isSpent() ? undefined : at
    } finally {
      Search.end(outermost)
    }
  }
  return { next: search(next), previous: search(previous) }
}

const dropped = (inner: Searches, coverage: Coverage): Searches => ({
  next(after, anchor) {
    while (Search.step()) {
      const at = inner.next(after, anchor)
      if (at === undefined) return undefined
      const free = firstFree(coverage, at)
      if (free === at) return at
      after = free - 1
    }
    return undefined
  },
  previous(before, anchor) {
    while (Search.step()) {
      const at = inner.previous(before, anchor)
      if (at === undefined) return undefined
      const free = lastFree(coverage, at)
      if (free === at) return at
      before = free + 1
    }
    return undefined
  }
})

/**
 * The instants are mapped to the first free ones. The map never turns two around, and reaches what is later than `x` from
 * exactly the instants that are later than the last free one up to `x`.
 */
const deferred = (inner: Searches, coverage: Coverage): Searches => ({
  next(after, anchor) {
    const at = inner.next(Number.isFinite(after) ? lastFree(coverage, after) : after, anchor)
    return at === undefined ? undefined : firstFree(coverage, at)
  },
  previous(before, anchor) {
    const at = inner.previous(Number.isFinite(before) ? lastFree(coverage, before - 1) + 1 : before, anchor)
    if (at === undefined) return undefined
    const free = firstFree(coverage, at)
    if (free !== Infinity) return free
    // what is covered for ever never fires, and what lies before it does
    const earlier = inner.previous(lastFree(coverage, at) + 1, anchor)
    return earlier === undefined ? undefined : firstFree(coverage, earlier)
  }
})

/** The first covered instant of the stretch that covers `at`, or `at` itself. */
const beginning = (coverage: Coverage, at: number): number => {
  const free = lastFree(coverage, at)
  return free === at ? at : free + 1
}

/**
 * The instants are mapped to the beginnings of their stretches, which turns no two around either. What would have to fire
 * before the anchor, because a stretch had begun when the job was added, does not fire.
 */
const advanced = (inner: Searches, coverage: Coverage): Searches => ({
  next(after, anchor) {
    // all that lies in the stretch around `after` fires at its beginning, which is not later than `after`
    const free = Number.isFinite(after) ? firstFree(coverage, after) : after
    if (free !== after) after = free - 1
    while (Search.step()) {
      const at = inner.next(after, anchor)
      if (at === undefined) return undefined
      const begun = beginning(coverage, at)
      if (begun >= anchor || (at < anchor && begun > -Infinity)) return begun
      after = firstFree(coverage, at) - 1
    }
    return undefined
  },
  previous(before, anchor) {
    // all that lies in the stretch around `before - 1` fires at its beginning, which is earlier than `before`
    const free = Number.isFinite(before) ? firstFree(coverage, before - 1) : before - 1
    if (free !== before - 1) before = free
    while (Search.step()) {
      const at = inner.previous(before, anchor)
      if (at === undefined) return undefined
      const begun = beginning(coverage, at)
      if (begun >= anchor || at < anchor) return begun > -Infinity ? begun : undefined
      before = anchor
    }
    return undefined
  }
})
