/**
 * The times between the clock changes of a zone, found through `Intl` once and kept, so that asking for an offset is
 * arithmetic afterwards.
 *
 * @since 0.1.0
 */
import * as Civil from "../civil.ts"
import type { OffsetAt } from "./offsets.ts"

/**
 * A stretch of time during which the offset of a zone does not change. All numbers are seconds.
 *
 * @internal
 */
export interface Segment {
  /** The first epoch second of the stretch. */
  readonly start: number
  /** The first epoch second after it. */
  readonly end: number
  /** Seconds east of UTC throughout. */
  readonly offset: number
  /** The offset before `start`; the same as `offset` where the table has a seam and the zone no clock change. */
  readonly before: number
  /** The offset from `end` on. */
  readonly after: number
}

const day = 86_400

/**
 * How long a period of the table is: 4.25 years. Short enough to be found in half a millisecond, long enough that a
 * scheduler that runs for years asks for few.
 */
const periodLength = 2 ** 27

/**
 * How far apart the offset is sampled. A change that is taken back within one step would be missed. The shortest such
 * time since 1970 is seven days (Recife and others, October 2000); from 2040 on the tables hold yearly rules only, and
 * Morocco's five weeks around Ramadan.
 */
const sampleStep = (epochSeconds: number): number => epochSeconds < 2_208_988_800 ? 6 * day : 28 * day

/** From here on every zone keeps yearly rules: what it does in a year follows from the kind of the year. */
export const repeatsFrom = 4_102_444_800 // 2100-01-01

/** The kind of a year that starts on a day: its first weekday, and whether it has a leap day. */
const kindOf = (year: number, start: number): number => Civil.weekday(start) * 2 + (Civil.isLeap(year) ? 1 : 0)

/** For each kind of year, the first day of one of the 28 years that all others after them repeat. */
const models: Array<number> = []
const firstModel = 2101
const lastModel = 2128
for (let year = firstModel; year <= lastModel; year++) {
  const start = Civil.monthStart(year * 12)
  models[kindOf(year, start)] = start
}
const repeatsModels = Civil.monthStart((lastModel + 1) * 12) * day

/**
 * A stretch without a clock change is told by two samples at its ends, this long and a day more on either side: no clock change is that
 * near to where it begins or ends, so that nobody misses one there. See `sampleStep` for why two samples are enough.
 */
const stretch = 4 * day

/**
 * How many stretches of a period are looked at by themselves. A search that leaps over years comes to a period once or twice, and finding
 * all clock changes of one asks `Intl` a hundred times as much.
 */
const stretchesBeforePeriod = 2

/**
 * The segments of a zone, on demand.
 *
 * @internal
 */
export interface Table {
  /** The segment that contains an instant in epoch seconds. */
  readonly at: (epochSeconds: number) => Segment
  /** The offset at an instant in epoch seconds, asked of the zone itself: slow, but nothing else has to be found first. */
  readonly offsetAt: OffsetAt
}

/** A zone whose offset never changes. */
export const fixed = (offset: number): Table => {
  const always: Segment = { start: -Infinity, end: Infinity, offset, before: offset, after: offset }
  return { at: () => always, offsetAt: () => offset }
}

/** How many periods all tables together keep before they start anew: some ten megabytes. */
const maxPeriods = 8192
let periodsKept = 0
let generation = 0

