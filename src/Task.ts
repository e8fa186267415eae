/**
 * What to do: a name, Schemas for payload, success and error, and defaults. The handler is given as a Layer.
 *
 * **Example** (A task and its handler)
 *
 * ```ts
 * import { Effect, Schedule, Schema } from "effect"
 * import { Task } from "effect-scheduler"
 *
 * const Digest = Task.make("Digest", {
 *   payload: { customer: Schema.String },
 *   success: Schema.Number,
 *   retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 5 })),
 *   timeout: "2 minutes"
 * })
 *
 * const DigestLive = Digest.toLayer(Effect.fn("Digest")(function*({ customer }) {
 *   return customer.length
 * }))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { captured } from "./internal/callerContext.ts"
import type * as Policy from "./Policy.ts"
import type { AttemptTimedOut, CurrentRun } from "./Run.ts"
import type { CompletionRefused } from "./SchedulerError.ts"

const TypeId = "~effect-scheduler/Task"

/**
 * A Schema that needs no services to encode and decode, because a store must be able to do it anywhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface PureSchema extends Schema.Top {
  readonly DecodingServices: never
  readonly EncodingServices: never
}

/**
 * Marks in a Layer's requirements that the handler of the task `Name` is needed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler<in out Name extends string> {
  readonly [TypeId]: (_: Name) => Name
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Task<
  Name extends string,
  Payload extends PureSchema,
  Success extends PureSchema,
  Error extends PureSchema
> extends Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly name: Name
  readonly payloadSchema: Payload
  readonly successSchema: Success
  readonly errorSchema: Error
  /** Decides from the failures so far whether and when there is another attempt. */
  readonly retry: Schedule.Schedule<unknown, Error["Type"] | AttemptTimedOut> | undefined
  /** Decides each time what happens to an occurrence while earlier runs of the job are going. */
  readonly overlap: ((situation: Policy.OverlapSituation<Payload["Type"]>) => Policy.Overlap) | undefined
  /** Says what a payload is about, for limits and rates of each key. */
  readonly key: ((payload: Payload["Type"]) => string) | undefined
  /** How many of its runs that have ended are remembered at most. */
  readonly history: number | undefined
  /** Name of the executor that carries the task's runs. */
  readonly executor: string
  /** What applies to the task's jobs and runs unless they say otherwise. */
  readonly policy: Policy.Options
  /** Kept with each payload that is stored. */
  readonly version: number
  /** How payloads of older versions become today's. */
  readonly upgrade: Upgrade | undefined

  /**
   * The Layer that gives the task its handler. The handler's own requirements become the Layer's; `CurrentRun` and a Scope that
   * closes with each attempt are provided by the scheduler. What `Run.complete` may be refused with is no error of the task's.
   */
  readonly toLayer: <R>(
    handler: (payload: Payload["Type"]) => Effect.Effect<Success["Type"], Error["Type"] | CompletionRefused, R>
  ) => Layer.Layer<Handler<Name>, never, Exclude<R, CurrentRun | Scope.Scope>>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Any extends Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly payloadSchema: PureSchema
  readonly successSchema: PureSchema
  readonly errorSchema: PureSchema
  readonly retry: Schedule.Schedule<unknown, never> | undefined
  readonly overlap: ((situation: Policy.OverlapSituation<never>) => Policy.Overlap) | undefined
  readonly key: ((payload: never) => string) | undefined
  readonly history: number | undefined
  readonly executor: string
  readonly policy: Policy.Options
  readonly version: number
  readonly upgrade: Upgrade | undefined
}

/**
 * How encoded payloads of older versions become today's: for each version what makes the next one's of it, or one function from whatever
 * version to today's. Pure; what it throws is a payload that cannot be read. A version that is missing is not supported any more.
 *
 * @category models
 * @since 0.1.0
 */
