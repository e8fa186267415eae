/**
 * Cron expressions as a kind of trigger.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { checkChoice, show, TriggerError } from "../error.ts"
import type { Kind } from "../kind.ts"
import * as ClockChange from "../zone/clockChange.ts"
import * as Zone from "../zone/zone.ts"
import {
  type CronFields,
  dayRules,
  type Days,
  type Dialect,
  dialects,
  fieldNames,
  parseFields,
  parseText
} from "./parse.ts"
import { hasDate, hasWall } from "./proof.ts"
import * as Search from "./search.ts"

/**
 * Fires at the wall times of a cron expression in a time zone.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronSpec {
  readonly _tag: "cron"
  /** Text, or the fields of APScheduler. */
  readonly expression: string | CronFields
  /** An IANA name, or an offset such as `"+05:30"`. */
  readonly timeZone: string
  /** Left out where the expression decides: see `Trigger.cron`. */
  readonly gap?: ClockChange.Gap
  readonly overlap?: ClockChange.Overlap
  readonly days?: Days
  readonly dialect?: Dialect
}

const day = 86_400

const field = Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite]))

/** @internal */
export const cron: Kind<CronSpec> = {
  schema: () =>
    Schema.TaggedStruct("cron", {
      expression: Schema.Union([
        Schema.String,
        Schema.Struct({
          year: field,
          month: field,
          day: field,
          week: field,
          dayOfWeek: field,
          hour: field,
          minute: field,
          second: field
        })
      ]),
      timeZone: Schema.String,
      gap: Schema.optionalKey(Schema.Literals(ClockChange.gaps)),
      overlap: Schema.optionalKey(Schema.Literals(ClockChange.overlaps)),
      days: Schema.optionalKey(Schema.Literals(dayRules)),
      dialect: Schema.optionalKey(Schema.Literals(dialects))
    }),

  normalize: ({ days, dialect, expression, gap, overlap, timeZone }) => ({
    _tag: "cron",
    expression: typeof expression === "string" ? expression : inOrder(expression),
    timeZone,
    ...(gap === undefined ? {} : { gap }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(days === undefined ? {} : { days }),
    ...(dialect === undefined || dialect === "crontab" ? {} : { dialect })
  }),

  compile(spec) {
    const table = Zone.table("timeZone", spec.timeZone)
    checkChoice("gap", spec.gap, ClockChange.gaps)
    checkChoice("overlap", spec.overlap, ClockChange.overlaps)
    checkChoice("days", spec.days, dayRules)
    checkChoice("dialect", spec.dialect, dialects)
    if (typeof spec.expression !== "string" && (spec.days ?? spec.dialect) !== undefined) {
      throw new TriggerError({
        reason: "option",
        field: spec.days === undefined ? "dialect" : "days",
        value: show(spec.days ?? spec.dialect),
        expected: "nothing beside an object of fields, which has its own rules"
      })
    }
    const { calendar, followsClock } = typeof spec.expression === "string"
      ? parseText(spec.expression, spec.dialect ?? "crontab", spec.days)
      : parseFields(spec.expression)
    if (!hasDate(calendar)) {
      throw new TriggerError({
        reason: "neverFires",
        field: "expression",
        value: show(spec.expression),
        expected: "fields that some date matches together"
      })
    }
    // Vixie cron: what runs at a fixed time runs once, come what may; what runs by the clock follows the clock
    const gap = spec.gap ?? (followsClock ? "skip" : "first-valid")
    const overlap = spec.overlap ?? (followsClock ? "both" : "first")
    const set: ClockChange.ZonedWalls = { walls: Search.walls(calendar), table, gap, overlap }

    /** The first instant strictly after `after`, in milliseconds, or -Infinity. */
    const next = (after: number): number => ClockChange.next(set, Math.floor(after / 1000) + 1) * 1000

    return {
      next(after, anchor) {
        const at = next(after > anchor ? after : anchor)
        return at === -Infinity ? undefined : at
      },
      previous(before, anchor) {
        const at = ClockChange.previous(set, Math.ceil(before / 1000) - 1) * 1000
        return at > anchor ? at : undefined
      },
      count: (from, to, anchor) =>
        ClockChange.count(set, Math.floor(Math.max(from, anchor) / 1000) + 1, Math.floor(to / 1000) + 1),
      canFire(from, to) {
        const unbounded = from === -Infinity && to === Infinity
        if (gap === "skip") {
          // in some of all years a wall time is not in a gap
          if (unbounded && calendar.years === undefined) return true
          if (!hasWall(calendar, table.offsetAt, from / 1000 - day, to / 1000 + day)) return false
        }
        if (unbounded) return true
        const at = next(from - 1)
        return at !== -Infinity && at <= to
      }
    }
  }
}

/** The fields from the most to the least significant, as text; what is no field stays, to be refused by its name. */
const inOrder = (fields: CronFields): CronFields => {
  const ordered: { [name: string]: string } = {}
  for (const name of [...fieldNames, ...Object.keys(fields)] as ReadonlyArray<keyof CronFields>) {
    const value = fields[name]
    if (value !== undefined) ordered[name] = String(value)
  }
  return ordered
}
