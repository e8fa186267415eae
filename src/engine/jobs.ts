/**
 * The verbs on jobs. Each reads, decides and commits under the job's revision, and starts over when somebody else was faster.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, JobConflict, JobNotFound, type StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import * as Trigger from "../Trigger.ts"
import { announce } from "./announce.ts"
import { basisOf } from "./basis.ts"
import { stopGoing } from "./cancel.ts"
import { type Core, now, wakeWorkers } from "./core.ts"
import { decide, decideAgainst, type Decision, manualRun, read } from "./decide.ts"
import { checkId, define, type Defined, type Definition, exhausted, knownTrigger, newRow } from "./definition.ts"
import { freshId } from "./freshId.ts"
import { find, goingOf } from "./lookup.ts"
import { skipsOf, withSkip } from "./overrides.ts"
import { remove } from "./removal.ts"

export const schedule = Effect.fnUntraced(function*(core: Core, task: Task.Any, given: Definition) {
  const definition = { ...given, trigger: yield* knownTrigger(core.registry, given.trigger) }
  const defined = yield* define(task, definition)
  const id = definition.id === undefined ? yield* freshId : yield* checkId(definition.id)
  const row = yield* newRow(definition, defined, id, yield* now)
  const [answer] = yield* core.store.insertJobs([row])
  if (answer === "inserted") return yield* added(core, row)
  return yield* conflict(core, definition, defined, row)
})

/** Adds many jobs of one task in one transaction; conflicts are then handled one by one. */
export const scheduleAll = Effect.fnUntraced(
  function*(core: Core, task: Task.Any, given: ReadonlyArray<Definition>) {
    const definitions: Array<Definition> = []
    for (const one of given) definitions.push({ ...one, trigger: yield* knownTrigger(core.registry, one.trigger) })
    const at = yield* now
    const rows: Array<JobStore.JobRow> = []
    const all: Array<Defined> = []
    for (const definition of definitions) {
      const defined = yield* define(task, definition)
      all.push(defined)
      const id = definition.id === undefined ? yield* freshId : yield* checkId(definition.id)
      rows.push(yield* newRow(definition, defined, id, at))
    }
    const answers = yield* core.store.insertJobs(rows)
    const result: Array<JobStore.JobRow> = []
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      if (answers[i] === "exists") {
        result.push(yield* conflict(core, definitions[i]!, all[i]!, row))
        continue
      }
      if (core.events.heard()) core.events.publish(at, { _tag: "JobAdded", job: row.id, task: row.task })
      result.push(row)
    }
    core.planWake.openUnsafe()
    return result
  }
)

const added = Effect.fnUntraced(function*(core: Core, row: JobStore.JobRow) {
  core.planWake.openUnsafe()
  if (core.events.heard()) core.events.publish(row.created, { _tag: "JobAdded", job: row.id, task: row.task })
  if (!core.served.has(row.task)) {
    // A node that carries out nothing only schedules: there it is nothing unusual.
    const log = core.served.size === 0 ? Effect.logDebug : Effect.logWarning
    yield* log(
      `effect-scheduler: job ${row.id} is for task ${row.task}, which this node does not carry out`
    )
    core.events.publish(row.created, { _tag: "TaskUnknown", job: row.id, task: row.task })
  }
  return row
})

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
    case "replace":
      yield* Effect.catchTag(
        remove(core, row.id, { running: "interrupt" }),
        ["JobNotFound", "RemovalTimeout"],
        () => Effect.void
      )
      return yield* insertAgain(core, definition, defined, row)
    case "update":
      return yield* Effect.catchTag(
        change(core, row.id, (stored, at) => redefine(core, stored, defined, definition.trigger, at)),
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
  const fresh = yield* newRow(definition, defined, row.id, yield* now)
  const [answer] = yield* core.store.insertJobs([fresh])
  return answer === "inserted" ? yield* added(core, fresh) : yield* conflict(core, definition, defined, fresh)
})

