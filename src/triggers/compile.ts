/**
 * The registry of kinds, and what it gives together: the type and schema of all specifications, their canonical form and
 * their meaning. A new kind is one file and its line in each of the two lists here.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { after, type AfterSpec } from "./after.ts"
import { between, type BetweenSpec } from "./between.ts"
import { calendarInterval, type CalendarIntervalSpec } from "./calendar-interval.ts"
import { cron, type CronSpec } from "./cron/cron.ts"
import { dates, type DatesSpec } from "./dates.ts"
import { interval, type IntervalSpec } from "./interval.ts"
import type { Compiled, Kind } from "./kind.ts"
import { union, type UnionSpec } from "./union.ts"

/**
 * A trigger as data: JSON, one shape for each kind. Instants are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type TriggerSpec = DatesSpec | AfterSpec | IntervalSpec | CronSpec | CalendarIntervalSpec | UnionSpec | BetweenSpec

const kinds: { readonly [Tag in TriggerSpec["_tag"]]: Kind<Extract<TriggerSpec, { readonly _tag: Tag }>> } = {
  dates,
  after,
  interval,
  cron,
  calendarInterval,
  union,
  between
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
  union.schema(member),
  between.schema(member)
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
export const compile = (spec: TriggerSpec): Compiled => kindOf(spec).compile(spec, compile)
