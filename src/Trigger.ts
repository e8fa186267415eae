/**
 * When a job fires.
 *
 * A Trigger **is** a `Schedule` whose output is the planned instant, so that `Effect.schedule(effect, trigger)` and every
 * `Schedule` combinator work with it. And it is **data**: `trigger.spec` is JSON, two triggers with the same
 * specification are equal, and a trigger can be stored, compared, shown and asked for its past and future instants.
 *
 * The time zone is UTC unless told otherwise, and never the machine's.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import { dual } from "effect/Function"
import * as Hash from "effect/Hash"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { hasProperty, isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Bounded from "./triggers/bounded.ts"
import type { MissingDay } from "./triggers/calendar-interval.ts"
import * as Calendar from "./triggers/calendars/Calendar.ts"
import * as Calendars from "./triggers/calendars/compile.ts"
import type { Inside } from "./triggers/calendars/outside.ts"
import { compile, normalize, TriggerSpec } from "./triggers/compile.ts"
import type { CronFields, Days, Dialect } from "./triggers/cron/parse.ts"
import type { CustomOccurrences, Definition } from "./triggers/custom.ts"
import { show, TriggerError } from "./triggers/error.ts"
import * as Instant from "./triggers/instant.ts"
import { plannedAt } from "./triggers/jitter.ts"
import type { Occurrences } from "./triggers/occurrences.ts"
import { describe as describeSpec } from "./triggers/people/describe.ts"
import * as Diff from "./triggers/people/diff.ts"
import * as Forecasts from "./triggers/people/forecast.ts"
import * as Previews from "./triggers/people/preview.ts"
import * as ZoneData from "./triggers/people/zone-data.ts"
import * as Registry from "./triggers/registry.ts"
import { type RecurrenceFields, toText } from "./triggers/rrule/fields.ts"
import type { Gap, Overlap } from "./triggers/zone/clockChange.ts"
import * as Zone from "./triggers/zone/zone.ts"

export {
  /**
   * The shape of a specification.
   *
   * @category schemas
   * @since 0.1.0
   */
  TriggerSpec
} from "./triggers/compile.ts"

export {
  /**
   * What is wrong with a trigger.
   *
   * @category errors
   * @since 0.1.0
   */
  TriggerError
} from "./triggers/error.ts"

export type {
  /**
   * What becomes of a month that lacks the day.
   *
   * @category models
   * @since 0.1.0
   */
  MissingDay
} from "./triggers/calendar-interval.ts"

export type {
  /**
   * The field object of APScheduler.
   *
   * @category models
   * @since 0.1.0
   */
  CronFields,
  /**
   * When both day fields are restricted: a date must match one of them, or both.
   *
   * @category models
   * @since 0.1.0
   */
  Days,
  /**
   * How cron text is read.
   *
   * @category models
   * @since 0.1.0
   */
  Dialect
} from "./triggers/cron/parse.ts"

export type {
  /**
   * The parts of a recurrence of RFC 5545 as an object.
   *
   * @category models
   * @since 0.1.0
   */
  RecurrenceFields
} from "./triggers/rrule/fields.ts"

export type {
  /**
   * What becomes of a wall time that the clocks jump over.
   *
   * @category models
   * @since 0.1.0
   */
  Gap,
  /**
   * Which of the two instants fires, when a wall time comes twice.
   *
   * @category models
   * @since 0.1.0
   */
  Overlap
} from "./triggers/zone/clockChange.ts"

export {
  /**
   * Holidays, business days, opening hours, maintenance windows.
   *
   * @since 0.1.0
   */
  Calendar
}

export type {
  /**
   * The meaning of a custom trigger.
   *
   * @category models
   * @since 0.1.0
   */
  CustomOccurrences,
  /**
   * What makes a kind of trigger.
   *
   * @category models
   * @since 0.1.0
   */
  Definition
} from "./triggers/custom.ts"

export type {
  /**
   * What becomes of instants that a calendar covers.
   *
   * @category models
   * @since 0.1.0
   */
  Inside
} from "./triggers/calendars/outside.ts"

export type {
  /**
   * The custom kinds and shared calendars that a program knows.
   *
   * @category models
   * @since 0.1.0
   */
  Registry
} from "./triggers/registry.ts"

export type {
  /**
   * The pure meaning of a trigger.
   *
   * @category models
   * @since 0.1.0
   */
  Occurrences
} from "./triggers/occurrences.ts"

const TypeId = "~effect-scheduler/Trigger"

/**
 * When a job fires: a `Schedule` whose output is the planned instant, and a plain value.
 *
 * **Details**
 *
 * As a bare `Schedule` it is anchored at the instant of its first step, which may itself be an instant of the trigger.
 * Each later step goes to the first instant after both the clock and the last instant, so that a timer that wakes early
 * never fires an instant twice. A trigger with nothing left to fire ends the schedule.
 *
 * **Gotchas**
 *
 * A trigger piped through a `Schedule` combinator becomes a plain `Schedule`, which is no longer data. The combinators
 * of this module give triggers again.
 *
 * **Example** (A trigger is a schedule and data)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.interval("10 minutes")
 * const program = Effect.schedule(Effect.log("tick"), trigger)
 * JSON.stringify(trigger) // => '{"_tag":"interval","millis":600000}'
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Trigger extends Schedule.Schedule<DateTime.Utc>, Equal.Equal, Inspectable {
  readonly [TypeId]: typeof TypeId
  /** The trigger as data, in canonical form; the only enumerable key. */
  readonly spec: TriggerSpec
  /** @internal */
  readonly occurrences: Occurrences
  /** @internal */
  readonly text: string
  /** @internal What the names in the specification mean. */
  readonly registry: Registry.Registry
  /** @internal Whether there are any. */
  readonly refers: boolean
}

/**
 * A trigger with jitter, which comes last: combinators do not take it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Jittered extends Trigger {
  readonly "~jittered": true
}

/**
 * A trigger that others can be made of: any but one with jitter.
 *
 * @category models
 * @since 0.1.0
 */
export type Combinable = Trigger & { readonly "~jittered"?: never }

/**
 * Whether a value is a Trigger.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTrigger = (u: unknown): u is Trigger => hasProperty(u, TypeId)

// -----------------------------------------------------------------------------
// a value and a schedule
// -----------------------------------------------------------------------------

const toSchedule = (trigger: Trigger): Schedule.Schedule<DateTime.Utc> =>
  Schedule.fromStep(Effect.sync(() => {
    // fresh for each use of the schedule
    let anchor = NaN
    let last = NaN
    return (now: number, _input: unknown) => {
      let nominal: number | undefined
      if (Number.isNaN(anchor)) {
        anchor = now
        last = now
        // the first step may fire at once: `immediate`, or a start or date that is now
        nominal = trigger.occurrences.next(now - 1, anchor)
      } else {
        // a timer can wake before its time; it must not fire the same instant again
        nominal = nextToRun(trigger, Math.max(now, last), last, anchor)
      }
      if (nominal === undefined) return Cause.done(DateTime.makeUnsafe(last))
      last = nominal
      const at = planned(trigger, trigger.text, nominal, anchor)
      const step: [DateTime.Utc, Duration.Duration] = [DateTime.makeUnsafe(at), Duration.millis(Math.max(0, at - now))]
      return Effect.succeed(step)
    }
  }))

/** The first nominal instant after `last` whose planned instant is still to come at `now`. */
const nextToRun = (trigger: Trigger, now: number, last: number, anchor: number): number | undefined => {
  if (trigger.spec._tag === "jitter") {
    const current = trigger.occurrences.previous(now + 1, anchor)
    if (current !== undefined && current > last && planned(trigger, trigger.text, current, anchor) > now) return current
  }
  return trigger.occurrences.next(now, anchor)
}

