/**
 * The verbs on jobs. Each reads, decides and commits under the job's revision, and starts over when somebody else was faster.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { encodePause } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, JobConflict, type StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import * as Trigger from "../Trigger.ts"
import { basisOf } from "./basis.ts"
import { change, decidePast, tryPast } from "./change.ts"
import { onceCommitted, unlessInTransaction } from "./committed.ts"
import { type Core, now } from "./core.ts"
import { manualRun, read, skipStretch, tryAgainst } from "./decide.ts"
import { checkId, define, type Defined, type Definition, exhausted, knownTrigger, newRow } from "./definition.ts"
import { freshId, freshIds } from "./freshId.ts"
import { find } from "./lookup.ts"
import { withNext } from "./next.ts"
import { currentOverlap } from "./overlap.ts"
import { forgiving, withMovesThatFit, withoutExceptions } from "./overrides.ts"
import { displace } from "./removal.ts"

/** A definition as it was read, and the row it makes. */
interface Planned {
  readonly definition: Definition
  readonly defined: Defined
  readonly row: JobStore.JobRow
}

const planned = (
  core: Core,
  task: Task.Any,
  given: Definition,
  at: number,
  fresh: () => string
): Exit.Exit<Planned, InvalidOption> => {
  const trigger = knownTrigger(core.registry, given.trigger)
  if (Exit.isFailure(trigger)) return Exit.failCause(trigger.cause)
  const definition = trigger.value === given.trigger ? given : { ...given, trigger: trigger.value }
  const defined = define(core.defaults, task, definition)
  if (Exit.isFailure(defined)) return Exit.failCause(defined.cause)
  const id = definition.id === undefined ? Exit.succeed(fresh()) : checkId(definition.id)
  if (Exit.isFailure(id)) return Exit.failCause(id.cause)
  const row = newRow(definition, defined.value, { id: id.value, incarnation: fresh(), at })
  if (Exit.isFailure(row)) return Exit.failCause(row.cause)
  return Exit.succeed({ definition, defined: defined.value, row: row.value })
}

export const schedule = Effect.fnUntraced(function*(core: Core, task: Task.Any, given: Definition) {
  const { defined, definition, row } = yield* planned(core, task, given, yield* now, yield* freshIds)
  const [answer] = yield* core.store.insertJobs([row])
  if (answer === "inserted") return yield* added(core, row)
  return yield* conflict(core, definition, defined, row)
})

/** A job as it is stored, and its trigger, where that need not be read. */
interface Scheduled {
  readonly row: JobStore.JobRow
  readonly trigger: Trigger.Trigger | undefined
}

/** Adds many jobs of one task in one transaction; conflicts are then handled one by one. */
export const scheduleAll = Effect.fnUntraced(
  function*(core: Core, task: Task.Any, given: ReadonlyArray<Definition>) {
    const at = yield* now
    const fresh = yield* freshIds
    const all: Array<Planned> = []
    for (const one of given) all.push(yield* planned(core, task, one, at, fresh))
    const answers = yield* core.store.insertJobs(all.map(({ row }) => row))
    const result: Array<Scheduled> = []
    const inserted: Array<JobStore.JobRow> = []
    for (let i = 0; i < all.length; i++) {
      const { defined, definition, row } = all[i]!
      if (answers[i] === "exists") {
        result.push({ row: yield* conflict(core, definition, defined, row), trigger: undefined })
        continue
      }
      inserted.push(row)
      result.push({ row, trigger: definition.trigger })
    }
    yield* onceCommitted(core, () => tellAdded(core, inserted))
    return result
  }
)

/** A row for a definition that was read before. */
const renewed = Effect.fnUntraced(function*(definition: Definition, defined: Defined, id: string) {
  const incarnation = yield* freshId
  return yield* newRow(definition, defined, { id, incarnation, at: yield* now })
})

const added = Effect.fnUntraced(function*(core: Core, row: JobStore.JobRow) {
  yield* onceCommitted(core, () => tellAdded(core, [row]))
  if (!core.served.has(row.task)) {
    // A node that carries out nothing only schedules: there it is nothing unusual.
    const log = core.served.size === 0 ? Effect.logDebug : Effect.logWarning
    yield* log(
      `effect-scheduler: job ${row.id} is for task ${row.task}, which this node does not carry out`
    )
    yield* onceCommitted(
      core,
      () => core.events.publish(row.created, { _tag: "TaskUnknown", job: row.id, task: row.task })
    )
  }
  return row
})

