/**
 * What follows a run: another Task, once the run has ended, on success, on failure or however it ended.
 *
 * A continuation is data. It is resolved when it is defined (the task's name, lane and version, the payload's encoded form, the policy,
 * the continuations of its own) and travels with the run whose end it waits for, so that a chain survives restarts and needs nobody who
 * remembers it. Its run is made in the transaction that records the end, under an id that follows from the run's own: it cannot be lost
 * in between, and not be made twice.
 *
 * | | after the outcomes | given, unless it has a payload of its own |
 * | --- | --- | --- |
 * | `onSuccess` | `succeeded` | the success |
 * | `onFailure` | `failed`, `died`, `timedOut`, `deadlineMissed`, `undecodable`, `abandoned` | `Ended` |
 * | `onEnd` | all of these, and `cancelled` | `Ended` |
 *
 * A cancelled run is no failure: somebody wanted its end, and so the end of what would have come of it. `onEnd` is for what must be done
 * in any case.
 *
 * **Example** (Import, then a report; an alert when it fails)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Continuation, Scheduler, Task, Trigger } from "effect-scheduler"
 *
 * const Imported = Schema.Struct({ rows: Schema.Int })
 * const Import = Task.make("Import", { payload: { file: Schema.String }, success: Imported })
 * const Report = Task.make("Report", { payload: Imported, success: Schema.String })
 * const Mail = Task.make("Mail", { payload: { to: Schema.String } })
 * const Alert = Task.make("Alert", { payload: Continuation.Ended })
 *
 * const program = Effect.gen(function*() {
 *   const scheduler = yield* Scheduler.Scheduler
 *   yield* scheduler.schedule(Import, {
 *     id: "import",
 *     payload: { file: "orders.csv" },
 *     trigger: Trigger.cron("0 2 * * *"),
 *     followedBy: [
 *       Continuation.onSuccess(Report, { // takes Import's success
 *         followedBy: [Continuation.onSuccess(Mail, { payload: { to: "office" } })]
 *       }),
 *       Continuation.onFailure(Alert)
 *     ]
 *   })
 * })
 * ```
 *
 * @since 0.1.0
 */
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Policy from "./Policy.ts"
import type * as Task from "./Task.ts"

const TypeId = "~effect-scheduler/Continuation"

/**
 * Which ends a continuation waits for.
 *
 * @category models
 * @since 0.1.0
 */
export const On = Schema.Literals(["success", "failure", "end"])

/**
 * @category models
 * @since 0.1.0
 */
export type On = typeof On.Type

/**
 * How a run ended, as the payload of what follows a failure, or any end. The payload Schema of a task that takes it is this one, or one that
 * reads a part of it. Whoever wants the typed error asks `Scheduler.result` for it.
 *
 * @category models
 * @since 0.1.0
 */
export const Ended = Schema.Struct({
  /** The run that ended. */
  run: Schema.String,
  /** Its job; `null` for an ad-hoc run and for a continuation. */
  job: Schema.NullOr(Schema.String),
  task: Schema.String,
  /** See `Run.Outcome`. */
  outcome: Schema.String,
  /** Attempts that ended and count. */
  attempts: Schema.Int,
  finished: Schema.DateTimeUtcFromString,
  /**
   * The encoded success; the encoded error of a run that `failed`; `{ message }` of one that `died` or was `undecodable`; `{ timedOut }`
   * in milliseconds; else `null`.
   */
  result: Schema.Json
})

/**
 * @category models
 * @since 0.1.0
 */
export type Ended = typeof Ended.Type

/**
 * A task that follows a run. `Input` is what it must be given by that run, in encoded form.
 *
 * @category models
 * @since 0.1.0
 */
export interface Continuation<out Kind extends On, in Input> {
  readonly [TypeId]: (_: Input) => void
  readonly on: Kind
  readonly task: Task.Any
  readonly options: Options<Task.Any>
}

/**
 * @category models
 * @since 0.1.0
 */
export type Any = Continuation<On, never>

/**
 * What may follow a run of the task `T`.
 *
 * @category models
 * @since 0.1.0
 */
export type After<T extends Task.Any> =
  | Continuation<"success", T["successSchema"]["Encoded"]>
  | Continuation<"failure" | "end", typeof Ended["Encoded"]>

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<T extends Task.Any> extends
  Pick<
    Policy.Options,
    | "timeout"
    | "retention"
    | "delivery"
    | "maxAttempts"
    | "misfireGrace"
    | "concurrency"
    | "rate"
    | "priority"
    | "key"
  >
{
  /** Default: what the run before came to; see {@link onSuccess} and {@link Ended}. */
  readonly payload?: Task.Payload<T> | undefined
  /** What follows this one in turn. */
  readonly followedBy?: ReadonlyArray<After<NoInfer<T>>> | undefined
}

/** A payload that stands already, whatever the run before comes to. */
type WithPayload<T extends Task.Any> = Options<T> & { readonly payload: Task.Payload<T> }

/** A task without payload takes nothing. */
type Accepted<T extends Task.Any> = [Task.Payload<T>] extends [void] ? unknown : T["payloadSchema"]["Encoded"]

interface Constructor<Kind extends On> {
  <T extends Task.Any>(task: T, options: WithPayload<T>): Continuation<Kind, unknown>
  <T extends Task.Any>(
    task: T,
    options?: Options<T> & { readonly payload?: undefined }
  ): Continuation<Kind, Accepted<T>>
}

const make = <Kind extends On>(on: Kind): Constructor<Kind> => (task: Task.Any, options: Options<Task.Any> = {}) => ({
  [TypeId]: () => {},
  on,
  task,
  options
})

/**
 * Follows a success. Without a payload of its own it is given the success: the task's payload must accept the other's encoded success, which
 * is checked where the two meet in a `followedBy`. A task without payload is given nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onSuccess: Constructor<"success"> = make("success")

/**
 * Follows a failure: any outcome but `succeeded` and `cancelled`, when there is no further attempt. Without a payload of its own it is given
 * {@link Ended}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onFailure: Constructor<"failure"> = make("failure")

/**
 * Follows the end, whatever it is, cancellation included. Without a payload of its own it is given {@link Ended}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onEnd: Constructor<"end"> = make("end")

/**
 * @category guards
 * @since 0.1.0
 */
export const isContinuation = (u: unknown): u is Any => hasProperty(u, TypeId)

/**
 * A continuation as stored, in the policy of the run that it follows.
 *
 * @category models
 * @since 0.1.0
 */
export const Stored = Schema.Struct({
  on: On,
  task: Schema.String,
  taskVersion: Schema.Int,
  lane: Schema.String,
  /** The encoded payload; `null`: what the run before came to. */
  payload: Schema.NullOr(Schema.Struct({ value: Schema.Json })),
  /** The policy of its run, with the continuations of its own. Read when it is its turn. */
  policy: Schema.Record(Schema.String, Schema.Json)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Stored = typeof Stored.Type
