/**
 * How the planners of several nodes share what is due, without knowing of each other.
 *
 * All of them read the same jobs, those that came due first, and who commits last has decided in vain. So a planner that was overtaken leaves,
 * for a second, the first two batches to whoever was faster, and plans the third; where that is taken as well, one further behind. There two,
 * for who has finished the first goes on to the second. Of what is left in the end it takes the last: nothing waits for a node that has died.
 */
import type * as JobStore from "../JobStore.ts"

/** How long a planner stands behind another one, in milliseconds, before it tries the front again. */
const term = 1_000
/** Of a few jobs it costs little to decide some in vain, and a user may have changed them. */
const few = 8
/** The share of decisions in vain from which on somebody else is at the same jobs. */
const tolerated = 0.25
/** In batches. */
const step = 2
const furthest = 8

export interface Sharing {
  /** How many jobs to read. */
  readonly reach: (batch: number, now: number) => number
  /** Those that are for this planner now, of all that are due. */
  readonly mine: (batch: number, due: ReadonlyArray<JobStore.DueJob>) => ReadonlyArray<JobStore.DueJob>
  /** What became of its decisions. */
  readonly told: (answers: ReadonlyArray<"ok" | "stale">, now: number) => void
}

export const make = (): Sharing => {
  let behind = 0
  let since = 0
  return {
    reach: (batch, now) => {
      if (now >= since + term || now < since) behind = 0
      return batch * (behind + 1)
    },
    mine: (batch, due) => {
      const from = Math.max(0, Math.min(batch * behind, due.length - batch))
      return due.slice(from, from + batch)
    },
    told: (answers, now) => {
      if (answers.length < few) return
      const stale = answers.reduce((n, answer) => answer === "stale" ? n + 1 : n, 0)
      if (stale <= tolerated * answers.length) return
      behind = Math.min(behind + step, furthest)
      since = now
    }
  }
}
