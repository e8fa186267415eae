/**
 * Which triggers are the same for every job.
 *
 * @since 0.1.0
 */
import type { TriggerSpec } from "./compile.ts"
import * as Instant from "./instant.ts"

/**
 * Whether the anchor only hides the instants before it, and moves none: a cron expression is fixed, an interval that is
 * counted from the anchor is not. Only what is fixed can be searched when the trigger is made. `false` is always safe.
 *
 * @internal
 */
export const isFixed = (spec: TriggerSpec): boolean => {
  switch (spec._tag) {
    case "dates":
    case "cron":
      return true
    case "interval":
    case "calendarInterval":
      return spec.start !== undefined
    case "rrule":
      return spec.text.startsWith("DTSTART")
    case "union":
    case "intersection":
      return spec.of.every(isFixed)
    case "between":
    case "offset":
    case "outside":
    case "jitter":
      return isFixed(spec.of)
    case "except":
      return isFixed(spec.of) && isFixed(spec.instants)
    default:
      return false
  }
}

/**
 * The anchor to look at a trigger with from some instant on, when nobody says when it was added: one that hides nothing, or
 * that instant where it makes a difference.
 *
 * @internal
 */
export const anchorFor = (spec: TriggerSpec, from: number): number => isFixed(spec) ? Instant.min : from
