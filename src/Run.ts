/**
 * One execution: a fired occurrence of a job, or one asked for by `enqueue` or `run`.
 *
 *     ready ──► running ──► done (outcome)
 *       ▲ ▲        │
 *       │ └────────┴──► waiting (a retry at an instant that is stored)
 *     blocked (another run of the job has to end first)
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { NewRun, RunRow, RunState } from "./JobStore.ts"
import { CompletionRefused, type StoreError } from "./SchedulerError.ts"
import type * as Task from "./Task.ts"

/**
 * How a run ended.
 *
 * - `succeeded`
 * - `failed`: with the Task's typed error, and the retry Schedule was exhausted
 * - `died`: with a defect, which is a bug and is not retried
 * - `timedOut`: the last attempt exceeded its timeout
 * - `cancelled`: somebody asked for its end (removal, `cancelRunning`, `cancel`)
 * - `deadlineMissed`: it could not start within the misfire grace
 * - `undecodable`: its stored payload does not fit the Task's Schema any more
 * - `abandoned`: its node was lost and it must not, or need not, run again
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | "succeeded"
  | "failed"
  | "died"
  | "timedOut"
  | "cancelled"
  | "deadlineMissed"
  | "undecodable"
  | "abandoned"

/**
 * The outcomes of dead letters: runs that ended, wanted by nobody, without having done their work. `Scheduler.runs` shows them,
 * `Scheduler.redrive` and `redriveAll` make them go again.
 *
 * @category constants
 * @since 0.1.0
 */
export const dead: ReadonlyArray<Outcome> = [
  "failed",
  "died",
  "timedOut",
  "deadlineMissed",
  "undecodable",
  "abandoned"
]

/**
 * A run as the history shows it. Instants that have not come yet are `undefined`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  /**
   * `job:incarnation:nominal` for a fired occurrence, and that of the run it follows with `:then:0.2` for a continuation (the third of the
   * first's); also the idempotency key that its handler sees.
   */
  readonly id: string
  /** The name of the store that keeps it; `"default"` unless the scheduler has several. */
  readonly store: string
  /** The job it belongs to; `undefined` for an ad-hoc run. */
  readonly job: string | undefined
  readonly incarnation: string | undefined
  readonly task: string
  readonly origin: NewRun["origin"]
  /** The run that this one follows; `undefined` unless it is a continuation. */
  readonly parent: string | undefined
  readonly state: RunState
  /** The occurrence's instant; `undefined` for an ad-hoc run. */
  readonly nominal: DateTime.Utc | undefined
  /** The nominal instant with jitter; for an ad-hoc run the instant of its creation, or that of its delayed start. */
  readonly planned: DateTime.Utc
  readonly created: DateTime.Utc
  /** When it may be claimed, while it waits for a retry. */
  readonly readyAt: DateTime.Utc | undefined
  readonly claimed: DateTime.Utc | undefined
  readonly started: DateTime.Utc | undefined
  readonly finished: DateTime.Utc | undefined
  /** Attempts that ended and count. */
  readonly attempts: number
  /** How often it was claimed. */
  readonly fence: number
  readonly node: string | undefined
  readonly outcome: Outcome | undefined
  /** The encoded success, error or defect; `Scheduler.result` gives the typed form. */
  readonly result: unknown
  /** What its handler last said with `CurrentRun.progress`. */
  readonly progress: unknown
  /** What its handler wrote with `CurrentRun.log`: the newest lines, the oldest first. */
  readonly log: ReadonlyArray<LogLine>
  /** Why and by whom its end was asked for. */
  readonly cancel: { readonly reason: string; readonly by: string } | undefined
}

/**
 * A line that a handler wrote.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  readonly at: DateTime.Utc
  readonly message: string
}

/**
 * A line as stored.
 *
 * @internal
 */
export interface StoredLine {
  readonly at: number
  readonly message: string
}

/** How many lines are kept of a run, and how many characters of each. */
const maxLines = 100
const maxLineLength = 1_000

/**
 * The lines with one more: the oldest one goes when there are too many, and what is too long is cut.
 *
 * @internal
 */
export const withLine = (lines: ReadonlyArray<StoredLine>, { at, message }: StoredLine): ReadonlyArray<StoredLine> => {
  const text = String(message)
  const line = {
    at,
    message: text.length <= maxLineLength ? text : `${text.slice(0, maxLineLength - 1).toWellFormed()}…`
  }
  return [...lines.slice(Math.max(0, lines.length - maxLines + 1)), line]
}

