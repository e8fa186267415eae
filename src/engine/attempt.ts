/**
 * One attempt as one pipeline: *decode → execute under the time limit → judge → settle → tell*.
 *
 * It runs beyond interruption except for the handler itself, so that whatever happens to the handler its outcome is recorded and its
 * slot given back.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { delayAfter, type EndedAttempt } from "../decisions/retry.ts"
import { type Ended, settle } from "../decisions/settle.ts"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { AttemptTimedOut, CurrentRun } from "../Run.ts"
import { ofRun } from "./announce.ts"
import { codecsOf, type TaskCodecs } from "./codecs.ts"
import { type Core, now, type Running, type Served, wakeWorkers } from "./core.ts"
import { quarantineJob } from "./quarantine.ts"
import { notifySettled } from "./waiting.ts"

/** An attempt as stored for the replay of the retry Schedule. */
interface StoredAttempt {
  readonly at: number
  readonly error?: unknown
  readonly timedOut?: number
}

export const carryOut = (
  core: Core,
  executor: Executor.Service,
  served: Served,
  running: Running
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => attempt(core, executor, served, running, restore)).pipe(
    Effect.catchCause((cause) =>
      Effect.logError(`effect-scheduler: run ${running.row.id} could not be settled`, cause)
    ),
    Effect.ensuring(Effect.suspend(() => {
      core.running.delete(running.row.id)
      Deferred.doneUnsafe(running.ended, Effect.void)
      return executor.release(1)
    }))
  )

const attempt = Effect.fnUntraced(function*(
  core: Core,
  executor: Executor.Service,
  served: Served,
  running: Running,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) {
  const { row } = running
  const codecs = codecsOf(served.task)
  const policy = Option.getOrElse(Policy.decode(row.policy), () => Policy.defaults)
  const started = yield* now
  const due = row.nominal ?? row.planned
  let ended: Ended
  let failure: unknown = undefined
  if (policy.misfireGrace !== null && row.attempt === 0 && started - due > policy.misfireGrace) {
    ended = { _tag: "DeadlineMissed" }
  } else {
    const payload = yield* Effect.exit(codecs.payload.decode(row.payload))
    if (Exit.isFailure(payload)) {
      ended = { _tag: "Undecodable", error: JSON.stringify({ message: Cause.pretty(payload.cause) }) }
    } else {
      if (core.events.heard()) {
        core.events.publish(started, {
          _tag: "RunStarted",
          ...ofRun(row),
          nominal: instant(row.nominal),
          attempt: row.attempt + 1,
          lateness: started - due
        })
      }
      const body = Effect.provideService(
        limited(served.run(payload.value), row.id, policy.timeout),
        CurrentRun,
        new Current(row, started)
      )
      const exit = yield* Effect.exit(restore(executor.execute(row, body)))
      failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
      ended = yield* judge(exit, codecs, running)
    }
  }

  const finished = yield* now
  const retriable = ended._tag === "Failure" || ended._tag === "TimedOut"
  const attempts = retriable ? [...stored(row), storedAttempt(ended, finished)] : undefined
  const delay = attempts === undefined || served.task.retry === undefined
    ? undefined
    : yield* delayAfter(
      served.task.retry as unknown as Parameters<typeof delayAfter<unknown>>[0], // its input is the task's own error type
      yield* replayable(stored(row), codecs, row.id, { at: finished, error: failure })
    )
  const next = settle({
    ended,
    now: finished,
    delay,
    attempt: row.attempt + 1,
    maxAttempts: policy.maxAttempts,
    atMostOnce: row.atMostOnce
  })
  if (next._tag === "Nothing") return
  const text = attempts === undefined ? row.attempts : JSON.stringify(attempts)
  const answer = yield* core.settle({
    run: row.id,
    fence: row.fence,
    follow: [],
    next: next._tag === "Release"
      ? next
      : next._tag === "Retry"
      ? { _tag: "Retry", readyAt: next.readyAt, started, attempt: row.attempt + 1, attempts: text }
      : {
        _tag: "Done",
        outcome: next.outcome,
        result: next.result,
        started: ended._tag === "DeadlineMissed" || ended._tag === "Undecodable" ? null : started,
        finished,
        attempt: row.attempt + (next.counts ? 1 : 0),
        attempts: text,
        expiresAt: finished + policy.retention
      }
  })
  notifySettled(core, [row.id])
  // Its end may have let another run of its job in.
  if (row.serial !== null && next._tag === "Done") wakeWorkers(core)
  if (next._tag === "Done" && next.outcome in complaints && answer !== "stale") {
    yield* Effect.logWarning(
      `effect-scheduler: run ${row.id} of task ${row.task} ${complaints[next.outcome]}`,
      next.result
    )
  }
  if (ended._tag === "Undecodable") yield* quarantineJob(core, row, ended.error)
  if (!core.events.heard()) return
  if (answer === "stale") core.events.publish(finished, { _tag: "RunRefused", ...ofRun(row) })
  else if (next._tag === "Release") core.events.publish(finished, { _tag: "RunReleased", ...ofRun(row) })
  else if (next._tag === "Retry") {
    core.events.publish(finished, {
      _tag: "RunRetrying",
      ...ofRun(row),
      attempt: row.attempt + 1,
      readyAt: DateTime.makeUnsafe(next.readyAt),
      error: failure
    })
  } else {
    core.events.publish(finished, {
      _tag: "RunEnded",
      ...ofRun(row),
      outcome: next.outcome,
      nominal: instant(row.nominal),
      started: DateTime.makeUnsafe(started),
      result: next.result === null ? undefined : JSON.parse(next.result)
    })
  }
})

