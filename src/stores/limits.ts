/**
 * The places that runs take under the limits which they share, as every store decides about them.
 *
 * A run takes its places one after another, and keeps those it has while it waits for the next. Two things follow from the order in which
 * all runs take them, that of the keys: no two runs ever wait for each other, and as a run waits under one key only, those that need other
 * places pass it by.
 *
 * @since 0.1.0
 */
import type { Limit } from "../JobStore.ts"

/** The limits of a run in the order in which it takes its places. */
export const inOrder = (limits: ReadonlyArray<Limit>): ReadonlyArray<Limit> =>
  limits.length < 2 ? limits : limits.toSorted((a, b) => a.key < b.key ? -1 : 1)

/**
 * Takes the places under the limits from a given one on, as far as there are any. Answers with the number of the limit that is full, or
 * of all limits when it has all places.
 */
export const takePlaces = (
  limits: ReadonlyArray<Limit>,
  from: number,
  /** How many runs have a place under each key. */
  taken: Map<string, number>
): number => {
  let at = from
  for (; at < limits.length; at++) {
    const { key, max } = limits[at]!
    const others = taken.get(key) ?? 0
    if (others >= max) break
    taken.set(key, others + 1)
  }
  return at
}

/** Freed keys in the order in which their queues are served: who has more places already goes first. */
export const servingOrder = (keys: Iterable<string>): ReadonlyArray<string> =>
  Array.from(keys).sort((a, b) => a < b ? 1 : -1)
