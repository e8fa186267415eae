/**
 * The next instants of a trigger as a person wants to see them.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import { compile, normalize, type TriggerSpec } from "../compile.ts"
import { TriggerError } from "../error.ts"
import { anchorFor } from "../fixed.ts"
import * as Instant from "../instant.ts"
import type { Occurrences } from "../occurrences.ts"
import * as Registry from "../registry.ts"
import type { Gap, Overlap } from "../zone/clockChange.ts"
import type { Table } from "../zone/table.ts"
import * as Zone from "../zone/zone.ts"
import { offsetText, wallText, zoneOf } from "./clock.ts"

/**
 * What the clocks of a zone do to an instant:
 *
 * - `"moved"`: its wall time is skipped by the clocks, so that it fires at another,
 * - `"first"` and `"second"`: its wall time comes twice, and this is the first or the second,
 * - `"skipped"`: it does not fire, because the clocks skip its wall time, or because that comes twice and fires once.
 *
 * @category models
 * @since 0.1.0
 */
export type ClockChangeMark = "moved" | "first" | "second" | "skipped"

/**
 * One line of a preview.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreviewEntry {
  /** The instant; of a wall time that the clocks skip, as if they had not moved. */
  readonly at: DateTime.Utc
  /** What a clock in the zone shows, such as `"2026-03-29 03:00:00"`; or would show, had it not skipped that. */
  readonly wall: string
  /** Such as `"+02:00"`. */
  readonly offset: string
  readonly timeZone: string
  /** `false` for what a clock change takes away. */
  readonly fires: boolean
  readonly change: ClockChangeMark | undefined
}

/**
 * Which instants a preview shows.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreviewOptions {
  /** The first instant that may be shown. */
  readonly from: DateTime.DateTime.Input
  /** How many instants that fire; skipped ones between them are shown besides. Default 10, at most 10,000. */
  readonly count?: number | undefined
  /** When the job was added; `from` unless given, where it makes a difference. */
  readonly anchor?: DateTime.DateTime.Input | undefined
  /** The zone to show; that of the trigger, or UTC, unless given. */
  readonly timeZone?: string | DateTime.TimeZone | undefined
}

/** A trigger as far as a preview needs it. */
export interface Previewed {
  readonly spec: TriggerSpec
  readonly occurrences: Occurrences
  readonly registry: Registry.Registry
}

/** @internal */
export const preview = (trigger: Previewed, options: PreviewOptions): ReadonlyArray<PreviewEntry> => {
  const from = Instant.fromInput("from", options.from)
  const anchor = options.anchor === undefined
    ? anchorFor(trigger.spec, from)
    : Instant.fromInput("anchor", options.anchor)
  const count = Math.min(options.count ?? 10, 10_000)
  const timeZone = options.timeZone === undefined
    ? zoneOf(trigger.spec) ?? "UTC"
    : Zone.toText("timeZone", options.timeZone)
  const table = Zone.table("timeZone", timeZone)
  const { next } = trigger.occurrences
  // what clock changes do shows in what would fire under other policies
  const unmoved = variant(trigger, "skip", undefined)
  const everything = variant(trigger, "shift", "both")

  const fires = (occurrences: Occurrences, at: number) => occurrences.next(at - 1, anchor) === at
  const entry = (at: number, offset: number, fires: boolean, change: ClockChangeMark | undefined): PreviewEntry => ({
    at: DateTime.makeUnsafe(at),
    wall: wallText(at + offset * 1000),
    offset: offsetText(offset),
    timeZone,
    fires,
    change
  })
  /** Whether an instant fires in place of wall times that are skipped. */
  const isMoved = (at: number) => gapBefore(table, at) !== undefined && unmoved !== undefined && !fires(unmoved, at)

  const entries: Array<PreviewEntry> = []
  let after = from - 1
  for (let shown = 0; shown < count; shown++) {
    const at = next(after, anchor)
    if (at === undefined) break
    for (let lost = everything?.next(after, anchor); lost !== undefined && lost < at;) {
      const gap = gapBefore(table, lost)
      const standsFor = gap !== undefined && fires(trigger.occurrences, gap.start) && isMoved(gap.start)
      if (gap !== undefined && !standsFor) entries.push(entry(lost, gap.before, false, "skipped"))
      else if (gap === undefined && pass(table, lost) !== undefined) {
        entries.push(entry(lost, offsetAt(table, lost), false, "skipped"))
      }
      lost = everything!.next(lost, anchor)
    }
    entries.push(entry(at, offsetAt(table, at), true, isMoved(at) ? "moved" : pass(table, at)))
    after = at
  }
  return entries
}

const offsetAt = (table: Table, at: number): number => table.at(Math.floor(at / 1000)).offset

/** The gap whose wall times, shifted, would fall on this instant. */
const gapBefore = (table: Table, at: number): { readonly start: number; readonly before: number } | undefined => {
  const { before, offset, start } = table.at(Math.floor(at / 1000))
  return before < offset && at < (start + offset - before) * 1000 ? { start: start * 1000, before } : undefined
}

/** Whether the wall time of an instant comes again, or has been there before. */
const pass = (table: Table, at: number): "first" | "second" | undefined => {
  const { after, before, end, offset, start } = table.at(Math.floor(at / 1000))
  if (before > offset && at / 1000 + offset < start + before) return "second"
  return after < offset && at / 1000 + offset >= end + after ? "first" : undefined
}

/** The trigger under other policies; `undefined` when it has none, or would not fire at all. */
const variant = (trigger: Previewed, gap: Gap, overlap: Overlap | undefined): Occurrences | undefined => {
  if (!hasPolicies(trigger.spec)) return undefined
  try {
    const spec = normalize(withPolicies(trigger.spec, gap, overlap))
    return compile(spec, Registry.names(trigger.registry, () => {}))
  } catch (error) {
    if (error instanceof TriggerError) return undefined
    throw error
  }
}

const zoned = new Set<TriggerSpec["_tag"]>(["cron", "calendarInterval", "rrule"])

const hasPolicies = (spec: TriggerSpec): boolean => zoneOf(spec) !== undefined

const withPolicies = (spec: TriggerSpec, gap: Gap, overlap: Overlap | undefined): TriggerSpec => {
  const change = (member: TriggerSpec) => withPolicies(member, gap, overlap)
  if (zoned.has(spec._tag)) return { ...spec, gap, ...(overlap === undefined ? {} : { overlap }) } as TriggerSpec
  switch (spec._tag) {
    case "union":
    case "intersection":
      return { ...spec, of: spec.of.map(change) }
    case "except":
      return { ...spec, of: change(spec.of), instants: change(spec.instants) }
    case "andThen":
      return { ...spec, first: change(spec.first), second: change(spec.second) }
    case "outside":
    case "between":
    case "limit":
    case "offset":
    case "jitter":
      return { ...spec, of: change(spec.of) }
    default:
      return spec
  }
}
