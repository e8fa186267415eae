/**
 * What applies where a job or run says nothing: what its task says, then what the scheduler says, then `Policy.defaults`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Policy from "../Policy.ts"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"

/** What a scheduler says about policies. */
export interface Defaults {
  /** As its caller wrote it. */
  readonly options: Policy.Options
  readonly policy: Policy.Policy
  /** What it makes of each task, made once. */
  readonly ofTasks: WeakMap<Task.Any, TaskPolicy>
}

export interface TaskPolicy {
  readonly policy: Policy.Policy
  readonly text: string
}

export const make = Effect.fnUntraced(function*(options: Policy.Options): Effect.fn.Return<Defaults, InvalidOption> {
  const policy = yield* Effect.mapError(
    Policy.fromOptions(options, Policy.defaults),
    (error) => new InvalidOption({ ...error, field: `defaults.${error.field}` })
  )
  if (policy.overlap === "byTask") {
    const expected = `${Policy.overlapValues}; only a task has an overlap function`
    return yield* new InvalidOption({ field: "defaults.overlap", value: `"byTask"`, expected })
  }
  return { options, policy, ofTasks: new WeakMap() }
})

/** The policy of a task's jobs and runs that say nothing of their own, with its stored text. */
export const taskPolicy = (defaults: Defaults, task: Task.Any): Exit.Exit<TaskPolicy, InvalidOption> => {
  const known = defaults.ofTasks.get(task)
  if (known !== undefined) return Exit.succeed(known)
  return Exit.map(Policy.fromOptions(task.policy, defaults.policy), (policy) => {
    const made = { policy, text: Policy.encode(policy) }
    defaults.ofTasks.set(task, made)
    return made
  })
}