/**
 * @internal
 */
export const linesOf = (row: RunRow): ReadonlyArray<StoredLine> => {
  const lines = json(row.log)
  return Array.isArray(lines) ? lines : []
}

const instant = (millis: number | null): DateTime.Utc | undefined =>
  millis === null ? undefined : DateTime.makeUnsafe(millis)

const json = (text: string | null): unknown => {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * @category conversions
 * @since 0.1.0
 */
export const fromRow = (row: RunRow, store: string): Run => ({
  id: row.id,
  store,
  job: row.job ?? undefined,
  incarnation: row.origin === "backfill"
    ? row.incarnation?.slice(0, -backfillMark.length)
    : row.incarnation ?? undefined,
  task: row.task,
  origin: row.origin,
  parent: parentOf(row),
  state: row.state,
  nominal: instant(row.nominal),
  planned: DateTime.makeUnsafe(row.planned),
  created: DateTime.makeUnsafe(row.created),
  readyAt: row.state === "waiting" ? instant(row.readyAt) : undefined,
  claimed: instant(row.claimed),
  started: instant(row.started),
  finished: instant(row.finished),
  attempts: row.attempt,
  fence: row.fence,
  node: row.node ?? undefined,
  outcome: (row.outcome ?? undefined) as Outcome | undefined,
  result: json(row.result),
  progress: json(row.progress),
  log: linesOf(row).map(({ at, message }) => ({ at: DateTime.makeUnsafe(at), message })),
  cancel: json(row.cancel) as Run["cancel"]
})

/**
 * The run that a handler carries out, as a service inside it.
 *
 * **Example** (An idempotent charge)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Run } from "effect-scheduler"
 *
 * const charge = Effect.gen(function*() {
 *   const run = yield* Run.CurrentRun
 *   return { key: run.idempotencyKey, for: run.scheduledAt, attempt: run.attempt }
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class CurrentRun extends Context.Service<CurrentRun, {
  readonly id: string
  /** The name of the store that keeps the run. */
  readonly store: string
  /** The job's id; `undefined` for an ad-hoc run. */
  readonly job: string | undefined
  readonly task: string
  readonly origin: NewRun["origin"]
  /** The run that this one follows; `undefined` unless it is a continuation. */
  readonly parent: string | undefined
  /** The instant the run stands for: the occurrence's, or an ad-hoc run's creation. The same in every attempt. */
  readonly scheduledAt: DateTime.Utc
  /** When this attempt started. */
  readonly startedAt: DateTime.Utc
  /** 1 for the first. */
  readonly attempt: number
  /** Equal in all attempts of this run and different from every other run's. */
  readonly idempotencyKey: string
  /**
   * Keeps a JSON value with the run, for others to see how far it is; the last one counts. A store that does not answer is no reason for
   * a handler to stop: then it is lost.
   */
  readonly progress: (value: Schema.Json) => Effect.Effect<void>
  /**
   * Keeps a line with the run, with its instant, for others to read in `Run.log`: the newest 100 lines of all attempts, each cut at 1,000
   * characters. Does not wait for the store; what is on its way when the handler ends is written first. Lines of a run whose node is
   * lost may be lost with it, as those are that a store does not take.
   */
  readonly log: (message: string) => Effect.Effect<void>
  /**
   * Ends this attempt here and runs the handler again after a while, from its beginning; nothing after it is executed, finalizers are.
   * The attempt does not count, no retry is used up, and a job that is `atMostOnce` may snooze too, because nothing is lost. Until then
   * the run is going: it waits like one that is retried. There is no bound on how often: events (`RunSnoozed`) and `fence`, which grows
   * with each claim, show it. A duration that is none, or endless, is a defect.
   */
  readonly snooze: (duration: Duration.Input) => Effect.Effect<never>
  /**
   * Why others end this attempt, for a finalizer that must know whether the run is over: `"cancel"`, somebody asked for the run's end;
   * `"shutdown"`, it runs again elsewhere or later (not if it is `atMostOnce`); `"lost"` or `"expired"`, another node may have it already;
   * `"snooze"`, its own wish. `undefined` while nobody does, and when it is its timeout, or the handler itself, that interrupts it.
   */
  readonly interruptedBy: Effect.Effect<"cancel" | "shutdown" | "lost" | "expired" | "snooze" | undefined>
  /** Untyped; use {@link complete}, which knows the task's success. */
  readonly complete: (value: unknown) => Effect.Effect<void, CompletionRefused | StoreError>
  /** Grows with each claim: hand it to a resource that must refuse a node which lost its claim. */
  readonly fence: number
}>()("effect-scheduler/Run/CurrentRun") {}

