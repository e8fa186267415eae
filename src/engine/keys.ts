/**
 * What a run is about, for limits and rates that count for each key.
 */
import * as Exit from "effect/Exit"
import { show } from "../internal/show.ts"
import type * as Policy from "../Policy.ts"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"

/** What the task's function says about a payload; it is the user's code. */
export const keyOf = (task: Task.Any, payload: unknown): Exit.Exit<string | undefined, InvalidOption> => {
  if (task.key === undefined) return noKey
  try {
    return Exit.succeed(task.key(payload as never))
  } catch (cause) {
    const value = `what the key function of task ${task.name} threw: ${String(cause)}`
    return Exit.fail(new InvalidOption({ field: "key", value, expected: "a text for every payload" }))
  }
}

const noKey = Exit.succeed(undefined)

/** So many characters of a task's name and a key fit into the names of places and buckets. */
const maxNames = 240

/** What counts for each key is of no use without one. */
export const checkKey = (
  task: Task.Any,
  { concurrency, key, rate }: Policy.Policy
): Exit.Exit<void, InvalidOption> => {
  if (key !== null && task.name.length + key.length > maxNames) {
    const expected = `a text of at most ${
      maxNames - task.name.length
    } characters, for it is stored with the task's name`
    return Exit.fail(new InvalidOption({ field: "key", value: show(key), expected }))
  }
  // what no database keeps in a name
  if (key !== null && (!key.isWellFormed() || key.includes("\u0000"))) {
    const expected = "a text without U+0000, and without half of a character (an emoji that was cut in two)"
    return Exit.fail(new InvalidOption({ field: "key", value: show(key), expected }))
  }
  const field = concurrency?.key !== undefined ? "concurrency.key" : rate?.key === true ? "rate.key" : undefined
  if (field === undefined || key !== null) return Exit.void
  const expected = `a key for it to count: task ${task.name} has no key function, and no key is given`
  return Exit.fail(new InvalidOption({ field, value: show(concurrency?.key ?? true), expected }))
}