/** Only `spec` is an own key: the rest is behind private fields, which cost less than hidden properties when many are made. */
class Impl {
  readonly spec: TriggerSpec
  readonly #occurrences: Occurrences
  readonly #text: string
  /** `undefined` where nothing is referred to by name. */
  readonly #registry: Registry.Registry | undefined
  constructor(spec: TriggerSpec, text: string, occurrences: Occurrences, registry: Registry.Registry | undefined) {
    this.spec = spec
    this.#occurrences = occurrences
    this.#text = text
    this.#registry = registry
  }
  get [TypeId](): typeof TypeId {
    return TypeId
  }
  get occurrences(): Occurrences {
    return this.#occurrences
  }
  get text(): string {
    return this.#text
  }
  get registry(): Registry.Registry {
    return this.#registry ?? Registry.empty
  }
  get refers(): boolean {
    return this.#registry !== undefined
  }
  /** Tells the type of a jittered trigger, which no combinator takes. */
  get ["~jittered"](): boolean {
    return this.spec._tag === "jitter"
  }
  [Equal.symbol](that: unknown): boolean {
    return isTrigger(that) && this.#text === that.text
  }
  [Hash.symbol](): number {
    return Hash.string(this.#text)
  }
  toString(): string {
    return `Trigger(${this.#text})`
  }
  toJSON(): unknown {
    return this.spec
  }
  [NodeInspectSymbol](): unknown {
    return { _id: "Trigger", spec: this.spec }
  }
}
Object.setPrototypeOf(Impl.prototype, Object.getPrototypeOf(Schedule.forever) as object)

// What makes a Schedule of an object are the own keys that its constructor gives it. Computing them when they are asked
// for keeps a stored trigger, whose schedule nobody runs, free of them.
for (const key of Object.keys(Schedule.fromStep(Effect.never))) {
  Object.defineProperty(Impl.prototype, key, {
    get(this: Trigger) {
      // whatever keys a Schedule has: its type does not name them
      return (toSchedule(this) as unknown as Record<string, unknown>)[key]
    }
  })
}

/** Triggers by their text: equal triggers that are made or decoded again cost a look-up and share their memory. */
const interned = Bounded.make<string, Trigger>(4096)

/** An equal trigger elsewhere may be the same object, so nobody may change it. */
const freeze = <A extends object>(data: A): A => {
  for (const value of Object.values(data)) {
    if (typeof value === "object" && value !== null) freeze(value)
  }
  return Object.freeze(data)
}

/** A trigger that refers to something that is not known here: it is data, and cannot be asked for instants. */
const unresolved = (error: TriggerError): Occurrences => {
  const refuse = () => {
    throw error
  }
  return { next: refuse, previous: refuse, count: refuse }
}

/** How deep specifications may lie within each other. */
const maxDepth = 64

const isDeeperThan = (levels: number, data: unknown): boolean =>
  typeof data === "object" && data !== null &&
  (levels === 0 || Object.values(data).some((value) => isDeeperThan(levels - 1, value)))

/** What is made is refused like what is read: a deeper trigger could be stored, and read back by nobody. */
const refuseDeep = (data: unknown): void => {
  if (!isDeeperThan(maxDepth, data)) return
  const expected = `triggers nested no deeper than ${maxDepth} levels`
  throw new TriggerError({ reason: "spec", field: "spec", value: "a deeper one", expected })
}

/**
 * Makes a trigger of its specification; throws a `TriggerError` when that cannot be read or can never fire, and, unless
 * `unknown` is kept, when it refers to what the registry does not know.
 */
const make = (given: TriggerSpec, registry = Registry.empty, unknown: "keep" | "refuse" = "keep"): Trigger => {
  const spec = normalize(given)
  const text = JSON.stringify(spec)
  const known = recall(text, registry)
  if (known !== undefined) return known
  refuseDeep(spec)
  let refers = false
  let occurrences: Occurrences
  try {
    const compiled = compile(spec, Registry.names(registry, () => refers = true))
    if (!compiled.canFire(-Infinity, Infinity)) {
      throw new TriggerError({
        reason: "neverFires",
        field: spec._tag,
        value: show(spec),
        expected: "a trigger that has at least one instant"
      })
    }
    occurrences = compiled
  } catch (error) {
    if (unknown === "refuse" || !(error instanceof TriggerError) || error.reason !== "unknown") throw error
    return fromParts(spec, text, unresolved(error), registry)
  }
  // what refers to nothing by name is the same in every registry
  const self = fromParts(spec, text, occurrences, refers ? registry : undefined)
  if (refers) Registry.cacheOf(registry).set(text, self)
  else interned.set(text, self)
  return self
}

const recall = (text: string, registry: Registry.Registry): Trigger | undefined =>
  interned.get(text) ??
    (registry === Registry.empty ? undefined : Registry.cacheOf(registry).get(text) as Trigger | undefined)

const fromParts = (
  spec: TriggerSpec,
  text: string,
  occurrences: Occurrences,
  registry: Registry.Registry | undefined
): Trigger => {
  return Object.freeze(new Impl(freeze(spec), text, occurrences, registry)) as unknown as Trigger // a Schedule by its prototype
}

/** What the names in all these triggers mean. */
const registryOf = (triggers: ReadonlyArray<Trigger>): Registry.Registry =>
  triggers.reduce((registry, trigger) => Registry.merge(registry, trigger.registry), Registry.empty)

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Fires once, at an instant.
 *
 * **Details**
 *
 * Text without an offset is UTC. An instant in the past is kept: whether a job still runs for it is for the job's catch-up
 * policy to say. Throws a {@link TriggerError} when the input is not an instant.
 *
 * **Example** (One instant)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * Trigger.date("2027-01-01T09:00:00Z").spec // => { _tag: "dates", at: [1798794000000] }
 * ```
 *
 * @see {@link dates} for several instants
 * @see {@link after} for an instant relative to now
 * @category constructors
 * @since 0.1.0
 */
export const date = (at: DateTime.DateTime.Input): Trigger => dates([at])

/**
 * Fires at each of the given instants, in ascending order, whatever the order they are given in.
 *
 * **Details**
 *
 * Text without an offset is UTC; an instant that is given twice fires once. Throws a {@link TriggerError} when the list is
 * empty or an input is not an instant.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dates = (at: Iterable<DateTime.DateTime.Input>): Trigger =>
  make({ _tag: "dates", at: Array.from(at, (input) => Instant.fromInput("at", input)) })

/**
 * Fires once, a duration after the anchor: after the job was added, or after the schedule's first step.
 *
 * **Details**
 *
 * Throws a {@link TriggerError} when the duration is negative, infinite or not a whole number of milliseconds.
 *
 * **Example** (Five minutes from now)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * Trigger.after("5 minutes").spec // => { _tag: "after", millis: 300000 }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const after = (duration: Duration.Input): Trigger =>
  make({ _tag: "after", millis: Instant.durationMillis("duration", duration) })

/**
 * Fires every time a period of elapsed time has passed.
 *
 * **Details**
 *
 * Elapsed time knows no time zones: `"1 day"` is 24 hours, on every day.
 *
 * - Without `start` the period is counted from the anchor (the instant the job was added), and the first instant is one
 *   period after it, or the anchor itself with `immediate: true`.
 * - With `start` the instants are `start`, `start + period` and so on, as far as they are not before the anchor.
 * - `end` is the last instant allowed, inclusive.
 *
 * Throws a {@link TriggerError} when the period is shorter than a millisecond, not a whole number of milliseconds or
 * infinite, when `end` is before `start`, and when both `start` and `immediate` are given.
 *
 * **Example** (Every ten minutes)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.interval("10 minutes", { start: "2026-01-01T00:00:00Z" })
 * Option.map(Trigger.next(trigger, { after: "2026-01-01T00:03:00Z" }), DateTime.formatIso)
 * // => Option.some("2026-01-01T00:10:00.000Z")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const interval = (period: Duration.Input, options?: {
  readonly start?: DateTime.DateTime.Input | undefined
  readonly end?: DateTime.DateTime.Input | undefined
  readonly immediate?: boolean | undefined
}): Trigger =>
  make({
    _tag: "interval",
    millis: Instant.durationMillis("period", period),
    ...bounds(options),
    ...(options?.immediate === true ? { immediate: true } : {})
  })

/**
 * How a cron expression is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface CronOptions {
  /** An IANA name, an offset such as `"+05:30"`, or a `DateTime.TimeZone`. Default UTC. */
  readonly timeZone?: string | DateTime.TimeZone | undefined
  /**
   * What becomes of a wall time that a clock change skips. By default as Vixie cron: a fixed time fires once, at the
   * first valid instant (`"first-valid"`); an expression whose minute or hour begins with `*` makes nothing up
   * (`"skip"`).
   */
  readonly gap?: Gap | undefined
  /**
   * Which of the two instants fires when a wall time comes twice. By default as Vixie cron: a fixed time fires at the
   * `"first"`; an expression whose minute or hour begins with `*` fires at `"both"`.
   */
  readonly overlap?: Overlap | undefined
  /**
   * Whether a date must match one or both of the two day fields of a text. By default as Vixie cron: one of them, unless
   * either begins with `*`.
   */
  readonly days?: Days | undefined
  /** `"quartz"` has seconds first, counts weekdays from 1 = Sunday, and wants `?` in one day field. Default `"crontab"`. */
  readonly dialect?: Dialect | undefined
  /** The first instant allowed, inclusive. */
  readonly start?: DateTime.DateTime.Input | undefined
  /** The last instant allowed, inclusive. */
  readonly end?: DateTime.DateTime.Input | undefined
}

/**
 * Fires at the wall times of a cron expression, in a time zone.
 *
 * **Details**
 *
 * Five fields (minute hour day month weekday), six with seconds first, seven with a year last. A field is a list of `*`,
 * `a` and `a-b`, each with or without a step (`9-17/2`; `a/n` goes on to the largest value); ranges may wrap around (`22-2`, `fri-mon`), months and weekdays have names of
 * three letters in any case, Sunday is 0 or 7. Days of the month may be `L` (the last), `L-3` (three days before it),
 * `15W` (the Monday to Friday nearest to the 15th, in the same month) and `LW`; weekdays may be `friL` (the last Friday)
 * and `fri#2` (the second). `?` is `*` in a day field. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`,
 * `@midnight` and `@hourly` stand for what crontab(5) says. Years go from 1970 to 9999.
 *
 * An object has the fields, the forms and the numbering of APScheduler (`dayOfWeek` 0 is Monday, and a date must match
 * both day fields): see {@link CronFields}.
 *
 * Instants are strictly after the anchor. Throws a {@link TriggerError} for an expression that cannot be read or that no
 * date matches, and for an unknown zone; use {@link parseCron} for text that comes from outside.
 *
 * **Example** (Weekdays at nine in Warsaw)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.cron("0 9 * * mon-fri", { timeZone: "Europe/Warsaw" })
 * Option.map(Trigger.next(trigger, { after: "2026-03-27T12:00:00Z" }), DateTime.formatIso)
 * // => Option.some("2026-03-30T07:00:00.000Z")
 * ```
 *
 * @see {@link parseCron} for a result instead of an exception
 * @category constructors
 * @since 0.1.0
 */
export const cron = (expression: string | CronFields, options?: CronOptions): Trigger => {
  if (typeof expression !== "string" && !isObject(expression)) {
    throw new TriggerError({
      reason: "syntax",
      field: "expression",
      value: show(expression),
      expected: "a cron expression as text, or an object of fields"
    })
  }

  const trigger = make({
    _tag: "cron",
    expression,
    timeZone: Zone.toText("timeZone", options?.timeZone),
    ...(options?.gap === undefined ? {} : { gap: options.gap }),
    ...(options?.overlap === undefined ? {} : { overlap: options.overlap }),
    ...(options?.days === undefined ? {} : { days: options.days }),
    ...(options?.dialect === undefined ? {} : { dialect: options.dialect })
  })
  const { start, end } = options ?? {}
  return start === undefined && end === undefined ? trigger : between(trigger, { start, end })
}

/**
 * Reads a cron expression that comes from outside: {@link cron} with its error as a value.
 *
 * **Example** (A mistake, and where it is)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const error = Result.getOrThrow(Result.flip(Trigger.parseCron("0 25 * * *")))
 * error.message // => 'hour: got "25" at position 2, expected a number from 0 to 23'
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parseCron = (
  expression: string | CronFields,
  options?: CronOptions
): Result.Result<Trigger, TriggerError> => result(() => cron(expression, options))

/**
 * How often, at which time of day and in which zone a calendar interval fires.
 *
 * @category models
 * @since 0.1.0
 */
export interface CalendarIntervalOptions {
  /** Years, months, weeks and days make up one step. Each is 0 unless given, and one of them must not be. */
  readonly years?: number | undefined
  readonly months?: number | undefined
  readonly weeks?: number | undefined
  readonly days?: number | undefined
  /** The time of day: `"02:30"` or `"02:30:15"`. Default `"00:00"`. */
  readonly at?: string | undefined
  /** The date the steps are counted from, such as `"2026-01-31"`. Default: the date of the anchor in the zone. */
  readonly start?: string | undefined
  /** The last date allowed, inclusive. */
  readonly end?: string | undefined
  /** An IANA name, an offset such as `"+05:30"`, or a `DateTime.TimeZone`. Default UTC. */
  readonly timeZone?: string | DateTime.TimeZone | undefined
  /** What becomes of a wall time that a clock change skips. Default `"first-valid"`. */
  readonly gap?: Gap | undefined
  /** Which of the two instants fires when a wall time comes twice. Default `"first"`. */
  readonly overlap?: Overlap | undefined
  /** What becomes of a month that lacks the start's day: it is left out (`"skip"`, the default), or its last day is taken. */
  readonly missingDay?: MissingDay | undefined
}

/**
 * Fires every so many years, months, weeks or days, at a wall time.
 *
 * **Details**
 *
 * The k-th date is k times the years and months after the start, on the start's day of the month, and then k times the
 * weeks and days later. Always counted from the start, so that the month after a clamped 28 February has its 31st again.
 *
 * Without `start` the dates are counted from the anchor's, and instants are strictly after the anchor; with `start` they are
 * those at or after the anchor. Years end with 9999, and nothing fires before 1970.
 *
 * Throws a {@link TriggerError} for numbers, dates or times that cannot be read, an unknown zone, an `end` before `start`,
 * and when nothing is left to fire.
 *
 * **Example** (The last day of each month, at half past two)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.calendarInterval({ months: 1, start: "2026-01-31", at: "02:30", missingDay: "clamp" })
 * Option.map(Trigger.next(trigger, { after: "2026-02-01" }), DateTime.formatIso)
 * // => Option.some("2026-02-28T02:30:00.000Z")
 * ```
 *
 * @see {@link interval} for elapsed time
 * @category constructors
 * @since 0.1.0
 */
export const calendarInterval = (options: CalendarIntervalOptions): Trigger => {
  const given: unknown = options
  if (!isObject(given)) {
    throw new TriggerError({
      reason: "syntax",
      field: "calendarInterval",
      value: show(options),
      expected: "an object such as { months: 1 }"
    })
  }
  const {
    at = "00:00",
    days = 0,
    end,
    gap,
    missingDay,
    months = 0,
    overlap,
    start,
    timeZone,
    weeks = 0,
    years = 0,
    ...rest
  } = options
  for (const [field, amount] of Object.entries({ years, months, weeks, days })) {
    if (!Number.isInteger(amount) || amount < 0) {
      throw new TriggerError({ reason: "range", field, value: show(amount), expected: "a whole number, not negative" })
    }
  }
  for (const name of Object.keys(rest)) {
    throw new TriggerError({
      reason: "option",
      field: name,
      value: show(name),
      expected: "an option of calendarInterval"
    })
  }
  return make({
    _tag: "calendarInterval",
    months: years * 12 + months,
    days: weeks * 7 + days,
    at,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    timeZone: Zone.toText("timeZone", timeZone),
    ...(gap === undefined ? {} : { gap }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(missingDay === undefined ? {} : { missingDay })
  })
}

/**
 * In which zone a recurrence is, and what clock changes do to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface RruleOptions {
  /**
   * The zone of local times that name none: an IANA name, an offset such as `"+05:30"`, or a `DateTime.TimeZone`. Default
   * UTC. Refused beside a DTSTART that has its own zone.
   */
  readonly timeZone?: string | DateTime.TimeZone | undefined
  /** What becomes of a wall time that a clock change skips. Default `"shift"`, as RFC 5545 (erratum 4271) reads it. */
  readonly gap?: Gap | undefined
  /** Which of the two instants fires when a wall time comes twice. Default `"first"`, as in RFC 5545. */
  readonly overlap?: Overlap | undefined
}

/**
 * Fires at the instances of a recurrence of iCalendar: RFC 5545, sections 3.3.10 and 3.8.5.
 *
 * **Details**
 *
 * The text has the lines `DTSTART`, `RRULE`, `RDATE` and `EXDATE`, folded or not, or a rule alone. All frequencies and all
 * parts of the RFC are known; what the RFC forbids, alone or together, is refused with its part and position. No question
 * costs more because the rule is old.
 *
 * - With `DTSTART`, instants are those at or after the anchor, and `COUNT` is counted from `DTSTART`. Without it, the
 *   anchor is the start: instants are strictly after it, and `COUNT` is counted from there.
 * - A `DTSTART` that the rule does not match is no instance. `COUNT` counts instances as they fire, excluded ones (`EXDATE`)
 *   included; with `gap: "skip"`, what falls into a gap neither fires nor counts.
 * - A rule that looks into hours or less counts them on the wall clock. `overlap: "both"` lets it fire in both passes of a
 *   repeated hour.
 * - A part that the rule leaves out is taken from the start. `BYWEEKNO` without a day means the start's weekday.
 * - Second 60 is read as 59. Nothing fires before 1970 or after 9999.
 *
 * Throws a {@link TriggerError} for text that cannot be read, an unknown zone, and a rule that can never fire; use
 * {@link parseRrule} for text that comes from outside.
 *
 * **Example** (The last weekday of each month)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.rrule(
 *   "DTSTART;TZID=America/New_York:19970929T090000\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
 * )
 * Option.map(Trigger.next(trigger, { after: "2026-03-01" }), DateTime.formatIso)
 * // => Option.some("2026-03-31T13:00:00.000Z")
 * ```
 *
 * **Example** (The same as an object)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * Trigger.rrule({ freq: "weekly", byDay: ["MO", "TH"], dtstart: "2026-01-05T09:00:00" }, { timeZone: "Europe/Warsaw" })
 * ```
 *
 * @see {@link parseRrule} for a result instead of an exception
 * @category constructors
 * @since 0.1.0
 */
export const rrule = (recurrence: string | RecurrenceFields, options?: RruleOptions): Trigger => {
  if (typeof recurrence !== "string" && !isObject(recurrence)) {
    throw new TriggerError({
      reason: "syntax",
      field: "rrule",
      value: show(recurrence),
      expected: "iCalendar text such as \"FREQ=DAILY\", or an object such as { freq: \"daily\" }"
    })
  }
  const { gap, overlap, timeZone } = options ?? {}
  return make({
    _tag: "rrule",
    text: typeof recurrence === "string" ? recurrence : toText(recurrence),
    ...(timeZone === undefined ? {} : { timeZone: Zone.toText("timeZone", timeZone) }),
    ...(gap === undefined ? {} : { gap }),
    ...(overlap === undefined ? {} : { overlap })
  })
}

/**
 * Reads a recurrence that comes from outside: {@link rrule} with its error as a value.
 *
 * **Example** (A mistake, and where it is)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const error = Result.getOrThrow(Result.flip(Trigger.parseRrule("FREQ=DAILY;BYHOUR=25")))
 * error.message // => 'BYHOUR: got "25" at position 18, expected a number from 0 to 23'
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parseRrule = (
  recurrence: string | RecurrenceFields,
  options?: RruleOptions
): Result.Result<Trigger, TriggerError> => result(() => rrule(recurrence, options))

const bounds = (options?: {
  readonly start?: DateTime.DateTime.Input | undefined
  readonly end?: DateTime.DateTime.Input | undefined
}): { start?: number; end?: number } => ({
  ...(options?.start === undefined ? {} : { start: Instant.fromInput("start", options.start) }),
  ...(options?.end === undefined ? {} : { end: Instant.fromInput("end", options.end) })
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Fires whenever one of the triggers fires. Triggers that agree on an instant fire once.
 *
 * **Example** (Weekdays at nine, and each hour besides)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.union(Trigger.date("2027-01-01"), Trigger.interval("1 hour"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const union = (...triggers: ReadonlyArray<Combinable>): Trigger =>
  make({ _tag: "union", of: triggers.map((trigger) => trigger.spec) }, registryOf(triggers))

/**
 * Keeps a trigger within two instants, both inclusive.
 *
 * **Details**
 *
 * It hides instants outside and moves none: an interval counted from its anchor keeps its grid. Throws a
 * {@link TriggerError} when `end` is before `start`, or when nothing is left to fire.
 *
 * @category combinators
 * @since 0.1.0
 */
export const between: {
  /**
   * Keeps a trigger within two instants, both inclusive.
   *
   * @category combinators
   * @since 0.1.0
   */
  (options: {
    readonly start?: DateTime.DateTime.Input | undefined
    readonly end?: DateTime.DateTime.Input | undefined
  }): (self: Combinable) => Trigger
  /**
   * Keeps a trigger within two instants, both inclusive.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, options: {
    readonly start?: DateTime.DateTime.Input | undefined
    readonly end?: DateTime.DateTime.Input | undefined
  }): Trigger
} = dual(2, (self: Combinable, options: {
  readonly start?: DateTime.DateTime.Input | undefined
  readonly end?: DateTime.DateTime.Input | undefined
}): Trigger => make({ _tag: "between", of: self.spec, ...bounds(options) }, self.registry))

/**
 * Fires where all the triggers fire.
 *
 * **Details**
 *
 * With a `threshold` they need not agree to the millisecond: the trigger fires at the beginning of every shortest stretch
 * of time, no longer than the threshold, in which each of them fires. It is 0 unless given, because triggers have exact
 * instants. (In APScheduler it is one second, and the first of the group counts as well.)
 *
 * A search takes at most 10,000 steps, as in APScheduler. Triggers that agree nowhere within so many are refused with a
 * {@link TriggerError} as never firing, and what lies further away than that is not found. A step leaps over everything
 * that cannot agree, so that the rarest of the triggers determines how far a search sees.
 *
 * **Example** (Friday the 13th)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.intersection(Trigger.cron("0 9 13 * *"), Trigger.cron("0 9 * * fri"))
 * Option.map(Trigger.next(trigger, { after: "2026-03-14T00:00:00Z" }), DateTime.formatIso)
 * // => Option.some("2026-11-13T09:00:00.000Z")
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const intersection: {
  /**
   * Fires where all the triggers fire.
   *
   * @category combinators
   * @since 0.1.0
   */
  (...triggers: ReadonlyArray<Combinable>): Trigger
  /**
   * Fires where all the triggers fire, as nearly as the threshold says.
   *
   * @category combinators
   * @since 0.1.0
   */
  (
    ...args: [...triggers: ReadonlyArray<Combinable>, options: { readonly threshold?: Duration.Input | undefined }]
  ): Trigger
} = (...args: ReadonlyArray<Combinable | { readonly threshold?: Duration.Input | undefined }>): Trigger => {
  const triggers = args.filter(isTrigger)
  const options = args.find((arg) => !isTrigger(arg)) as { readonly threshold?: Duration.Input } | undefined
  const threshold = options?.threshold === undefined ? 0 : Instant.durationMillis("threshold", options.threshold)
  const of = triggers.map((trigger) => trigger.spec)
  return make({ _tag: "intersection", of, ...(threshold === 0 ? {} : { threshold }) }, registryOf(triggers))
}

/**
 * What becomes of instants that a calendar covers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExceptOptions {
  /**
   * `"drop"`: they do not fire. `"defer"`: they fire once, together, when the covered stretch of time is over.
   * `"advance"`: they fire once, together, when it begins. Default `"drop"`.
   */
  readonly inside?: Inside | undefined
}

