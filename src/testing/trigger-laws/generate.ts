/**
 * Triggers of all kinds, in all sorts of zones, made at random.
 *
 * @since 0.1.0
 */
import * as Trigger from "../../Trigger.ts"
import type { Random } from "./random.ts"

const { Calendar } = Trigger

const minute = 60_000
const day = 1440 * minute

/**
 * Zones whose clock changes are of every sort: none, an hour, half an hour, two hours, at midnight, a skipped day, winter time
 * as the exception, changes around Ramadan.
 *
 * @category generators
 * @since 0.1.0
 */
export const zones: ReadonlyArray<string> = [
  "UTC",
  "+05:45",
  "America/New_York",
  "Europe/Warsaw",
  "Europe/Dublin",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Africa/Cairo",
  "America/Havana",
  "Pacific/Apia",
  "Pacific/Chatham",
  "America/Santiago",
  "Antarctica/Troll"
]

const changes = [
  "2026-03-08T07:00Z",
  "2026-03-29T01:00Z",
  "2026-10-25T01:00Z",
  "2026-11-01T06:00Z",
  "2026-04-04T15:00Z",
  "2026-10-03T15:30Z",
  "2026-02-15T02:00Z",
  "2026-04-23T22:00Z",
  "2011-12-30T10:00Z"
].map((text) => Date.parse(text))

/**
 * An instant in epoch milliseconds: at a clock change of one of the {@link zones}, within a day of one, or at any time from
 * 1971 to 2100.
 *
 * @category generators
 * @since 0.1.0
 */
export const instant = (random: Random): number => {
  const change = random.pick(changes)
  switch (random.int(0, 3)) {
    case 0:
      return change
    case 1:
      return change + random.int(-1440, 1440) * minute
    case 2:
      return change + random.int(-day, day)
    default:
      return random.int(31_536_000, 4_102_444_800) * 1000
  }
}

const cronField = (random: Random, min: number, max: number): string => {
  switch (random.int(0, 5)) {
    case 0:
      return "*"
    case 1:
      return `*/${random.int(1, Math.min(20, max - min))}`
    case 2:
      return `${random.int(min, max)}-${random.int(min, max)}`
    default:
      return String(random.int(min, max))
  }
}

const cron = (random: Random): Trigger.Trigger =>
  Trigger.cron(
    [
      cronField(random, 0, 59),
      cronField(random, 0, 23),
      random.int(0, 2) === 0 ? random.pick(["L", "15W", "LW", "L-2", "1,15", "13", "31"]) : "*",
      random.int(0, 3) === 0 ? cronField(random, 1, 12) : "*",
      random.int(0, 2) === 0 ? random.pick(["mon-fri", "sun", "friL", "tue#2", "fri-mon"]) : "*"
    ].join(" "),
    {
      timeZone: random.pick(zones),
      gap: random.pick([undefined, "first-valid", "shift", "skip"]),
      overlap: random.pick([undefined, "first", "second", "both"])
    }
  )

const calendarInterval = (random: Random): Trigger.Trigger =>
  Trigger.calendarInterval({
    ...random.pick([{ months: 1 }, { days: 1 }, { weeks: 2 }, { years: 1 }, { months: 5, days: 3 }]),
    at: random.pick(["00:00", "02:30", "23:59:59"]),
    start: random.pick([undefined, "2026-01-31", "1972-02-29"]),
    end: random.pick([undefined, undefined, "2041-06-30"]),
    missingDay: random.pick([undefined, "clamp"]),
    timeZone: random.pick(zones),
    gap: random.pick([undefined, "shift", "skip"]),
    overlap: random.pick([undefined, "second", "both"])
  })

