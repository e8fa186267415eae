/**
 * What a recurrence rule means, told slowly: every day, or every hour, minute or second, of a window is looked at, and
 * every part is written as RFC 5545 says it. Shares no code with the engine.
 */

export type Freq = "YEARLY" | "MONTHLY" | "WEEKLY" | "DAILY" | "HOURLY" | "MINUTELY" | "SECONDLY"

export interface Rule {
  readonly freq: Freq
  readonly interval?: number
  readonly count?: number
  /** As the rule writes it, and as a wall clock in UTC shows it. */
  readonly until?: number
  readonly wkst?: string
  readonly byMonth?: ReadonlyArray<number>
  readonly byWeekNo?: ReadonlyArray<number>
  readonly byYearDay?: ReadonlyArray<number>
  readonly byMonthDay?: ReadonlyArray<number>
  readonly byDay?: ReadonlyArray<string>
  readonly byHour?: ReadonlyArray<number>
  readonly byMinute?: ReadonlyArray<number>
  readonly bySecond?: ReadonlyArray<number>
  readonly bySetPos?: ReadonlyArray<number>
}

const names = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"]
const dayMillis = 86_400_000

/** Everything a rule may ask of a day, found by counting. */
interface Facts {
  readonly date: number
  readonly year: number
  readonly month: number
  readonly day: number
  readonly weekday: string
  readonly daysInMonth: number
  readonly dayOfYear: number
  readonly daysInYear: number
  readonly week: number
  readonly weeksInYear: number
  readonly weekStart: number
}

const utc = (year: number, month: number, day: number): number => Date.UTC(year, month - 1, day)

const startOfWeek = (date: number, wkst: string): number => {
  let at = date
  while (names[new Date(at).getUTCDay()] !== wkst) at -= dayMillis
  return at
}

/** The first day of the first week that has at least four days in the year. */
const firstWeek = (year: number, wkst: string): number => startOfWeek(utc(year, 1, 4), wkst)

const known = new Map<string, Facts>()

const factsOf = (date: number, wkst: string): Facts => {
  const key = `${date} ${wkst}`
  const facts = known.get(key)
  if (facts !== undefined) return facts
  const d = new Date(date)
  const year = d.getUTCFullYear()
  const month = d.getUTCMonth() + 1
  const weekStart = startOfWeek(date, wkst)
  const weekYear = date < firstWeek(year, wkst) ? year - 1 : date >= firstWeek(year + 1, wkst) ? year + 1 : year
  const found = {
    date,
    year,
    month,
    day: d.getUTCDate(),
    weekday: names[d.getUTCDay()]!,
    daysInMonth: new Date(utc(year, month + 1, 0)).getUTCDate(),
    dayOfYear: Math.round((date - utc(year, 1, 1)) / dayMillis) + 1,
    daysInYear: Math.round((utc(year + 1, 1, 1) - utc(year, 1, 1)) / dayMillis),
    week: Math.round((weekStart - firstWeek(weekYear, wkst)) / dayMillis / 7) + 1,
    weeksInYear: Math.round((firstWeek(weekYear + 1, wkst) - firstWeek(weekYear, wkst)) / dayMillis / 7),
    weekStart
  }
  known.set(key, found)
  return found
}

/** Whether a number, or the same counted from the end, is in a list. */
const named = (list: ReadonlyArray<number> | undefined, value: number, size: number): boolean =>
  list === undefined || list.includes(value) || list.includes(value - size - 1)

const namesWeekday = (rule: Rule, facts: Facts): boolean =>
  rule.byDay === undefined || rule.byDay.some((text) => {
    const weekday = text.slice(-2)
    if (weekday !== facts.weekday) return false
    const n = text.slice(0, -2)
    if (n === "") return true
    const inYear = rule.freq === "YEARLY" && rule.byMonth === undefined
    const index = inYear ? facts.dayOfYear : facts.day
    const size = inYear ? facts.daysInYear : facts.daysInMonth
    const fromStart = Math.ceil(index / 7)
    const fromEnd = -Math.ceil((size - index + 1) / 7)
    return Number(n) === fromStart || Number(n) === fromEnd
  })

/** A rule with what it takes from its start. */
const complete = (rule: Rule, start: Date): Rule => {
  const time: Rule = {
    ...rule,
    ...(rule.bySecond === undefined && rule.freq !== "SECONDLY" ? { bySecond: [start.getUTCSeconds()] } : {}),
    ...(rule.byMinute === undefined && !["SECONDLY", "MINUTELY"].includes(rule.freq)
      ? { byMinute: [start.getUTCMinutes()] }
      : {}),
    ...(rule.byHour === undefined && !["SECONDLY", "MINUTELY", "HOURLY"].includes(rule.freq)
      ? { byHour: [start.getUTCHours()] }
      : {})
  }
  if ((rule.byDay ?? rule.byMonthDay ?? rule.byYearDay) !== undefined) return time
  const weekday = [names[start.getUTCDay()]!]
  if (rule.freq === "WEEKLY" || (rule.freq === "YEARLY" && rule.byWeekNo !== undefined)) {
    return { ...time, byDay: weekday }
  }
  if (rule.freq === "MONTHLY") return { ...time, byMonthDay: [start.getUTCDate()] }
  if (rule.freq === "YEARLY") {
    return { ...time, byMonth: rule.byMonth ?? [start.getUTCMonth() + 1], byMonthDay: [start.getUTCDate()] }
  }
  return time
}

