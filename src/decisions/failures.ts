/**
 * The decision *pause after failures*: how many runs of a job have failed in a row.
 */
import type { Outcome } from "../Run.ts"

/** The handler was tried and did not do its work. */
const failed: ReadonlySet<Outcome> = new Set<Outcome>(["failed", "died", "timedOut", "undecodable"])

/**
 * Counts from the newest run back to the last that succeeded. A run that was cancelled, came too late or was lost with its node says
 * nothing about the job: it neither counts nor ends the row.
 */
export const failuresInARow = (newestFirst: Iterable<Outcome>): number => {
  let count = 0
  for (const outcome of newestFirst) {
    if (outcome === "succeeded") break
    if (failed.has(outcome)) count++
  }
  return count
}

/** Whether a run that ended so may be one failure too many. */
export const isFailure = (outcome: Outcome): boolean => failed.has(outcome)
