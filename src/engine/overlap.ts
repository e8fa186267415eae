/**
 * An overlap policy that is the user's own function. It lives on the Task, so only a node that carries the task out can ask it.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { newestDue, type TimeLine } from "../decisions/plan.ts"
import { show } from "../internal/show.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import type { StoreError } from "../SchedulerError.ts"
import { codecsOf } from "./codecs.ts"
import type { Core, Known } from "./core.ts"
import { goingOf } from "./lookup.ts"

/** Whether somebody else has to be asked. */
export const isDecidedElsewhere = (core: Known, row: JobStore.JobRow, policy: Policy.Policy): boolean => {
  if (policy.overlap !== "byTask") return false
  const task = core.served.get(row.task)?.task
  return task?.overlap === undefined || row.taskVersion > task.version
}

/** What of a job is going. */
interface Going {
  readonly going: number
  readonly latest: string | null
}

/** The policy with the overlap that applies to what is due now. */
export const withOverlap = (
  core: Core,
  row: JobStore.JobRow,
  policy: Policy.Policy,
  timeLine: TimeLine,
  situation: Going & { readonly now: number }
): Policy.Decided => {
  if (policy.overlap !== "byTask") return policy as Policy.Decided // which is what this says
  const { now } = situation
  const due = newestDue(timeLine, now + 1)
  // Nobody need be asked about nothing.
  return { ...policy, overlap: due === -Infinity ? "skip" : ask(core, row, due, now, situation) }
}

/** The same for a run besides the occurrences. */
export const currentOverlap = (
  core: Core,
  row: JobStore.JobRow,
  policy: Policy.Policy,
  now: number
): Effect.Effect<Policy.Decided, StoreError> => {
  const { overlap } = policy
  if (overlap !== "byTask") return Effect.succeed({ ...policy, overlap })
  return Effect.map(goingOf(core, row), (runs) => ({
    ...policy,
    overlap: ask(core, row, now, now, { going: runs.length, latest: runs[0]?.id ?? null })
  }))
}

/** Asks the Task's function. What it throws is thrown, and so is an answer that is none. */
const ask = (core: Core, row: JobStore.JobRow, due: number, now: number, { going, latest }: Going): Policy.Overlap => {
  const { task } = core.served.get(row.task)!
  const answer: unknown = task.overlap!({
    job: row.id,
    // It decodes: `read` has looked.
    payload: Exit.getSuccess(codecsOf(task).payload.decode(row.payload, row.taskVersion)).pipe(
      Option.getOrUndefined
    ) as never,
    tags: JSON.parse(row.tags) as ReadonlyArray<string>,
    due: DateTime.makeUnsafe(due),
    now: DateTime.makeUnsafe(now),
    going,
    latest: latest ?? undefined
  })
  if (Policy.isOverlap(answer)) return answer
  throw new TypeError(
    `the overlap function of task ${task.name} answered ${show(answer)}, expected ${Policy.overlapValues}`
  )
}