/**
 * Keeps a trigger out of the times that a calendar covers, or leaves out the instants of another trigger.
 *
 * **Details**
 *
 * Neighbouring stretches of a calendar count as one: what is deferred on a Saturday fires when Monday begins, if both days
 * of the weekend are covered. Throws a {@link TriggerError} when nothing is left to fire within 10,000 steps.
 *
 * **Example** (Not on the weekend, but then on Monday)
 *
 * ```ts
 * import { DateTime, Option } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const weekend = Trigger.Calendar.days(["sat", "sun"])
 * const trigger = Trigger.cron("0 9 * * *").pipe(Trigger.except(weekend, { inside: "defer" }))
 * Option.map(Trigger.next(trigger, { after: "2026-03-06T10:00:00Z" }), DateTime.formatIso) // a Friday
 * // => Option.some("2026-03-09T00:00:00.000Z")
 * ```
 *
 * @see {@link during} for the opposite
 * @category combinators
 * @since 0.1.0
 */
export const except: {
  /**
   * Keeps a trigger out of the times that a calendar covers.
   *
   * @category combinators
   * @since 0.1.0
   */
  (calendar: Calendar.Calendar, options?: ExceptOptions): (self: Combinable) => Trigger
  /**
   * Leaves out the instants of another trigger.
   *
   * @category combinators
   * @since 0.1.0
   */
  (trigger: Combinable): (self: Combinable) => Trigger
  /**
   * Keeps a trigger out of the times that a calendar covers.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, calendar: Calendar.Calendar, options?: ExceptOptions): Trigger
  /**
   * Leaves out the instants of another trigger.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, trigger: Combinable): Trigger
} = dual(
  (args) => isTrigger(args[0]) && (isTrigger(args[1]) || Calendar.isCalendar(args[1])),
  (self: Combinable, excluded: Combinable | Calendar.Calendar, options?: ExceptOptions): Trigger =>
    isTrigger(excluded)
      ? make({ _tag: "except", of: self.spec, instants: excluded.spec }, registryOf([self, excluded]))
      : make({
        _tag: "outside",
        of: self.spec,
        calendar: excluded.spec,
        ...(options?.inside === undefined ? {} : { inside: options.inside })
      }, self.registry)
)

/**
 * Keeps a trigger within the times that a calendar covers.
 *
 * **Example** (On business days only)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const days = Trigger.Calendar.businessDays({ holidays: ["12-25", "12-26"], timeZone: "Europe/London" })
 * const trigger = Trigger.cron("0 9 * * *", { timeZone: "Europe/London" }).pipe(Trigger.during(days))
 * ```
 *
 * @see {@link except} for the opposite
 * @category combinators
 * @since 0.1.0
 */
export const during: {
  /**
   * Keeps a trigger within the times that a calendar covers.
   *
   * @category combinators
   * @since 0.1.0
   */
  (calendar: Calendar.Calendar): (self: Combinable) => Trigger
  /**
   * Keeps a trigger within the times that a calendar covers.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, calendar: Calendar.Calendar): Trigger
} = dual(2, (self: Combinable, calendar: Calendar.Calendar): Trigger => except(self, Calendar.not(calendar)))

/**
 * Fires at the first `times` instants only, counted from the anchor: from when the job was added.
 *
 * **Details**
 *
 * It counts instants, whatever becomes of them; a job's policy counts its runs. Where instants can only be counted one by
 * one (in unions, intersections and exceptions) `times` is at most 10,000. Throws a {@link TriggerError} otherwise.
 *
 * **Example** (Three reminders)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.interval("1 day").pipe(Trigger.limit(3))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const limit: {
  /**
   * Fires at the first `times` instants only.
   *
   * @category combinators
   * @since 0.1.0
   */
  (times: number): (self: Combinable) => Trigger
  /**
   * Fires at the first `times` instants only.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, times: number): Trigger
} = dual(2, (self: Combinable, times: number): Trigger => make({ _tag: "limit", of: self.spec, times }, self.registry))

/**
 * Fires a duration later than the trigger, or earlier when the duration is negative.
 *
 * **Details**
 *
 * The duration is elapsed time. Nothing is moved to before the anchor; what is counted from the anchor stays counted from it.
 *
 * **Example** (An hour before midnight in UTC)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.cron("0 0 * * *").pipe(Trigger.offset("-1 hours"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const offset: {
  /**
   * Fires a duration later than the trigger, or earlier when the duration is negative.
   *
   * @category combinators
   * @since 0.1.0
   */
  (duration: Duration.Input): (self: Combinable) => Trigger
  /**
   * Fires a duration later than the trigger, or earlier when the duration is negative.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, duration: Duration.Input): Trigger
} = dual(
  2,
  (self: Combinable, duration: Duration.Input): Trigger =>
    make({ _tag: "offset", of: self.spec, millis: Instant.durationMillis("duration", duration) }, self.registry)
)

/**
 * Fires with the first trigger until that has no more instants, and with the second from then on.
 *
 * **Details**
 *
 * The last instant of the first trigger is the anchor of the second, which fires strictly after it. Throws a
 * {@link TriggerError} when the first trigger never ends.
 *
 * **Example** (Five times every minute, then every hour)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.interval("1 minute").pipe(Trigger.limit(5), Trigger.andThen(Trigger.interval("1 hour")))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const andThen: {
  /**
   * Fires with the first trigger until that has no more instants, and with the second from then on.
   *
   * @category combinators
   * @since 0.1.0
   */
  (that: Combinable): (self: Combinable) => Trigger
  /**
   * Fires with the first trigger until that has no more instants, and with the second from then on.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, that: Combinable): Trigger
} = dual(
  2,
  (self: Combinable, that: Combinable): Trigger =>
    make({ _tag: "andThen", first: self.spec, second: that.spec }, registryOf([self, that]))
)

/**
 * Spreads runs: each is planned up to `max` later than its nominal instant, and before the next nominal instant.
 *
 * **Details**
 *
 * How much later is a hash of a seed and the nominal instant, not a random number: it is the same on every node, and after
 * a restart. The seed of a job is its id, so that jobs with the same trigger are spread; that of a bare Schedule is the
 * trigger itself. {@link next} and {@link previous} give nominal instants, {@link planned} the planned ones.
 *
 * Jitter comes last: a combinator around it throws a {@link TriggerError}, because it would work on nominal instants and
 * lose the rest.
 *
 * **Example** (Within five minutes after the hour)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.cron("0 * * * *").pipe(Trigger.jitter("5 minutes"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const jitter: {
  /**
   * Plans each run up to `max` later than its nominal instant.
   *
   * @category combinators
   * @since 0.1.0
   */
  (max: Duration.Input): (self: Combinable) => Jittered
  /**
   * Plans each run up to `max` later than its nominal instant.
   *
   * @category combinators
   * @since 0.1.0
   */
  (self: Combinable, max: Duration.Input): Jittered
} = dual(
  2,
  (self: Combinable, max: Duration.Input): Trigger =>
    make({ _tag: "jitter", of: self.spec, millis: Instant.durationMillis("jitter", max) }, self.registry)
)

// -----------------------------------------------------------------------------
// names
// -----------------------------------------------------------------------------

/**
 * A kind of trigger of one's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Custom<Parameters> extends Definition<Parameters> {
  /** Makes a trigger of this kind; throws a {@link TriggerError} when the parameters do not fit their schema. */
  readonly make: (parameters: Parameters) => Trigger
}

