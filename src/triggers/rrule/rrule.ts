/**
 * Recurrences of RFC 5545 as a kind of trigger.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { checkChoice, show, TriggerError } from "../error.ts"
import type { Compiled, Kind } from "../kind.ts"
import * as Walls from "../walls.ts"
import * as ClockChange from "../zone/clockChange.ts"
import * as Zone from "../zone/zone.ts"
import * as Days from "./days.ts"
import * as Expand from "./expand.ts"
import { format } from "./format.ts"
import { rank } from "./moments.ts"
import { parse } from "./parse.ts"
import { always } from "./periods.ts"
import type { Recurrence, Stamp } from "./recurrence.ts"
import * as Search from "./search.ts"

/**
 * Fires at the instances of a recurrence of RFC 5545.
 *
 * @category models
 * @since 0.1.0
 */
export interface RruleSpec {
  readonly _tag: "rrule"
  /** The lines DTSTART, RRULE, RDATE and EXDATE of iCalendar, in canonical form. */
  readonly text: string
  /** The zone of local times that name none; UTC when left out. */
  readonly timeZone?: string
  readonly gap?: ClockChange.Gap
  readonly overlap?: ClockChange.Overlap
}

const day = 86_400

/** What was read last: a text is compiled right after it was brought into its canonical form. */
let recent: { readonly text: string; readonly recurrence: Recurrence } | undefined

/** @internal */
export const rrule: Kind<RruleSpec> = {
  schema: () =>
    Schema.TaggedStruct("rrule", {
      text: Schema.String,
      timeZone: Schema.optionalKey(Schema.String),
      gap: Schema.optionalKey(Schema.Literals(ClockChange.gaps)),
      overlap: Schema.optionalKey(Schema.Literals(ClockChange.overlaps))
    }),

  normalize({ gap, overlap, text, timeZone }) {
    const recurrence = parsed(text)
    const canonical = recurrence === undefined ? text : format(recurrence)
    if (recurrence !== undefined) recent = { text: canonical, recurrence }
    const isDefaultZone = timeZone === "UTC" && recurrence !== undefined && !namesZone(recurrence)
    return {
      _tag: "rrule",
      text: canonical,
      ...(timeZone === undefined || isDefaultZone ? {} : { timeZone }),
      ...(gap === undefined || gap === "shift" ? {} : { gap }),
      ...(overlap === undefined || overlap === "first" ? {} : { overlap })
    }
  },

  compile(spec) {
    const recurrence = recent?.text === spec.text ? recent.recurrence : parse(spec.text)
    const { rule, start } = recurrence
    checkChoice("gap", spec.gap, ClockChange.gaps)
    checkChoice("overlap", spec.overlap, ClockChange.overlaps)
    if (spec.timeZone !== undefined && namesZone(recurrence)) {
      throw new TriggerError({
        reason: "option",
        field: "timeZone",
        value: show(spec.timeZone),
        expected: "no time zone beside a DTSTART that has its own"
      })
    }
    const zone = start?.form === "zoned" ? start.zone : start?.form === "utc" ? "UTC" : spec.timeZone ?? "UTC"
    const policy = { gap: spec.gap ?? "shift", overlap: spec.overlap ?? "first" } as const
    const zoned = { ...policy, table: Zone.table("timeZone", zone) }

    const instantsOf = (stamps: ReadonlyArray<Stamp>): ReadonlyArray<number> =>
      Array.from(
        new Set(stamps.flatMap((stamp) => {
          if (stamp.form === "utc") return stamp.wall < 0 ? [] : [stamp.wall * 1000]
          const table = stamp.form === "zoned" ? Zone.table("TZID", stamp.zone) : zoned.table
          return Walls.instants({ ...policy, table }, stamp.wall)
        }))
      ).sort((a, b) => a - b)
    const excluded = instantsOf(recurrence.excluded)
    const isExcluded = (at: number): boolean => excluded.length > 0 && excluded[rank(excluded, at)] === at
    const added = instantsOf(recurrence.added).filter((at) => !isExcluded(at))
    /** UNTIL as an instant, where it is one. */
    const end = rule.until?.form === "utc" ? rule.until.wall * 1000 : Infinity

    /** What the rule alone gives from a start on; COUNT is counted from `countFrom`. */
    const from = (start: number, countFrom: number): ClockChange.ZonedWalls => {
      const walls = Expand.walls(rule, start)
      const last = rule.count !== undefined
        ? lastCounted(zoned, walls, countFrom, rule.count)
        : rule.until === undefined || rule.until.form === "utc"
        ? Infinity
        : rule.until.wall
      return { ...zoned, walls: Expand.within(walls, start, last) }
    }

    /** The instants of a set without the excluded ones and with the added ones, as far as they are after `bound`. */
    const nextOf = (set: ClockChange.ZonedWalls, after: number): number | undefined => {
      let at = Walls.next(set, after)
      while (at !== undefined && at <= end && isExcluded(at)) at = Walls.next(set, at)
      if (at !== undefined && at > end) at = undefined
      const besides = added.length === 0 ? undefined : added[rank(added, after + 1)]
      return at === undefined || (besides !== undefined && besides < at) ? besides : at
    }
    const previousOf = (set: ClockChange.ZonedWalls, before: number, bound: number): number | undefined => {
      let at = Walls.previous(set, Math.min(before, end + 1))
      while (at !== undefined && isExcluded(at)) at = Walls.previous(set, at)
      const besides = added[rank(added, before) - 1]
      const latest = at === undefined || (besides !== undefined && besides > at) ? besides : at
      return latest !== undefined && latest > bound ? latest : undefined
    }
    const countOf = (set: ClockChange.ZonedWalls, after: number, to: number): number => {
      const isRegular = (at: number): boolean => at <= end && Walls.next(set, at - 1) === at
      const within = (at: number): boolean => at > after && at <= to
      return Walls.count(set, after, Math.min(to, end)) -
        excluded.filter((at) => within(at) && isRegular(at)).length +
        added.filter((at) => within(at) && !isRegular(at)).length
    }

    if (start !== undefined) {
      const set = from(start.wall, start.wall)
      if (added.length === 0 && !Walls.isEverShown(set)) throw neverFires(spec)
      return {
        next: (after, anchor) => nextOf(set, Math.max(after, anchor - 1)),
        previous: (before, anchor) => previousOf(set, before, anchor - 1),
        count: (from, to, anchor) => countOf(set, Math.max(from, anchor - 1), to),
        canFire(from, to) {
          const at = nextOf(set, from - 1)
          return at !== undefined && at <= to
        }
      }
    }

    const days = Days.make(rule)
    if (added.length === 0 && (Search.next(days, always, 0) === Infinity || !Expand.hasPositions(rule))) {
      throw neverFires(spec)
    }
    let known: { readonly anchor: number; readonly set: ClockChange.ZonedWalls } | undefined
    /** The set of an anchor: which one is asked about rarely changes. */
    const setOf = (anchor: number): ClockChange.ZonedWalls => {
      if (known?.anchor === anchor) return known.set
      const second = Math.floor(anchor / 1000)
      const { before, offset, start } = zoned.table.at(second)
      const wall = second + offset
      // in the second pass of a repeated hour, what fires in the first pass only is over
      const isOver = policy.overlap === "first" && before > offset && wall < start + before
      const set = from(wall, isOver ? start + before : wall + 1)
      known = { anchor, set }
      return set
    }
    return {
      next: (after, anchor) => nextOf(setOf(anchor), Math.max(after, anchor)),
      previous: (before, anchor) => previousOf(setOf(anchor), before, anchor),
      count: (from, to, anchor) => countOf(setOf(anchor), Math.max(from, anchor), to),
      // what the rule leaves open, some anchor fills in; the days are all that can be told for all anchors together
      canFire: (from, to) => {
        const dayOf = (at: number): number => Math.floor(at / 1000 / day)
        return from === -Infinity || Search.next(days, always, Math.max(0, dayOf(from) - 2)) <= dayOf(to) + 2
      }
    } satisfies Compiled
  }
}

