/**
 * Stretches of time with a meaning of their own: holidays, business days, opening hours, maintenance windows.
 *
 * A Calendar is data, as a Trigger is. It covers stretches of time; `Trigger.except` keeps a trigger out of them, and
 * `Trigger.during` keeps it in. The time zone is UTC unless told otherwise.
 *
 * **Example** (Business days without the hours of maintenance)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const { Calendar } = Trigger
 * const trigger = Trigger.cron("0 *\/2 * * *", { timeZone: "Europe/Warsaw" }).pipe(
 *   Trigger.during(Calendar.businessDays({ holidays: ["12-25", "12-26"], timeZone: "Europe/Warsaw" })),
 *   Trigger.except(Calendar.weekly({ wed: ["22:00-06:00"] }, { timeZone: "Europe/Warsaw" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Triggers from "../compile.ts"
import type { TriggerSpec } from "../compile.ts"
import { TriggerError } from "../error.ts"
import * as Instant from "../instant.ts"
import * as Registry from "../registry.ts"
import * as Zone from "../zone/zone.ts"
import * as Calendars from "./compile.ts"
import * as ICalendar from "./icalendar.ts"
import type { Hours } from "./weekly.ts"

export type {
  /**
   * A calendar as data.
   *
   * @category models
   * @since 0.1.0
   */
  CalendarSpec
} from "./compile.ts"

export type {
  /**
   * For each day of the week, ranges of time.
   *
   * @category models
   * @since 0.1.0
   */
  Hours
} from "./weekly.ts"

const TypeId = "~effect-scheduler/Calendar"

/**
 * A set of stretches of time, and a plain value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Calendar extends Equal.Equal, Inspectable, Pipeable {
  readonly [TypeId]: typeof TypeId
  /** The calendar as data, in canonical form; the only enumerable key. */
  readonly spec: Calendars.CalendarSpec
}

/**
 * Whether a value is a Calendar.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCalendar = (u: unknown): u is Calendar => hasProperty(u, TypeId)

const Proto = {
  [TypeId]: TypeId,
  [Equal.symbol](this: Calendar, that: unknown): boolean {
    return isCalendar(that) && JSON.stringify(this.spec) === JSON.stringify(that.spec)
  },
  [Hash.symbol](this: Calendar): number {
    return Hash.string(JSON.stringify(this.spec))
  },
  toString(this: Calendar): string {
    return `Calendar(${JSON.stringify(this.spec)})`
  },
  toJSON(this: Calendar): unknown {
    return this.spec
  },
  [NodeInspectSymbol](this: Calendar): unknown {
    return { _id: "Calendar", spec: this.spec }
  },
  pipe() {
    return pipeArguments(this, arguments)
  }
}

/**
 * Makes a calendar of its specification. Throws a {@link TriggerError} when that cannot be read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSpec = (given: Calendars.CalendarSpec): Calendar => {
  const spec = Calendars.normalize(given, Triggers.normalize)
  check(spec, Registry.empty)
  const self = Object.create(Proto) as { spec: Calendars.CalendarSpec } & Calendar
  self.spec = spec
  return Object.freeze(self)
}

/** Refuses what has no meaning; what is unknown here may be known elsewhere. */
const check = (spec: Calendars.CalendarSpec, registry: Registry.Registry): void => {
  const names = Registry.names(registry, () => {})
  try {
    Calendars.compile(spec, (trigger) => Triggers.compile(trigger, names), names)
  } catch (error) {
    if (!(error instanceof TriggerError && error.reason === "unknown")) throw error
  }
}

/**
 * Where a calendar is.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZoneOptions {
  /** An IANA name, an offset such as `"+05:30"`, or a `DateTime.TimeZone`. Default UTC. */
  readonly timeZone?: string | DateTime.TimeZone | undefined
}

/**
 * Covers whole days, from midnight to midnight on the wall: dates (`"2026-04-06"`), dates of every year (`"12-25"`) and days
 * of the week (`"sat"`).
 *
 * @category constructors
 * @since 0.1.0
 */
export const days = (days: Iterable<string>, options?: ZoneOptions): Calendar =>
  fromSpec({ _tag: "days", days: Array.from(days), timeZone: Zone.toText("timeZone", options?.timeZone) })

