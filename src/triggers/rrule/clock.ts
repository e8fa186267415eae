/**
 * Times of day as hours, minutes and seconds that each may have certain values.
 *
 * @since 0.1.0
 */

/** Certain values of a dial: for each value the nearest of them from there on and up to there, or -1. */
interface Dial {
  readonly next: Int8Array
  readonly previous: Int8Array
  readonly first: number
  readonly last: number
}

const dial = (values: ReadonlyArray<number>): Dial => {
  const next = new Int8Array(62).fill(-1)
  const previous = new Int8Array(62).fill(-1)
  // one more than any value at the end, and one less at the beginning: index = value + 1
  for (let value = 60; value >= 0; value--) next[value] = values.includes(value) ? value : next[value + 1]!
  for (let value = 0; value <= 60; value++) previous[value + 1] = values.includes(value) ? value : previous[value]!
  return { next, previous, first: values[0]!, last: values[values.length - 1]! }
}

/**
 * A set of times of day, in seconds; -1 stands for none.
 *
 * @internal
 */
export interface Clock {
  /** How many times there are. */
  readonly size: number
  /** The first at or after `time`. */
  readonly next: (time: number) => number
  /** The last at or before `time`. */
  readonly previous: (time: number) => number
}

/** @internal */
export const make = (
  hours: ReadonlyArray<number>,
  minutes: ReadonlyArray<number>,
  seconds: ReadonlyArray<number>
): Clock => {
  const h = dial(hours)
  const m = dial(minutes)
  const s = dial(seconds)
  const firstOfHour = m.first * 60 + s.first
  const lastOfHour = m.last * 60 + s.last

  const hourFrom = (hour: number): number => {
    const next = h.next[hour]!
    return next < 0 ? -1 : next * 3600 + firstOfHour
  }
  const hourTo = (hour: number): number => {
    const previous = h.previous[hour + 1]!
    return previous < 0 ? -1 : previous * 3600 + lastOfHour
  }

  return {
    size: hours.length * minutes.length * seconds.length,
    next(time) {
      const hour = (time / 3600) | 0
      if (h.next[hour] !== hour) return hourFrom(hour)
      const minute = ((time / 60) | 0) - hour * 60
      let at = m.next[minute]!
      if (at === minute) {
        const second = s.next[time - hour * 3600 - minute * 60]!
        if (second >= 0) return hour * 3600 + minute * 60 + second
        at = m.next[minute + 1]!
      }
      return at < 0 ? hourFrom(hour + 1) : hour * 3600 + at * 60 + s.first
    },
    previous(time) {
      const hour = (time / 3600) | 0
      if (h.next[hour] !== hour) return hourTo(hour)
      const minute = ((time / 60) | 0) - hour * 60
      let at = m.previous[minute + 1]!
      if (at === minute) {
        const second = s.previous[time - hour * 3600 - minute * 60 + 1]!
        if (second >= 0) return hour * 3600 + minute * 60 + second
        at = m.previous[minute]!
      }
      return at < 0 ? hourTo(hour - 1) : hour * 3600 + at * 60 + s.last
    }
  }
}