/**
 * Defines a kind of trigger of one's own: a name under which it is stored, a schema for its parameters, and two pure functions
 * that say what they mean.
 *
 * **Details**
 *
 * `next` gives the first instant strictly after `after`, `previous` the last strictly before `before`, both in epoch
 * milliseconds, `undefined` for none. They must answer the same for the same arguments, whenever and wherever they are
 * asked; `anchor` is the instant at which the job was added, and no instant may lie before it. `count` is optional.
 * `TriggerLaws` of `effect-scheduler/testing` checks all of this.
 *
 * Triggers that are stored have to find the kind again: tell the program of it with {@link layerRegistry}. A node that
 * does not know a kind leaves its jobs to one that does.
 *
 * **Example** (Full hours of the epoch)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const Grid = Trigger.custom("acme/grid", {
 *   parameters: Schema.Struct({ millis: Schema.Int }),
 *   occurrences: ({ millis }) => ({
 *     next(after, anchor) {
 *       const at = (Math.floor(Math.max(after, anchor) / millis) + 1) * millis
 *       return at <= 8.64e15 ? at : undefined
 *     },
 *     previous(before, anchor) {
 *       const at = (Math.ceil(Math.min(before, 8.64e15) / millis) - 1) * millis
 *       return at > anchor ? at : undefined
 *     }
 *   })
 * })
 *
 * const hourly = Grid.make({ millis: 3_600_000 })
 * const registry = Trigger.registry({ kinds: [Grid] }) // or Trigger.layerRegistry, for a program
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const custom = <Parameters, Encoded extends Schema.Json>(name: string, options: {
  readonly parameters: Schema.Codec<Parameters, Encoded>
  readonly occurrences: (parameters: Parameters) => CustomOccurrences
  readonly describe?: ((parameters: Parameters) => string) | undefined
}): Custom<Parameters> => {
  const definition: Definition<Parameters> = { name, ...options }
  const itself: Registry.Registry = { kinds: new Map([[name, definition]]), calendars: new Map() }
  const encode = Schema.encodeResult(options.parameters)
  return {
    ...definition,
    make(parameters) {
      const encoded = encode(parameters)
      if (Result.isFailure(encoded)) {
        throw new TriggerError({
          reason: "option",
          field: name,
          value: show(parameters),
          expected: encoded.failure.message
        })
      }
      return make({ _tag: "custom", name, parameters: encoded.success }, itself)
    }
  }
}

/**
 * What triggers may refer to by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegistryOptions {
  /** Kinds made by {@link custom}. */
  readonly kinds?: ReadonlyArray<Definition> | undefined
  /**
   * Calendars by the names that `Calendar.named` uses. The version tells a calendar from the one that had its name before;
   * a hash of the calendar unless given.
   */
  readonly calendars?:
    | {
      readonly [name: string]: Calendar.Calendar | { readonly calendar: Calendar.Calendar; readonly version: string }
    }
    | undefined
}