/** A zone whose offsets have to be asked for. */
export const make = (offsetAt: OffsetAt): Table => {
  const periods = new Map<number, ReadonlyArray<Segment>>()
  /** How many stretches of a period were looked at by themselves. */
  const stretches = new Map<number, number>()
  let ownGeneration = generation
  let recent: Segment = { start: 0, end: 0, offset: 0, before: 0, after: 0 }

  const startAnew = () => {
    ownGeneration = generation
    periods.clear()
    stretches.clear()
  }

  const find = (index: number): ReadonlyArray<Segment> => {
    if (++periodsKept > maxPeriods) {
      periodsKept = 1
      generation++
      startAnew()
    }
    const segments = segmentsOf(offsetAt, index * periodLength, (index + 1) * periodLength)
    periods.set(index, segments)
    return segments
  }

  const at = (epochSeconds: number): Segment => {
    if (epochSeconds >= recent.start && epochSeconds < recent.end) return recent
    if (epochSeconds >= repeatsModels) return recent = asInModel(at, epochSeconds)
    if (ownGeneration !== generation) startAnew()
    const index = Math.floor(epochSeconds / periodLength)
    let segments = periods.get(index)
    if (segments === undefined) {
      const looked = stretches.get(index) ?? 0
      if (looked < stretchesBeforePeriod) {
        stretches.set(index, looked + 1)
        const alone = unchanging(offsetAt, epochSeconds)
        if (alone !== undefined) return recent = alone
      }
      segments = find(index)
    }
    let low = 0
    let high = segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (segments[middle]!.start <= epochSeconds) low = middle
      else high = middle - 1
    }
    return recent = segments[low]!
  }
  return { at, offsetAt }
}

/** The segment of an instant after the model years, as far as it lies in its year: that of a year of the same kind. */
const asInModel = (at: Table["at"], epochSeconds: number): Segment => {
  const year = Math.floor((Civil.fromDay(Math.floor(epochSeconds / day)) >> 5) / 12)
  const first = Civil.monthStart(year * 12)
  const start = first * day
  const end = Civil.monthStart((year + 1) * 12) * day
  const shift = start - models[kindOf(year, first)]! * day
  const segment = at(epochSeconds - shift)
  const begins = segment.start + shift > start
  const ends = segment.end + shift < end
  // no zone changes its clocks at the turn of the year any more
  return {
    start: begins ? segment.start + shift : start,
    end: ends ? segment.end + shift : end,
    offset: segment.offset,
    before: begins ? segment.before : segment.offset,
    after: ends ? segment.after : segment.offset
  }
}

/** The stretch that an instant lies in, if the clocks are not changed in it, nor within a day of its ends. */
const unchanging = (offsetAt: OffsetAt, epochSeconds: number): Segment | undefined => {
  const start = Math.floor(epochSeconds / stretch) * stretch
  const end = start + stretch
  const offset = offsetAt(start - day)
  return offsetAt(end + day) === offset ? { start, end, offset, before: offset, after: offset } : undefined
}

/** Finds the segments of `[from, to)`. */
const segmentsOf = (offsetAt: OffsetAt, from: number, to: number): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  let before = offsetAt(from - 1)
  let start = from
  let offset = offsetAt(from)
  let sampled = from
  while (sampled < to) {
    const sample = Math.min(sampled + sampleStep(sampled), to)
    const after = offsetAt(sample)
    if (after === offset) {
      sampled = sample
      continue
    }
    const change = firstChange(offsetAt, offset, sampled, sample)
    if (change === to) break
    const changed = offsetAt(change)
    segments.push({ start, end: change, offset, before, after: changed })
    before = offset
    start = change
    offset = changed
    sampled = change
  }
  segments.push({ start, end: to, offset, before, after: offsetAt(to) })
  return segments
}

/** The first second in `(low, high]` whose offset is not `offset`, which is that at `low` and not that at `high`. */
const firstChange = (offsetAt: OffsetAt, offset: number, low: number, high: number): number => {
  // nearly all changes are on a quarter of an hour: look among those, and go on to the second only where it is not
  for (const unit of [900, 1]) {
    let before = Math.floor(low / unit)
    let after = Math.ceil(high / unit)
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (offsetAt(middle * unit) === offset) before = middle
      else after = middle
    }
    low = Math.max(low, before * unit)
    high = Math.min(high, after * unit)
    if (offsetAt(high - 1) === offset) break
  }
  return high
}
