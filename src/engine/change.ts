/**
 * Changing a job: read, edit, commit under the job's revision, and start over when somebody else was faster.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { newestDue } from "../decisions/plan.ts"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, JobNotFound, type StoreError } from "../SchedulerError.ts"
import type { Trigger } from "../Trigger.ts"
import { announce } from "./announce.ts"
import { heldFor, stopGoing } from "./cancel.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now, wakeWorkers } from "./core.ts"
import { decide, type Decision, read } from "./decide.ts"
import { followCancelled } from "./following.ts"
import { find, goingOf } from "./lookup.ts"
import { updateTo } from "./next.ts"
import { dueOf, movedOf } from "./overrides.ts"
import { whatThrew } from "./quarantine.ts"
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

/** A change of a job that was read, and what is to be told of it. */
interface Changed {
  readonly row: JobStore.JobRow
  readonly change: JobStore.Change
  readonly event?: Event | undefined
}

/** What an edit makes of a job as it was read; `undefined`: nothing is to be changed. */
const editOf = (
  row: JobStore.JobRow,
  at: number,
  edit: Edit
): Effect.Effect<(Changed & { readonly after: JobStore.JobRow }) | undefined, InvalidOption | StoreError> =>
  // A trigger of somebody's own kind that throws, or an overlap function.
  Effect.catchDefect(
    Effect.suspend(() => edit(row, at)),
    (defect) =>
      new InvalidOption({ field: "id", value: row.id, expected: `a job that can be planned (${String(defect)})` })
  ).pipe(Effect.map((edited) => {
    if (edited === undefined) return undefined
    const { decision, event } = edited
    const after = { ...edited.row, updated: at }
    const change: JobStore.Change = {
      job: row.id,
      incarnation: row.incarnation,
      revision: row.revision,
      update: updateTo(row, after),
      runs: decision?.runs ?? [],
      verdicts: decision?.verdicts ?? [],
      cancel: decision?.cancel ?? null
    }
    return { row, change, event, after: { ...after, revision: row.revision + 1 } }
  }))

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
    const changed = yield* editOf(row, at, edit)
    if (changed === undefined) return row
    if ((yield* commitAll(core, [changed], at)).length === 1) return changed.after
  }
})

/**
 * Changes jobs as they were read, all of them in one commit; answers with those that are left, which somebody else has changed since, or for
 * which there is more to do: they want `change`.
 */
export const changeAtOnce = Effect.fnUntraced(function*(
  core: Core,
  rows: ReadonlyArray<JobStore.JobRow>,
  edit: Edit
): Effect.fn.Return<ReadonlyArray<JobStore.JobRow>, StoreError> {
  const at = yield* now
  const changes: Array<Changed> = []
  const unchanged = new Set<JobStore.JobRow>()
  for (const row of rows) {
    if (resumption(core, row, at) !== undefined) continue
    const changed = yield* Effect.option(editOf(row, at, edit))
    if (Option.isNone(changed)) continue
    if (changed.value === undefined) unchanged.add(row)
    else changes.push(changed.value)
  }
  const made = new Set((yield* commitAll(core, changes, at)).map(({ row }) => row))
  return rows.filter((row) => !made.has(row) && !unchanged.has(row))
})

/** Whether the change was made; then everybody whom it concerns is told. */
export const commit = (
  core: Core,
  row: JobStore.JobRow,
  change: JobStore.Change,
  at: number,
  event?: Event
): Effect.Effect<boolean, StoreError> =>
  Effect.map(commitAll(core, [{ row, change, event }], at), (made) => made.length === 1)

/** Which of the changes were made; of these everybody whom they concern is told. */
const commitAll: <A extends Changed>(
  core: Core,
  changes: ReadonlyArray<A>,
  at: number
) => Effect.Effect<ReadonlyArray<A>, StoreError> = Effect.fnUntraced(function*(core, changes, at) {
  if (changes.length === 0) return []
  const held = new Map(changes.map((changed) => [changed, heldFor(core, changed.change)]))
  const answers = yield* core.store.commit({ changes: changes.map(({ change }) => change), now: at })
  const made = changes.filter((_, i) => answers[i] === "ok")
  if (made.length === 0) return made
  yield* onceCommitted(core, () => {
    core.planWake.openUnsafe()
    if (made.some(({ change }) => change.runs.length > 0)) wakeWorkers(core)
    for (const changed of made) {
      const { change, event, row } = changed
      stopGoing(core, change, at, held.get(changed)!)
      followCancelled(core, row, change)
      if (!core.events.heard()) continue
      announce(core, row, change, at)
      if (event !== undefined) core.events.publish(at, event)
    }
  })
  return made
})

/**
 * Decides the job as it stands up to now, as every change does first. Where that cannot be, nothing is decided: the planner will say what is wrong
 * with the job.
 */
export const decidePast = (core: Core, row: JobStore.JobRow, at: number): Effect.Effect<Decision, StoreError> =>
  Effect.map(tryPast(core, row, at), Result.getOrElse(() => nothingOf(row)))

/** The same, or why it cannot be: the job cannot be read, or its trigger or overlap function throws. */
export const tryPast = Effect.fnUntraced(function*(
  core: Core,
  row: JobStore.JobRow,
  at: number
): Effect.fn.Return<Result.Result<Decision, string>, StoreError> {
  if (row.state !== "active") return Result.succeed(nothingOf(row))
  try {
    const readable = read(core, row)
    if (Result.isFailure(readable)) return Result.fail(readable.failure.reason)
    // nearly always nothing is, and then it makes no difference what is going
    if (!hasDue(row, readable.success.trigger, at)) return Result.succeed(nothingOf(row))
    const going = yield* goingOf(core, row)
    return Result.succeed(
      decide(core, row, readable.success, { now: at, going: going.length, latest: going[0]?.id ?? null })
    )
  } catch (error) {
    return Result.fail(whatThrew(error))
  }
})

const nothingOf = ({ cursor }: JobStore.JobRow): Decision => ({
  cursor,
  next: undefined,
  nextDue: undefined,
  runs: [],
  verdicts: [],
  cancel: null
})

/** Whether an occurrence is due that nobody has decided. */
const hasDue = (row: JobStore.JobRow, trigger: Trigger, at: number): boolean => {
  const cursor = row.cursor ?? -Infinity
  const { occurrences } = trigger
  const timeLine = { occurrences, anchor: row.anchor, cursor, planned: dueOf(row, trigger), moved: movedOf(row) }
  return newestDue(timeLine, at + 1) > -Infinity
}
