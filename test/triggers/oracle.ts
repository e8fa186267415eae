/**
 * What cron means, told slowly: every minute of a window is looked at through `Intl`, and every rule is written as one
 * would say it. Shares no code with the engine.
 */

export interface OracleOptions {
  readonly clock: (instant: number) => number
  readonly gap: "first-valid" | "shift" | "skip"
  readonly overlap: "first" | "second" | "both"
}

const minuteMillis = 60_000

interface Wall {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
}

const wallOf = (date: Date): Wall => ({
  year: date.getUTCFullYear(),
  month: date.getUTCMonth() + 1,
  day: date.getUTCDate(),
  hour: date.getUTCHours(),
  minute: date.getUTCMinutes()
})

/** The wall clock at an instant, as the epoch milliseconds at which a clock in UTC shows the same. */
export const wallClock = (timeZone: string): (instant: number) => number => {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric"
  })
  const known = new Map<number, number>()
  const ask = (instant: number): number => {
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value)
    return Date.UTC(part["year"]!, part["month"]! - 1, part["day"]!, part["hour"]!, part["minute"]!, part["second"]!)
  }
  return (instant) => {
    const wall = known.get(instant) ?? ask(instant)
    known.set(instant, wall)
    return wall
  }
}

/** Numbers, lists, ranges and steps of a field. */
const values = (text: string, min: number, max: number): Set<number> => {
  const out = new Set<number>()
  for (const item of text.split(",")) {
    const [range, step] = item.split("/") as [string, string | undefined]
    const [from, to] = range === "*" ? [min, max] : range.split("-").map(Number) as [number, number | undefined]
    const end = to ?? (step === undefined ? from : max)
    const size = max - min + 1
    const length = (end - from + size) % size
    for (let distance = 0; distance <= length; distance += Number(step ?? 1)) {
      out.add(min + (from - min + distance) % size)
    }
  }
  return out
}

/** Whether a wall time matches the five fields. */
export const matcher = (expression: string): (wall: Wall) => boolean => {
  const [minute, hour, day, month, weekday] = expression.split(" ") as [string, string, string, string, string]
  const minutes = values(minute, 0, 59)
  const hours = values(hour, 0, 23)
  const days = values(day, 1, 31)
  const months = values(month, 1, 12)
  const weekdays = values(weekday, 0, 6)
  const both = day.startsWith("*") || weekday.startsWith("*")
  return (wall) => {
    const byDay = days.has(wall.day)
    const byWeekday = weekdays.has(new Date(Date.UTC(wall.year, wall.month - 1, wall.day)).getUTCDay())
    return minutes.has(wall.minute) && hours.has(wall.hour) && months.has(wall.month) &&
      (both ? byDay && byWeekday : byDay || byWeekday)
  }
}

/** The instants of `[from, to)`, both whole minutes, ascending. Look at more than is asked for: policies look around. */
export const enumerate = (expression: string, from: number, to: number, options: OracleOptions): Array<number> => {
  const matches = matcher(expression)
  const { clock } = options
  const margin = 30 * 60 * minuteMillis
  const found = new Set<number>()
  const seen = new Map<number, number>()
  let previous = clock(from - margin - minuteMillis)
  for (let instant = from - margin; instant < to + margin; instant += minuteMillis) {
    const wall = clock(instant)
    // walls that were jumped over
    for (let lost = previous + minuteMillis; lost < wall; lost += minuteMillis) {
      if (!matches(wallOf(new Date(lost)))) continue
      if (options.gap === "first-valid") found.add(instant)
      if (options.gap === "shift") found.add(instant + lost - previous - minuteMillis)
    }
    previous = wall
    if (!matches(wallOf(new Date(wall)))) continue
    const earlier = seen.get(wall)
    seen.set(wall, instant)
    if (earlier !== undefined && options.overlap === "first") continue
    if (earlier !== undefined && options.overlap === "second") found.delete(earlier)
    found.add(instant)
  }
  return Array.from(found).filter((instant) => instant >= from && instant < to).toSorted((a, b) => a - b)
}
