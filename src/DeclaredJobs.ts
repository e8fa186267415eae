/**
 * A set of jobs in code, and the store brought to what the code says whenever a node starts.
 *
 * **Details**
 *
 * What is declared and not stored is added. What differs is changed, and keeps its cursor; a job that somebody has paused stays paused. What
 * belongs to the set and is no longer declared is removed, paused or kept, as the set says. An equal set writes nothing.
 *
 * Which stored jobs belong to a set is written on them as a tag, `declared:NAME`, so several sets, and jobs that nobody declares, live in one
 * store side by side. An id that exists without a set is taken into the set that declares it; one that belongs to another set is refused. A
 * job that is then scheduled by hand, without the tag, is out of the set until the next start of a node that declares it.
 *
 * **Gotchas**
 *
 * In a rolling deploy nodes of two versions of a program start and stop for a while. Whoever starts last wins, so an old node that restarts
 * in the middle of it takes the new jobs away, until the next new node starts. Give the set a `version` that grows with each deploy to
 * rule that out: it is written on the jobs, and a node that finds a newer one than its own leaves the whole set alone. It costs one write per
 * job and deploy. A set that declares nothing leaves no job to write it on, and so no memory of itself.
 *
 * **Example** (Two jobs, and what a start would change)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { DeclaredJobs, FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
 *
 * const Digest = Task.make("Digest", { payload: { customer: Schema.String } })
 * const Sweep = Task.make("Sweep")
 *
 * const office = DeclaredJobs.make({
 *   name: "office",
 *   jobs: [
 *     DeclaredJobs.job(Digest, { id: "digest/acme", payload: { customer: "acme" }, trigger: Trigger.cron("0 9 * * *") }),
 *     DeclaredJobs.job(Sweep, { id: "sweep", trigger: Trigger.interval("1 hour"), overlap: "queue" })
 *   ]
 * })
 *
 * const Node = Scheduler.layer({ tasks: [Digest, Sweep] }).pipe(
 *   Layer.provide([Digest.toLayer(() => Effect.void), Sweep.toLayer(() => Effect.void), FiberExecutor.layer()]),
 *   Layer.provide(MemoryJobStore.layer)
 * )
 *
 * // At the start of a node: the scheduler with its jobs.
 * export const Live = DeclaredJobs.layer(office).pipe(Layer.provideMerge(Node))
 *
 * // Before a deploy: what it would change, and nothing changed.
 * export const rehearsal = Effect.gen(function*() {
 *   const plan = yield* DeclaredJobs.plan(office)
 *   yield* Console.log(DeclaredJobs.show(plan))
 * }).pipe(Effect.provide(Node))
 * ```
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Declared from "./engine/declared.ts"
import { type JobOptions, Scheduler } from "./Scheduler.ts"
import type { InvalidOption, JobConflict, StoreError } from "./SchedulerError.ts"
import type * as Task from "./Task.ts"
import * as Trigger from "./Trigger.ts"

/**
 * A job of a set, made by {@link job}.
 *
 * @category models
 * @since 0.1.0
 */
export type Declaration = Declared.Declaration

/**
 * @category models
 * @since 0.1.0
 */
export interface DeclaredSet {
  /** 1 to 64 letters, digits, dots, dashes, slashes and underscores. A set that is renamed is another set: the jobs of the old one stay. */
  readonly name: string
  /** A whole number that grows with each deploy; see the module's gotchas. Default 0. */
  readonly version?: number | undefined
  /**
   * What becomes of jobs of the set that are no longer declared: `"remove"` (default; their runs are interrupted, and not waited for),
   * `"pause"` (a job that is declared again goes on), or `"keep"`.
   */
  readonly undeclared?: "remove" | "pause" | "keep" | undefined
  readonly jobs: ReadonlyArray<Declaration>
}

/**
 * A field of a job that is to be changed. Policies go by their own names, the trigger is described, the payload is encoded.
 *
 * @category models
 * @since 0.1.0
 */
export type FieldChange = Declared.FieldChange

