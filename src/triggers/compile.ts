/**
 * The registry of kinds, and what it gives together: the type and schema of all specifications, their canonical form and
 * their meaning. A new kind is one file and its line in each of the two lists here.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { after, type AfterSpec } from "./after.ts"
import { andThen, type AndThenSpec } from "./and-then.ts"
import { between, type BetweenSpec } from "./between.ts"
import { calendarInterval, type CalendarIntervalSpec } from "./calendar-interval.ts"
import { outside, type OutsideSpec } from "./calendars/outside.ts"
import { cron, type CronSpec } from "./cron/cron.ts"
import { custom, type CustomSpec } from "./custom.ts"
import { dates, type DatesSpec } from "./dates.ts"
import { show, TriggerError } from "./error.ts"
import { except, type ExceptSpec } from "./except.ts"
import { intersection, type IntersectionSpec } from "./intersection.ts"
import { interval, type IntervalSpec } from "./interval.ts"
import { jitter, type JitterSpec } from "./jitter.ts"
import type { Compiled, Kind } from "./kind.ts"
import { limit, type LimitSpec } from "./limit.ts"
import { offset, type OffsetSpec } from "./offset.ts"
import type { Names } from "./registry.ts"
import { rrule, type RruleSpec } from "./rrule/rrule.ts"
import { union, type UnionSpec } from "./union.ts"

/**
 * A trigger as data: JSON, one shape for each kind. Instants are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type TriggerSpec =
  | DatesSpec
  | AfterSpec
  | IntervalSpec
  | CronSpec
  | CalendarIntervalSpec
  | RruleSpec
  | CustomSpec
  | UnionSpec
  | IntersectionSpec
  | ExceptSpec
  | OutsideSpec
  | BetweenSpec
  | LimitSpec
  | OffsetSpec
  | AndThenSpec
  | JitterSpec

const kinds: { readonly [Tag in TriggerSpec["_tag"]]: Kind<Extract<TriggerSpec, { readonly _tag: Tag }>> } = {
  dates,
  after,
  interval,
  cron,
  calendarInterval,
  rrule,
  custom,
  union,
  intersection,
  except,
  outside,
  between,
  limit,
  offset,
  andThen,
  jitter
}

// the tag of a specification picks a kind of that very specification, which the type system cannot follow
const kindOf = (spec: TriggerSpec): Kind<TriggerSpec> => kinds[spec._tag] as unknown as Kind<TriggerSpec>

const member: Schema.Codec<TriggerSpec> = Schema.suspend(() => TriggerSpec)

/**
 * The shape of a specification. What the shape cannot say, such as whether a cron expression can be read, is left to
 * compiling it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TriggerSpec: Schema.Codec<TriggerSpec> = Schema.Union([
  dates.schema(member),
  after.schema(member),
  interval.schema(member),
  cron.schema(member),
  calendarInterval.schema(member),
  rrule.schema(member),
  custom.schema(member),
  union.schema(member),
  intersection.schema(member),
  except.schema(member),
  outside.schema(member),
  between.schema(member),
  limit.schema(member),
  offset.schema(member),
  andThen.schema(member),
  jitter.schema(member)
])

/**
 * The canonical form of a specification.
 *
 * @internal
 */
export const normalize = (spec: TriggerSpec): TriggerSpec => kindOf(spec).normalize(spec, normalize)

/**
 * The meaning of a specification. Throws a `TriggerError` when there is none.
 *
 * @internal
 */
export const compile = (spec: TriggerSpec, names: Names): Compiled => {
  const member = (inner: TriggerSpec): Compiled => {
    if (inner._tag !== "jitter") return kindOf(inner).compile(inner, member, names)
    // planned instants are not in the set that combinators work on: they would be moved and cut off by chance
    throw new TriggerError({
      reason: "option",
      field: "jitter",
      value: show(inner),
      expected: "jitter around the whole trigger: combine first, jitter last"
    })
  }
  return kindOf(spec).compile(spec, member, names)
}
