/**
 * A recurrence of RFC 5545 as data: where it starts, its rule, and the dates besides.
 *
 * @since 0.1.0
 */

/** The frequencies, each a multiple of the one before: more than daily ones come last. */
export const frequencies = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"] as const

/** @internal */
export type Frequency = typeof frequencies[number]

/** Weekdays by the number that they have here, 0 = Sunday. */
export const weekdays = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"] as const

/**
 * A date or date-time. `wall` is what it says in seconds since 1970-01-01T00:00:00; the form says where:
 *
 * - `"date"`: midnight, in the zone of the recurrence,
 * - `"floating"`: in the zone of the recurrence,
 * - `"zoned"`: in the zone that it names,
 * - `"utc"`.
 *
 * @internal
 */
export type Stamp =
  | { readonly form: "date" | "floating" | "utc"; readonly wall: number }
  | { readonly form: "zoned"; readonly wall: number; readonly zone: string }

/**
 * A weekday: each one where `n` is 0, else the n-th of its month or year, from the end where `n` is negative.
 *
 * @internal
 */
export interface NthWeekday {
  readonly n: number
  readonly weekday: number
}

/**
 * A recurrence rule. Lists are ascending and without duplicates; a part that is left out is `undefined`.
 *
 * @internal
 */
export interface Rule {
  readonly freq: Frequency
  readonly until: Stamp | undefined
  readonly count: number | undefined
  readonly interval: number
  /** 0 = Sunday. */
  readonly weekStart: number
  readonly byMonth: ReadonlyArray<number> | undefined
  readonly byWeekNo: ReadonlyArray<number> | undefined
  readonly byYearDay: ReadonlyArray<number> | undefined
  readonly byMonthDay: ReadonlyArray<number> | undefined
  readonly byDay: ReadonlyArray<NthWeekday> | undefined
  readonly byHour: ReadonlyArray<number> | undefined
  readonly byMinute: ReadonlyArray<number> | undefined
  readonly bySecond: ReadonlyArray<number> | undefined
  readonly bySetPos: ReadonlyArray<number> | undefined
}

/** @internal */
export interface Recurrence {
  /** `undefined` for the anchor. */
  readonly start: Stamp | undefined
  readonly rule: Rule
  /** Instants that fire besides, ascending by zone and wall time. */
  readonly added: ReadonlyArray<Stamp>
  /** Instants that do not fire. */
  readonly excluded: ReadonlyArray<Stamp>
}
