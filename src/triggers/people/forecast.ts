/**
 * How busy the coming days will be.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import { makeUnsafe } from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type { TriggerSpec } from "../compile.ts"
import { TriggerError } from "../error.ts"
import { anchorFor } from "../fixed.ts"
import * as Instant from "../instant.ts"
import type { Occurrences } from "../occurrences.ts"
import { readWindow, type Window } from "./diff.ts"

/**
 * The load of one stretch of time.
 *
 * @category models
 * @since 0.1.0
 */
export interface ForecastBucket {
  readonly start: DateTime.Utc
  readonly count: number
}

/**
 * Jobs that fire at the same instant.
 *
 * @category models
 * @since 0.1.0
 */
export interface Collision {
  readonly at: DateTime.Utc
  readonly ids: ReadonlyArray<string>
}

/**
 * The load of a window of time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Forecast {
  readonly total: number
  readonly buckets: ReadonlyArray<ForecastBucket>
  /** Instants at which more than one job fires; those with most jobs first, then in their order. */
  readonly collisions: ReadonlyArray<Collision>
  /** `false` when there were more instants than the limit: then `total`, `buckets` or `collisions` miss some. */
  readonly complete: boolean
}

/**
 * What to forecast, and how closely.
 *
 * @category models
 * @since 0.1.0
 */
export interface ForecastOptions extends Window {
  /** How long a bucket is. Default an hour; there are at most 100,000. */
  readonly bucket?: Duration.Input | undefined
  /** How many instants are looked at. Default 1,000,000. */
  readonly limit?: number | undefined
  /** How many collisions are listed. Default 100. */
  readonly collisions?: number | undefined
}

const maxBuckets = 100_000

/** @internal */
export const forecast = (
  jobs: Iterable<{
    readonly id: string
    readonly planned: (nominal: number, anchor: number) => number
    readonly spec: TriggerSpec
    readonly occurrences: Occurrences
    readonly anchor: DateTime.DateTime.Input | undefined
  }>,
  options: ForecastOptions
): Forecast => {
  const [from, to] = readWindow(options)
  const bucket = Instant.checkDuration("bucket", Instant.durationMillis("bucket", options.bucket ?? "1 hour"))
  const size = Math.ceil((to - from) / bucket)
  if (size > maxBuckets) {
    const expected = `a bucket of at least ${Math.ceil((to - from) / maxBuckets)} ms: at most ${maxBuckets} of them`
    throw new TriggerError({ reason: "option", field: "bucket", value: `${bucket} ms`, expected })
  }
  const counts = new Float64Array(size)
  const firing = new Map<number, Array<string>>()
  let left = options.limit ?? 1_000_000
  let total = 0
  let complete = true
  for (const { anchor: given, id, occurrences, planned, spec } of jobs) {
    const anchor = given === undefined ? anchorFor(spec, from) : Instant.fromInput("anchor", given)
    // one that is planned in the window may be due before it
    const first = occurrences.previous(from, anchor) ?? from - 1
    for (let nominal: number | undefined = first; nominal !== undefined && nominal < to;) {
      const at = nominal === from - 1 ? nominal : planned(nominal, anchor)
      if (at >= from && at < to) {
        if (left-- <= 0) {
          complete = false
          break
        }
        total++
        counts[Math.floor((at - from) / bucket)]!++
        const ids = firing.get(at)
        if (ids === undefined) firing.set(at, [id])
        else ids.push(id)
      }
      nominal = occurrences.next(nominal, anchor)
    }
  }
  const collisions = Array.from(firing).filter(([, ids]) => ids.length > 1)
    .toSorted(([a, some], [b, others]) => others.length - some.length || a - b)
    .slice(0, options.collisions ?? 100)
  return {
    total,
    buckets: Array.from(counts, (count, i) => ({ start: makeUnsafe(from + i * bucket), count })),
    collisions: collisions.map(([at, ids]) => ({ at: makeUnsafe(at), ids })),
    complete
  }
}
