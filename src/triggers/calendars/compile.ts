/**
 * The registry of calendar kinds, and what it gives together, as `../compile.ts` does for triggers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "../compile.ts"
import type { Compiled } from "../kind.ts"
import type { Names } from "../registry.ts"
import { complement, type Coverage, union } from "./coverage.ts"
import { days, type DaysSpec } from "./days.ts"
import { each, type EachSpec } from "./each.ts"
import { weekly, type WeeklySpec } from "./weekly.ts"
import { windows, type WindowsSpec } from "./windows.ts"

/**
 * Covers what one of its members covers.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnyOfSpec {
  readonly _tag: "anyOf"
  readonly of: ReadonlyArray<CalendarSpec>
}

/**
 * Covers what its member does not cover.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotSpec {
  readonly _tag: "not"
  readonly of: CalendarSpec
}

/**
 * Covers what the calendar of this name covers, which a registry has to know.
 *
 * @category models
 * @since 0.1.0
 */
export interface NamedSpec {
  readonly _tag: "named"
  readonly name: string
}

/**
 * A calendar as data: JSON, one shape for each kind.
 *
 * @category models
 * @since 0.1.0
 */
export type CalendarSpec = DaysSpec | WeeklySpec | WindowsSpec | EachSpec | AnyOfSpec | NotSpec | NamedSpec

/**
 * What a calendar is compiled with.
 *
 * @internal
 */
export interface Context {
  readonly trigger: (spec: TriggerSpec) => Compiled
  readonly calendar: (spec: CalendarSpec) => Coverage
  readonly names: Names
}

/**
 * One kind of calendar; see `Kind` for triggers.
 *
 * @internal
 */
export interface CalendarKind<Spec extends { readonly _tag: string }> {
  readonly schema: (member: Schema.Codec<CalendarSpec>, trigger: Schema.Codec<TriggerSpec>) => Schema.Codec<Spec>
  readonly normalize: (
    spec: Spec,
    member: (spec: CalendarSpec) => CalendarSpec,
    trigger: (spec: TriggerSpec) => TriggerSpec
  ) => CalendarSpec
  readonly compile: (spec: Spec, context: Context) => Coverage
}

const anyOf: CalendarKind<AnyOfSpec> = {
  schema: (member) => Schema.TaggedStruct("anyOf", { of: Schema.Array(member) }),
  normalize({ of }, member) {
    const members = of.map(member).flatMap((spec) => spec._tag === "anyOf" ? spec.of : [spec])
    return members.length === 1 ? members[0]! : { _tag: "anyOf", of: members }
  },
  compile: ({ of }, { calendar }) => union(of.map(calendar))
}

const not: CalendarKind<NotSpec> = {
  schema: (member) => Schema.TaggedStruct("not", { of: member }),
  normalize({ of }, member) {
    const normal = member(of)
    return normal._tag === "not" ? normal.of : { _tag: "not", of: normal }
  },
  compile: ({ of }, { calendar }) => complement(calendar(of))
}

const named: CalendarKind<NamedSpec> = {
  schema: () => Schema.TaggedStruct("named", { name: Schema.String }),
  normalize: ({ name }) => ({ _tag: "named", name }),
  compile: ({ name }, { calendar, names }) => names.calendar(name, calendar)
}

const kinds: { readonly [Tag in CalendarSpec["_tag"]]: CalendarKind<Extract<CalendarSpec, { readonly _tag: Tag }>> } = {
  days,
  weekly,
  windows,
  each,
  anyOf,
  not,
  named
}

// the tag of a specification picks a kind of that very specification, which the type system cannot follow
const kindOf = (spec: CalendarSpec): CalendarKind<CalendarSpec> =>
  kinds[spec._tag] as unknown as CalendarKind<CalendarSpec>

/**
 * The shape of a calendar's specification.
 *
 * @internal
 */
export const schema = (trigger: Schema.Codec<TriggerSpec>): Schema.Codec<CalendarSpec> => {
  const member: Schema.Codec<CalendarSpec> = Schema.suspend(() => self)
  const self: Schema.Codec<CalendarSpec> = Schema.Union([
    days.schema(member, trigger),
    weekly.schema(member, trigger),
    windows.schema(member, trigger),
    each.schema(member, trigger),
    anyOf.schema(member, trigger),
    not.schema(member, trigger),
    named.schema(member, trigger)
  ])
  return self
}

/**
 * The canonical form of a specification.
 *
 * @internal
 */
export const normalize = (spec: CalendarSpec, trigger: (spec: TriggerSpec) => TriggerSpec): CalendarSpec =>
  kindOf(spec).normalize(spec, (member) => normalize(member, trigger), trigger)

/**
 * The meaning of a specification. Throws a `TriggerError` when there is none.
 *
 * @internal
 */
export const compile = (spec: CalendarSpec, trigger: (spec: TriggerSpec) => Compiled, names: Names): Coverage => {
  const context: Context = { trigger, names, calendar: (spec) => kindOf(spec).compile(spec, context) }
  return context.calendar(spec)
}