/** What is worth a line in the log although nobody waits for the run. */
const complaints: { readonly [outcome: string]: string } = {
  failed: "failed",
  died: "died of a defect",
  timedOut: "exceeded its timeout",
  deadlineMissed: "could not start within its misfire grace",
  undecodable: "has a payload that does not decode"
}

const limited = <A, E, R>(
  handler: Effect.Effect<A, E, R>,
  run: string,
  timeout: number | null
): Effect.Effect<A, E | AttemptTimedOut, R> =>
  timeout === null
    ? handler
    : Effect.timeoutOrElse(handler, {
      duration: timeout,
      orElse: () => Effect.fail(new AttemptTimedOut({ run, timeout }))
    })

/** What the handler said, encoded. What does not fit the Task's Schemas is a bug of the handler's. */
const judge = (
  exit: Exit.Exit<unknown, unknown>,
  codecs: TaskCodecs,
  running: Running
): Effect.Effect<Ended> => {
  if (Exit.isSuccess(exit)) {
    return Effect.match(codecs.success.encode(exit.value), {
      onSuccess: (value): Ended => ({ _tag: "Success", value }),
      onFailure: (error): Ended => died(`The result does not fit the task's success Schema: ${error.message}`)
    })
  }
  const failure = Cause.findErrorOption(exit.cause)
  if (Option.isSome(failure)) {
    const error = failure.value
    return error instanceof AttemptTimedOut && error.run === running.row.id
      ? Effect.succeed({ _tag: "TimedOut", error: JSON.stringify({ timedOut: error.timeout }) })
      : Effect.match(codecs.error.encode(error), {
        onSuccess: (error): Ended => ({ _tag: "Failure", error }),
        onFailure: (problem): Ended => died(`The error does not fit the task's error Schema: ${problem.message}`)
      })
  }
  if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed({ _tag: "Interrupted", by: running.stop })
  return Effect.succeed(died(Cause.pretty(exit.cause)))
}

const died = (message: string): Ended => ({ _tag: "Died", defect: JSON.stringify({ message }) })

const stored = (row: JobStore.RunRow): ReadonlyArray<StoredAttempt> => row.attempt === 0 ? [] : JSON.parse(row.attempts)

const storedAttempt = (ended: Ended, at: number): StoredAttempt =>
  ended._tag === "TimedOut"
    ? { at, ...JSON.parse(ended.error) }
    : { at, error: ended._tag === "Failure" ? JSON.parse(ended.error) : null }

/** The stored attempts with their errors as the Schedule knows them, and the one that has just ended. */
const replayable = Effect.fnUntraced(function*(
  attempts: ReadonlyArray<StoredAttempt>,
  codecs: TaskCodecs,
  run: string,
  latest: EndedAttempt<unknown>
) {
  const inputs: Array<EndedAttempt<unknown>> = []
  for (const { at, error, timedOut } of attempts) {
    inputs.push({
      at,
      error: timedOut !== undefined
        ? new AttemptTimedOut({ run, timeout: timedOut })
        // An error that no longer decodes still counts as an attempt; the Schedule sees it as it was stored.
        : yield* Effect.orElseSucceed(codecs.error.decode(JSON.stringify(error)), () => error)
    })
  }
  inputs.push(latest)
  return inputs
})

const instant = (millis: number | null) => millis === null ? undefined : DateTime.makeUnsafe(millis)

/** Made for every attempt and read by few: its instants are made when asked for. */
class Current implements Context.Service.Shape<typeof CurrentRun> {
  readonly id: string
  readonly job: string | undefined
  readonly task: string
  readonly origin: JobStore.NewRun["origin"]
  readonly attempt: number
  readonly idempotencyKey: string
  readonly fence: number
  readonly #scheduled: number
  readonly #started: number
  constructor(row: JobStore.RunRow, started: number) {
    this.id = row.id
    this.job = row.job ?? undefined
    this.task = row.task
    this.origin = row.origin
    this.attempt = row.attempt + 1
    this.idempotencyKey = row.id
    this.fence = row.fence
    this.#scheduled = row.nominal ?? row.planned
    this.#started = started
  }
  get scheduledAt(): DateTime.Utc {
    return DateTime.makeUnsafe(this.#scheduled)
  }
  get startedAt(): DateTime.Utc {
    return DateTime.makeUnsafe(this.#started)
  }
}
