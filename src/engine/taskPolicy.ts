/**
 * The policy of what a task's jobs and runs do not say themselves, made once per task.
 */
import * as Effect from "effect/Effect"
import * as Policy from "../Policy.ts"
import type { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"

const taskPolicies = new WeakMap<Task.Any, { readonly policy: Policy.Policy; readonly text: string }>()

export const taskPolicy = (
  task: Task.Any
): Effect.Effect<{ readonly policy: Policy.Policy; readonly text: string }, InvalidOption> => {
  const known = taskPolicies.get(task)
  if (known !== undefined) return Effect.succeed(known)
  return Effect.map(Policy.fromOptions(task.policy, Policy.defaults), (policy) => {
    const made = { policy, text: Policy.encode(policy) }
    taskPolicies.set(task, made)
    return made
  })
}
