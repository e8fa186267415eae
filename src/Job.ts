/**
 * A Task with a payload, a Trigger and a Policy, kept in a JobStore under an id.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { parseJson } from "./internal/json.ts"
import { decodeOverrides } from "./internal/overrides.ts"
import type { JobRow, JobState } from "./JobStore.ts"
import * as Policy from "./Policy.ts"
import * as Trigger from "./Trigger.ts"

/**
 * A job as `get` and `list` show it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  readonly id: string
  /** The name of the store that keeps it; `"default"` unless the scheduler has several. */
  readonly store: string
  /** New whenever the id is added again after a removal. */
  readonly incarnation: string
  readonly task: string
  /** The encoded payload. */
  readonly payload: unknown
  /** `undefined` when the stored form cannot be read; see `problem`. */
  readonly trigger: Trigger.Trigger | undefined
  /** `undefined` when the stored form cannot be read; see `problem`. */
  readonly policy: Policy.Policy | undefined
  readonly state: JobState
  /** While it is paused: why, by whom, and until when. */
  readonly pause: Pause | undefined
  /**
   * Why a quarantined job cannot be used; scheduling its id anew repairs it: with the same trigger, what came due meanwhile is
   * caught up by its policy; with another one it is `skipped(quarantined)`. Or why this node cannot read a job that others can: its trigger
   * names a custom kind or a calendar that is not in the registry here.
   */
  readonly problem: string | undefined
  /** The next occurrence; `undefined` while the job is not active. */
  readonly next: DateTime.Utc | undefined
  /** When the next occurrence is due: later with jitter, elsewhere if it was moved. */
  readonly due: DateTime.Utc | undefined
  /** One-time exceptions that are still ahead. */
  readonly exceptions: {
    /** Occurrences that `skipNext` will skip. */
    readonly skipped: ReadonlyArray<DateTime.Utc>
    /** Occurrences that `move` has moved, and when they are due instead. */
    readonly moved: ReadonlyArray<{ readonly nominal: DateTime.Utc; readonly due: DateTime.Utc }>
  }
  /** Everything up to here is decided. */
  readonly cursor: DateTime.Utc | undefined
  /** The instant from which the trigger counts. */
  readonly anchor: DateTime.Utc
  readonly tags: ReadonlyArray<string>
  readonly metadata: { readonly [key: string]: unknown }
  readonly created: DateTime.Utc
  readonly updated: DateTime.Utc
}

/**
 * Why a job is paused, by whom, and until when.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pause {
  /** Empty when nobody said why. */
  readonly reason: string
  /** Empty when nobody said who; `"effect-scheduler"` when it was paused after too many failures. */
  readonly by: string
  /** The instant at which it resumes by itself; `undefined`: when somebody resumes it. */
  readonly until: DateTime.Utc | undefined
}

/**
 * What happens when a job with the same id exists.
 *
 * - `"update"` (default): what differs is changed; the cursor is kept, and the anchor too unless the trigger differs. An equal
 *   definition writes nothing, so a program may schedule its jobs at every start
 * - `"keep"`: the stored job stays as it is
 * - `"replace"`: the new one takes its place in one step and starts from scratch; runs of the one before are interrupted, and waited for
 *   (not in a transaction of the caller's, which has to be committed first)
 * - `"fail"`: `JobConflict`
 *
 * @category models
 * @since 0.1.0
 */
export type Conflict = "update" | "keep" | "replace" | "fail"

/** A pause as stored; `until` in epoch milliseconds. */
interface StoredPause {
  readonly reason: string
  readonly by: string
  readonly until?: number | undefined
}

/**
 * @internal
 */
export const encodePause = ({ by, reason, until }: StoredPause): string => JSON.stringify({ reason, by, until })

/**
 * The note of a paused or quarantined job.
 *
 * @internal
 */
export const pauseOf = (row: JobRow): Pause | undefined => {
  if (row.pause === null) return undefined
  const stored = parseJson(row.pause)
  if (typeof stored !== "object" || stored === null) return undefined
  const { by, reason, until } = stored as Partial<StoredPause>
  return { reason: reason ?? "", by: by ?? "", until: until === undefined ? undefined : DateTime.makeUnsafe(until) }
}

const isElsewhere = (trigger: Result.Result<Trigger.Trigger, Trigger.TriggerError>): boolean =>
  Result.isFailure(trigger) && trigger.failure.reason === "unknown"

const exceptionsOf = (row: JobRow): Job["exceptions"] => {
  if (row.overrides === null) return noExceptions
  const { move, skip } = decodeOverrides(row.overrides)
  const isAhead = (nominal: number) => row.cursor === null || nominal > row.cursor
  return {
    skipped: skip.filter(isAhead).map((at) => DateTime.makeUnsafe(at)),
    moved: move.filter(([nominal]) => isAhead(nominal)).map(([nominal, due]) => ({
      nominal: DateTime.makeUnsafe(nominal),
      due: DateTime.makeUnsafe(due)
    }))
  }
}

const noExceptions: Job["exceptions"] = { skipped: [], moved: [] }

const instant = (millis: number | null) => millis === null ? undefined : DateTime.makeUnsafe(millis)