/** What a change makes of a job; `undefined`: nothing is to be changed. */
type Edit = (
  row: JobStore.JobRow,
  at: number
) => Effect.Effect<
  {
    readonly row: JobStore.JobRow
    readonly decision?: Pick<Decision, "runs" | "verdicts" | "cancel">
    readonly event?: Parameters<Core["events"]["publish"]>[1]
  } | undefined,
  InvalidOption | StoreError
>

const change = Effect.fnUntraced(function*(
  core: Core,
  id: string,
  edit: Edit
): Effect.fn.Return<JobStore.JobRow, InvalidOption | JobNotFound | StoreError> {
  while (true) {
    const row = yield* find(core, id)
    if (row === undefined) return yield* new JobNotFound({ id })
    const at = yield* now
    const edited = yield* edit(row, at)
    if (edited === undefined) return row
    const committed: JobStore.Change = {
      job: row.id,
      incarnation: row.incarnation,
      revision: row.revision,
      update: { _tag: "Replace", row: { ...edited.row, updated: at } },
      runs: edited.decision?.runs ?? [],
      verdicts: edited.decision?.verdicts ?? [],
      cancel: edited.decision?.cancel ?? null
    }
    const [answer] = yield* core.store.commit({ changes: [committed], now: at })
    if (answer !== "ok") continue
    core.planWake.openUnsafe()
    if (committed.runs.length > 0) wakeWorkers(core)
    if (committed.cancel !== null) stopGoing(core, committed)
    if (core.events.heard()) {
      announce(core, row, committed, at)
      if (edited.event !== undefined) core.events.publish(at, edited.event)
    }
    return { ...edited.row, updated: at, revision: row.revision + 1 }
  }
})

/** Decides the job as it stands up to now, as every change does first. */
const decidePast = Effect.fnUntraced(function*(core: Core, row: JobStore.JobRow, at: number) {
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
  return decide(core, row, readable.success, { now: at, going: going.length, latest: going[0]?.id ?? null })
})

/** Decides what came due of a paused job under a trigger that it will not have any more, so that nobody can catch up on it. */
const decidePause = (core: Core, row: JobStore.JobRow, at: number) => {
  const trigger = Trigger.decode(row.trigger, core.registry)
  const { cursor, verdicts } = Result.isSuccess(trigger)
    ? decideAgainst(core, row, trigger.success, "paused", at)
    : { cursor: row.cursor, verdicts: [] }
  return { cursor, verdicts, runs: [], cancel: null }
}

const redefine = Effect.fnUntraced(
  function*(core: Core, stored: JobStore.JobRow, defined: Defined, trigger: Trigger.Trigger, at: number) {
    const same = (Object.keys(defined) as Array<keyof Defined>).every((key) => stored[key] === defined[key])
    if (same && stored.state !== "quarantined") return undefined
    const keepsTrigger = stored.trigger === defined.trigger && stored.state !== "quarantined"
    const past = stored.state === "paused" && !keepsTrigger
      ? decidePause(core, stored, at)
      : yield* decidePast(core, stored, at)
    const row: JobStore.JobRow = { ...stored, ...pick(defined), cursor: past.cursor }
    const event = { _tag: "JobUpdated", job: stored.id } as const
    if (keepsTrigger) {
      return { row: withNext(row, trigger), decision: past, event }
    }
    const next = trigger.occurrences.next(past.cursor ?? -Infinity, at)
    if (next === undefined) return yield* exhausted(trigger, at)
    const state = stored.state === "paused" ? "paused" : "active"
    return {
      row: withNext(
        { ...row, anchor: at, state, overrides: null, pause: state === "paused" ? stored.pause : null },
        trigger
      ),
      decision: past,
      event
    }
  }
)

const pick = (from: Defined): Defined => ({
  task: from.task,
  lane: from.lane,
  trigger: from.trigger,
  payload: from.payload,
  policy: from.policy,
  tags: from.tags,
  metadata: from.metadata
})

