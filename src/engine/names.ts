/**
 * Whether the names of all runs that a job may ever have fit into every store: a run whose name does not would be lost when its turn comes.
 */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Continuation from "../Continuation.ts"
import { show } from "../internal/show.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { backfillId, followId } from "../Run.ts"
import { InvalidOption } from "../SchedulerError.ts"

/** So many characters every store has room for. */
const room = 320

/** What the longest name of a job's own runs adds to those of the job and its incarnation: that of a backfilled one, as far back as time goes. */
const ofRun = backfillId("", "", -8_640_000_000_000_000).length

/** What the last run of the longest chain adds to the name of the run that begins it. */
const ofChain = (
  followedBy: ReadonlyArray<Continuation.Stored>,
  origin: JobStore.NewRun["origin"] = "trigger"
): number =>
  Math.max(
    0,
    ...followedBy.map(({ policy }, i) =>
      followId({ id: "", origin }, i).length +
      // the policy of a link is kept as JSON, in which what follows it is kept as it is here
      ofChain((policy["followedBy"] ?? []) as unknown as ReadonlyArray<Continuation.Stored>, "continuation")
    )
  )

export const checkNames = (
  { id, incarnation, policy }: Pick<JobStore.JobRow, "id" | "incarnation" | "policy">
): Exit.Exit<void, InvalidOption> => {
  const own = id.length + incarnation.length + ofRun
  const chain = policy.includes(`"followedBy"`)
    ? ofChain(Option.getOrElse(Policy.decode(policy), () => Policy.defaults).followedBy)
    : 0
  const tooLong = own + chain - room
  if (tooLong <= 0) return Exit.void
  const expected =
    `an id of at most ${id.length - tooLong} characters, for the names of its runs begin with it and have ` +
    `${room} at most${chain === 0 ? "" : "; or a shorter chain of what follows them"}`
  return Exit.fail(new InvalidOption({ field: "id", value: show(id), expected }))
}
