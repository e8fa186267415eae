/**
 * Declared jobs: a set of jobs in code, compared with what is stored, and the store brought to what the code says.
 *
 * Which stored jobs belong to a set is written on them, as a tag: `declared:NAME`, with the version of the declaration `declared:NAME@7`.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { show } from "../internal/show.ts"
import { pauseOf } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { InvalidOption, type JobConflict, type JobNotFound, type StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import * as Trigger from "../Trigger.ts"
import { type Core, now } from "./core.ts"
import { checkId, define, type Defined, type Definition, firstOf, knownTrigger } from "./definition.ts"
import * as Jobs from "./jobs.ts"
import { pause, resume } from "./pausing.ts"
import { removeRow } from "./removal.ts"

/** One job of a set, untyped. */
export interface Declaration {
  readonly task: Task.Any
  readonly definition: Definition & { readonly id: string }
}

/** See `DeclaredJobs.DeclaredSet`. */
export interface DeclaredSet {
  readonly name: string
  readonly version?: number | undefined
  readonly undeclared?: "remove" | "pause" | "keep" | undefined
  readonly jobs: ReadonlyArray<Declaration>
}

/** See `DeclaredJobs.FieldChange`. */
export interface FieldChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** See `DeclaredJobs.Change`. */
export type Change =
  | { readonly _tag: "Add"; readonly id: string; readonly task: string; readonly trigger: Trigger.Trigger }
  | {
    readonly _tag: "Update"
    readonly id: string
    readonly task: string
    readonly fields: ReadonlyArray<FieldChange>
    readonly fires: ReturnType<typeof Trigger.diff> | undefined
  }
  | { readonly _tag: "Remove"; readonly id: string; readonly task: string }
  | { readonly _tag: "Pause"; readonly id: string; readonly task: string }
  | { readonly _tag: "Keep"; readonly id: string; readonly task: string }
  | { readonly _tag: "Same"; readonly id: string; readonly task: string }

/** See `DeclaredJobs.Plan`. */
export interface Plan {
  readonly name: string
  readonly version: number
  readonly superseded: number | undefined
  readonly changes: ReadonlyArray<Change>
}

/** A change, and the verb that carries it out. */
interface Step {
  readonly change: Change
  readonly write?: Effect.Effect<unknown, InvalidOption | JobConflict | JobNotFound | StoreError>
}

const mark = "declared:"
const pageSize = 1_000

/** How far ahead the fires of a changed trigger are compared. */
const compared = { days: 7 }
const mostFires = 1_000

/** The set that a stored job belongs to, and the version of the declaration that it is from. */
const membership = (row: JobStore.JobRow): { readonly name: string; readonly version: number } | undefined => {
  const tag = (JSON.parse(row.tags) as ReadonlyArray<string>).find((tag) => tag.startsWith(mark))
  if (tag === undefined) return undefined
  const [name, version] = tag.slice(mark.length).split("@", 2)
  return { name: name!, version: version === undefined ? 0 : Number(version) }
}

/** Whether a newer version of the set has declared a job, which may happen between the comparison and the writing. */
const isNewerThan = ({ name, version = 0 }: DeclaredSet) => (row: JobStore.JobRow): boolean => {
  const of = membership(row)
  return of?.name === name && of.version > version
}

/** Compares, and unless it is a rehearsal brings the store to what is declared. */
export const reconcile = Effect.fnUntraced(function*(
  core: Core,
  set: DeclaredSet,
  options: { readonly dryRun: boolean }
): Effect.fn.Return<Plan, InvalidOption | JobConflict | StoreError> {
  const version = set.version ?? 0
  const declared = yield* readSet(core, set, version)
  const stored = yield* lookUp(core, set.name, declared)
  const superseded = stored.reduce<number | undefined>((newest, row) => {
    const of = membership(row)
    return of?.name === set.name && of.version > Math.max(version, newest ?? version) ? of.version : newest
  }, undefined)
  const plan = { name: set.name, version, superseded }
  // Somebody newer has been here: in a rolling deploy both versions start, and the older must not undo what the newer did.
  if (superseded !== undefined) return { ...plan, changes: [] }
  const steps = yield* planSteps(core, set, declared, stored)
  if (!options.dryRun) {
    for (const { write } of steps) {
      // What another node has removed meanwhile is as gone as it should be.
      if (write !== undefined) yield* Effect.catchTag(write, "JobNotFound", () => Effect.void)
    }
  }
  return { ...plan, changes: steps.map(({ change }) => change) }
})

