/**
 * The decisions that a policy's limits come to: which places a run needs, and from which bucket its starts are drawn.
 *
 * Pure. The store gives the places and keeps the buckets; here is said what they are called, and who of those that may not start yet starts
 * when.
 */
import type { Policy } from "../Policy.ts"

/** At most so many runs have a place under the key. */
export interface Limit {
  readonly key: string
  readonly max: number
}

/** What a start takes from a bucket that regains one in each interval, in milliseconds, and holds so many. */
export interface Want {
  readonly key: string
  readonly interval: number
  readonly burst: number
  readonly n: number
}

/** The limits of a task's run, in ascending order of keys: a place under its own key comes first, and the task's is not held meanwhile. */
export const limitsOf = (task: string, { concurrency, key }: Policy): ReadonlyArray<Limit> => {
  if (concurrency === null) return none
  const limits: Array<Limit> = []
  if (concurrency.key !== undefined && key !== null) limits.push({ key: `key:${task}:${key}`, max: concurrency.key })
  if (concurrency.task !== undefined) limits.push({ key: `task:${task}`, max: concurrency.task })
  return limits
}

const none: ReadonlyArray<Limit> = []

/** What a start takes from a bucket; `undefined`: nothing bounds how many start in a time. */
export const wantOf = (task: string, { key, rate }: Policy): Want | undefined => {
  if (rate === null) return undefined
  const bucket = rate.key === true ? `rate:${task}:${key}` : `rate:${task}`
  return { key: bucket, interval: rate.per / rate.limit, burst: rate.burst ?? rate.limit, n: 1 }
}

/**
 * When those start for whom a bucket had nothing: one after another, in the bucket's own rhythm, and after those that were told an instant
 * before.
 */
export const instants = (
  /** From when the bucket has one more. */
  next: number,
  { interval }: Want,
  /** The last instant that was told before; `-Infinity`: none. */
  last: number,
  n: number
): ReadonlyArray<number> => {
  const first = Math.max(next, last + interval)
  return Array.from({ length: n }, (_, i) => Math.ceil(first + i * interval))
}
