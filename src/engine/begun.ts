/**
 * Whether a run may have begun before it was claimed: only one that has not can miss its deadline.
 *
 * A run that is claimed again had begun, as far as anybody can tell, and so had a dead letter. It had not where its rate made it wait, or where it was left to
 * a node that knows its version; then the claim that was put back is noted in place of the attempts that there are none of, and holds only for the very next claim.
 */
import { parseJson } from "../internal/json.ts"
import type * as JobStore from "../JobStore.ts"

type Claim = Pick<JobStore.RunRow, "attempt" | "attempts" | "fence">

export const isFirstStart = ({ attempt, attempts, fence }: Claim): boolean =>
  fence === 1 || (attempt === 0 && attempts !== "[]" && postponedAt(attempts) === fence - 1)

/** The attempts of a claimed run that is put back before it has begun. */
export const whenPostponed = (run: Claim): string =>
  run.attempt === 0 && isFirstStart(run) ? JSON.stringify([{ postponed: run.fence }]) : run.attempts

const postponedAt = (attempts: string): unknown => {
  const noted = parseJson(attempts)
  return Array.isArray(noted) ? (noted[0] as { readonly postponed?: unknown } | undefined)?.postponed : undefined
}
