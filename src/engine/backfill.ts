/**
 * Backfill: running the occurrences of a past range, besides what was decided about them then.
 *
 * Such runs are no occurrences any more: they have ids of their own, never change a verdict, and are a family of their own, so that the job's
 * overlap policy does not see them. They come behind everything else in the queue.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { backfill as enumerate } from "../decisions/backfill.ts"
import { toMillis } from "../internal/duration.ts"
import { toInstant } from "../internal/instant.ts"
import { show } from "../internal/show.ts"
import type * as JobStore from "../JobStore.ts"
import { backfillFamily } from "../Run.ts"
import { InvalidOption, JobNotFound, type StoreError } from "../SchedulerError.ts"
import { cancelRuns } from "./cancellation.ts"
import { change } from "./change.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now } from "./core.ts"
import { backfillRun, read } from "./decide.ts"
import { followed } from "./following.ts"
import { find } from "./lookup.ts"
import { isBackfilled, withBackfill } from "./overrides.ts"

/**
 * Which past occurrences to run, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface BackfillOptions {
  /** Exclusive. */
  readonly from: DateTime.DateTime.Input
  /** Inclusive; not in the future. Default: now. */
  readonly to?: DateTime.DateTime.Input | undefined
  /** One after another (default), or up to `n` side by side. */
  readonly overlap?: "sequential" | { readonly allow: number } | undefined
  /** At least this time from one start to the next. Default: none. */
  readonly pace?: Duration.Input | undefined
  /** A range with more occurrences is refused, and nothing is run. Default 1,000. */
  readonly limit?: number | undefined
}

const defaultLimit = 1_000

/** How many runs are written at a time. */
const batch = 500

/** A backfilled run stands in the queue as if it had come so much later, in milliseconds: live runs go first, and yet it has its turn. */
const behind = 60 * 60 * 1000

/** Answers with the ids of all runs of the range, in the order of their instants; those that exist already are left as they are. */
export const backfill = Effect.fnUntraced(function*(core: Core, id: string, options: BackfillOptions): Effect.fn.Return<
  ReadonlyArray<string>,
  JobNotFound | InvalidOption | StoreError
> {
  const at = yield* now
  const from = yield* toInstant("from", options.from)
  const to = options.to === undefined ? at : yield* toInstant("to", options.to)
  if (to > at) {
    return yield* new InvalidOption({ field: "to", value: iso(to), expected: `an instant until now, ${iso(at)}` })
  }
  if (from >= to) {
    return yield* new InvalidOption({ field: "from", value: iso(from), expected: `an instant before ${iso(to)}` })
  }
  const serial = yield* serialOf(options.overlap ?? "sequential")
  const pace = options.pace === undefined ? 0 : yield* toMillis("pace", options.pace, { minimum: 0, endless: false })
  const limit = yield* limitOf(options.limit ?? defaultLimit)

  let runs: ReadonlyArray<JobStore.NewRun> = []
  const row = yield* change(core, id, (stored) => {
    const readable = read(core, stored)
    if (Result.isFailure(readable)) {
      const expected = `a job that can be read (${readable.failure.reason})`
      return Effect.fail(new InvalidOption({ field: "id", value: id, expected }))
    }
    const { policy, trigger } = readable.success
    const found = enumerate({ occurrences: trigger.occurrences, anchor: stored.anchor, from, to, limit })
    if (found._tag === "TooMany") {
      const count = found.count === undefined ? `more than ${limit}` : String(found.count)
      const expected = `a range with at most ${limit} occurrences; this one has ${count}`
      return Effect.fail(new InvalidOption({ field: "limit", value: String(limit), expected }))
    }
    runs = found.nominal.map((nominal, i) => backfillRun(stored, policy, { nominal, at, i, serial, pace, behind }))
    // Noted, so that a removal knows of them.
    return Effect.succeed(
      runs.length === 0 || isBackfilled(stored) ? undefined : { row: { ...stored, overrides: withBackfill(stored) } }
    )
  })
  for (let i = 0; i < runs.length; i += batch) {
    const some = runs.slice(i, i + batch)
    const answers = yield* core.store.enqueue({ runs: some, now: at })
    yield* onceCommitted(core, () => followed(core, some.filter((_, n) => answers[n] === "added"), at))
  }
  // Whoever removed the job meanwhile may not have seen them all.
  if (yield* cancelOrphans(core, row, { reason: "job removed", by: "" })) return yield* new JobNotFound({ id })
  return runs.map((run) => run.id)
})

/** Ends what is going of a job's backfills. */
export const cancelBackfill = (
  core: Core,
  row: JobStore.JobRow,
  request: JobStore.CancelRequest
): Effect.Effect<void, StoreError> =>
  isBackfilled(row)
    ? Effect.asVoid(cancelRuns(core, { job: row.id, incarnation: backfillFamily(row.incarnation) }, request))
    : Effect.void

/** The same if the job is gone; whether it is. */
export const cancelOrphans = Effect.fnUntraced(function*(
  core: Core,
  row: JobStore.JobRow,
  request: JobStore.CancelRequest
): Effect.fn.Return<boolean, StoreError> {
  const after = yield* find(core, row.id)
  if (after?.incarnation === row.incarnation) return false
  yield* cancelBackfill(core, row, request)
  return true
})

const Overlap = Schema.Union([
  Schema.Literal("sequential"),
  Schema.Struct({ allow: Schema.Int.check(Schema.isGreaterThan(0)) })
])
const decodeOverlap = Schema.decodeUnknownOption(Overlap)

const serialOf = (overlap: unknown): Effect.Effect<number, InvalidOption> =>
  Option.match(decodeOverlap(overlap, { onExcessProperty: "error" }), {
    onNone: () =>
      Effect.fail(
        new InvalidOption({
          field: "overlap",
          value: show(overlap),
          expected: `"sequential" or { allow: n } with a whole n of at least 1`
        })
      ),
    onSome: (overlap) => Effect.succeed(overlap === "sequential" ? 1 : overlap.allow)
  })

const limitOf = (limit: number): Effect.Effect<number, InvalidOption> =>
  Number.isSafeInteger(limit) && limit > 0
    ? Effect.succeed(limit)
    : Effect.fail(new InvalidOption({ field: "limit", value: show(limit), expected: "a whole number of at least 1" }))

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
