/**
 * Reading what a caller wants to follow a run: continuations name Tasks, what is stored names only what can be.
 */
import * as Effect from "effect/Effect"
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
): Effect.Effect<ReadonlyArray<Continuation.Stored>, InvalidOption> => {
  let total = 0
  const level = Effect.fnUntraced(function*(
    given: unknown,
    field: string,
    depth: number
  ): Effect.fn.Return<ReadonlyArray<Continuation.Stored>, InvalidOption> {
    if (!Array.isArray(given)) {
      return yield* new InvalidOption({ field, value: show(given), expected: "an array of Continuations" })
    }
    if (given.length > 0 && depth > limits.depth) {
      return yield* new InvalidOption({
        field,
        value: `a chain of more than ${limits.depth}`,
        expected: `at most ${limits.depth} runs after one another; let the last one schedule what comes then`
      })
    }
    const resolved: Array<Continuation.Stored> = []
    for (const [i, one] of given.entries()) {
      const at = `${field}[${i}]`
      if (!Continuation.isContinuation(one)) {
        return yield* new InvalidOption({
          field: at,
          value: show(one),
          expected: "Continuation.onSuccess, onFailure or onEnd of a Task"
        })
      }
      if (++total > limits.total) {
        return yield* new InvalidOption({
          field: at,
          value: `continuation number ${total}`,
          expected: `at most ${limits.total} in all`
        })
      }
      resolved.push(yield* Effect.mapError(stored(one, depth, at), (error) => within(at, error)))
    }
    return resolved
  })
  const stored = Effect.fnUntraced(function*(
    { on, options, task }: Continuation.Any,
    depth: number,
    at: string
  ): Effect.fn.Return<Continuation.Stored, InvalidOption> {
    const base = yield* taskPolicy(defaults, task)
    // Nobody knows the key of a payload that is still to come.
    const key = options.key ?? (options.payload === undefined ? undefined : yield* keyOf(task, options.payload))
    const policy = yield* Policy.fromOptions({ ...options, key }, base.policy)
    yield* checkKey(task, policy)
    const followedBy = yield* level(options.followedBy ?? [], `${at}.followedBy`, depth + 1)
    return {
      on,
      task: task.name,
      taskVersion: task.version,
      lane: laneOf(task),
      payload: options.payload === undefined
        ? null
        : { value: JSON.parse(yield* encodePayload(task, options.payload)) },
      policy: JSON.parse(Policy.encode({ ...policy, followedBy }))
    }
  })
  return level(given, "followedBy", 1)
}

/** A field of a continuation's own is shown with the way to it. */
const within = (at: string, error: InvalidOption): InvalidOption =>
  error.field.startsWith("followedBy[") ? error : new InvalidOption({ ...error, field: `${at}.${error.field}` })
