/**
 * From wall times to instants: what becomes of the wall times that a clock change skips or repeats.
 *
 * @since 0.1.0
 */
import type { Table } from "./table.ts"

/**
 * What becomes of a wall time that the clocks jump over:
 *
 * - `"first-valid"`: it fires at the first instant after the gap; several in one gap fire once,
 * - `"shift"`: it fires as much later as the clocks jump, as RFC 5545 reads it: 02:30 becomes 03:30,
 * - `"skip"`: it does not fire.
 *
 * @category models
 * @since 0.1.0
 */
export type Gap = typeof gaps[number]

export const gaps = ["first-valid", "shift", "skip"] as const

/**
 * Which of the two instants fires, when the clocks go back and a wall time comes twice.
 *
 * @category models
 * @since 0.1.0
 */
export type Overlap = typeof overlaps[number]

export const overlaps = ["first", "second", "both"] as const

/**
 * A set of wall times in seconds since 1970-01-01T00:00:00 on the wall; -1 stands for none.
 *
 * @internal
 */
export interface Walls {
  /** The first at or after `wall`. */
  next(wall: number): number
  /** The last at or before `wall`. */
  previous(wall: number): number
  /** How many lie in `[from, to)`. */
  count(from: number, to: number): number
}

/**
 * A set of wall times in a zone, and what its clock changes do to them.
 *
 * Within one segment of the zone's table an instant is a wall time minus the offset. A gap lies at the start of a segment
 * that moved the clocks forward, a repetition at the start of one that moved them back.
 *
 * @internal
 */
export interface ZonedWalls {
  readonly walls: Walls
  readonly table: Table
  readonly gap: Gap
  readonly overlap: Overlap
}

/** No offset is as large as this, so that an instant and its wall time are never further apart. */
const day = 86_400

/** Nothing lies before 1970 or after the year 9999 on any wall. */
const first = -day
const last = 253_402_300_800 + day

/**
 * The first instant at or after `from`, in epoch seconds, or -Infinity for none.
 *
 * @internal
 */
export const next = ({ gap, overlap, table, walls }: ZonedWalls, from: number): number => {
  let t = from < first ? first : from
  while (t <= last) {
    const { after, before, end, offset, start } = table.at(t)
    let made = -Infinity
    if (before < offset && gap !== "skip" && t < start + offset - before) {
      if (gap === "shift") {
        const wall = walls.next(t + before)
        if (wall >= 0 && wall < start + offset) made = wall - before
      } else if (t === start) {
        const wall = walls.next(start + before)
        if (wall >= 0 && wall < start + offset) return start
      }
    }
    const low = overlap === "first" && before > offset ? Math.max(t + offset, start + before) : t + offset
    const high = overlap === "second" && after < offset ? end + after : end + offset
    const wall = walls.next(low)
    if (wall >= 0 && wall < high) {
      const regular = wall - offset
      return made > -Infinity && made < regular ? made : regular
    }
    if (made > -Infinity) return made
    if (after < offset) t = end // the next segment shows again what this one has shown
    else if (wall < 0) return -Infinity
    else t = Math.max(end, wall - day)
  }
  return -Infinity
}

/**
 * The last instant at or before `to`, in epoch seconds, or -Infinity for none.
 *
 * @internal
 */
export const previous = ({ gap, overlap, table, walls }: ZonedWalls, to: number): number => {
  let t = to > last ? last : to
  while (t >= first) {
    const { after, before, end, offset, start } = table.at(t)
    const low = overlap === "first" && before > offset ? start + before : start + offset
    const high = overlap === "second" && after < offset ? Math.min(t + offset, end + after - 1) : t + offset
    const wall = walls.previous(high)
    let found = wall >= 0 && wall >= low ? wall - offset : -Infinity
    if (before < offset && gap !== "skip" && found < start + offset - before) {
      if (gap === "shift") {
        const skipped = walls.previous(Math.min(t + before, start + offset - 1))
        if (skipped >= 0 && skipped >= start + before) found = Math.max(found, skipped - before)
      } else if (found < start) {
        const skipped = walls.next(start + before)
        if (skipped >= 0 && skipped < start + offset) found = start
      }
    }
    if (found > -Infinity) return found
    if (before > offset) t = start - 1 // the segment before shows already what this one shows
    else if (wall < 0) return -Infinity
    else t = Math.min(start - 1, wall + day)
  }
  return -Infinity
}

/**
 * How many instants lie in `[from, to)`, in epoch seconds: a few steps for each segment.
 *
 * @internal
 */
export const count = ({ gap, overlap, table, walls }: ZonedWalls, from: number, to: number): number => {
  let t = from < first ? first : from
  const limit = to > last ? last : to
  let total = 0
  while (t < limit) {
    const { after, before, end, offset, start } = table.at(t)
    const stop = Math.min(limit, end)
    const low = overlap === "first" && before > offset ? start + before : start + offset
    const high = overlap === "second" && after < offset ? end + after : end + offset
    total += walls.count(Math.max(t + offset, low), Math.min(stop + offset, high))
    if (before < offset && gap === "first-valid" && t === start) {
      const skipped = walls.next(start + before)
      if (skipped >= 0 && skipped < start + offset && !has(walls, start + offset, low, high)) total++
    }
    if (before < offset && gap === "shift") {
      // a shifted instant that is also a regular one is counted already
      const until = Math.min(start + offset, stop + before)
      for (let skipped = walls.next(t + before); skipped >= 0 && skipped < until; skipped = walls.next(skipped + 1)) {
        if (!has(walls, skipped - before + offset, low, high)) total++
      }
    }
    t = end
  }
  return total
}

/** Whether a wall time of the set lies at `wall`, in `[low, high)`. */
const has = (walls: Walls, wall: number, low: number, high: number): boolean =>
  wall >= low && wall < high && walls.next(wall) === wall
