/**
 * The offsets of a time zone as the platform knows them, one question at a time. Slow: some microseconds each.
 *
 * @since 0.1.0
 */

/**
 * Seconds east of UTC at an instant in epoch seconds.
 *
 * @internal
 */
export type OffsetAt = (epochSeconds: number) => number

/**
 * Asks `Intl` for the offsets of a named zone, or returns `undefined` when it does not know the name.
 *
 * The offset is the difference between what a clock in the zone shows and UTC, so that it is exact to the second:
 * Monrovia was at -00:44:30 until 1972.
 *
 * @internal
 */
export const fromIntl = (name: string): { readonly canonical: string; readonly offsetAt: OffsetAt } | undefined => {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric"
    })
  } catch {
    return undefined
  }
  return {
    canonical: format.resolvedOptions().timeZone,
    offsetAt(epochSeconds) {
      const [day, hour, minute, second] = numbers(format.format(epochSeconds * 1000))
      const clock = hour! * 3600 + minute! * 60 + second!
      const utcDay = Math.floor(epochSeconds / 86_400)
      const difference = clock - (epochSeconds - utcDay * 86_400)
      // The day of the month says whether the zone is in the day before, in the same, or in the day after. No offset
      // reaches further than 26 hours, and next to the turn of a month a later day has the smaller number.
      const utcDayOfMonth = new Date(utcDay * 86_400_000).getUTCDate()
      const days = day! - utcDayOfMonth
      return difference + 86_400 * (Math.abs(days) <= 1 ? days : -Math.sign(days))
    }
  }
}

/** The runs of digits in a text, as numbers. */
const numbers = (text: string): Array<number> => {
  const out: Array<number> = []
  let value = -1
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit >= 0 && digit <= 9) value = value < 0 ? digit : value * 10 + digit
    else if (value >= 0) {
      out.push(value)
      value = -1
    }
  }
  if (value >= 0) out.push(value)
  return out
}