/**
 * Says what the names in triggers mean. Throws a {@link TriggerError} when a calendar has no meaning, such as one that
 * refers to itself.
 *
 * **Example** (Holidays that jobs share)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const registry = Trigger.registry({ calendars: { holidays: Trigger.Calendar.days(["12-25", "12-26"]) } })
 * const trigger = Trigger.cron("0 9 * * *").pipe(Trigger.except(Trigger.Calendar.named("holidays")))
 * const known = Result.getOrThrow(Trigger.resolve(trigger, registry))
 * ```
 *
 * @category names
 * @since 0.1.0
 */
export const registry = (options: RegistryOptions): Registry.Registry => {
  const made: Registry.Registry = {
    kinds: new Map((options.kinds ?? []).map((kind) => [kind.name, kind])),
    calendars: new Map(
      Object.entries(options.calendars ?? {}).map(([name, given]) => {
        const { calendar, version } = Calendar.isCalendar(given)
          ? { calendar: given, version: Hash.hash(given).toString(36) }
          : given
        return [name, { spec: calendar.spec, version }]
      })
    )
  }
  const names = Registry.names(made, () => {})
  for (const name of made.calendars.keys()) {
    names.calendar(name, (spec) => Calendars.compile(spec, (trigger) => compile(trigger, names), names))
  }
  return made
}

