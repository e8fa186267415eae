/**
 * Changing a job: read, edit, commit under the job's revision, and start over when somebody else was faster.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, JobNotFound, type StoreError } from "../SchedulerError.ts"
import { announce } from "./announce.ts"
import { heldFor, stopGoing } from "./cancel.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now, wakeWorkers } from "./core.ts"
import { decide, type Decision, read } from "./decide.ts"
import { followCancelled } from "./following.ts"
import { find, goingOf } from "./lookup.ts"
import { updateTo } from "./next.ts"
import { resumption } from "./resumption.ts"

type Event = Parameters<Core["events"]["publish"]>[1]

/** What a change makes of a job; `undefined`: nothing is to be changed. */
export type Edit = (
  row: JobStore.JobRow,
  at: number
) => Effect.Effect<
  {
    readonly row: JobStore.JobRow
    readonly decision?: Pick<Decision, "runs" | "verdicts" | "cancel">
    readonly event?: Event
  } | undefined,
  InvalidOption | StoreError
>

export const change = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  edit: Edit
): Effect.fn.Return<JobStore.JobRow, InvalidOption | JobNotFound | StoreError> {
  while (true) {
    const row = yield* find(core, id)
    if (row === undefined) return yield* new JobNotFound({ id })
    const at = yield* now
    // A pause whose end has come is over for every verb, whether or not the planner has come to it.
    const over = resumption(core, row, at)
    if (over !== undefined) {
      yield* commit(core, row, over, at)
      continue
    }
    // A trigger of somebody's own kind that throws, or an overlap function.
    const edited = yield* Effect.catchDefect(
      Effect.suspend(() => edit(row, at)),
      (defect) =>
        new InvalidOption({ field: "id", value: id, expected: `a job that can be planned (${String(defect)})` })
    )
    if (edited === undefined) return row
    const changed: JobStore.Change = {
      job: row.id,
      incarnation: row.incarnation,
      revision: row.revision,
      update: updateTo(row, { ...edited.row, updated: at }),
      runs: edited.decision?.runs ?? [],
      verdicts: edited.decision?.verdicts ?? [],
      cancel: edited.decision?.cancel ?? null
    }
    if (!(yield* commit(core, row, changed, at, edited.event))) continue
    return { ...edited.row, updated: at, revision: row.revision + 1 }
  }
})

/** Whether the change was made; then everybody whom it concerns is told. */
export const commit: (
  core: Core,
  row: JobStore.JobRow,
  change: JobStore.Change,
  at: number,
  event?: Event
) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(function*(core, row, change, at, event) {
  const held = heldFor(core, change)
  const [answer] = yield* core.store.commit({ changes: [change], now: at })
  if (answer !== "ok") return false
  yield* onceCommitted(core, () => {
    core.planWake.openUnsafe()
    if (change.runs.length > 0) wakeWorkers(core)
    stopGoing(core, change, at, held)
    followCancelled(core, row, change)
    if (!core.events.heard()) return
    announce(core, row, change, at)
    if (event !== undefined) core.events.publish(at, event)
  })
  return true
})

/** Decides the job as it stands up to now, as every change does first. */
export const decidePast = Effect.fnUntraced(function*(core: Core, row: JobStore.JobRow, at: number) {
  const nothing: Decision = {
    cursor: row.cursor,
    next: undefined,
    nextDue: undefined,
    runs: [],
    verdicts: [],
    cancel: null
  }
  if (row.state !== "active") return nothing
  const readable = read(core, row)
  if (Result.isFailure(readable)) return nothing
  const going = yield* goingOf(core, row)
  try {
    return decide(core, row, readable.success, { now: at, going: going.length, latest: going[0]?.id ?? null })
  } catch {
    // The planner will say what is wrong with it.
    return nothing
  }
})
