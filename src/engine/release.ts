/**
 * Letting a job out of quarantine once it can be read, because the code can by now, or with another payload.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { show } from "../internal/show.ts"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption } from "../SchedulerError.ts"
import { change } from "./change.ts"
import type { Core } from "./core.ts"
import { read } from "./decide.ts"
import { withNext } from "./next.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface ReleaseOptions {
  /** The encoded payload that takes the place of the stored one, as of the task's present version. Default: the stored one is good. */
  readonly payload?: unknown
}

export const release = (core: Core, id: string, options: ReleaseOptions) =>
  change(core, id, (stored) => {
    if (stored.state !== "quarantined") return Effect.undefined
    const task = core.served.get(stored.task)?.task
    // What nobody here can check would only be quarantined again, elsewhere.
    if (task === undefined) {
      return refuse("id", id, `a job of a task that this node carries out; ${stored.task} is none`)
    }
    const row: JobStore.JobRow = options.payload === undefined
      ? stored
      : { ...stored, payload: JSON.stringify(options.payload), taskVersion: task.version }
    const readable = read(core, row)
    if (Result.isFailure(readable)) {
      return options.payload === undefined
        ? refuse("id", id, `a job that can be read (${readable.failure.reason})`)
        : refuse("payload", options.payload, `what makes the job readable (${readable.failure.reason})`)
    }
    // Nothing was decided in quarantine: the planner goes on from the cursor, by the job's catch-up policy.
    return Effect.succeed({
      row: withNext({ ...row, state: "active", pause: null }, readable.success.trigger),
      event: { _tag: "JobUpdated" as const, job: id }
    })
  })

const refuse = (field: string, value: unknown, expected: string) =>
  Effect.fail(new InvalidOption({ field, value: show(value), expected }))
