/**
 * Numbers, lists and durations in plain English.
 *
 * @since 0.1.0
 */

export const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
]

/** 0 = Sunday. */
export const weekdayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

/** `a`, `a and b`, `a, b and c`. */
export const list = (items: ReadonlyArray<string>, conjunction = "and"): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} ${conjunction} ${items.at(-1)}`

/** `1st`, `2nd`, `13th`. */
export const ordinal = (n: number): string => {
  const ending = n % 100 >= 11 && n % 100 <= 13 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th"
  return `${n}${ending}`
}

const small = ["zeroth", "first", "second", "third", "fourth", "fifth"]

/** `first`, `second`, then `6th`. */
export const ordinalWord = (n: number): string => small[n] ?? ordinal(n)

/** `1 day`, `3 days`. */
export const plural = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

const units: ReadonlyArray<readonly [millis: number, noun: string]> = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1000, "second"],
  [1, "millisecond"]
]

/** `1 hour 30 minutes`. */
export const duration = (millis: number): string => {
  const parts: Array<string> = []
  let rest = Math.abs(millis)
  for (const [size, noun] of units) {
    const n = Math.floor(rest / size)
    if (n > 0) parts.push(plural(n, noun))
    rest -= n * size
  }
  return parts.length === 0 ? "0 milliseconds" : parts.join(" ")
}

/** `every hour`, `every 90 minutes`: in the largest unit that leaves no rest, or in several. */
export const every = (millis: number): string => {
  for (const [size, noun] of units) {
    if (millis % size === 0 && millis / size < 1000) {
      return millis === size ? `every ${noun}` : `every ${plural(millis / size, noun)}`
    }
  }
  return `every ${duration(millis)}`
}

/** An instant in UTC: `2026-03-01 09:00 UTC`. */
export const instant = (millis: number): string =>
  new Date(millis).toISOString().replace("T", " ").replace(/:00\.000Z$|\.000Z$|Z$/, "") + " UTC"

export const pad = (n: number): string => String(n).padStart(2, "0")
