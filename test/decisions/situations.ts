/**
 * Generated situations in which to plan. Instants lie on a coarse grid, give or take a millisecond, so that the edges (an occurrence
 * exactly at `now`, at the cursor, at the end of its grace) come up all the time and not once in a million.
 */
import { Arbitrary, Schema } from "effect"
import { Policy, Trigger } from "effect-scheduler"
import { listed, type Occurrences } from "./occurrenceSets.ts"

/** In the night in which Warsaw's clocks went back in 2026, just before they did. */
const origin = Date.UTC(2026, 9, 25, 0, 57)
const grid = 10_000

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const oneOf = <const A extends ReadonlyArray<unknown>>(...items: A): Arbitrary.Arbitrary<A[number]> =>
  Arbitrary.map(int(0, items.length - 1), (index) => items[index])
const among = <A>(...items: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(int(0, items.length - 1), (index) => items[index]!)

const mark = (from: number, to: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.map(
    Arbitrary.all({ unit: int(from, to), nudge: oneOf(0, 0, 0, -1, 1) }),
    ({ nudge, unit }) => origin + unit * grid + nudge
  )

const marks = Arbitrary.map(
  Arbitrary.array(mark(0, 40), { minLength: 1, maxLength: 40 }),
  (instants) => [...new Set(instants)].sort((a, b) => a - b)
)

const interval = Arbitrary.map(
  Arbitrary.all({ period: oneOf(3_000, 7_001, 10_000, 30_000, 60_000), start: mark(0, 20), kind: oneOf(0, 1, 2) }),
  ({ kind, period, start }) =>
    kind === 0
      ? Trigger.interval(period)
      : kind === 1
      ? Trigger.interval(period, { immediate: true })
      : Trigger.interval(period, { start })
)
const cron = Arbitrary.map(
  oneOf("* * * * *", "*/20 * * * * *", "0 3 * * *", "15,45 0-10 * * * *"),
  (expression) => Trigger.cron(expression, { timeZone: "Europe/Warsaw" })
)
const dates = Arbitrary.map(marks, (instants) => Trigger.dates(instants))
// long enough to hold an instant whatever the interval: a trigger that can never fire is refused
const bounded = Arbitrary.map(
  Arbitrary.all({ of: interval, start: mark(0, 15), length: int(21, 30) }),
  ({ length, of, start }) => Trigger.between(of, { start, end: start + length * grid })
)
const union = Arbitrary.map(
  Arbitrary.all([interval, cron, dates]),
  (members) => Trigger.union(...members)
)

/** A set of occurrences with a name that a failing test can show. */
export interface Named {
  readonly name: string
  readonly occurrences: Occurrences
}

const triggers = Arbitrary.map(among(interval, cron, dates, bounded, union), (trigger): Named => ({
  name: Trigger.encode(trigger),
  occurrences: Trigger.occurrences(trigger)
}))
const lists = Arbitrary.map(
  Arbitrary.all({ instants: marks, closed: oneOf(true, false) }),
  ({ closed, instants }): Named => ({
    name: `${closed ? "counted" : "uncounted"} ${instants.join(" ")}`,
    occurrences: listed(instants, closed)
  })
)

export const sets: Arbitrary.Arbitrary<Named> = among(lists, triggers)

export const overlaps: Arbitrary.Arbitrary<Policy.Overlap> = oneOf<ReadonlyArray<Policy.Overlap>>(
  "skip",
  "queue",
  "cancelRunning",
  { queueAll: 1 },
  { queueAll: 3 },
  { allow: 1 },
  { allow: 3 }
)

export const policies: Arbitrary.Arbitrary<Policy.Decided> = Arbitrary.map(
  Arbitrary.all({
    overlap: overlaps,
    catchUp: oneOf("latest", "earliest", "all", "none"),
    catchUpLimit: oneOf(1, 2, 3, 5, 100),
    misfireGrace: oneOf(null, null, 0, 1, 10_000, 60_000, 100_001)
  }),
  (chosen) => ({ ...Policy.defaults, ...chosen })
)

/** Before, among and (rarely far) after the occurrences; an anchor may come after it, and so may the cursor. */
export const nows: Arbitrary.Arbitrary<number> = among(mark(-3, 45), mark(-3, 45), mark(300, 400))

export const anchors: Arbitrary.Arbitrary<number> = mark(-3, 30)

export const cursors: Arbitrary.Arbitrary<number> = among(Arbitrary.Constant(-Infinity), mark(-3, 45))

export const goings: Arbitrary.Arbitrary<number> = int(0, 5)

export const situations = Arbitrary.all({
  set: sets,
  anchor: anchors,
  cursor: cursors,
  policy: policies,
  going: goings,
  now: nows
})
