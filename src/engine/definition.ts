/**
 * Reading what a caller asks for: everything is checked here, before anything is written.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Continuation from "../Continuation.ts"
import { show } from "../internal/show.ts"
import { type Conflict, encodePause } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import * as Trigger from "../Trigger.ts"
import { basisOf } from "./basis.ts"
import { encodePayload } from "./codecs.ts"
import { resolve } from "./continuations.ts"
import { laneOf } from "./core.ts"
import { type Defaults, taskPolicy } from "./defaults.ts"
import { freshId } from "./freshId.ts"
import { checkKey, keyOf } from "./keys.ts"

/** A job as a caller defines it, untyped. */
export interface Definition extends Policy.Options {
  readonly id?: string | undefined
  readonly payload?: unknown
  readonly trigger: Trigger.Trigger
  readonly conflict?: Conflict | undefined
  readonly paused?: boolean | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  readonly metadata?: { readonly [key: string]: unknown } | undefined
  readonly followedBy?: ReadonlyArray<Continuation.Any> | undefined
}

/** The part of a row that a definition determines. */
export type Defined = Pick<
  JobStore.JobRow,
  "task" | "lane" | "trigger" | "payload" | "taskVersion" | "policy" | "tags" | "metadata"
>

/**
 * The trigger as any node with this registry will read it back. A custom kind or a calendar that is not in the registry would be planned
 * by nobody after a restart.
 */
export const knownTrigger = (
  registry: Trigger.Registry,
  trigger: unknown
): Effect.Effect<Trigger.Trigger, InvalidOption> => {
  if (!Trigger.isTrigger(trigger)) {
    return Effect.fail(
      new InvalidOption({
        field: "trigger",
        value: show(trigger),
        expected: "a Trigger; a Schedule made by a Schedule combinator cannot be stored, use Trigger's own combinators"
      })
    )
  }
  const known = Trigger.decode(Trigger.encode(trigger), registry)
  return Result.isSuccess(known) ? Effect.succeed(known.success) : Effect.fail(
    new InvalidOption({
      field: "trigger",
      value: Trigger.encode(trigger),
      expected:
        `what this node can read back (${known.failure.message}); Trigger.layerRegistry tells it of custom kinds and calendars`
    })
  )
}

/** The policy of a job or run: the task's, with what its definition says otherwise, and what follows it. */
export const policyOf = Effect.fnUntraced(function*(
  defaults: Defaults,
  task: Task.Any,
  given: Policy.Options & Pick<Definition, "followedBy" | "payload">
): Effect.fn.Return<{ readonly policy: Policy.Policy; readonly text: string }, InvalidOption> {
  const base = yield* taskPolicy(defaults, task)
  const key = given.key ?? (yield* keyOf(task, given.payload))
  const isAsTask = key === undefined && given.followedBy === undefined &&
    !Policy.optionKeys.some((key) => given[key] !== undefined)
  if (isAsTask) {
    yield* checkKey(task, base.policy)
    return base
  }
  const followedBy = given.followedBy === undefined
    ? base.policy.followedBy
    : yield* resolve(defaults, given.followedBy)
  const policy = { ...yield* Policy.fromOptions({ ...given, key }, base.policy), followedBy }
  if (policy.overlap === "byTask" && task.overlap === undefined) {
    const expected = `${Policy.overlapValues}; task ${task.name} has no overlap function`
    return yield* new InvalidOption({ field: "overlap", value: `"byTask"`, expected })
  }
  yield* checkKey(task, policy)
  return { policy, text: Policy.encode(policy) }
})

export const define = Effect.fnUntraced(
  function*(defaults: Defaults, task: Task.Any, definition: Definition): Effect.fn.Return<Defined, InvalidOption> {
    let { policy, text } = yield* policyOf(defaults, task, definition)
    // A job without a name of its own is of no use to anybody once its trigger is exhausted.
    const isSaid = [definition, task.policy, defaults.options].some(({ whenDone }) => whenDone !== undefined)
    if (definition.id === undefined && !isSaid) {
      text = Policy.encode({ ...policy, whenDone: "remove" })
    }
    return {
      task: task.name,
      lane: laneOf(task),
      trigger: Trigger.encode(definition.trigger),
      payload: yield* encodePayload(task, definition.payload),
      taskVersion: task.version,
      policy: text,
      tags: definition.tags === undefined ? "[]" : JSON.stringify([...new Set(definition.tags)].sort()),
      metadata: definition.metadata === undefined ? "{}" : yield* encodeMetadata(definition.metadata)
    }
  }
)

const encodeMetadata = (metadata: unknown): Effect.Effect<string, InvalidOption> =>
  Effect.try({
    try: () => JSON.stringify(metadata),
    catch: (cause) =>
      new InvalidOption({ field: "metadata", value: show(metadata), expected: `plain JSON data (${String(cause)})` })
  })

const maxIdLength = 255

export const checkId = (id: string): Effect.Effect<string, InvalidOption> =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  typeof id === "string" && id.length > 0 && id.length <= maxIdLength && !/[\u0000-\u001f\u007f]/.test(id)
    ? Effect.succeed(id)
    : Effect.fail(
      new InvalidOption({
        field: "id",
        value: show(id),
        expected: `1 to ${maxIdLength} characters without control characters`
      })
    )

export const newRow = Effect.fnUntraced(function*(
  definition: Definition,
  defined: Defined,
  id: string,
  at: number
): Effect.fn.Return<JobStore.JobRow, InvalidOption> {
  const next = definition.trigger.occurrences.next(-Infinity, at)
  if (next === undefined) return yield* exhausted(definition.trigger, at)
  const paused = definition.paused === true
  return {
    id,
    incarnation: yield* freshId,
    revision: 0,
    task: defined.task,
    lane: defined.lane,
    trigger: defined.trigger,
    payload: defined.payload,
    taskVersion: defined.taskVersion,
    policy: defined.policy,
    tags: defined.tags,
    metadata: defined.metadata,
    anchor: at,
    cursor: null,
    nextNominal: paused ? null : next,
    nextDue: paused ? null : Trigger.planned(definition.trigger, id, next, at),
    state: paused ? "paused" : "active",
    pause: paused ? encodePause({ reason: "added paused", by: "" }) : null,
    overrides: null,
    tz: basisOf(definition.trigger),
    created: at,
    updated: at
  }
})

export const exhausted = (trigger: Trigger.Trigger, at: number) =>
  new InvalidOption({
    field: "trigger",
    value: Trigger.encode(trigger),
    expected: `at least one occurrence after ${DateTime.formatIso(DateTime.makeUnsafe(at))}`
  })
