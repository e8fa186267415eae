/**
 * Reading what a caller wants to follow a run: continuations name Tasks, what is stored names only what can be.
 */
import * as Exit from "effect/Exit"
import * as Continuation from "../Continuation.ts"
import { show } from "../internal/show.ts"
import * as Policy from "../Policy.ts"
import { InvalidOption } from "../SchedulerError.ts"
import { encodePayload } from "./codecs.ts"
import { laneOf } from "./core.ts"
import { type Defaults, taskPolicy } from "./defaults.ts"
import { checkKey, keyOf } from "./keys.ts"

/** A chain may be this long, and a definition may hold so many continuations: each run carries all that is still to come. */
const limits = { depth: 16, total: 100 }

export const resolve = (
  defaults: Defaults,
  given: ReadonlyArray<Continuation.Any>
): Exit.Exit<ReadonlyArray<Continuation.Stored>, InvalidOption> => {
  let total = 0
  const refuse = (field: string, value: string, expected: string) =>
    Exit.fail(new InvalidOption({ field, value, expected }))
  const level = (
    given: unknown,
    field: string,
    depth: number
  ): Exit.Exit<ReadonlyArray<Continuation.Stored>, InvalidOption> => {
    if (!Array.isArray(given)) return refuse(field, show(given), "an array of Continuations")
    if (given.length > 0 && depth > limits.depth) {
      return refuse(
        field,
        `a chain of more than ${limits.depth}`,
        `at most ${limits.depth} runs after one another; let the last one schedule what comes then`
      )
    }
    const resolved: Array<Continuation.Stored> = []
    for (const [i, one] of given.entries()) {
      const at = `${field}[${i}]`
      if (!Continuation.isContinuation(one)) {
        return refuse(at, show(one), "Continuation.onSuccess, onFailure or onEnd of a Task")
      }
      if (++total > limits.total) return refuse(at, `continuation number ${total}`, `at most ${limits.total} in all`)
      const read = stored(one, depth, at)
      if (Exit.isFailure(read)) return Exit.mapError(Exit.failCause(read.cause), (error) => within(at, error))
      resolved.push(read.value)
    }
    return Exit.succeed(resolved)
  }
  const stored = (
    { on, options, task }: Continuation.Any,
    depth: number,
    at: string
  ): Exit.Exit<Continuation.Stored, InvalidOption> => {
    const base = taskPolicy(defaults, task)
    if (Exit.isFailure(base)) return Exit.failCause(base.cause)
    // Nobody knows the key of a payload that is still to come.
    const isKnown = options.key === undefined && options.payload !== undefined
    const key = isKnown ? keyOf(task, options.payload) : Exit.succeed(options.key)
    if (Exit.isFailure(key)) return Exit.failCause(key.cause)
    const policy = Policy.fromOptions({ ...options, key: key.value }, base.value.policy)
    if (Exit.isFailure(policy)) return Exit.failCause(policy.cause)
    const counted = checkKey(task, policy.value)
    if (Exit.isFailure(counted)) return Exit.failCause(counted.cause)
    const followedBy = level(options.followedBy ?? [], `${at}.followedBy`, depth + 1)
    if (Exit.isFailure(followedBy)) return Exit.failCause(followedBy.cause)
    const payload = options.payload === undefined ? Exit.succeed(undefined) : encodePayload(task, options.payload)
    return Exit.map(payload, (text): Continuation.Stored => ({
      on,
      task: task.name,
      taskVersion: task.version,
      lane: laneOf(task),
      payload: text === undefined ? null : { value: JSON.parse(text) },
      policy: JSON.parse(Policy.encode({ ...policy.value, followedBy: followedBy.value }))
    }))
  }
  return level(given, "followedBy", 1)
}

/** A field of a continuation's own is shown with the way to it. */
const within = (at: string, error: InvalidOption): InvalidOption =>
  error.field.startsWith("followedBy[") ? error : new InvalidOption({ ...error, field: `${at}.${error.field}` })
