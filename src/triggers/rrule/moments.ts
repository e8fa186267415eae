/**
 * Times as a sorted list of seconds, from the beginning of a day, an hour or a minute.
 *
 * @since 0.1.0
 */

/** @internal */
export type Moments = Int32Array

/**
 * All combinations of hours, minutes and seconds, each ascending.
 *
 * @internal
 */
export const product = (
  hours: ReadonlyArray<number>,
  minutes: ReadonlyArray<number>,
  seconds: ReadonlyArray<number>
): Moments => {
  const moments = new Int32Array(hours.length * minutes.length * seconds.length)
  let n = 0
  for (const hour of hours) {
    for (const minute of minutes) {
      for (const second of seconds) moments[n++] = hour * 3600 + minute * 60 + second
    }
  }
  return moments
}

/**
 * Those at the given positions, 1 the first and -1 the last.
 *
 * @internal
 */
export const pick = (moments: Moments, positions: ReadonlyArray<number> | undefined): Moments =>
  positions === undefined
    ? moments
    : moments.filter((_, index) => positions.includes(index + 1) || positions.includes(index - moments.length))

/**
 * How many are before `limit`.
 *
 * @internal
 */
export const rank = (moments: ArrayLike<number>, limit: number): number => {
  let low = 0
  let high = moments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (moments[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low
}
