/**
 * No more attempts start than their rates allow: a bucket for each rate, read from the policies of the runs that start.
 */
import type { Scene, Watch } from "./watch.ts"

interface Rate {
  readonly limit: number
  readonly per: number
  readonly burst?: number
  readonly key?: boolean
}

/** A run may start so much later than it was allowed to, in milliseconds: the answer of a store takes its time, up to a beat. */
const slack = 5_000

export const rates = ({ fail, runs }: Scene): Watch => {
  /** From when each bucket is full again. */
  const full = new Map<string, number>()
  let granted = 0
  let started = 0
  return {
    see: (happening, at) => {
      if (happening._tag === "granted") granted += happening.granted
      // The time of all was moved: what was allowed before was allowed at another time.
      if (happening._tag === "stepped") full.clear()
      if (happening._tag !== "started") return
      const run = runs.get(happening.attempt.run)
      if (run === undefined) return
      const policy = JSON.parse(run.policy) as { readonly rate?: Rate | null; readonly key?: string | null }
      if (policy.rate === undefined || policy.rate === null) return
      started++
      if (started > granted) fail(`${run.id} starts, and its rate granted it nothing`)
      const { burst = policy.rate.limit, key, limit, per } = policy.rate
      const bucket = `${run.task} ${JSON.stringify(policy.rate)} ${key === true ? policy.key : ""}`
      const after = Math.max(full.get(bucket) ?? at, at) + per / limit
      full.set(bucket, after)
      if (after - (at + slack) > burst * (per / limit)) fail(`${run.id} starts sooner than its rate allows`)
    }
  }
}
