/**
 * All jobs of a store as text: a header, and then one line of JSON for each job. Made by `exportJobs`, read by `importJobs`, and by
 * anything that reads JSON lines.
 *
 * A job travels with all that it is: its trigger, payload and policies, and how far its time line is decided. So it goes on in the other store
 * where it stood, and no occurrence is decided twice or left out. Runs and verdicts, the history, stay where they are.
 *
 * **Example** (From one store to another)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { MemoryJobStore, Scheduler } from "effect-scheduler"
 * import { SqliteJobStore } from "effect-scheduler/sqlite"
 *
 * const Both = Scheduler.layer({ paused: true, stores: { old: SqliteJobStore.layerFile("old.db") } }).pipe(
 *   Layer.provide(SqliteJobStore.layerFile("new.db"))
 * )
 *
 * export const move = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   const old = yield* scheduler.store("old")
 *   return yield* scheduler.importJobs(old.exportJobs())
 * }).pipe(Effect.provide(Both))
 * ```
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { show } from "./internal/show.ts"
import type { JobRow } from "./JobStore.ts"
import { SnapshotError } from "./SchedulerError.ts"

/**
 * The first line.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Header = Schema.Struct({
  format: Schema.Literal("effect-scheduler/jobs"),
  version: Schema.Literal(1)
})

const Instant = Schema.DateTimeUtcFromString

/**
 * What a store keeps as text: the JSON itself, or where that would not give the very same text again (it is none, or is written in another way),
 * `{ "$text": … }`.
 */
const Stored = Schema.Json

/**
 * A job as a line.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Job = Schema.Struct({
  id: Schema.String,
  /** Kept, so that its runs have the ids that they would have had. */
  incarnation: Schema.NonEmptyString,
  task: Schema.NonEmptyString,
  /** `executor/task`. */
  lane: Schema.NonEmptyString,
  trigger: Stored,
  payload: Stored,
  /** The version of the Task that encoded the payload. */
  taskVersion: Schema.Int,
  policy: Stored,
  tags: Stored,
  metadata: Stored,
  state: Schema.Literals(["active", "paused", "done", "quarantined"]),
  /** Why, by whom and until when it is paused, or why it is in quarantine. */
  pause: Schema.NullOr(Stored),
  /** Occurrences that somebody asked to skip or to move, and what else was noted once. */
  overrides: Schema.NullOr(Stored),
  /** The instant from which the trigger counts. */
  anchor: Instant,
  /** Everything up to here is decided; `null`: nothing is. */
  cursor: Schema.NullOr(Instant),
  /** The next occurrence, and when it is due, as the exporting node knew it. A node that can read the trigger asks that instead. */
  next: Schema.Struct({ nominal: Schema.NullOr(Instant), due: Schema.NullOr(Instant) }),
  /** What time-zone data, and what calendars, `next` was found with. */
  tz: Schema.String,
  created: Instant,
  updated: Instant
})

/**
 * @category models
 * @since 0.1.0
 */
export type Job = typeof Job.Type

const isWrapped = (value: unknown): value is { readonly $text: string } =>
  typeof value === "object" && value !== null && "$text" in value && typeof value.$text === "string"

const stored = (text: string): Schema.Json => {
  try {
    const value = JSON.parse(text) as Schema.Json
    if (!isWrapped(value) && JSON.stringify(value) === text) return value
  } catch {
    // it is no JSON, and travels as the text that it is
  }
  return { $text: text }
}

const textOf = (value: Schema.Json): string => isWrapped(value) ? value.$text : JSON.stringify(value)

const instant = (millis: number | null) => millis === null ? null : DateTime.makeUnsafe(millis)
const millis = (at: DateTime.Utc | null) => at === null ? null : at.epochMilliseconds

/**
 * @category conversions
 * @since 0.1.0
 */