/**
 * What triggers that are read back from a store may refer to by name; nothing by default.
 *
 * @category names
 * @since 0.1.0
 */
export const CurrentRegistry = Context.Reference<Registry.Registry>("effect-scheduler/Trigger/CurrentRegistry", {
  defaultValue: () => Registry.empty
})

/**
 * Tells a program what the names in its triggers mean.
 *
 * @category names
 * @since 0.1.0
 */
export const layerRegistry = (options: RegistryOptions): Layer.Layer<never> =>
  Layer.effect(CurrentRegistry, Effect.orDie(Effect.fromResult(result(() => registry(options)))))

/**
 * The same trigger, knowing what its names mean. Fails with a {@link TriggerError} whose reason is `"unknown"` when the
 * registry does not know one of them.
 *
 * @category names
 * @since 0.1.0
 */
export const resolve = (self: Trigger, registry: Registry.Registry): Result.Result<Trigger, TriggerError> =>
  self.registry === registry && recall(self.text, registry) === self
    ? Result.succeed(self)
    : result(() => make(self.spec, Registry.merge(self.registry, registry), "refuse"))

/**
 * The versions of the named calendars that a trigger depends on, directly or through other calendars: what changes when
 * one of them is edited.
 *
 * @category names
 * @since 0.1.0
 */
export const calendarVersions = (
  self: Trigger,
  registry: Registry.Registry = self.registry
): { readonly [name: string]: string | undefined } => self.refers ? Registry.calendarVersions(self.spec, registry) : {}

// -----------------------------------------------------------------------------
// instants
// -----------------------------------------------------------------------------

/**
 * The pure meaning of a trigger in epoch milliseconds, for engines and tools that enumerate many instants.
 *
 * @category instants
 * @since 0.1.0
 */
export const occurrences = (self: Trigger): Occurrences => self.occurrences

/**
 * The first instant strictly after `after`, or none.
 *
 * **Details**
 *
 * `anchor` is the instant the job was added, `after` unless given. Triggers of all kinds but dates have no instants before
 * their anchor.
 *
 * @category instants
 * @since 0.1.0
 */
