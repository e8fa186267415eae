/**
 * What runs came to, as their task's own types; on whatever node they were carried out.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, RunFailed, RunNotFound, type StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import { type Codec, codecsOf } from "./codecs.ts"
import type { Core } from "./core.ts"
import { untilSettled } from "./waiting.ts"

/** The run when it is done. Whoever stops waiting leaves the run as it is. */
export const awaitDone = (
  core: Core,
  id: string
): Effect.Effect<JobStore.RunRow, RunNotFound | StoreError> =>
  untilSettled(
    core,
    id,
    Effect.flatMap(core.store.runs({ ids: [id], limit: 1 }), ([row]) =>
      row === undefined
        ? Effect.fail(new RunNotFound({ id }))
        : Effect.succeed(row.state === "done" ? row : undefined))
  )

/** What a run came to: its handler's success, its typed error, or `RunFailed`. */
export const outcomeOf = (task: Task.Any, row: JobStore.RunRow): Effect.Effect<unknown, unknown> => {
  const { error, success } = codecsOf(task)
  switch (row.outcome) {
    case "succeeded":
      return read(success, row, "success")
    case "failed":
      return Effect.flatMap(read(error, row, "error"), Effect.fail)
    default:
      return Effect.fail(failedAs(row, row.result ?? row.cancel ?? ""))
  }
}

/** A result of another release may be none of today's: it is shown as it is. */
const read = (codec: Codec, row: JobStore.RunRow, what: string): Effect.Effect<unknown, RunFailed> => {
  const decoded = codec.decode(row.result ?? "null")
  return Exit.isSuccess(decoded) ? Effect.succeed(decoded.value) : Effect.fail(
    failedAs(row, `its ${what} ${row.result} does not fit the task's Schema (${Cause.pretty(decoded.cause)})`)
  )
}

const failedAs = (row: JobStore.RunRow, detail: string) =>
  new RunFailed({ run: row.id, outcome: row.outcome ?? "unknown", detail })

/** What a run came to, once it is done. */
export const result = Effect.fnUntraced(function*(core: Core, task: Task.Any, id: string) {
  const row = yield* awaitDone(core, id)
  if (row.task === task.name) return yield* outcomeOf(task, row)
  return yield* new InvalidOption({
    field: "task",
    value: task.name,
    expected: `the task of run ${id}, which is ${row.task}`
  })
})

/** What a run that was asked for came to; one that is forgotten before somebody looks has failed to tell. */
export const resultOf = Effect.fnUntraced(function*(core: Core, task: Task.Any, id: string) {
  const row = yield* Effect.catchTag(
    awaitDone(core, id),
    "RunNotFound",
    () => Effect.fail(new RunFailed({ run: id, outcome: "unknown", detail: "it is forgotten already" }))
  )
  return yield* outcomeOf(task, row)
})