export type Upgrade =
  // oxlint-disable-next-line no-explicit-any -- what an older release has stored; only its author knows
  | { readonly [version: number]: (encoded: any) => unknown }
  // oxlint-disable-next-line no-explicit-any -- the same
  | ((encoded: any, version: number) => unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type Payload<T extends Any> = T["payloadSchema"]["Type"]

/**
 * @category models
 * @since 0.1.0
 */
export type Success<T extends Any> = T["successSchema"]["Type"]

/**
 * @category models
 * @since 0.1.0
 */
export type Error<T extends Any> = T["errorSchema"]["Type"]

/**
 * The handler requirement of a task, or of each of several.
 *
 * @category models
 * @since 0.1.0
 */
export type HandlerOf<T extends Any> = T extends Any ? Handler<T["name"]> : never

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<Payload, Success, Error extends PureSchema> extends Omit<Policy.Options, "overlap" | "key"> {
  /** Fields of a struct, or a Schema. Default: no payload. */
  readonly payload?: Payload | undefined
  /** What the handler returns. Default: nothing. */
  readonly success?: Success | undefined
  /** The handler's typed errors. Default: none. */
  readonly error?: Error | undefined
  /**
   * Decides from the typed errors and timeouts so far whether and when there is another attempt. Default: no retry. Defects are bugs
   * and are not retried. The chosen instant is stored, so a restart changes nothing.
   */
  readonly retry?: Schedule.Schedule<unknown, Error["Type"] | AttemptTimedOut> | undefined
  /**
   * See `Policy.Overlap`; or a pure function that chooses one each time an occurrence is due. No function can be stored, so only nodes that
   * carry out the task plan such jobs; others leave them alone (`JobLeft`). What it throws puts the job in quarantine.
   */
  readonly overlap?:
    | Policy.Overlap
    | ((situation: Policy.OverlapSituation<PayloadSchema<Payload>["Type"]>) => Policy.Overlap)
    | undefined
  /**
   * Says what a payload is about, such as a customer: `concurrency.key` and `rate.key` count for each key. A pure function, asked when a job
   * or a run is defined; what it says is stored with the policy. 1 to 128 characters. A text instead: one key for all. Default: there are
   * no keys.
   */
  readonly key?: string | ((payload: PayloadSchema<Payload>["Type"]) => string) | undefined
  /**
   * How many of its runs that have ended are remembered at most, the newest of them; looked at once an hour by nodes that carry out the task.
   * Each is forgotten after its `retention` in any case, and only then what would be run again if it were not remembered: continuations,
   * and requests that were throttled. Default: no bound.
   */
  readonly history?: number | undefined
  /** Name of the executor that carries the runs. Default `"default"`. */
  readonly executor?: string | undefined
  /**
   * A whole number that grows when the payload's encoded form changes; it is stored with each payload. Default 1. A run whose payload is of a
   * newer version is left to a node that knows it, so a rolling deploy needs no order.
   */
  readonly version?: number | undefined
  /**
   * How payloads of older versions become today's, before they are decoded. Default: they are decoded as they are.
   *
   * **Example** (A field that was split, and one that was added)
   *
   * ```ts
   * import { Schema } from "effect"
   * import { Task } from "effect-scheduler"
   *
   * const Greet = Task.make("Greet", {
   *   payload: { first: Schema.String, last: Schema.String, language: Schema.String },
   *   version: 3,
   *   upgrade: {
   *     1: ({ name }) => ({ first: name.split(" ")[0], last: name.split(" ")[1] ?? "" }),
   *     2: (payload) => ({ ...payload, language: "en" })
   *   }
   * })
   * ```
   */
  readonly upgrade?: Upgrade | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export type PayloadSchema<P> = P extends PureSchema ? P
  : P extends { readonly [key: string]: PureSchema } ? Schema.Struct<P>
  : never

/** What the engine looks up under a handler's key. */
interface Registered {
  /** What the handler needs; joined with the engine's own context once, not in every run. */
  readonly context: Context.Context<never>
  readonly run: (payload: unknown) => Effect.Effect<unknown, unknown, CurrentRun>
}

const handlerKey = (name: string): Context.Key<Registered, Registered> =>
  Context.Service<Registered>(`effect-scheduler/Task/Handler/${name}`)

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  },
  toLayer<R>(this: Any, handler: (payload: never) => Effect.Effect<unknown, unknown, R>) {
    // What belongs to the building of the layer must not leak into the runs, each of which has its own.
    return Layer.effectContext(Effect.map(captured<never>(), (context) => {
      const run = (payload: unknown) => Effect.scoped(handler(payload as never))
      return Context.make(handlerKey(this.name), { context, run: run as Registered["run"] })
    }))
  }
}

/**
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is Any => hasProperty(u, TypeId)

/**
 * Describes a task. Durations and counts among the defaults are checked when a job is scheduled.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Name extends string,
  const Payload extends PureSchema | { readonly [key: string]: PureSchema } = typeof Schema.Void,
  Success extends PureSchema = typeof Schema.Void,
  Error extends PureSchema = typeof Schema.Never
>(
  name: Name,
  options: Options<Payload, Success, Error> = {}
): Task<Name, PayloadSchema<Payload>, Success, Error> => {
  const { error, executor, history, key, overlap, payload, retry, success, upgrade, version, ...policy } = options
  return Object.assign(Object.create(Proto), {
    name,
    payloadSchema: payload === undefined
      ? Schema.Void
      : Schema.isSchema(payload)
      ? payload
      : Schema.Struct(payload as {}),
    successSchema: success ?? Schema.Void,
    errorSchema: error ?? Schema.Never,
    retry,
    history,
    key: typeof key === "function" ? key : undefined,
    overlap: typeof overlap === "function" ? overlap : undefined,
    executor: executor ?? "default",
    policy: {
      ...policy,
      ...(overlap === undefined ? {} : { overlap: typeof overlap === "function" ? "byTask" : overlap }),
      ...(typeof key === "string" ? { key } : {})
    },
    version: version ?? 1,
    upgrade
  })
}

/**
 * The handler of a task, where the context has it.
 *
 * @internal
 */
export const handlerOf = (task: Any, context: Context.Context<never>): Registered | undefined =>
  Context.getOrUndefined(context as Context.Context<Registered>, handlerKey(task.name))