const tellAdded = (core: Core, rows: ReadonlyArray<JobStore.JobRow>): void => {
  core.planWake.openUnsafe()
  if (!core.events.heard()) return
  for (const { created, id, task } of rows) core.events.publish(created, { _tag: "JobAdded", job: id, task })
}

const conflict = Effect.fnUntraced(function*(
  core: Core,
  definition: Definition,
  defined: Defined,
  row: JobStore.JobRow
): Effect.fn.Return<JobStore.JobRow, InvalidOption | JobConflict | StoreError> {
  switch (definition.conflict ?? "update") {
    case "fail":
      return yield* new JobConflict({ id: row.id })
    case "keep": {
      const kept = yield* find(core, row.id)
      return kept ?? (yield* insertAgain(core, definition, defined, row))
    }
    case "replace": {
      const fresh = yield* renewed(definition, defined, row.id)
      return yield* Effect.matchEffect(displace(core, fresh), {
        onSuccess: ({ ended }) => Effect.tap(added(core, fresh), unlessInTransaction(core, ended)),
        onFailure: (error) =>
          error._tag === "JobNotFound" ? insertAgain(core, definition, defined, row) : Effect.fail(error)
      })
    }
    case "update":
      return yield* Effect.catchTag(
        change(core, row.id, (stored, at) =>
          definition.unless?.(stored) === true
            ? Effect.undefined
            : redefine(core, stored, defined, definition.trigger, at)),
        "JobNotFound",
        () => insertAgain(core, definition, defined, row)
      )
  }
})

/** The id was taken a moment ago and is free by now. */
const insertAgain = Effect.fnUntraced(function*(
  core: Core,
  definition: Definition,
  defined: Defined,
  row: JobStore.JobRow
): Effect.fn.Return<JobStore.JobRow, InvalidOption | JobConflict | StoreError> {
  const fresh = yield* renewed(definition, defined, row.id)
  const [answer] = yield* core.store.insertJobs([fresh])
  return answer === "inserted" ? yield* added(core, fresh) : yield* conflict(core, definition, defined, fresh)
})

/** Decides what came due of a paused job under a trigger that it will not have any more, so that nobody can catch up on it. */
const decidePause = (core: Core, row: JobStore.JobRow, at: number) => {
  const { cursor, verdicts } = tryAgainst(core, row, "paused", row.pause, at) ?? { cursor: row.cursor, verdicts: [] }
  return { cursor, verdicts, runs: [], cancel: null }
}

/**
 * Decides what came due of a quarantined job under a trigger that it will not have any more. Nobody can tell what a trigger that cannot be read
 * would have had, so the whole stretch is skipped then, up to what the new trigger has in it.
 */
const decideQuarantine = (core: Core, row: JobStore.JobRow, successor: Trigger.Trigger, at: number) => {
  const first = successor.occurrences.next(row.cursor ?? -Infinity, at)
  const { cursor, verdicts } = tryAgainst(core, row, "quarantined", row.pause, at) ??
    skipStretch(core, row, first === undefined ? at : Math.min(at, first - 1), at)
  return { cursor, verdicts, runs: [], cancel: null }
}

/** Decides what came due of a job under a trigger that it will not have any more. */
const decideLast = Effect.fnUntraced(function*(
  core: Core,
  row: JobStore.JobRow,
  successor: Trigger.Trigger,
  at: number
) {
  if (row.state === "quarantined") return decideQuarantine(core, row, successor, at)
  if (row.state !== "active") return decidePause(core, row, at)
  const past = yield* tryPast(core, row, at)
  if (Result.isSuccess(past)) return past.success
  // Nobody has come to put it into quarantine, or to plan it who can read it: nobody can any more.
  const pause = encodePause({ reason: past.failure, by: "effect-scheduler" })
  return decideQuarantine(core, { ...row, pause }, successor, at)
})

