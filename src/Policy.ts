/**
 * How a job runs: what happens when occurrences collide, are missed, fail or take too long.
 *
 * A policy is plain data and is stored with the job. What a job does not say is taken from its Task, what the Task does not say from the
 * scheduler's `defaults`, what nobody says from {@link defaults}. Functions (a retry Schedule, an overlap function) live on the Task, because
 * no function can be stored.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Continuation from "./Continuation.ts"
import { toMillis } from "./internal/duration.ts"
import { show } from "./internal/show.ts"
import { InvalidOption } from "./SchedulerError.ts"

const PositiveInt = Schema.Int.check(Schema.isGreaterThan(0))
const Millis = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * What happens to an occurrence while an earlier run of the same job is still going (queued, running, or waiting for a retry).
 *
 * - `"skip"` (default): it is not run; verdict `skipped(overlap)`
 * - `"queue"`: one may wait for its turn; verdict `skipped(full)` for those beyond it
 * - `{ queueAll: n }`: up to `n` may wait
 * - `"cancelRunning"`: the earlier runs are cancelled; it starts when their finalizers have run
 * - `{ allow: n }`: up to `n` run side by side
 *
 * @category models
 * @since 0.1.0
 */
export const Overlap = Schema.Union([
  Schema.Literals(["skip", "queue", "cancelRunning"]),
  Schema.Struct({ queueAll: PositiveInt }),
  Schema.Struct({ allow: PositiveInt })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Overlap = typeof Overlap.Type

/**
 * What an overlap function on a Task is asked about: an occurrence is due, and what of its job is going.
 *
 * @category models
 * @since 0.1.0
 */
export interface OverlapSituation<Payload> {
  /** The job's id. */
  readonly job: string
  readonly payload: Payload
  readonly tags: ReadonlyArray<string>
  /** The newest occurrence that is due. */
  readonly due: DateTime.Utc
  readonly now: DateTime.Utc
  /** How many runs of the job are queued, running, or waiting for a retry. */
  readonly going: number
  /** The id of the newest of them. */
  readonly latest: string | undefined
}

/**
 * What happens to occurrences that became due while nobody was planning (the process was down, suspended or blocked).
 *
 * - `"latest"` (default): the newest runs, the others are coalesced into it
 * - `"earliest"`: the oldest runs, the others are coalesced into it
 * - `"all"`: each runs, one after another (with overlap `{ allow: n }` at most n at a time), the newest `catchUpLimit` of them; older
 *   ones are `missed(cap)`. Together they count as one for the overlap policies `"skip"` and `"queue"`; while they are going, an
 *   occurrence that comes due finds an earlier run going, as ever: with `{ queueAll: n }` it waits for its turn behind them
 * - `"none"`: only the newest runs, and only while it is no older than `misfireGrace` (one minute unless given); the others are
 *   `missed(policy)`
 *
 * Whatever the choice, an occurrence older than a given `misfireGrace` is `missed(age)`. When overlap refuses the one that would stand
 * for others, they all are `skipped`: there is no run to coalesce into.
 *
 * @category models
 * @since 0.1.0
 */
export const CatchUp = Schema.Literals(["latest", "earliest", "all", "none"])

/**
 * @category models
 * @since 0.1.0
 */
export type CatchUp = typeof CatchUp.Type

/**
 * `"atLeastOnce"` (default): a run whose node is lost runs again. `"atMostOnce"`: it ends as `abandoned` instead. An attempt that is
 * known to have failed is retried in both, if the Task has a retry Schedule.
 *
 * @category models
 * @since 0.1.0
 */
export const Delivery = Schema.Literals(["atLeastOnce", "atMostOnce"])

/**
 * @category models
 * @since 0.1.0
 */
export type Delivery = typeof Delivery.Type

/**
 * What becomes of a job whose trigger has no further occurrence: it stays, as `done`, so that declaring it again does not run it again;
 * or it is removed, and only its runs stay in the history.
 *
 * @category models
 * @since 0.1.0
 */
export const WhenDone = Schema.Literals(["keep", "remove"])

/**
 * @category models
 * @since 0.1.0
 */
export type WhenDone = typeof WhenDone.Type

/**
 * How many runs may be ready or running at once, on all nodes together: of the task, and of each key.
 *
 * A run that finds no place waits in the queue of its key, and then in the task's; in each it stands from when it came to it. So with a limit
 * for each key, keys take turns: one that has thousands of runs in wait does not stand in the way of another's single run.
 *
 * @category models
 * @since 0.1.0
 */
export const Concurrency = Schema.Struct({
  /** Of the task, whatever their jobs and keys. Where jobs differ in it, each run is held to its own. */
  task: Schema.optionalKey(PositiveInt),
  /** Of each key of the task. */
  key: Schema.optionalKey(PositiveInt)
}).check(Schema.makeFilter(({ key, task }) => key !== undefined || task !== undefined))

/**
 * @category models
 * @since 0.1.0
 */
export type Concurrency = typeof Concurrency.Type

/**
 * How many runs may start in a time, on all nodes together: `burst` at once, and then one whenever a `limit`-th of `per` has passed. Each
 * attempt counts.
 *
 * @category models
 * @since 0.1.0
 */
export const Rate = Schema.Struct({
  limit: PositiveInt,
  /** Milliseconds. */
  per: PositiveInt,
  /** How many may start at once after a time of rest; `limit`, if left out. */
  burst: Schema.optionalKey(PositiveInt),
  /** Whether each key has a rate of its own. */
  key: Schema.optionalKey(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Rate = typeof Rate.Type

/** A name of up to so many characters fits into the keys of every store. */
const maxKeyLength = 128

/**
 * A job's policy as stored. Durations are whole milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export const Policy = Schema.Struct({
  /** `"byTask"`: as the Task's overlap function says, each time. */
  overlap: Schema.Union([Overlap, Schema.Literal("byTask")]),
  catchUp: CatchUp,
  /** The most occurrences that `catchUp: "all"` runs. */
  catchUpLimit: PositiveInt,
  /** An occurrence older than this when it is planned is `missed(age)`, and a run not started by then ends as `deadlineMissed`. */
  misfireGrace: Schema.NullOr(Millis),
  delivery: Delivery,
  /** Each attempt is interrupted after this time. */
  timeout: Schema.NullOr(PositiveInt),
  /** How long a finished run is remembered. */
  retention: Millis,
  /** The most attempts, whatever the retry Schedule says. */
  maxAttempts: PositiveInt,
  /** The job is paused after so many failed runs in a row. */
  pauseAfter: Schema.NullOr(PositiveInt),
  whenDone: WhenDone,
  concurrency: Schema.NullOr(Concurrency),
  rate: Schema.NullOr(Rate),
  /** A run is moved ahead in the queue by so much time. */
  priority: Millis,
  /** What a run is about, as the Task's `key` function says, or whoever defined it. */
  key: Schema.NullOr(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(maxKeyLength))),
  /** What follows each run. A caller says it with `Continuation`s, which name Tasks; here they are resolved. */
  followedBy: Schema.Array(Continuation.Stored)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Policy = typeof Policy.Type

/**
 * A policy that needs no Task to be understood: what an overlap function decides is decided.
 *
 * @category models
 * @since 0.1.0
 */
export type Decided = Policy & { readonly overlap: Overlap }

/**
 * What applies where neither the job nor its Task says otherwise.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Decided = {
  overlap: "skip",
  catchUp: "latest",
  catchUpLimit: 100,
  misfireGrace: null,
  delivery: "atLeastOnce",
  timeout: null,
  retention: 7 * 24 * 60 * 60 * 1000,
  maxAttempts: 1000,
  pauseAfter: null,
  whenDone: "keep",
  concurrency: null,
  rate: null,
  priority: 0,
  key: null,
  followedBy: []
}

/**
 * A policy as a caller writes it: every field may be left out, durations are Effect's (`"5 minutes"`, `1500` for milliseconds).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Default `"skip"`. See {@link Overlap}. `"byTask"`: as the Task's function says, where it has one; then that is the default. */
  readonly overlap?: Overlap | "byTask" | undefined
  /** Default `"latest"`. See {@link CatchUp}. */
  readonly catchUp?: CatchUp | undefined
  /** Default 100; counts for `catchUp: "all"`. */
  readonly catchUpLimit?: number | undefined
  /** Default: an occurrence is never too old. `Infinity` takes back what the Task says. */
  readonly misfireGrace?: Duration.Input | undefined
  /** Default `"atLeastOnce"`. See {@link Delivery}. */
  readonly delivery?: Delivery | undefined
  /** Per attempt. Default: none. `Infinity` takes back what the Task says. */
  readonly timeout?: Duration.Input | undefined
  /** How long a finished run is remembered. Default seven days. */
  readonly retention?: Duration.Input | undefined
  /** The most attempts, whatever the retry Schedule says. Default 1,000. */
  readonly maxAttempts?: number | undefined
  /**
   * Pauses the job when so many of its runs in a row have failed: ended as `failed`, `died`, `timedOut` or `undecodable`, after their
   * retries. One that `succeeded` ends the row; other outcomes neither count nor end it. The runs are looked up in
   * the history, so its `retention` has to reach back so far: a week is too short for a job that runs once a week. Resuming the job, or changing it, starts the
   * count anew. Default: never. `Infinity` takes back what the Task says.
   */
  readonly pauseAfter?: number | undefined
  /** Default `"keep"`, and `"remove"` for a job that was given no id. See {@link WhenDone}. */
  readonly whenDone?: WhenDone | undefined
  /** Default: no limit. `{}` takes back what the Task says. See {@link Concurrency}. */
  readonly concurrency?: { readonly task?: number | undefined; readonly key?: number | undefined } | undefined
  /** Default: no limit. `"none"` takes back what the Task says. See {@link Rate}. */
  readonly rate?:
    | {
      readonly limit: number
      readonly per: Duration.Input
      readonly burst?: number | undefined
      readonly key?: boolean | undefined
    }
    | "none"
    | undefined
  /**
   * Moves runs ahead in the queue, past those that came up to so much earlier: priority and age are one scale, so nothing waits for ever.
   * Default 0.
   */
  readonly priority?: Duration.Input | undefined
  /** What its runs are about: 1 to 128 characters. Default: what the Task's `key` function says. */
  readonly key?: string | undefined
}

/** The options that are durations. `endless` ones may be `Infinity`, which takes back what the Task says. */
const durationFields = {
  misfireGrace: { minimum: 0, endless: true },
  timeout: { minimum: 1, endless: true },
  retention: { minimum: 0, endless: false },
  priority: { minimum: 0, endless: false }
}

/** What follows a run is resolved by the engine, which knows how to encode a task's payload. */
type Given = Exclude<keyof Policy, "followedBy">

/** @internal */
export const overlapValues =
  `"skip", "queue", "cancelRunning", { queueAll: n } or { allow: n } with a whole n of at least 1`

const decodeOverlap = Schema.decodeUnknownOption(Overlap)

/** @internal */
export const isOverlap = (value: unknown): value is Overlap =>
  Option.isSome(decodeOverlap(value, { onExcessProperty: "error" }))

const expected: { readonly [K in Exclude<Given, keyof typeof durationFields>]: string } = {
  overlap: overlapValues,
  catchUp: `"latest", "earliest", "all" or "none"`,
  catchUpLimit: "a whole number of at least 1",
  delivery: `"atLeastOnce" or "atMostOnce"`,
  maxAttempts: "a whole number of at least 1",
  pauseAfter: "a whole number of at least 1; Infinity for never",
  whenDone: `"keep" or "remove"`,
  concurrency: "{ task: n, key: m } with whole numbers of at least 1, either of which may be left out",
  rate: "{ limit: n, per: a duration }, and burst: m, with whole numbers of at least 1, and key: true or false",
  key: `a text of 1 to ${maxKeyLength} characters`
}

const isDurationField = (key: Given): key is keyof typeof durationFields => key in durationFields

/** An object without what was left out. */
const given = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined))
    : value

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0

/** A rate with its time in milliseconds. */
const rateOf = (value: unknown): Exit.Exit<unknown, InvalidOption> => {
  const rate = given(value) as { readonly per?: Duration.Input }
  return typeof rate !== "object" || rate.per === undefined
    ? Exit.succeed(rate)
    : Exit.map(toMillis("rate.per", rate.per, { minimum: 1, endless: false }), (per) => ({ ...rate, per }))
}

/** An object that says more than one thing is refused, not read as one of them. */
const accepts = (key: Given, value: unknown): Option.Option<unknown> => decodeField[key](value)

/**
 * The fields of a policy that a caller gives as they are: all but `followedBy`.
 *
 * @internal
 */
export const optionKeys = Object.keys(defaults).filter((key): key is Given => key !== "followedBy")

const decodeField = Object.fromEntries(
  optionKeys.map((key) => [key, Schema.decodeUnknownOption(Policy.fields[key], { onExcessProperty: "error" })])
) as { readonly [K in Given]: (value: unknown) => Option.Option<unknown> }

/** What an option comes to in a stored policy. */
const read = (key: Given, value: unknown): Exit.Exit<unknown, InvalidOption> => {
  if (isDurationField(key)) {
    const millis = toMillis(key, value as Duration.Input, durationFields[key])
    return Exit.map(millis, (millis) => millis === Infinity ? null : millis)
  }
  if (
    (key === "pauseAfter" && value === Infinity) || (key === "rate" && value === "none") ||
    (key === "concurrency" && isEmpty(value))
  ) return Exit.succeed(null)
  const refused = () => Exit.fail(new InvalidOption({ field: key, value: show(value), expected: expected[key] }))
  if (value === null) return refused()
  const written = key === "rate" ? rateOf(value) : Exit.succeed(key === "concurrency" ? given(value) : value)
  if (Exit.isFailure(written)) return written
  const stored = accepts(key, written.value)
  return Option.isSome(stored) ? Exit.succeed(stored.value) : refused()
}

/**
 * Reads options over a base policy, checking each.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromOptions = (options: Options, base: Policy): Exit.Exit<Policy, InvalidOption> => {
  const policy: Record<string, unknown> = { ...base }
  for (const key of optionKeys) {
    const value = options[key]
    if (value === undefined) continue
    const stored = read(key, value)
    if (Exit.isFailure(stored)) return Exit.failCause(stored.cause)
    policy[key] = stored.value
  }
  return Exit.succeed(policy as unknown as Policy) // every key of `base` was copied or replaced by a checked value
}

const codec = Schema.toCodecJson(Policy)
const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(codec))

/**
 * The canonical JSON text of a policy, as stored.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (policy: Policy): string => {
  const ordered: Record<string, unknown> = {}
  for (const key of optionKeys) if (!isRare(key) || policy[key] !== defaults[key]) ordered[key] = policy[key]
  // Most runs are followed by none.
  if (policy.followedBy.length > 0) ordered.followedBy = policy.followedBy
  return JSON.stringify(ordered)
}

/** Few policies say something here, and those that do not are as short as they were before it could be said. */
const isRare = (key: Given): boolean => key === "concurrency" || key === "rate" || key === "priority" || key === "key"

/**
 * Reads a stored policy. Fields that a release before this one did not know take their defaults.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (text: string): Option.Option<Policy> => {
  const known = decoded.get(text)
  if (known !== undefined) return known
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return Option.none()
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return Option.none()
  const policy = decodeText(JSON.stringify({ ...defaults, ...parsed }))
  if (Option.isSome(policy)) {
    if (decoded.size >= 1024) decoded.clear()
    decoded.set(text, policy)
  }
  return policy
}

/** Few policies are in use, however many jobs: planning decodes each text once. */
const decoded = new Map<string, Option.Option<Policy>>()