/** A declared job with the form in which it would be stored. */
interface Declared extends Declaration {
  readonly defined: Defined
}

const readSet = Effect.fnUntraced(function*(
  core: Core,
  set: DeclaredSet,
  version: number
): Effect.fn.Return<ReadonlyMap<string, Declared>, InvalidOption> {
  if (!/^[\w./-]{1,64}$/.test(set.name)) {
    return yield* new InvalidOption({
      field: "name",
      value: show(set.name),
      expected: "1 to 64 letters, digits, dots, dashes, slashes and underscores"
    })
  }
  if (!Number.isSafeInteger(version) || version < 0) {
    return yield* new InvalidOption({
      field: "version",
      value: show(version),
      expected: "a whole number of at least 0"
    })
  }
  const tag = `${mark}${set.name}${version === 0 ? "" : `@${version}`}`
  const declared = new Map<string, Declared>()
  for (const [i, { definition: given, task }] of set.jobs.entries()) {
    const at = `jobs[${i}]`
    yield* Effect.mapError(
      Effect.gen(function*() {
        const id = yield* checkId(given.id)
        const foreign = given.tags?.find((tag) => tag.startsWith(mark))
        if (declared.has(id) || foreign !== undefined) {
          return yield* new InvalidOption({
            field: foreign === undefined ? "id" : "tags",
            value: show(foreign ?? id),
            expected: foreign === undefined ? "each id once" : `tags that do not begin with ${mark}`
          })
        }
        const trigger = yield* knownTrigger(core.registry, given.trigger)
        const tags = [...given.tags ?? [], tag]
        const definition = { ...given, trigger, tags, conflict: "update" as const, unless: isNewerThan(set) }
        declared.set(id, { task, definition, defined: yield* define(core.defaults, task, definition) })
      }),
      (error) => new InvalidOption({ ...error, field: `${at}.${error.field}` })
    )
  }
  return declared
})

