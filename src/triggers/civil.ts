/**
 * The proleptic Gregorian calendar in integers: days are counted from 1970-01-01, months from January of the year 0.
 *
 * The conversions are those of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms"
 * (https://howardhinnant.github.io/date_algorithms.html), for dates of the year 1 or later. They shift the year to begin
 * in March, so that the leap day is its last.
 *
 * @since 0.1.0
 */

/** The number of a month, `year * 12 + month - 1`, and a day of the month, packed as `number * 32 + day`. */
export const fromDay = (day: number): number => {
  const z = day + 719_468
  const era = (z / 146_097) | 0
  const dayOfEra = z - era * 146_097
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0))
  const monthFromMarch = ((5 * dayOfYear + 2) / 153) | 0
  const dayOfMonth = dayOfYear - (((153 * monthFromMarch + 2) / 5) | 0) + 1
  return (((era * 400 + yearOfEra) * 12 + monthFromMarch + 2) << 5) | dayOfMonth
}

/** The day on which a month begins. */
export const monthStart = (month: number): number => {
  const fromMarch = month - 2
  const year = (fromMarch / 12) | 0
  const era = (year / 400) | 0
  const yearOfEra = year - era * 400
  const dayOfYear = ((153 * (fromMarch - year * 12) + 2) / 5) | 0
  return era * 146_097 + yearOfEra * 365 + (yearOfEra >> 2) - ((yearOfEra / 100) | 0) + dayOfYear - 719_468
}

/** How many days a month has. */
export const monthLength = (month: number): number => {
  const year = (month / 12) | 0
  const index = month - year * 12
  return index === 1 ? (isLeap(year) ? 29 : 28) : 31 - ((index % 7) & 1)
}

/** Whether a year has a 29 February. */
export const isLeap = (year: number): boolean => (year & 3) === 0 && (year % 100 !== 0 || year % 400 === 0)

/** The day of the week, 0 = Sunday. */
export const weekday = (day: number): number => (((day + 4) % 7) + 7) % 7

/** The ISO 8601 week of a day, 1 to 53: the week that holds the Thursday of its week. */
export const isoWeek = (day: number): number => {
  const thursday = day - ((weekday(day) + 6) % 7) + 3
  const year = ((fromDay(thursday) >> 5) / 12) | 0
  return (((thursday - monthStart(year * 12)) / 7) | 0) + 1
}