export const next: {
  /**
   * The first instant strictly after `after`, or none.
   *
   * @category instants
   * @since 0.1.0
   */
  (options: {
    readonly after: DateTime.DateTime.Input
    readonly anchor?: DateTime.DateTime.Input | undefined
  }): (self: Trigger) => Option.Option<DateTime.Utc>
  /**
   * The first instant strictly after `after`, or none.
   *
   * @category instants
   * @since 0.1.0
   */
  (self: Trigger, options: {
    readonly after: DateTime.DateTime.Input
    readonly anchor?: DateTime.DateTime.Input | undefined
  }): Option.Option<DateTime.Utc>
} = dual(2, (self: Trigger, options: {
  readonly after: DateTime.DateTime.Input
  readonly anchor?: DateTime.DateTime.Input | undefined
}): Option.Option<DateTime.Utc> => {
  const after = Instant.fromInput("after", options.after)
  const anchor = options.anchor === undefined ? after : Instant.fromInput("anchor", options.anchor)
  return toUtc(self.occurrences.next(after, anchor))
})

/**
 * The last instant strictly before `before`, or none.
 *
 * **Details**
 *
 * `anchor` is the instant the job was added. It must be given, because triggers of all kinds but dates have no instants
 * before their anchor.
 *
 * @category instants
 * @since 0.1.0
 */
export const previous: {
  /**
   * The last instant strictly before `before`, or none.
   *
   * @category instants
   * @since 0.1.0
   */
  (options: {
    readonly before: DateTime.DateTime.Input
    readonly anchor: DateTime.DateTime.Input
  }): (self: Trigger) => Option.Option<DateTime.Utc>
  /**
   * The last instant strictly before `before`, or none.
   *
   * @category instants
   * @since 0.1.0
   */
  (self: Trigger, options: {
    readonly before: DateTime.DateTime.Input
    readonly anchor: DateTime.DateTime.Input
  }): Option.Option<DateTime.Utc>
} = dual(2, (self: Trigger, options: {
  readonly before: DateTime.DateTime.Input
  readonly anchor: DateTime.DateTime.Input
}): Option.Option<DateTime.Utc> =>
  toUtc(self.occurrences.previous(
    Instant.fromInput("before", options.before),
    Instant.fromInput("anchor", options.anchor)
  )))

/**
 * The instant at which an occurrence is planned, in epoch milliseconds: the nominal one, or with {@link jitter} a little
 * later and before the next.
 *
 * @category instants
 * @since 0.1.0
 */
export const planned = (self: Trigger, seed: string, nominal: number, anchor: number): number =>
  self.spec._tag === "jitter"
    ? plannedAt(self.spec.millis, seed, nominal, self.occurrences.next(nominal, anchor))
    : nominal

/**
 * The newest nominal instant whose planned instant is not after `now`, in epoch milliseconds: up to it everything is due.
 *
 * @category instants
 * @since 0.1.0
 */
export const newestDue = (self: Trigger, seed: string, now: number, anchor: number): number | undefined => {
  const nominal = self.occurrences.previous(now + 1, anchor)
  // what is planned for an instant lies before the next, so that only the last can still be to come
  return nominal === undefined || planned(self, seed, nominal, anchor) <= now
    ? nominal
    : self.occurrences.previous(nominal, anchor)
}

const toUtc = (millis: number | undefined): Option.Option<DateTime.Utc> =>
  millis === undefined ? Option.none() : Option.some(DateTime.makeUnsafe(millis))

// -----------------------------------------------------------------------------
// for people
// -----------------------------------------------------------------------------

export type {
  /**
   * What is compared, and how far.
   *
   * @category models
   * @since 0.1.0
   */
  TriggerDiff,
  /**
   * A stretch of time to look at.
   *
   * @category models
   * @since 0.1.0
   */
  Window
} from "./triggers/people/diff.ts"

export type {
  /**
   * Jobs that fire at the same instant.
   *
   * @category models
   * @since 0.1.0
   */
  Collision,
  /**
   * The load of a window of time.
   *
   * @category models
   * @since 0.1.0
   */
  Forecast,
  /**
   * The load of one stretch of time.
   *
   * @category models
   * @since 0.1.0
   */
  ForecastBucket,
  /**
   * What to forecast, and how closely.
   *
   * @category models
   * @since 0.1.0
   */
  ForecastOptions
} from "./triggers/people/forecast.ts"

export type {
  /**
   * What the clocks of a zone do to an instant.
   *
   * @category models
   * @since 0.1.0
   */
  ClockChangeMark,
  /**
   * One line of a preview.
   *
   * @category models
   * @since 0.1.0
   */
  PreviewEntry,
  /**
   * Which instants a preview shows.
   *
   * @category models
   * @since 0.1.0
   */
  PreviewOptions
} from "./triggers/people/preview.ts"

export {
  /**
   * The fires of jobs as one time-zone database has them.
   *
   * @category zones
   * @since 0.1.0
   */
  ZoneDataRecord
} from "./triggers/people/zone-data.ts"

export type {
  /**
   * A fire that another time-zone database has at another instant.
   *
   * @category zones
   * @since 0.1.0
   */
  MovedFire,
  /**
   * What another time-zone database changes.
   *
   * @category zones
   * @since 0.1.0
   */
  ZoneDataChanges
} from "./triggers/people/zone-data.ts"

export {
  /**
   * The version of the time-zone database, such as `"2025b"`, or `"unknown"`.
   *
   * @category zones
   * @since 0.1.0
   */
  zoneDataVersion
} from "./triggers/zone/version.ts"

/**
 * The next instants with what a clock shows at each, and what clock changes do to them.
 *
 * **Details**
 *
 * Instants are nominal, that is without jitter. Besides those that fire, those are shown that a clock change takes away.
 * Throws a {@link TriggerError} for an instant or a zone that cannot be read.
 *
 * **Example** (The night of a clock change in Warsaw)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const trigger = Trigger.cron("30 2 * * *", { timeZone: "Europe/Warsaw" })
 * Trigger.preview(trigger, { from: "2026-03-28T00:00:00Z", count: 3 })
 *   .map(({ wall, offset, change }) => `${wall} ${offset} ${change ?? ""}`.trim())
 * // => ["2026-03-28 02:30:00 +01:00", "2026-03-29 03:00:00 +02:00 moved", "2026-03-30 02:30:00 +02:00"]
 * ```
 *
 * @category for people
 * @since 0.1.0
 */
export const preview: {
  /**
   * The next instants with what a clock shows at each.
   *
   * @category for people
   * @since 0.1.0
   */
  (options: Previews.PreviewOptions): (self: Trigger) => ReadonlyArray<Previews.PreviewEntry>
  /**
   * The next instants with what a clock shows at each.
   *
   * @category for people
   * @since 0.1.0
   */
  (self: Trigger, options: Previews.PreviewOptions): ReadonlyArray<Previews.PreviewEntry>
} = dual(2, (self: Trigger, options: Previews.PreviewOptions) => Previews.preview(self, options))

/**
 * What a trigger says, in plain English.
 *
 * **Example** (A cron expression)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * Trigger.describe(Trigger.cron("*\/20 9-17 * * mon-fri", { timeZone: "Europe/Warsaw" }))
 * // => "every 20 minutes, from 09:00 through 17:59, Monday through Friday, Europe/Warsaw"
 * ```
 *
 * @category for people
 * @since 0.1.0
 */
export const describe = (self: Trigger): string => describeSpec(self.spec, self.registry)

/**
 * A trigger, whose it is, and when that was added; the beginning of the window unless given, where it makes a difference.
 *
 * @category models
 * @since 0.1.0
 */
export interface NamedTrigger {
  readonly id: string
  readonly trigger: Trigger
  readonly anchor?: DateTime.DateTime.Input | undefined
}

/**
 * The load of a window of time: how many jobs fire in each stretch of it, and which fire at the same instant.
 *
 * **Details**
 *
 * Jitter counts: jobs are where they are planned, with their id as seed.
 *
 * **Example** (The coming night)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const jobs = [
 *   { id: "backup", trigger: Trigger.cron("0 2 * * *") },
 *   { id: "report", trigger: Trigger.cron("0 2,3 * * *") }
 * ]
 * const { buckets } = Trigger.forecast(jobs, { from: "2026-01-01T02:00:00Z", to: "2026-01-01T04:00:00Z" })
 * buckets.map(({ count }) => count) // => [2, 1]
 * ```
 *
 * @category for people
 * @since 0.1.0
 */
