/**
 * The meaning of a calendar: which stretches of time it covers.
 *
 * @since 0.1.0
 */
import * as Search from "../bounded-search.ts"
import type { Table } from "../zone/table.ts"

/**
 * A stretch of time, from `start` to just before `end`, that a calendar covers as a whole or not at all. It need not be the
 * longest such: the next one may be of the same kind.
 *
 * @internal
 */
export interface Stretch {
  readonly covered: boolean
  readonly start: number
  readonly end: number
}

/**
 * A set of stretches, asked for the one that contains an instant: in epoch milliseconds, or, for a clock on the wall, in
 * wall seconds since 1970-01-01T00:00:00.
 *
 * @internal
 */
export type Coverage = (at: number) => Stretch

/** The first instant at or after `at` that is not covered; `Infinity` when there is none, or none within reach. */
export const firstFree = (coverage: Coverage, at: number): number => {
  for (let stretch = coverage(at); stretch.covered; stretch = coverage(at)) {
    at = stretch.end
    if (at === Infinity || !Search.step()) return Infinity
  }
  return at
}

/** The last instant at or before `at` that is not covered; `-Infinity` when there is none, or none within reach. */
export const lastFree = (coverage: Coverage, at: number): number => {
  for (let stretch = coverage(at); stretch.covered; stretch = coverage(at)) {
    at = stretch.start - 1
    if (at === -Infinity || !Search.step()) return -Infinity
  }
  return at
}

/** What none of the coverages covers is free. */
export const union = (coverages: ReadonlyArray<Coverage>): Coverage => (at) => {
  let start = -Infinity
  let end = Infinity
  for (let i = 0; i < coverages.length; i++) {
    const stretch = coverages[i]!(at)
    if (stretch.covered) return stretch
    if (stretch.start > start) start = stretch.start
    if (stretch.end < end) end = stretch.end
  }
  return { covered: false, start, end }
}

/** What is covered is free, and the other way round. */
export const complement = (coverage: Coverage): Coverage => (at) => {
  const { covered, end, start } = coverage(at)
  return { covered: !covered, start, end }
}

/** On the wall there are the years 1 to 9999; what lies before and after is free. */
const first = -62_135_596_800_000
const last = 253_402_300_800_000

/**
 * From the wall to instants. An instant is covered when the clock on the wall shows a time that is: a day that is skipped
 * covers nothing, an hour that comes twice covers both.
 */
export const zoned = (walls: Coverage, table: Table): Coverage => (at) => {
  if (at < first) return { covered: false, start: -Infinity, end: first }
  if (at >= last) return { covered: false, start: last, end: Infinity }
  const segment = table.at(Math.floor(at / 1000))
  const { covered, end, start } = walls(Math.floor(at / 1000) + segment.offset)
  return {
    covered,
    start: Math.max(start - segment.offset, segment.start) * 1000,
    end: Math.min(end - segment.offset, segment.end) * 1000
  }
}