/** The stored jobs that are declared, or belong to the set. */
const lookUp = Effect.fnUntraced(function*(core: Core, name: string, declared: ReadonlyMap<string, Declared>) {
  const found: Array<JobStore.JobRow> = []
  let after: string | undefined
  while (true) {
    const page = yield* core.store.jobs({ limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const row of page) {
      if (declared.has(row.id) || (row.tags.includes(mark) && membership(row)?.name === name)) found.push(row)
    }
    if (page.length < pageSize) return found
    after = page[page.length - 1]!.id
  }
})

const planSteps = Effect.fnUntraced(function*(
  core: Core,
  set: DeclaredSet,
  declared: ReadonlyMap<string, Declared>,
  stored: ReadonlyArray<JobStore.JobRow>
): Effect.fn.Return<ReadonlyArray<Step>, InvalidOption> {
  const at = yield* now
  const rows = new Map(stored.map((row) => [row.id, row]))
  const steps: Array<Step> = []
  for (const [id, one] of declared) {
    const row = rows.get(id)
    const schedule = Jobs.schedule(core, one.task, one.definition)
    if (row === undefined) {
      // A trigger that is over is refused now, not half-way through the writing.
      yield* firstOf(one.definition.trigger, at)
      const { definition: { trigger }, task } = one
      steps.push({ change: { _tag: "Add", id, task: task.name, trigger }, write: schedule })
      continue
    }
    const owner = membership(row)
    if (owner !== undefined && owner.name !== set.name) {
      return yield* new InvalidOption({
        field: "jobs",
        value: show(id),
        expected: `ids that no other set declares; this one belongs to ${owner.name}`
      })
    }
    steps.push(yield* compare(core, set, one, row, schedule, at))
  }
  for (const row of stored) if (!declared.has(row.id)) steps.push(undeclared(core, set, row))
  return steps
})

const compare = Effect.fnUntraced(function*(
  core: Core,
  set: DeclaredSet,
  { defined, definition, task }: Declared,
  row: JobStore.JobRow,
  schedule: Exclude<Step["write"], undefined>,
  at: number
): Effect.fn.Return<Step, InvalidOption> {
  const { id } = row
  const written = (Object.keys(defined) as Array<keyof Defined>).some((key) => row[key] !== defined[key])
  const fields = difference(core, row, defined)
  const before = Trigger.decode(row.trigger, core.registry)
  const triggerDiffers = row.trigger !== defined.trigger
  if (triggerDiffers) yield* firstOf(definition.trigger, at)
  const fires = triggerDiffers && Result.isSuccess(before)
    ? Trigger.diff(before.success, definition.trigger, {
      from: DateTime.makeUnsafe(at),
      to: DateTime.add(DateTime.makeUnsafe(at), compared),
      anchor: DateTime.makeUnsafe(row.anchor),
      limit: mostFires
    })
    : undefined
  // A job that the set itself had paused, because it was not declared any more, goes on.
  const resumes = row.state === "paused" && pauseOf(row)?.by === `${mark}${set.name}`
  if (resumes || row.state === "quarantined") fields.push({ field: "state", before: row.state, after: "active" })
  const change = fields.length === 0
    ? { _tag: "Same" as const, id, task: task.name }
    : { _tag: "Update" as const, id, task: task.name, fields, fires }
  if (!written && fields.length === 0) return { change }
  return { change, write: resumes ? Effect.andThen(schedule, resume(core, id, { catchUp: false })) : schedule }
})

/** What differs, field by field, as a reader would name it. */
const difference = (core: Core, row: JobStore.JobRow, defined: Defined): Array<FieldChange> => {
  const fields: Array<FieldChange> = []
  const put = (field: string, before: unknown, after: unknown) => {
    if (JSON.stringify(before) !== JSON.stringify(after)) fields.push({ field, before, after })
  }
  put("task", row.task, defined.task)
  put("executor", executorOf(row), executorOf(defined))
  if (row.trigger !== defined.trigger) {
    fields.push({ field: "trigger", before: described(core, row.trigger), after: described(core, defined.trigger) })
  }
  put("payload", parse(row.payload), parse(defined.payload))
  put("version", row.taskVersion, defined.taskVersion)
  const policies = [Policy.decode(row.policy), Policy.decode(defined.policy)].map(Option.getOrUndefined)
  const [before, after] = policies
  if (before === undefined) put("policy", row.policy, defined.policy)
  else for (const key of Object.keys(before) as Array<keyof Policy.Policy>) put(key, before[key], after?.[key])
  put("tags", ownTags(row.tags), ownTags(defined.tags))
  put("metadata", parse(row.metadata), parse(defined.metadata))
  return fields
}

const executorOf = ({ lane, task }: { readonly lane: string; readonly task: string }) => lane.slice(0, -task.length - 1)

const ownTags = (tags: string) => (JSON.parse(tags) as ReadonlyArray<string>).filter((tag) => !tag.startsWith(mark))

const described = (core: Core, text: string): string => {
  const trigger = Trigger.decode(text, core.registry)
  return Result.isSuccess(trigger) ? Trigger.describe(trigger.success) : text
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const undeclared = (core: Core, set: DeclaredSet, { id, state, task }: JobStore.JobRow): Step => {
  const why = { reason: `no longer declared by ${set.name}`, by: `${mark}${set.name}`, unless: isNewerThan(set) }
  switch (set.undeclared ?? "remove") {
    case "remove":
      // Its runs are interrupted, wherever they are; a start does not wait for their finalizers.
      return { change: { _tag: "Remove", id, task }, write: removeRow(core, id, "interrupt", why, undefined) }
    case "pause":
      return state !== "active"
        ? { change: { _tag: "Keep", id, task } }
        : { change: { _tag: "Pause", id, task }, write: pause(core, id, { ...why, until: undefined }) }
    case "keep":
      return { change: { _tag: "Keep", id, task } }
  }
}