/** Gives a job another definition; equal ones write nothing. */
export const redefine = Effect.fnUntraced(
  function*(core: Core, stored: JobStore.JobRow, defined: Defined, trigger: Trigger.Trigger, at: number) {
    const same = (Object.keys(defined) as Array<keyof Defined>).every((key) => stored[key] === defined[key])
    if (same && stored.state !== "quarantined") return undefined
    const keepsTrigger = stored.trigger === defined.trigger
    const past = yield* (keepsTrigger ? decidePast(core, stored, at) : decideLast(core, stored, trigger, at))
    const changed: JobStore.JobRow = { ...stored, ...definedOf(defined), cursor: past.cursor }
    const row: JobStore.JobRow = { ...changed, overrides: forgiving(changed, at) }
    const event = { _tag: "JobUpdated", job: stored.id } as const
    if (keepsTrigger) {
      // What came due in quarantine is the planner's business: it is caught up on as after any other absence.
      const repaired = stored.state === "quarantined" ? { ...row, state: "active" as const, pause: null } : row
      return { row: withNext(repaired, trigger), decision: past, event }
    }
    const next = trigger.occurrences.next(past.cursor ?? -Infinity, at)
    if (next === undefined) return yield* exhausted(trigger, at)
    const state = stored.state === "paused" ? "paused" : "active"
    return {
      row: withNext(
        {
          ...row,
          anchor: at,
          state,
          overrides: withoutExceptions(row),
          pause: state === "paused" ? stored.pause : null
        },
        trigger
      ),
      decision: past,
      event
    }
  }
)

/** What of a row a definition determines. */
export const definedOf = (from: Defined): Defined => ({
  task: from.task,
  lane: from.lane,
  trigger: from.trigger,
  payload: from.payload,
  taskVersion: from.taskVersion,
  policy: from.policy,
  tags: from.tags,
  metadata: from.metadata
})

export const reschedule = Effect.fnUntraced(function*(core: Core, id: string, given: Trigger.Trigger) {
  const trigger = yield* knownTrigger(core.registry, given)
  return yield* change(
    core,
    id,
    (stored, at) => redefine(core, stored, { ...definedOf(stored), trigger: Trigger.encode(trigger) }, trigger, at)
  )
})

/** Plans the next occurrence anew, as the data that this node knows would have it. */
export const replanJob = (core: Core, id: string) =>
  Effect.catchTag(
    change(core, id, (stored, at) => {
      const readable = read(core, stored)
      if (stored.state !== "active" || Result.isFailure(readable)) return Effect.undefined
      const { trigger } = readable.success
      if (stored.tz === basisOf(trigger)) return Effect.undefined
      return Effect.map(decidePast(core, stored, at), (past) => ({
        row: withNext(
          { ...stored, cursor: past.cursor, overrides: withMovesThatFit(stored, trigger), tz: basisOf(trigger) },
          trigger
        ),
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }))
    }),
    ["JobNotFound", "InvalidOption"],
    () => Effect.undefined
  )

/** Queues a run of the job besides its occurrences; answers with the run's id. */
export const runNow = Effect.fnUntraced(
  function*(
    core: Core,
    id: string,
    options: { readonly overlap: "respect" | "ignore"; readonly limits: "respect" | "ignore" }
  ) {
    const fresh = yield* freshId
    let run = ""
    yield* change(core, id, (stored, at) => {
      const readable = read(core, stored)
      // What cannot be read cannot be run either; the planner says what is wrong with it.
      if (Result.isFailure(readable)) {
        return Effect.fail(
          new InvalidOption({ field: "id", value: id, expected: `a job that can be read (${readable.failure.reason})` })
        )
      }
      const { trigger } = readable.success
      const policy = options.overlap === "ignore"
        ? Effect.succeed({ ...readable.success.policy, overlap: "skip" as const })
        : currentOverlap(core, stored, readable.success.policy, at)
      return Effect.map(Effect.all([decidePast(core, stored, at), policy]), ([past, policy]) => {
        run = `${stored.id}:${stored.incarnation}:manual:${fresh}`
        const manual = manualRun(stored, policy, run, at, {
          overlap: options.overlap === "ignore",
          limits: options.limits === "ignore"
        })
        return {
          row: stored.state === "active" ? withNext({ ...stored, cursor: past.cursor }, trigger) : stored,
          decision: { ...past, runs: [...past.runs, manual] }
        }
      })
    })
    return run
  }
)