/**
 * What is to become of one job. `fires` are the fires of the coming seven days, up to a thousand, that a changed trigger adds, removes and keeps. `Keep`: it is
 * not declared any more, and stays as it is.
 *
 * @category models
 * @since 0.1.0
 */
export type Change = Declared.Change

/**
 * What bringing the store to a set changes, or has changed. `superseded`: the newer version that was found, so that nothing is changed.
 *
 * @category models
 * @since 0.1.0
 */
export type Plan = Declared.Plan

/**
 * A job of a set: as for `Scheduler.schedule`, with an id.
 *
 * @category constructors
 * @since 0.1.0
 */
export const job = <T extends Task.Any>(
  task: T,
  options: Omit<JobOptions<T>, "id" | "store" | "conflict"> & JobPayload<T> & { readonly id: string }
): Declaration => ({ task, definition: options as Declaration["definition"] })

/** `Omit` loses whether the payload may be left out. */
type JobPayload<T extends Task.Any> = Pick<JobOptions<T>, "payload">

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (set: DeclaredSet): DeclaredSet => set

/**
 * Brings the default store to the set when it is built; needs the scheduler. For another store, use its `declare`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (set: DeclaredSet): Layer.Layer<never, InvalidOption | JobConflict | StoreError, Scheduler> =>
  Layer.effectDiscard(Effect.flatMap(Scheduler, (scheduler) => scheduler.declare(set)))

/**
 * What {@link layer} would change, with nothing changed.
 *
 * @category getters
 * @since 0.1.0
 */
export const plan = (
  set: DeclaredSet
): Effect.Effect<Plan, InvalidOption | JobConflict | StoreError, Scheduler> =>
  Effect.flatMap(Scheduler, (scheduler) => scheduler.declare(set, { dryRun: true }))

/**
 * A plan as text for a terminal: `+` added, `~` changed, `-` removed, `‖` paused, `?` kept though not declared.
 *
 * @category formatting
 * @since 0.1.0
 */
export const show = (plan: Plan): string => {
  const title = `declared jobs ${plan.name}${plan.version === 0 ? "" : ` version ${plan.version}`}`
  if (plan.superseded !== undefined) return `${title}: left alone, version ${plan.superseded} has been here`
  const counts = new Map<string, number>()
  for (const { _tag } of plan.changes) counts.set(_tag, (counts.get(_tag) ?? 0) + 1)
  const summary = (Object.keys(words) as Array<Change["_tag"]>)
    .filter((tag) => counts.has(tag))
    .map((tag) => `${counts.get(tag)} ${words[tag]}`)
  return [`${title}: ${summary.length === 0 ? "nothing" : summary.join(", ")}`, ...plan.changes.flatMap(lines)]
    .join("\n")
}

const words: { readonly [K in Change["_tag"]]: string } = {
  Add: "to add",
  Update: "to change",
  Remove: "to remove",
  Pause: "to pause",
  Keep: "not declared any more",
  Same: "the same"
}

const lines = (change: Change): ReadonlyArray<string> => {
  switch (change._tag) {
    case "Add":
      return [`+ ${change.id}  ${change.task}, ${Trigger.describe(change.trigger)}`]
    case "Update":
      return [
        `~ ${change.id}  ${change.task}`,
        ...change.fields.map(({ after, before, field }) => `    ${field}: ${text(before)} → ${text(after)}`),
        ...(change.fires === undefined ? [] : [
          ...fires("new", change.fires.added),
          ...fires("gone", change.fires.removed)
        ])
      ]
    case "Remove":
      return [`- ${change.id}  ${change.task}`]
    case "Pause":
      return [`‖ ${change.id}  ${change.task}`]
    case "Keep":
      return [`? ${change.id}  ${change.task}`]
    case "Same":
      return []
  }
}

const text = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "nothing"

const shown = 3

const fires = (what: string, instants: ReadonlyArray<DateTime.Utc>): ReadonlyArray<string> => {
  if (instants.length === 0) return []
  const first = instants.slice(0, shown).map(DateTime.formatIso).join(", ")
  const more = instants.length - shown
  return [`    ${what} in the next days: ${first}${more > 0 ? ` and ${more} more` : ""}`]
}