/**
 * @category conversions
 * @since 0.1.0
 */
export const fromRow = (
  row: JobRow,
  registry: Trigger.Registry,
  store: string,
  /** The trigger, where it is at hand. */
  known?: Trigger.Trigger
): Job => {
  const trigger = known === undefined ? Trigger.decode(row.trigger, registry) : Result.succeed(known)
  const policy = Policy.decode(row.policy)
  const pause = pauseOf(row)
  // Of many jobs these are the same: an instant is the dearest part of a view.
  const created = DateTime.makeUnsafe(row.created)
  const next = instant(row.nextNominal)
  const unreadable = Result.isFailure(trigger)
    ? `trigger: ${trigger.failure.message}`
    : Option.isNone(policy)
    ? `policy: cannot read ${row.policy}`
    : undefined
  return {
    id: row.id,
    store,
    incarnation: row.incarnation,
    task: row.task,
    payload: parseJson(row.payload),
    trigger: Result.getOrUndefined(trigger),
    policy: Option.getOrUndefined(policy),
    // What nobody can read is in quarantine, whether the planner has come to it or not. What only this node cannot read is not.
    state: unreadable === undefined || isElsewhere(trigger) ? row.state : "quarantined",
    pause: row.state === "paused" ? pause : undefined,
    problem: row.state === "quarantined" ? pause?.reason ?? unreadable : unreadable,
    next,
    due: row.state !== "active" ? undefined : row.nextDue === row.nextNominal ? next : instant(row.nextDue),
    exceptions: exceptionsOf(row),
    cursor: instant(row.cursor),
    anchor: row.anchor === row.created ? created : DateTime.makeUnsafe(row.anchor),
    tags: parseJson(row.tags) as ReadonlyArray<string>,
    metadata: parseJson(row.metadata) as { readonly [key: string]: unknown },
    created,
    updated: row.updated === row.created ? created : DateTime.makeUnsafe(row.updated)
  }
}

/**
 * An occurrence that lies ahead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upcoming {
  readonly nominal: DateTime.Utc
  /** Where it differs from `nominal`, jitter or `move` has it so. */
  readonly due: DateTime.Utc
  /** What somebody asked for with `skipNext` or `move`. */
  readonly exception: "skipped" | "moved" | undefined
}

/**
 * The coming occurrences of a job as it stands, one-time exceptions and jitter included, whether or not it is paused: at most `count`
 * (default 10). None for a job that cannot be read. `Trigger.preview` shows a bare trigger, with what clock changes do to it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const upcoming = (job: Job, count = 10): ReadonlyArray<Upcoming> => {
  const { anchor, exceptions, trigger } = job
  if (trigger === undefined) return []
  const from = anchor.epochMilliseconds
  const skipped = new Set(exceptions.skipped.map((at) => at.epochMilliseconds))
  const moved = new Map(exceptions.moved.map(({ due, nominal }) => [nominal.epochMilliseconds, due]))
  const found: Array<Upcoming> = []
  let at = trigger.occurrences.next(job.cursor?.epochMilliseconds ?? -Infinity, from)
  while (at !== undefined && found.length < count) {
    found.push({
      nominal: DateTime.makeUnsafe(at),
      due: moved.get(at) ?? DateTime.makeUnsafe(Trigger.planned(trigger, job.id, at, from)),
      exception: skipped.has(at) ? "skipped" : moved.has(at) ? "moved" : undefined
    })
    at = trigger.occurrences.next(at, from)
  }
  return found
}

/**
 * Jobs as a table to print: id, task, when, the next due instant, and how the job stands.
 *
 * **Example** (What is scheduled)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Job, Scheduler } from "effect-scheduler"
 *
 * const print = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   yield* Console.log(Job.table(yield* scheduler.list()))
 * })
 * ```
 *
 * @category for people
 * @since 0.1.0
 */
export const table = (jobs: Iterable<Job>): string => {
  const rows = [["id", "task", "when", "next", "state"], ...Array.from(jobs, cellsOf)]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()
  const [head, ...body] = rows.map(line)
  return [head, widths.map((width) => "-".repeat(width)).join("  "), ...body].join("\n")
}

/**
 * A job in one line: its row of {@link table}, with the names of what is shown.
 *
 * @category for people
 * @since 0.1.0
 */
export const show = (job: Job): string => {
  const [id, task, when, next, state] = cellsOf(job)
  return `${id} (${task}): ${when}; next ${next === "" ? "never" : next}; ${state}`
}

const cellsOf = (job: Job): ReadonlyArray<string> => [
  job.id,
  job.task,
  job.trigger === undefined ? "?" : Trigger.describe(job.trigger),
  job.due === undefined ? "" : DateTime.formatIso(job.due),
  stateOf(job)
]

const stateOf = ({ pause, problem, state }: Job): string => {
  if (problem !== undefined) return `${state}: ${problem}`
  if (pause === undefined) return state
  const until = pause.until === undefined ? "" : ` until ${DateTime.formatIso(pause.until)}`
  const by = pause.by === "" ? "" : ` by ${pause.by}`
  return `${state}${until}${by}${pause.reason === "" ? "" : `: ${pause.reason}`}`
}