/**
 * The wall time of the n-th instance at or after `from`, or Infinity when there are fewer. Instances are counted as they
 * fire: what falls into a skipped gap does not count, and two that a gap moves to one instant count once.
 */
const lastCounted = (
  zoned: Omit<ClockChange.ZonedWalls, "walls">,
  walls: ClockChange.Walls,
  from: number,
  n: number
): number => {
  if (!Walls.isEverShown({ ...zoned, walls: Expand.within(walls, from, Infinity) })) return Infinity
  let first = from
  let missing = n
  while (true) {
    const last = Expand.nth(walls, first, missing)
    if (last === Infinity) return last
    // zones are known from 1970 on; what lies before is counted as it is written
    if (first < 0) missing -= walls.count(first, Math.min(0, last + 1))
    const shown = { ...zoned, overlap: "first", walls: Expand.within(walls, first, last) } as const
    missing -= ClockChange.count(shown, first - 2 * day, last + 2 * day)
    if (missing <= 0) return last
    first = last + 1
  }
}

const namesZone = ({ start }: Recurrence): boolean => start?.form === "zoned" || start?.form === "utc"

/** What the text says, or `undefined` when it cannot be read, which is for `compile` to report. */
const parsed = (text: string): Recurrence | undefined => {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof TriggerError) return undefined
    throw error
  }
}

const neverFires = (spec: RruleSpec): TriggerError =>
  new TriggerError({
    reason: "neverFires",
    field: "RRULE",
    value: show(spec.text),
    expected: "parts that some date from the start to the year 9999 matches together"
  })