/** The row with its next occurrence after the cursor; a trigger without one makes the job done. */
const withNext = (row: JobStore.JobRow, trigger: Trigger.Trigger): JobStore.JobRow => {
  if (row.state !== "active") return { ...row, nextNominal: null, nextDue: null }
  const next = trigger.occurrences.next(row.cursor ?? -Infinity, row.anchor)
  return next === undefined
    ? { ...row, state: "done", nextNominal: null, nextDue: null }
    : { ...row, nextNominal: next, nextDue: Trigger.planned(trigger, row.id, next, row.anchor), tz: basisOf(trigger) }
}

export const reschedule = Effect.fnUntraced(function*(core: Core, id: string, given: Trigger.Trigger) {
  const trigger = yield* knownTrigger(core.registry, given)
  return yield* change(
    core,
    id,
    (stored, at) => redefine(core, stored, { ...pick(stored), trigger: Trigger.encode(trigger) }, trigger, at)
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
        row: withNext({ ...stored, cursor: past.cursor, tz: basisOf(trigger) }, trigger),
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }))
    }),
    ["JobNotFound", "InvalidOption"],
    () => Effect.undefined
  )

/** Skips exactly the next occurrence, or the one after those that are skipped already; answers with its instant. */
export const skipNext = Effect.fnUntraced(function*(core: Core, id: string) {
  let skipped: number | undefined
  yield* change(core, id, (stored, at) => {
    const readable = read(core, stored)
    if (Result.isFailure(readable) || stored.state === "done") return Effect.undefined
    return Effect.map(decidePast(core, stored, at), (past) => {
      const { occurrences } = readable.success.trigger
      const taken = skipsOf(stored)
      let next = occurrences.next(Math.max(past.cursor ?? -Infinity, at), stored.anchor)
      while (next !== undefined && taken.includes(next)) next = occurrences.next(next, stored.anchor)
      skipped = next
      if (next === undefined) return undefined
      const row = withNext({ ...stored, cursor: past.cursor }, readable.success.trigger)
      return {
        row: { ...row, overrides: withSkip(row, next) },
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }
    })
  })
  return skipped
})

/** Queues a run of the job besides its occurrences; answers with the run's id. */
export const runNow = Effect.fnUntraced(
  function*(core: Core, id: string, options: { readonly overlap: "respect" | "ignore" }) {
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
      return Effect.map(decidePast(core, stored, at), (past) => {
        const { policy, trigger } = readable.success
        run = `${stored.id}:${stored.incarnation}:manual:${fresh}`
        const manual = manualRun(stored, policy, run, at, options.overlap === "ignore")
        return {
          row: stored.state === "active" ? withNext({ ...stored, cursor: past.cursor }, trigger) : stored,
          decision: { ...past, runs: [...past.runs, manual] }
        }
      })
    })
    return run
  }
)

export const pause = (core: Core, id: string, why: { readonly reason: string; readonly by: string }) =>
  change(core, id, (stored, at) => {
    if (stored.state !== "active") return Effect.undefined
    return Effect.map(decidePast(core, stored, at), (past) => ({
      row: {
        ...stored,
        cursor: past.cursor,
        state: "paused" as const,
        pause: JSON.stringify(why),
        nextNominal: null,
        nextDue: null
      },
      decision: past,
      event: { _tag: "JobPaused" as const, job: id, ...why }
    }))
  })

export const resume = (core: Core, id: string, options: { readonly catchUp: boolean }) =>
  change(core, id, (stored, at) => {
    if (stored.state !== "paused") return Effect.undefined
    return Effect.gen(function*() {
      const trigger = Trigger.decode(stored.trigger, core.registry)
      const active: JobStore.JobRow = { ...stored, state: "active", pause: null }
      const event = { _tag: "JobResumed" as const, job: id }
      // The planner will find out what is wrong and quarantine it.
      if (Result.isFailure(trigger)) return { row: { ...active, nextNominal: at, nextDue: at }, event }
      // Catching up is the planner's business: the cursor still stands where the pause began.
      if (options.catchUp) return { row: withNext(active, trigger.success), event }
      const { cursor, verdicts } = decideAgainst(core, stored, trigger.success, "paused", at)
      return {
        row: withNext({ ...active, cursor }, trigger.success),
        decision: { runs: [], verdicts, cancel: null },
        event
      }
    })
  })