export const forecast: {
  /**
   * The load of a window of time.
   *
   * @category for people
   * @since 0.1.0
   */
  (options: Forecasts.ForecastOptions): (jobs: Iterable<NamedTrigger>) => Forecasts.Forecast
  /**
   * The load of a window of time.
   *
   * @category for people
   * @since 0.1.0
   */
  (jobs: Iterable<NamedTrigger>, options: Forecasts.ForecastOptions): Forecasts.Forecast
} = dual(2, (jobs: Iterable<NamedTrigger>, options: Forecasts.ForecastOptions) =>
  Forecasts.forecast(
    Array.from(jobs, ({ anchor, id, trigger }) => ({
      id,
      anchor,
      spec: trigger.spec,
      occurrences: trigger.occurrences,
      planned: (nominal: number, from: number) => planned(trigger, id, nominal, from)
    })),
    options
  ))

/**
 * What a change of a trigger changes: the nominal instants that it adds, removes and keeps.
 *
 * **Details**
 *
 * `anchor` is when the job was added, the beginning of the window unless given, where it makes a difference. After `limit` instants, 10,000 unless given,
 * the comparison ends and says where.
 *
 * **Example** (An hour later)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const { added, removed, kept } = Trigger.diff(Trigger.cron("0 9,12 * * *"), Trigger.cron("0 10,12 * * *"), {
 *   from: "2026-01-01T00:00:00Z",
 *   to: "2026-01-02T00:00:00Z"
 * })
 * const counts = [added.length, removed.length, kept.length] // => [1, 1, 1]
 * ```
 *
 * @category for people
 * @since 0.1.0
 */
export const diff = (
  before: Trigger,
  after: Trigger,
  options: Diff.Window & {
    readonly anchor?: DateTime.DateTime.Input | undefined
    readonly limit?: number | undefined
  }
): Diff.TriggerDiff => Diff.diff(before, after, options)

const firing = (jobs: Iterable<NamedTrigger>): ReadonlyArray<ZoneData.Firing> =>
  Array.from(jobs, ({ anchor, id, trigger }) => ({
    id,
    anchor,
    spec: trigger.spec,
    occurrences: trigger.occurrences
  }))

/**
 * Writes down when jobs will fire according to the time-zone database in use, so that {@link diffZoneData} can tell what
 * another one changes.
 *
 * **Details**
 *
 * The record is JSON. Of each job it holds the first 10,000 fires of the window.
 *
 * @category zones
 * @since 0.1.0
 */
export const recordZoneData = (jobs: Iterable<NamedTrigger>, window: Diff.Window): ZoneData.ZoneDataRecord =>
  ZoneData.record(firing(jobs), window)

/**
 * Which fires of jobs have moved since a record was made, because the platform has another time-zone database now.
 *
 * **Details**
 *
 * A fire that shows the same time on the wall at another instant has moved; others are gone or new. Give the jobs the
 * anchors that they had when the record was made.
 *
 * **Example** (Before and after an update)
 *
 * ```ts
 * import { Trigger } from "effect-scheduler"
 *
 * const jobs = [{ id: "report", trigger: Trigger.cron("0 9 * * *", { timeZone: "Africa/Cairo" }), anchor: 0 }]
 * const record = Trigger.recordZoneData(jobs, { from: "2026-01-01", to: "2027-01-01" })
 * // … the platform is updated …
 * Trigger.diffZoneData(record, jobs).moved // => []
 * ```
 *
 * @category zones
 * @since 0.1.0
 */
export const diffZoneData = (
  record: ZoneData.ZoneDataRecord,
  jobs: Iterable<NamedTrigger>
): ZoneData.ZoneDataChanges => ZoneData.changes(record, firing(jobs))

// -----------------------------------------------------------------------------
// errors as values
// -----------------------------------------------------------------------------

/** What a computation gives, or the `TriggerError` it throws; anything else it throws is a bug and passes through. */
const result = <A>(evaluate: () => A): Result.Result<A, TriggerError> => {
  try {
    return Result.succeed(evaluate())
  } catch (error) {
    if (error instanceof TriggerError) return Result.fail(error)
    throw error
  }
}

/**
 * Builds a trigger from input that comes from outside: a {@link TriggerError} that is thrown becomes the effect's error.
 * Anything else that is thrown is a defect.
 *
 * **Example** (Input from a form)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const fromForm = (period: number, start: string) => Trigger.attempt(() => Trigger.interval(period, { start }))
 *
 * const error = await Effect.runPromise(Effect.flip(fromForm(0, "2026-01-01")))
 * error.field // => "period"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const attempt = (evaluate: () => Trigger): Effect.Effect<Trigger, TriggerError> =>
  Effect.suspend(() => Effect.fromResult(result(evaluate)))

// -----------------------------------------------------------------------------
// text and schema
// -----------------------------------------------------------------------------

/**
 * The trigger as canonical JSON text: equal triggers have equal text.
 *
 * @see {@link decode} for the way back
 * @category encoding
 * @since 0.1.0
 */
export const encode = (self: Trigger): string => self.text

const decodeSpec = Schema.decodeUnknownResult(TriggerSpec, { onExcessProperty: "error" })

/** Makes a trigger of data that nobody has looked at yet. */
const fromUnknown = (data: unknown, registry: Registry.Registry): Trigger => {
  refuseDeep(data)
  const spec = decodeSpec(data)
  if (Result.isFailure(spec)) {
    throw new TriggerError({ reason: "spec", field: "spec", value: show(data), expected: spec.failure.message })
  }
  return make(spec.success, registry, "refuse")
}

/**
 * Reads a trigger back from its text. Reading the same text again costs a look-up.
 *
 * **Details**
 *
 * Fails with the reason `"unknown"` when the trigger refers to a custom kind or a calendar that the registry does not know
 * and another may, and with any other when it is no trigger at all.
 *
 * @see {@link encode} for the way out
 * @category encoding
 * @since 0.1.0
 */
export const decode = (
  text: string,
  registry: Registry.Registry = Registry.empty
): Result.Result<Trigger, TriggerError> => {
  const known = recall(text, registry)
  if (known !== undefined) return Result.succeed(known)
  return result(() => {
    let data: unknown
    try {
      data = JSON.parse(text)
    } catch {
      throw new TriggerError({ reason: "spec", field: "spec", value: show(text), expected: "JSON" })
    }
    return fromUnknown(data, registry)
  })
}

/**
 * The codec of triggers: a `Trigger` on one side, its JSON specification on the other.
 *
 * **Example** (A field of a request)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Trigger } from "effect-scheduler"
 *
 * const Request = Schema.Struct({ name: Schema.String, when: Trigger.TriggerFromJson })
 * const { when } = Schema.decodeUnknownSync(Request)({ name: "digest", when: { _tag: "after", millis: 1000 } })
 * Trigger.encode(when) // => '{"_tag":"after","millis":1000}'
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const TriggerFromJson: Schema.Codec<Trigger, TriggerSpec> = TriggerSpec.pipe(
  Schema.decodeTo(Schema.declare(isTrigger, { expected: "Trigger" }), {
    decode: SchemaGetter.transformEffect((spec: TriggerSpec, options) =>
      Result.match(result(() => make(spec)), {
        onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, spec, options)),
        onSuccess: (trigger) => Effect.succeed(trigger)
      })
    ),
    encode: SchemaGetter.transform((trigger: Trigger) => trigger.spec)
  })
)