export const fromRow = (row: JobRow): Job => ({
  id: row.id,
  incarnation: row.incarnation,
  task: row.task,
  lane: row.lane,
  trigger: stored(row.trigger),
  payload: stored(row.payload),
  taskVersion: row.taskVersion,
  policy: stored(row.policy),
  tags: stored(row.tags),
  metadata: stored(row.metadata),
  state: row.state,
  pause: row.pause === null ? null : stored(row.pause),
  overrides: row.overrides === null ? null : stored(row.overrides),
  anchor: DateTime.makeUnsafe(row.anchor),
  cursor: instant(row.cursor),
  next: { nominal: instant(row.nextNominal), due: instant(row.nextDue) },
  tz: row.tz,
  created: DateTime.makeUnsafe(row.created),
  updated: DateTime.makeUnsafe(row.updated)
})

/**
 * The row of a job that no store has yet.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toRow = (job: Job): JobRow => ({
  id: job.id,
  incarnation: job.incarnation,
  revision: 0,
  task: job.task,
  lane: job.lane,
  trigger: textOf(job.trigger),
  payload: textOf(job.payload),
  taskVersion: job.taskVersion,
  policy: textOf(job.policy),
  tags: textOf(job.tags),
  metadata: textOf(job.metadata),
  anchor: job.anchor.epochMilliseconds,
  cursor: millis(job.cursor),
  nextNominal: millis(job.next.nominal),
  nextDue: millis(job.next.due),
  state: job.state,
  pause: job.pause === null ? null : textOf(job.pause),
  overrides: job.overrides === null ? null : textOf(job.overrides),
  tz: job.tz,
  created: job.created.epochMilliseconds,
  updated: job.updated.epochMilliseconds
})

/**
 * The first line, as text.
 *
 * @category conversions
 * @since 0.1.0
 */
export const header: string = JSON.stringify({ format: "effect-scheduler/jobs", version: 1 })

const encodeJob = Schema.encodeSync(Job)

/**
 * A job as a line of text.
 *
 * @category conversions
 * @since 0.1.0
 */
export const encode = (job: Job): string => JSON.stringify(encodeJob(job))

const decodeWith = <S extends Schema.Top & { readonly DecodingServices: never }>(
  schema: S,
  onExcessProperty: "error" | "ignore"
) => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty })
  return (text: string, line: number): Result.Result<S["Type"], SnapshotError> => {
    let value: unknown
    try {
      // some editors begin a file with a mark of its encoding, which counts as a space
      value = JSON.parse(text.trim())
    } catch {
      return Result.fail(new SnapshotError({ line, field: "", value: show(text), expected: "a line of JSON" }))
    }
    return Result.mapError(decode(value), ({ issue }) => refusal(issue, value, line))
  }
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const refusal = (issue: SchemaIssue.Issue, value: unknown, line: number): SnapshotError => {
  const [first] = issuesOf(issue).issues
  const path = (first?.path ?? []).map((step) => typeof step === "object" ? step.key : step)
  const found = path.reduce<unknown>(
    (at, key) => typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    value
  )
  return new SnapshotError({
    line,
    field: path.map(String).join("."),
    value: found === undefined ? "nothing" : show(found),
    expected: found === undefined ? "a value" : first?.message.replace(/^Expected /, "") ?? "a job of this version"
  })
}

/**
 * Reads the first line.
 *
 * @category conversions
 * @since 0.1.0
 */
export const decodeHeader = decodeWith(Header, "ignore")

/**
 * Reads the line of a job.
 *
 * @category conversions
 * @since 0.1.0
 */
export const decode = decodeWith(Job, "error")

/**
 * What became of the jobs of an import.
 *
 * @category models
 * @since 0.1.0
 */
export interface Imported {
  readonly added: number
  /** Their definitions took those of the lines. */
  readonly updated: number
  readonly replaced: number
  /** They stay as they were; among them those that an earlier import of the same jobs has brought. */
  readonly kept: number
}
