/**
 * Reading what a caller asks for: everything is checked here, before anything is written.
 */
import * as DateTime from "effect/DateTime"
import * as Exit from "effect/Exit"
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
import { type Defaults, type TaskPolicy, taskPolicy } from "./defaults.ts"
import { checkKey, keyOf } from "./keys.ts"
import { checkNames } from "./names.ts"

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
  /** A stored job that is left as it is, whatever this says. */
  readonly unless?: ((stored: JobStore.JobRow) => boolean) | undefined
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
): Exit.Exit<Trigger.Trigger, InvalidOption> => {
  if (!Trigger.isTrigger(trigger)) {
    return Exit.fail(
      new InvalidOption({
        field: "trigger",
        value: show(trigger),
        expected: "a Trigger; a Schedule made by a Schedule combinator cannot be stored, use Trigger's own combinators"
      })
    )
  }
  // One that refers to nothing by name is what anybody reads back.
  if (!trigger.refers) return Exit.succeed(trigger)
  const known = Trigger.decode(Trigger.encode(trigger), registry)
  return Result.isSuccess(known) ? Exit.succeed(known.success) : Exit.fail(
    new InvalidOption({
      field: "trigger",
      value: Trigger.encode(trigger),
      expected:
        `what this node can read back (${known.failure.message}); Trigger.layerRegistry tells it of custom kinds and calendars`
    })
  )
}

/** The policy of a job or run: the task's, with what its definition says otherwise, and what follows it. */
export const policyOf = (
  defaults: Defaults,
  task: Task.Any,
  given: Policy.Options & Pick<Definition, "followedBy" | "payload">
): Exit.Exit<TaskPolicy, InvalidOption> => {
  const base = taskPolicy(defaults, task)
  if (Exit.isFailure(base)) return base
  const key = given.key === undefined ? keyOf(task, given.payload) : Exit.succeed(given.key)
  if (Exit.isFailure(key)) return Exit.failCause(key.cause)
  const isAsTask = key.value === undefined && given.followedBy === undefined &&
    !Policy.optionKeys.some((key) => given[key] !== undefined)
  if (isAsTask) return Exit.map(checkKey(task, base.value.policy), () => base.value)
  const followedBy = given.followedBy === undefined
    ? Exit.succeed(base.value.policy.followedBy)
    : resolve(defaults, given.followedBy)
  if (Exit.isFailure(followedBy)) return Exit.failCause(followedBy.cause)
  const said = Policy.fromOptions({ ...given, key: key.value }, base.value.policy)
  if (Exit.isFailure(said)) return Exit.failCause(said.cause)
  const policy = { ...said.value, followedBy: followedBy.value }
  if (policy.overlap === "byTask" && task.overlap === undefined) {
    const expected = `${Policy.overlapValues}; task ${task.name} has no overlap function`
    return Exit.fail(new InvalidOption({ field: "overlap", value: `"byTask"`, expected }))
  }
  return Exit.map(checkKey(task, policy), () => ({ policy, text: Policy.encode(policy) }))
}

export const define = (
  defaults: Defaults,
  task: Task.Any,
  definition: Definition
): Exit.Exit<Defined, InvalidOption> => {
  const chosen = policyOf(defaults, task, definition)
  if (Exit.isFailure(chosen)) return Exit.failCause(chosen.cause)
  const payload = encodePayload(task, definition.payload)
  if (Exit.isFailure(payload)) return Exit.failCause(payload.cause)
  const metadata = definition.metadata === undefined ? Exit.succeed("{}") : encodeMetadata(definition.metadata)
  if (Exit.isFailure(metadata)) return Exit.failCause(metadata.cause)
  const { policy, text } = chosen.value
  // A job without a name of its own is of no use to anybody once its trigger is exhausted.
  const isSaid = [definition, task.policy, defaults.options].some(({ whenDone }) => whenDone !== undefined)
  return Exit.succeed({
    task: task.name,
    lane: laneOf(task),
    trigger: Trigger.encode(definition.trigger),
    payload: payload.value,
    taskVersion: task.version,
    policy: definition.id === undefined && !isSaid ? Policy.encode({ ...policy, whenDone: "remove" }) : text,
    tags: definition.tags === undefined ? "[]" : JSON.stringify([...new Set(definition.tags)].sort()),
    metadata: metadata.value
  })
}

const encodeMetadata = (metadata: unknown): Exit.Exit<string, InvalidOption> => {
  try {
    return Exit.succeed(JSON.stringify(metadata))
  } catch (cause) {
    const expected = `plain JSON data (${String(cause)})`
    return Exit.fail(new InvalidOption({ field: "metadata", value: show(metadata), expected }))
  }
}

const maxIdLength = 255

export const checkId = (id: string): Exit.Exit<string, InvalidOption> =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  typeof id === "string" && id.length > 0 && id.length <= maxIdLength && !/[\u0000-\u001f\u007f]/.test(id) &&
    // no database keeps it: two jobs would be one there
    id.isWellFormed()
    ? Exit.succeed(id)
    : Exit.fail(
      new InvalidOption({
        field: "id",
        value: show(id),
        expected:
          `1 to ${maxIdLength} characters, none of which is a control character or half of one (an emoji that was cut in two)`
      })
    )

export const newRow = (
  definition: Definition,
  defined: Defined,
  { at, id, incarnation }: { readonly id: string; readonly incarnation: string; readonly at: number }
): Exit.Exit<JobStore.JobRow, InvalidOption> => {
  const first = firstOf(definition.trigger, at)
  if (Exit.isFailure(first)) return Exit.failCause(first.cause)
  const fitting = checkNames({ id, incarnation, policy: defined.policy })
  if (Exit.isFailure(fitting)) return Exit.failCause(fitting.cause)
  const next = first.value
  const paused = definition.paused === true
  return Exit.succeed({
    id,
    incarnation,
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
  })
}

/** The first occurrence of a job that is added at an instant; a trigger that is over by then is refused. */
export const firstOf = (trigger: Trigger.Trigger, at: number): Exit.Exit<number, InvalidOption> => {
  const first = trigger.occurrences.next(-Infinity, at)
  return first === undefined ? Exit.fail(exhausted(trigger, at)) : Exit.succeed(first)
}

export const exhausted = (trigger: Trigger.Trigger, at: number) =>
  new InvalidOption({
    field: "trigger",
    value: Trigger.encode(trigger),
    expected: `at least one occurrence after ${DateTime.formatIso(DateTime.makeUnsafe(at))}`
  })