/** Which period an instant is in: numbers that differ by one from period to period. */
const periodOf = (freq: Freq, at: number, wkst: string): number => {
  if (freq === "HOURLY") return Math.floor(at / 3_600_000)
  if (freq === "MINUTELY") return Math.floor(at / 60_000)
  if (freq === "SECONDLY") return Math.floor(at / 1000)
  const d = new Date(at)
  const date = utc(d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate())
  switch (freq) {
    case "YEARLY":
      return d.getUTCFullYear()
    case "MONTHLY":
      return d.getUTCFullYear() * 12 + d.getUTCMonth()
    case "WEEKLY":
      return Math.round((startOfWeek(date, wkst) - startOfWeek(0, wkst)) / dayMillis / 7)
    case "DAILY":
      return date / dayMillis
  }
}

/** The wall times of a rule up to `end`, as the epoch milliseconds at which a clock in UTC shows them, ascending. */
export const enumerate = (given: Rule, start: number, end: number): ReadonlyArray<number> => {
  const rule = complete(given, new Date(start))
  const wkst = rule.wkst ?? "MO"
  const origin = periodOf(rule.freq, start, wkst)
  const found: Array<number> = []
  let period = NaN
  let set: Array<number> = []
  const finish = (): void => {
    const chosen = rule.bySetPos === undefined
      ? set
      : set.filter((_, index) => named(rule.bySetPos, index + 1, set.length))
    found.push(...chosen.filter((at) => at >= start && at <= end && (rule.until === undefined || at <= rule.until)))
    set = []
  }
  // whole periods, from the beginning of the start's to the end of the last
  const margin = { YEARLY: 366, MONTHLY: 31, WEEKLY: 7, DAILY: 1, HOURLY: 1, MINUTELY: 1, SECONDLY: 1 }[rule.freq]
  const today = Math.floor(start / dayMillis) * dayMillis
  for (let date = today - margin * dayMillis; date <= end + margin * dayMillis; date += dayMillis) {
    if (date + 2 * dayMillis < start && periodOf(rule.freq, date, wkst) < origin) continue
    const facts = factsOf(date, wkst)
    const isDay = (rule.byMonth === undefined || rule.byMonth.includes(facts.month)) &&
      named(rule.byMonthDay, facts.day, facts.daysInMonth) &&
      named(rule.byYearDay, facts.dayOfYear, facts.daysInYear) &&
      named(rule.byWeekNo, facts.week, facts.weeksInYear) &&
      namesWeekday(rule, facts)
    if (!isDay) continue
    for (let hour = 0; hour < 24; hour++) {
      if (rule.byHour !== undefined && !rule.byHour.includes(hour)) continue
      for (let minute = 0; minute < 60; minute++) {
        if (rule.byMinute !== undefined && !rule.byMinute.includes(minute)) continue
        for (let second = 0; second < 60; second++) {
          if (rule.bySecond !== undefined && !rule.bySecond.includes(second)) continue
          const at = date + hour * 3_600_000 + minute * 60_000 + second * 1000
          const current = periodOf(rule.freq, at, wkst)
          if (current !== period) finish()
          period = current
          if ((current - origin) % (rule.interval ?? 1) === 0) set.push(at)
        }
      }
    }
  }
  finish()
  return rule.count === undefined ? found : found.slice(0, rule.count)
}

const two = (value: number): string => String(value).padStart(2, "0")

/** A wall time as RFC 5545 writes it. */
export const stamp = (at: number): string => new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")

/** A rule as text. */
export const toText = (rule: Rule): string => {
  const parts = Object.entries(rule).map(([key, value]) =>
    `${key.toUpperCase()}=${key === "until" ? `${stamp(value as number)}` : String(value)}`
  )
  return parts.join(";")
}

/**
 * The instant of a wall time: the first of two, and as much later as the clocks jump where there is none. `clock` says
 * what a clock shows at an instant.
 */
export const instantOf = (wall: number, clock: (instant: number) => number): number => {
  const before = clock(wall - dayMillis) - (wall - dayMillis)
  const after = clock(wall + dayMillis) - (wall + dayMillis)
  const shown = [wall - before, wall - after].filter((instant) => clock(instant) === wall)
  return shown.length === 0 ? wall - before : Math.min(...shown)
}

/** A wall time to the second, for messages. */
export const show = (at: number): string => {
  const d = new Date(at)
  return `${d.toISOString().slice(0, 10)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}
