/**
 * A set of wall times in a zone, asked in epoch milliseconds.
 *
 * @since 0.1.0
 */
import * as ClockChange from "./zone/clockChange.ts"

const day = 86_400

/**
 * The first instant strictly after `after`, or `undefined`.
 *
 * @internal
 */
export const next = (set: ClockChange.ZonedWalls, after: number): number | undefined => {
  const at = ClockChange.next(set, Math.floor(after / 1000) + 1) * 1000
  return at === -Infinity ? undefined : at
}

/**
 * The last instant strictly before `before`, or `undefined`.
 *
 * @internal
 */
export const previous = (set: ClockChange.ZonedWalls, before: number): number | undefined => {
  const at = ClockChange.previous(set, Math.ceil(before / 1000) - 1) * 1000
  return at === -Infinity ? undefined : at
}

/**
 * How many instants lie in `(from, to]`.
 *
 * @internal
 */
export const count = (set: ClockChange.ZonedWalls, from: number, to: number): number =>
  ClockChange.count(set, Math.floor(from / 1000) + 1, Math.floor(to / 1000) + 1)

/**
 * The instants of a single wall time: none, one, or two where the clocks go back and both count.
 *
 * @internal
 */
export const instants = (set: Omit<ClockChange.ZonedWalls, "walls">, wall: number): Array<number> => {
  const one = { ...set, walls: single(wall) }
  const out: Array<number> = []
  // no zone is further than 26 hours from UTC
  for (let at = next(one, (wall - 2 * day) * 1000); at !== undefined; at = next(one, at)) out.push(at)
  return out
}

const single = (wall: number): ClockChange.Walls => ({
  next: (from) => from <= wall ? wall : -1,
  previous: (to) => to >= wall ? wall : -1,
  count: (from, to) => from <= wall && wall < to ? 1 : 0
})

/** A year's rules repeat after 400 years, weekdays included, so that more candidates would be the same once more. */
const maxCandidates = 400

/**
 * Whether the zone ever shows one of the wall times, where those in gaps are skipped.
 *
 * A search for it through the tables of the zone could mean to find the clock changes of centuries first. Here the zone
 * is asked for its offsets around candidates only.
 *
 * @internal
 */
export const isEverShown = ({ gap, table, walls }: ClockChange.ZonedWalls): boolean => {
  let wall = walls.next(0)
  if (gap !== "skip") return wall >= 0
  for (let tried = 0; wall >= 0 && tried < maxCandidates; tried++) {
    const before = table.offsetAt(wall - day)
    const after = table.offsetAt(wall + day)
    const isShown = (at: number): boolean =>
      at >= 0 && (table.offsetAt(at - before) === before || table.offsetAt(at - after) === after)
    if (before === after || isShown(wall)) return true
    // the gap that holds it ends before this
    const beyond = wall + Math.abs(after - before)
    if (isShown(walls.previous(beyond))) return true
    wall = walls.next(beyond + 1)
  }
  return false
}