/**
 * An attempt exceeded its timeout. The input that a Task's retry Schedule sees in that case.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttemptTimedOut extends Schema.TaggedError<AttemptTimedOut>()("AttemptTimedOut", {
  run: Schema.String,
  /** Milliseconds. */
  timeout: Schema.Int
}) {
  override get message() {
    return `Run ${this.run} exceeded its timeout of ${this.timeout} ms`
  }
}

/**
 * Settles the current run as succeeded, in the caller's open transaction: the run is over exactly when the handler's own writes are committed.
 * Gives the value back, as it is what the handler returns.
 *
 * **Details**
 *
 * The store compares the claim: a handler whose run was taken over meanwhile fails with `CompletionRefused`, and its transaction with it.
 * If the transaction is rolled back, for this or any other reason, the run is not completed, and is settled by how the handler ends. Once
 * it is committed the run has succeeded, however the handler ends and even if the process dies: it does not run again. So let it be the
 * last thing a handler does; an overlapping run may start at the commit, and `remove` does not wait for what comes after it.
 *
 * A handler may fail with `CompletionRefused` without its task naming it. `StoreError` is left to it, as the errors of its own statements are.
 *
 * **Example** (Writes and the end of the run in one transaction)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Run, Task } from "effect-scheduler"
 * import { SqlClient } from "effect/sql/SqlClient"
 *
 * const Charge = Task.make("Charge", { payload: { order: Schema.String }, success: Schema.Int })
 *
 * const ChargeLive = Charge.toLayer(Effect.fnUntraced(function*({ order }) {
 *   const sql = yield* SqlClient
 *   return yield* sql.withTransaction(Effect.gen(function*() {
 *     yield* sql`UPDATE orders SET charged = 1 WHERE id = ${order}`
 *     return yield* Run.complete(Charge, 1)
 *   })).pipe(Effect.catchTag(["SqlError", "StoreError"], Effect.die))
 * }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const complete = <T extends Task.Any>(
  task: T,
  value: Task.Success<T>
): Effect.Effect<Task.Success<T>, CompletionRefused | StoreError, CurrentRun> =>
  Effect.flatMap(CurrentRun, (current) =>
    current.task === task.name
      ? Effect.as(current.complete(value), value)
      : Effect.fail(
        new CompletionRefused({ run: current.id, reason: "task", detail: `${current.task}, not ${task.name}` })
      ))

/**
 * How a run was late: from its nominal (or planned) instant to its start. A backfilled run is late by how long it has been waiting.
 *
 * @category getters
 * @since 0.1.0
 */
export const lateness = (run: Run): Duration.Duration | undefined =>
  run.started === undefined ? undefined : DateTime.distance(
    run.origin === "backfill" ? run.planned : run.nominal ?? run.planned,
    run.started
  )

/**
 * The id of a fired occurrence's run.
 *
 * @internal
 */
export const occurrenceId = (job: string, incarnation: string, nominal: number): string =>
  `${job}:${incarnation}:${nominal}`

/**
 * The id of a backfilled occurrence's run.
 *
 * @internal
 */
export const backfillId = (job: string, incarnation: string, nominal: number): string =>
  `${job}:${backfillFamily(incarnation)}:${nominal}`

const backfillMark = ":backfill"

/**
 * What takes the place of the job's incarnation in a backfilled run, so that its overlap policy does not see it.
 *
 * @internal
 */
export const backfillFamily = (incarnation: string): string => `${incarnation}${backfillMark}`

const thenMark = ":then:"

/**
 * The id of the continuation at an index: the place in the whole chain, behind the id of the run that began it.
 *
 * @internal
 */
export const followId = (run: Pick<NewRun, "id" | "origin">, index: number): string =>
  run.origin === "continuation" ? `${run.id}.${index}` : `${run.id}${thenMark}${index}`

/**
 * The run that a continuation follows.
 *
 * @internal
 */
export const parentOf = ({ id, origin }: Pick<NewRun, "id" | "origin">): string | undefined => {
  if (origin !== "continuation") return undefined
  const mark = id.lastIndexOf(thenMark)
  const dot = id.indexOf(".", mark)
  return id.slice(0, dot === -1 ? mark : id.lastIndexOf("."))
}
