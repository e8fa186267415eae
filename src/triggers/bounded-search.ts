/**
 * A bound on searches through the instants of other triggers.
 *
 * Most searches leap from one candidate to the next and end after a few steps. Those that need not end, such as one for the
 * instants that two triggers share, spend steps from one purse, however deep they lie within each other, so that what looks
 * harmless in each part cannot be endless in the whole.
 *
 * @since 0.1.0
 */

/**
 * How many steps a search takes at most. What lies further away than this is not found: the search answers as if there were
 * nothing. The number is that of APScheduler 4.
 */
export const limit = 10_000

let left = 0
let searching = false

/**
 * Begins a search, and says whether it is the outermost one, which has to be ended by its beginner.
 *
 * Searches are synchronous, so that one purse for all cannot be touched by two at a time.
 */
export const begin = (): boolean => {
  if (searching) return false
  searching = true
  left = limit
  return true
}

/** Ends a search, given what `begin` said. */
export const end = (outermost: boolean): void => {
  if (outermost) searching = false
}

/** Takes a step, or says that none is left. */
export const step = (): boolean => --left >= 0

/** Whether the search under way has run out of steps, so that an empty answer of a part proves nothing. */
export const isSpent = (): boolean => searching && left < 0

/** Computes something that will be kept, and must not depend on how much the search around it has spent. */
export const apart = <A>(evaluate: () => A): A => {
  const [leftBefore, searchingBefore] = [left, searching]
  searching = false
  try {
    return evaluate()
  } finally {
    left = leftBefore
    searching = searchingBefore
  }
}