const rrule = (random: Random): Trigger.Trigger =>
  Trigger.rrule(
    random.pick(["", "DTSTART:20260301T013000\n", "DTSTART:19970902T020000\n"]) + random.pick([
      "FREQ=DAILY",
      "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
      "FREQ=MONTHLY;BYDAY=-1FR",
      "FREQ=MONTHLY;BYMONTHDAY=-1,15;BYHOUR=1,2,3",
      "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;BYHOUR=2;BYMINUTE=30",
      "FREQ=DAILY;COUNT=37",
      "FREQ=HOURLY;INTERVAL=7;UNTIL=20300101T000000",
      "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    ]).replace(/^/, "RRULE:"),
    {
      timeZone: random.pick(zones),
      gap: random.pick([undefined, "first-valid", "skip"]),
      overlap: random.pick([undefined, "second", "both"])
    }
  )

/** No shorter periods than a minute: searches through other triggers see no further than 10,000 of their instants. */
const interval = (random: Random): Trigger.Trigger => {
  const period = random.pick([61_000, 5 * minute, 60 * minute, 7 * 60 * minute, day, 30 * day])
  const start = instant(random)
  switch (random.int(0, 3)) {
    case 0:
      return Trigger.interval(period)
    case 1:
      return Trigger.interval(period, { immediate: true })
    case 2:
      return Trigger.interval(period, { start })
    default:
      return Trigger.interval(period, { start, end: start + period * random.int(0, 100) })
  }
}

const calendar = (random: Random): Trigger.Calendar.Calendar => {
  const timeZone = random.pick(zones)
  const start = instant(random)
  switch (random.int(0, 6)) {
    case 0:
      return Calendar.days(["sat", "sun"], { timeZone })
    case 1:
      return Calendar.days([random.pick(["12-25", "01-01", "02-29", "2026-03-29", "2026-10-25"]), "wed"], { timeZone })
    case 2:
      return Calendar.weekly({ mon: ["22:00-06:00", "12:00-13:00"], sun: ["00:00-04:00"] }, { timeZone })
    case 3:
      return Calendar.windows([{ start, end: start + random.int(1, 40 * day) }])
    case 4:
      return Calendar.each(Trigger.cron("30 1 * * *", { timeZone }), random.int(1, 30 * 60 * minute))
    case 5:
      return Calendar.not(calendar(random))
    default:
      return Calendar.anyOf(calendar(random), calendar(random))
  }
}

/** Makers by the kind of trigger they make. */
const makers: { readonly [kind: string]: (random: Random, member: () => Trigger.Trigger) => Trigger.Trigger } = {
  dates: (random) => Trigger.dates(Array.from({ length: random.int(1, 6) }, () => instant(random))),
  after: (random) => Trigger.after(random.pick([0, 1, minute, day])),
  interval,
  cron,
  calendarInterval,
  rrule,
  union: (_, member) => Trigger.union(member(), member(), member()),
  between(random, member) {
    const start = instant(random)
    return Trigger.between(member(), { start, end: start + random.int(0, 2000) * day })
  },
  intersection(random, member) {
    const one = member()
    const threshold = random.pick([0, 0, 1000, 20 * minute])
    return random.int(0, 1) === 0
      ? Trigger.intersection(one, Trigger.union(one, member()), { threshold })
      : Trigger.intersection(cron(random), cron(random), { threshold })
  },
  except(random, member) {
    const one = member()
    const excluded = random.pick([cron(random), Trigger.date(instant(random)), one])
    return Trigger.except(Trigger.union(one, member()), Trigger.limit(excluded, random.int(1, 200)))
  },
  outside: (random, member) =>
    Trigger.except(member(), calendar(random), { inside: random.pick(["drop", "defer", "advance"]) }),
  limit: (random, member) => Trigger.limit(member(), random.pick([1, 2, 7, 30, 1000])),
  offset: (random, member) =>
    Trigger.offset(member(), random.pick([1, -1]) * random.pick([1, 1000, 90 * minute, 3 * day])),
  andThen: (random, member) => Trigger.andThen(Trigger.limit(member(), random.int(1, 5)), member())
}

/**
 * The kinds of triggers that {@link trigger} can make.
 *
 * @category generators
 * @since 0.1.0
 */
export const kinds: ReadonlyArray<string> = [...Object.keys(makers), "jitter"]

/**
 * A trigger of a kind, or of any kind, with others nested in it up to a depth (2 unless given).
 *
 * @category generators
 * @since 0.1.0
 */
export const trigger = (random: Random, kind: string = random.pick(kinds), depth = 2): Trigger.Trigger => {
  if (kind === "jitter") {
    return Trigger.jitter(trigger(random, random.pick(Object.keys(makers)), depth), random.pick([1, minute, 3 * day]))
  }
  const leaves = ["dates", "after", "interval", "cron", "calendarInterval", "rrule"]
  const make = makers[kind]
  if (make === undefined) throw new Error(`no kind of trigger: ${kind}; there are ${kinds.join(", ")}`)
  // what happens never to fire is refused, and made again
  for (;;) {
    try {
      return make(random, () => trigger(random, random.pick(depth > 1 ? Object.keys(makers) : leaves), depth - 1))
    } catch (error) {
      if (!(error instanceof Trigger.TriggerError)) throw error
    }
  }
}