/**
 * Covers the days that are neither on the weekend nor holidays.
 *
 * **Details**
 *
 * `holidays` are days as {@link days} reads them, `weekend` is Saturday and Sunday unless given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const businessDays = (
  options?: ZoneOptions & {
    readonly holidays?: Iterable<string> | Calendar | undefined
    readonly weekend?: ReadonlyArray<string> | undefined
  }
): Calendar => {
  const { holidays = [], weekend = ["sat", "sun"] } = options ?? {}
  return not(
    isCalendar(holidays) ? anyOf(days(weekend, options), holidays) : days([...weekend, ...holidays], options)
  )
}

/**
 * Covers hours of every week: for each day a list of ranges such as `"09:00-17:30"`, each without its end. `"22:00-06:00"`
 * goes on into the next day.
 *
 * @category constructors
 * @since 0.1.0
 */
export const weekly = (hours: Hours, options?: ZoneOptions): Calendar =>
  fromSpec({ _tag: "weekly", hours, timeZone: Zone.toText("timeZone", options?.timeZone) })

/**
 * Covers stretches of time, each from its `start` to just before its `end`. Text without an offset is UTC.
 *
 * @category constructors
 * @since 0.1.0
 */
export const windows = (
  windows: Iterable<{ readonly start: DateTime.DateTime.Input; readonly end: DateTime.DateTime.Input }>
): Calendar =>
  fromSpec({
    _tag: "windows",
    windows: Array.from(windows, ({ end, start }) => [Instant.fromInput("start", start), Instant.fromInput("end", end)])
  })

/**
 * Covers a while from each instant of a trigger on.
 *
 * **Details**
 *
 * The trigger has to be the same for every job: an interval that is counted from the anchor is refused. To cover what a cron
 * expression matches, let it be one that fires each minute and cover a minute.
 *
 * @category constructors
 * @since 0.1.0
 */
export const each = (trigger: { readonly spec: TriggerSpec }, duration: Duration.Input): Calendar =>
  fromSpec({ _tag: "each", of: trigger.spec, millis: Instant.durationMillis("duration", duration) })

/**
 * Covers what one of the calendars covers.
 *
 * @category combinators
 * @since 0.1.0
 */
export const anyOf = (...calendars: ReadonlyArray<Calendar>): Calendar =>
  fromSpec({ _tag: "anyOf", of: calendars.map(({ spec }) => spec) })

/**
 * Covers what the calendar does not cover.
 *
 * @category combinators
 * @since 0.1.0
 */
export const not = (self: Calendar): Calendar => fromSpec({ _tag: "not", of: self.spec })

/**
 * The calendar that a registry knows by this name: shared by jobs, and edited in one place.
 *
 * @see `Trigger.registry` for telling a program what the names mean
 * @category constructors
 * @since 0.1.0
 */
export const named = (name: string): Calendar => fromSpec({ _tag: "named", name })

/**
 * Reads an iCalendar file (RFC 5545): its calendar covers the events of the file.
 *
 * **Details**
 *
 * All-day events cover whole days, other events their time. What has no time zone of its own is in the given one. Events
 * that are cancelled cover nothing. Of recurring events `RRULE`, `RDATE` and `EXDATE` are read. A file without an event
 * covers nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromICalendar = (text: string, options?: ZoneOptions): Result.Result<Calendar, TriggerError> => {
  try {
    return Result.succeed(fromSpec(ICalendar.read(text, Zone.toText("timeZone", options?.timeZone))))
  } catch (error) {
    if (error instanceof TriggerError) return Result.fail(error)
    throw error
  }
}

/**
 * Whether the calendar covers an instant.
 *
 * @category instants
 * @since 0.1.0
 */
export const covers = (self: Calendar, at: DateTime.DateTime.Input, registry?: Registry.Registry): boolean => {
  const names = Registry.names(registry ?? Registry.empty, () => {})
  return Calendars.compile(self.spec, (trigger) => Triggers.compile(trigger, names), names)(Instant.fromInput("at", at))
    .covered
}

const CalendarSpec = Calendars.schema(Triggers.TriggerSpec)

/**
 * The codec of calendars: a `Calendar` on one side, its JSON specification on the other.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CalendarFromJson: Schema.Codec<Calendar, Calendars.CalendarSpec> = CalendarSpec.pipe(
  Schema.decodeTo(Schema.declare(isCalendar, { expected: "Calendar" }), {
    decode: SchemaGetter.transformEffect((spec: Calendars.CalendarSpec, options) =>
      Effect.suspend(() => {
        try {
          return Effect.succeed(fromSpec(spec))
        } catch (error) {
          if (!(error instanceof TriggerError)) throw error
          return Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, spec, options))
        }
      })
    ),
    encode: SchemaGetter.transform((calendar: Calendar) => calendar.spec)
  })
)
