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
export type Gap = "first-valid" | "shift" | "skip"

/**
 * Which of the two instants fires, when the clocks go back and a wall time comes twice.
 *
 * @category models
 * @since 0.1.0
 */
export type Overlap = "first" | "second" | "both"

/**
 * A set of wall times in seconds since 1970-01-01T00:00:00 on the wall; -1 stands for none.
 *
 * @internal
 */
export interface Walls {
  /** The first at or after `wall`. */
  readonly next: (wall: number) => number
  /** The last at or before `wall`. */
  readonly previous: (wall: number) => number
  /** How many lie in `[from, to)`. */
  readonly count: (from: number, to: number) => number
}

/**
 * The instants of a set of wall times in a zone. All numbers are epoch seconds.
 *
 * Within one segment of the zone's table an instant is a wall time minus the offset. A gap lies at the start of a
 * segment that moved clocks forward, a repetition at the start of one that moved them back.
 *
 * @internal
 */
export interface Instants {
  /** The first at or after `from`, or -Infinity for none. */
  readonly next: (from: number) => number
  /** The last at or before `to`, or -Infinity for none. */
  readonly previous: (to: number) => number
  /** How many lie in `[from, to)`. */
  readonly count: (from: number, to: number) => number
}

/** No offset is as large as this, so that an instant and its wall time are never further apart. */
const day = 86_400

/** Nothing before 1970 nor after the year 9999 on any wall. */
const first = -day
const last = 253_402_300_800 + day

/** @internal */
export const instants = (walls: Walls, table: Table, gap: Gap, overlap: Overlap): Instants => {
  /** Whether a wall time of the set lies at `wall`, within bounds. */
  const has = (wall: number, low: number, high: number): boolean =>
    wall >= low && wall < high && walls.next(wall) === wall

  return {
    next(from) {
      let t = from < first ? first : from
      while (t <= last) {
        const segment = table.at(t)
        const { after, before, end, offset, start } = segment
        let found = -Infinity
        if (before < offset && gap !== "skip" && t < start + offset - before) {
          if (gap === "shift") {
            const wall = walls.next(t + before)
            if (wall >= 0 && wall < start + offset) found = wall - before
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
          return found > -Infinity && found < regular ? found : regular
        }
        if (found > -Infinity) return found
        if (after < offset) {
          t = end // the next segment shows again what this one has shown
        } else if (wall < 0) {
          return -Infinity
        } else {
          t = Math.max(end, wall - day)
        }
      }
      return -Infinity
    },

    previous(to) {
      let t = to > last ? last : to
      while (t >= first) {
        const segment = table.at(t)
        const { after, before, end, offset, start } = segment
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
        if (before > offset) {
          t = start - 1
        } else if (wall < 0) {
          return -Infinity
        } else {
          t = Math.min(start - 1, wall + day)
        }
      }
      return -Infinity
    },

    count(from, to) {
      let t = from < first ? first : from
      const limit = to > last ? last : to
      let total = 0
      while (t < limit) {
        const { after, before, end, offset, start } = table.at(t)
        const stop = Math.min(limit, end)
        const low = overlap === "first" && before > offset ? start + before : start + offset
        const high = overlap === "second" && after < offset ? end + after : end + offset
        total += walls.count(Math.max(t + offset, low), Math.min(stop + offset, high))
        if (before < offset && gap !== "skip") {
          if (gap === "first-valid") {
            if (t === start) {
              const skipped = walls.next(start + before)
              const lost = skipped >= 0 && skipped < start + offset
              if (lost && !has(start + offset, low, high)) total++
            }
          } else {
            // a shifted instant that is also a regular one is there already
            const until = Math.min(start + offset, stop + before)
            let skipped = walls.next(t + before)
            while (skipped >= 0 && skipped < until) {
              if (!has(skipped - before + offset, low, high)) total++
              skipped = walls.next(skipped + 1)
            }
          }
        }
        t = end
      }
      return total
    }
  }
}
