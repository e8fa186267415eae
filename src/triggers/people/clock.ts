/**
 * What a clock in a zone shows, in words.
 *
 * @since 0.1.0
 */
import type { TriggerSpec } from "../compile.ts"

/** Seconds east of UTC as `+02:00`, with seconds where there are some. */
export const offsetText = (seconds: number): string => {
  const size = Math.abs(seconds)
  const parts = [size / 3600, size / 60 % 60, size % 60].map((part) => String(Math.floor(part)).padStart(2, "0"))
  return (seconds < 0 ? "-" : "+") + (size % 60 === 0 ? parts.slice(0, 2) : parts).join(":")
}

/** Milliseconds on the wall as `2026-03-29 03:00:00`, with milliseconds where there are some. */
export const wallText = (millis: number): string => {
  const text = new Date(millis).toISOString()
  return text.replace("T", " ").replace(/(\.000)?Z$/, "")
}

/** The triggers that a trigger is made of; calendars are none. */
export const membersOf = (spec: TriggerSpec): ReadonlyArray<TriggerSpec> => {
  switch (spec._tag) {
    case "union":
    case "intersection":
      return spec.of
    case "except":
      return [spec.of, spec.instants]
    case "andThen":
      return [spec.first, spec.second]
    case "outside":
    case "between":
    case "limit":
    case "offset":
    case "jitter":
      return [spec.of]
    default:
      return []
  }
}

/** The first time zone that a trigger names. */
export const zoneOf = (spec: TriggerSpec): string | undefined => {
  if (spec._tag === "rrule") {
    const named = /^DTSTART;TZID="?([^":\n]+)"?:|^DTSTART:\d{8}T\d{6}(Z)/.exec(spec.text)
    return named?.[1] ?? (named?.[2] === "Z" ? "UTC" : spec.timeZone)
  }
  if ("timeZone" in spec) return spec.timeZone
  for (const member of membersOf(spec)) {
    const zone = zoneOf(member)
    if (zone !== undefined) return zone
  }
  return undefined
}
