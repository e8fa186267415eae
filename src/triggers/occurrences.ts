/**
 * The pure meaning of a trigger, in plain numbers.
 *
 * @since 0.1.0
 */

/**
 * A set of instants in epoch milliseconds that can be asked from any side.
 *
 * **Details**
 *
 * `anchor` is the instant at which a job was added. It is an argument of each call and never captured, so that a million
 * jobs can share one compiled trigger. `after` and `before` may be infinite; `anchor` is finite.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occurrences {
  /** The first instant strictly after `after`, or `undefined` when there is none. */
  readonly next: (after: number, anchor: number) => number | undefined
  /** The last instant strictly before `before`, or `undefined` when there is none. */
  readonly previous: (before: number, anchor: number) => number | undefined
  /** How many instants lie in `(from, to]`, in closed form; `undefined` where only enumeration could tell. */
  readonly count: (from: number, to: number, anchor: number) => number | undefined
}
