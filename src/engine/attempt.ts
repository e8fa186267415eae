/**
 * One attempt as one pipeline: *decode → execute under the time limit → judge → settle → tell*.
 *
 * Only the handler is a fiber, and only the handler can be interrupted: all that follows its end is plain code and the settler's
 * business, so that whatever happens to the handler its outcome is recorded and its slot given back.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { isFailure } from "../decisions/failures.ts"
import { delayAfter, type EndedAttempt } from "../decisions/retry.ts"
import { done, type Ended, type Next, settle, type Stop } from "../decisions/settle.ts"
import { toMillis } from "../internal/duration.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { AttemptTimedOut, CurrentRun, parentOf } from "../Run.ts"
import { CompletionRefused, type StoreError } from "../SchedulerError.ts"
import { ofRun } from "./announce.ts"
import { isFirstStart, whenPostponed } from "./begun.ts"
import { stop } from "./cancel.ts"
import { codecsOf, reasonOf, type TaskCodecs } from "./codecs.ts"
import { complete } from "./completion.ts"
import { type Core, type Running, wakeWorkers } from "./core.ts"
import { followed, followers, followRuns } from "./following.ts"
import { Logbook } from "./logbook.ts"
import { type Moment, moment, passed } from "./moment.ts"
import { deployPatience, isNewer } from "./newer.ts"
import { pauseAfterFailures } from "./pausing.ts"
import { quarantineJob } from "./quarantine.ts"
import { type Answer, unstorable } from "./settler.ts"
import { notifySettled } from "./waiting.ts"

/** An attempt as stored for the replay of the retry Schedule. */
interface StoredAttempt {
  readonly at: number
  readonly error?: unknown
  readonly timedOut?: number
}

/** What an attempt came to. */
interface Judged {
  readonly ended: Ended
  /** The attempts to store, when another one may follow. */
  readonly attempts?: string
  /** What the retry Schedule answered. */
  readonly delay?: number | undefined
  /** The error as the handler failed with it, for events. */
  readonly failure?: unknown
}

/** Starts a claimed run. From here on it is in `core.running` until it is settled. */
export const startAttempt = (core: Core, running: Running): void => {
  const { id } = running.row
  const earlier = core.running.get(id)
  core.running.set(id, running)
  if (earlier === undefined) return running.afterCaller ? beginNext(core, running) : begin(core, running)
  // The run was taken from this node, which claimed it again before its earlier attempt has ended: one after the other.
  earlier.ended ??= []
  const since = moment(core.clock)
  earlier.ended.push(() => beginLate(core, running, since))
  // Last, because all that follows from it may happen before the call returns.
  stop(earlier, "lost")
}

/** When those have gone on whose turn it is. It is known meanwhile, so that it may be stopped. */
const beginNext = (core: Core, running: Running): void => {
  const turn = Effect.andThen(Effect.yieldNow, Effect.sync(() => begin(core, running)))
  Effect.runForkWith(running.served.context)(turn)
}

/**
 * A claim is made less than a beat after the lease was renewed, and begun less than a beat after that. One that had to wait for longer than the rest
 * of the lease may have been taken, while no beat came through to say so: then it is put back, or refused.
 */
const beginLate = (core: Core, running: Running, since: Moment): void => {
  const { beat, lease } = core.settings
  const now = moment(core.clock)
  if (running.stop !== undefined || passed(since, now) < lease - 2 * beat) return begin(core, running)
  const policy = Option.getOrElse(Policy.decode(running.row.policy), () => Policy.defaults)
  conclude(core, running, policy, null, { ended: { _tag: "Snoozed", until: now.at } })
}

const begin = (core: Core, running: Running): void => {
  const { row, served } = running
  const policy = Option.getOrElse(Policy.decode(row.policy), () => Policy.defaults)
  const started = core.clock.currentTimeMillisUnsafe()
  const due = row.origin === "backfill" ? row.planned : row.nominal ?? row.planned
  if (running.stop !== undefined) return conclude(core, running, policy, null, { ended: stopped(running) })
  if (policy.misfireGrace !== null && started - row.planned > policy.misfireGrace && isFirstStart(row)) {
    return conclude(core, running, policy, null, { ended: { _tag: "DeadlineMissed" } })
  }
  if (isNewer(served, row)) {
    return conclude(core, running, policy, null, {
      ended: { _tag: "Snoozed", until: started + deployPatience },
      attempts: whenPostponed(row)
    })
  }
  const codecs = codecsOf(served.task)
  const payload = codecs.payload.decode(row.payload, row.taskVersion)
  if (Exit.isFailure(payload)) {
    const error = JSON.stringify({ message: reasonOf(payload.cause) })
    return conclude(core, running, policy, null, { ended: { _tag: "Undecodable", error } })
  }
  if (core.events.heard()) {
    core.events.publish(started, {
      _tag: "RunStarted",
      ...ofRun(row),
      attempt: row.attempt + 1,
      fence: row.fence,
      lateness: started - due
    })
  }
  // Handlers and executors are others' code: what they throw is a defect of this run, not of the worker.
  const handler = Effect.suspend(() => served.run(payload.value))
  const current = new Current(core, running, started)
  const body = Effect.matchCauseEffect(limited(handler, row.id, policy.timeout), {
    onSuccess: (value) => Effect.succeed(success(codecs, value)),
    onFailure: (cause) => failed(core, running, codecs, cause)
  })
  const context = Context.add(served.context, CurrentRun, current)
  const fiber = Effect.runForkWith(context)(Effect.suspend(() => running.executor.execute(row, body)))
  running.fiber = fiber
  // The order to stop may have come out of the handler's own first steps.
  if (wasStopped(running)) fiber.interruptUnsafe()
  fiber.addObserver((exit) => {
    const judged = Exit.isSuccess(exit) ? exit.value : { ended: interrupted(exit.cause, running) }
    const { logged } = current
    if (logged === undefined) conclude(core, running, policy, started, judged)
    else core.background(Effect.ensuring(logged, Effect.sync(() => conclude(core, running, policy, started, judged))))
  })
}

const wasStopped = (running: Running): boolean => running.stop !== undefined

const interrupted = (cause: Cause.Cause<never>, running: Running): Ended =>
  Cause.hasInterruptsOnly(cause) ? stopped(running) : died(Cause.pretty(cause))

const stopped = ({ snoozedUntil, stop }: Running): Ended =>
  stop !== "snooze"
    ? { _tag: "Interrupted", by: stop }
    : { _tag: "Snoozed", until: snoozedUntil! }

/** Decides what the run becomes, and hands that to the settler. */
const conclude = (
  core: Core,
  running: Running,
  policy: Policy.Policy,
  started: number | null,
  judged: Judged
): void => {
  const { completion, row } = running
  const ended = core.clock.currentTimeMillisUnsafe()
  const decided = settle({
    ended: judged.ended,
    now: ended,
    delay: judged.delay,
    attempt: row.attempt + 1,
    maxAttempts: policy.maxAttempts,
    atMostOnce: row.atMostOnce
  })
  const follow = decided._tag === "Done"
    ? followers(row, policy, {
      outcome: decided.outcome,
      result: decided.result,
      attempts: row.attempt + (decided.counts ? 1 : 0),
      finished: ended
    })
    : []
  core.settler.submit({
    executor: running.executor,
    // What the handler has settled in its own transaction is settled.
    settlement: decided._tag === "Nothing" || completion?.committed === true ? null : {
      run: row.id,
      fence: row.fence,
      follow,
      isAlone: row.job === null && row.limits.length === 0,
      next: settlementOf(row, decided, judged, started, ended)
    },
    recorded: (answer) => {
      // A commit whose reply was lost is one too: then the store answers that the run is settled already.
      const completed = completion !== undefined && (completion.committed || answer === "already")
      const next: Next = completed
        ? done("succeeded", completion.result)
        : answer === "cancelled"
        ? { _tag: "Done", outcome: "cancelled", result: null, counts: decided._tag === "Retry" }
        : answer === "refused"
        ? done("died", unstorable)
        : decided
      const finished = completed ? completion.finished : ended
      if (core.running.get(row.id) === running) core.running.delete(row.id)
      if (running.ended !== undefined) { for (const tell of running.ended) tell() }
      notifySettled(core, row.id)
      // It may have let another run in: of its job, when it has ended; or under a limit.
      if (row.limits.length > 0 || (row.serial !== null && next._tag === "Done")) wakeWorkers(core)
      if (completed) followed(core, completion.follow, finished)
      else if (answer === "ok") followed(core, follow, finished)
      else if (answer === "cancelled" || answer === "refused") {
        core.background(core.outage.rideOut(followRuns(core, [row.id])))
      }
      complain(core, row, next, answer)
      if (row.job !== null && policy.pauseAfter !== null && next._tag === "Done" && isFailure(next.outcome)) {
        core.background(core.outage.rideOut(pauseAfterFailures(core, row)))
      }
      if (judged.ended._tag === "Undecodable") core.background(quarantineJob(core, row, judged.ended.error))
      if (core.events.heard()) tell(core, row, next, judged, started, finished, answer)
    }
  })
}

const settlementOf = (
  row: JobStore.RunRow,
  next: Exclude<Next, { _tag: "Nothing" }>,
  judged: Judged,
  started: number | null,
  finished: number
): JobStore.Settlement["next"] => {
  const attempts = judged.attempts ?? row.attempts
  switch (next._tag) {
    case "Release":
      return next
    case "Retry":
      return { _tag: "Retry", readyAt: next.readyAt, started, attempt: row.attempt + 1, attempts }
    case "Snooze":
      return { _tag: "Retry", readyAt: next.readyAt, started, attempt: row.attempt, attempts }
    case "Done":
      return {
        _tag: "Done",
        outcome: next.outcome,
        result: next.result,
        started,
        finished,
        attempt: row.attempt + (next.counts ? 1 : 0),
        attempts
      }
  }
}

const tell = (
  core: Core,
  row: JobStore.RunRow,
  next: Next,
  judged: Judged,
  started: number | null,
  finished: number,
  answer: Answer
): void => {
  const { events } = core
  if (answer === "stale" || next._tag === "Nothing") events.publish(finished, { _tag: "RunRefused", ...ofRun(row) })
  else if (next._tag === "Release") events.publish(finished, { _tag: "RunReleased", ...ofRun(row) })
  else if (next._tag === "Snooze") {
    events.publish(finished, { _tag: "RunSnoozed", ...ofRun(row), readyAt: DateTime.makeUnsafe(next.readyAt) })
  } else if (next._tag === "Retry") {
    events.publish(finished, {
      _tag: "RunRetrying",
      ...ofRun(row),
      attempt: row.attempt + 1,
      readyAt: DateTime.makeUnsafe(next.readyAt),
      error: judged.failure
    })
  } else if (next._tag === "Done") {
    events.publish(finished, {
      _tag: "RunEnded",
      ...ofRun(row),
      outcome: next.outcome,
      attempts: row.attempt + (next.counts ? 1 : 0),
      started: instant(started),
      result: next.result === null ? undefined : JSON.parse(next.result)
    })
  }
}

/** What is worth a line in the log although nobody waits for the run. */
const complaints: { readonly [outcome: string]: string } = {
  failed: "failed",
  died: "died of a defect",
  timedOut: "exceeded its timeout",
  deadlineMissed: "could not start within its misfire grace",
  undecodable: "has a payload that does not decode"
}

const complain = (core: Core, row: JobStore.RunRow, next: Next, answer: Answer): void => {
  if (answer === "lost" && next._tag !== "Nothing") {
    core.background(Effect.logError(
      `effect-scheduler: the store could not be reached before the scheduler closed; how run ${row.id} ended is not recorded`
    ))
  } else if (next._tag === "Done" && next.outcome in complaints && answer !== "stale") {
    core.background(Effect.logWarning(
      `effect-scheduler: run ${row.id} of task ${row.task} ${complaints[next.outcome]}`,
      next.result
    ))
  }
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

const success = (codecs: TaskCodecs, value: unknown): Judged => {
  const encoded = codecs.success.encode(value)
  return {
    ended: Exit.isSuccess(encoded)
      ? { _tag: "Success", value: encoded.value }
      : died(`The result does not fit the task's success Schema: ${Cause.pretty(encoded.cause)}`)
  }
}

/** What does not fit the Task's Schemas is a bug of the handler's, like any other defect. */
const failed = (
  core: Core,
  running: Running,
  codecs: TaskCodecs,
  cause: Cause.Cause<unknown>
): Effect.Effect<Judged> => {
  const failure = Cause.findErrorOption(cause)
  if (Option.isNone(failure)) return Effect.succeed({ ended: interrupted(cause as Cause.Cause<never>, running) })
  const error = failure.value
  const { row } = running
  if (error instanceof CompletionRefused && error.run === row.id) {
    return Effect.succeed({
      ended: error.reason === "lost" ? { _tag: "Interrupted", by: "lost" } : died(error.message)
    })
  }
  if (error instanceof AttemptTimedOut && error.run === row.id) {
    return retriable(
      core,
      running,
      codecs,
      { _tag: "TimedOut", error: JSON.stringify({ timedOut: error.timeout }) },
      error
    )
  }
  const encoded = codecs.error.encode(error)
  return Exit.isSuccess(encoded)
    ? retriable(core, running, codecs, { _tag: "Failure", error: encoded.value }, error)
    : Effect.succeed({ ended: died(`The error does not fit the task's error Schema: ${Cause.pretty(encoded.cause)}`) })
}

/** Asks the Task's retry Schedule whether there is another attempt. */
const retriable = (
  core: Core,
  running: Running,
  codecs: TaskCodecs,
  ended: Ended & { readonly error: string },
  failure: unknown
): Effect.Effect<Judged> => {
  const { row, served: { task } } = running
  const at = core.clock.currentTimeMillisUnsafe()
  const before: ReadonlyArray<StoredAttempt> = row.attempt === 0 ? [] : JSON.parse(row.attempts)
  const latest: StoredAttempt = ended._tag === "TimedOut"
    ? { at, ...JSON.parse(ended.error) }
    : { at, error: JSON.parse(ended.error) }
  const attempts = JSON.stringify([...before, latest])
  if (task.retry === undefined) return Effect.succeed({ ended, attempts, failure })
  const inputs: ReadonlyArray<EndedAttempt<unknown>> = [
    ...before.map((attempt) => ({ at: attempt.at, error: errorOf(attempt, codecs, row.id) })),
    { at, error: failure }
  ]
  // The Schedule's input is the task's own error type.
  const schedule = task.retry as unknown as Parameters<typeof delayAfter<unknown>>[0]
  return Effect.map(delayAfter(schedule, inputs), (delay) => ({ ended, attempts, failure, delay }))
}

/** A stored error as the Schedule knows it. One that no longer decodes still counts as an attempt: it is shown as it was stored. */
const errorOf = ({ error, timedOut }: StoredAttempt, codecs: TaskCodecs, run: string): unknown =>
  timedOut !== undefined
    ? new AttemptTimedOut({ run, timeout: timedOut })
    : Option.getOrElse(Exit.getSuccess(codecs.error.decode(JSON.stringify(error))), () => error)

const died = (message: string): Ended => ({ _tag: "Died", defect: JSON.stringify({ message }) })

const instant = (millis: number | null) => millis === null ? undefined : DateTime.makeUnsafe(millis)

/** Made for every attempt and read by few: its instants and functions are made when asked for, and a function can be handed around. */
class Current implements Context.Service.Shape<typeof CurrentRun> {
  readonly id: string
  readonly store: string
  readonly job: string | undefined
  readonly task: string
  readonly origin: JobStore.NewRun["origin"]
  readonly parent: string | undefined
  readonly attempt: number
  readonly idempotencyKey: string
  readonly fence: number
  readonly #core: Core
  readonly #running: Running
  readonly #scheduled: number
  readonly #started: number
  /** Made when the first line is written: most handlers write none. */
  #logbook: Logbook | undefined
  constructor(core: Core, running: Running, started: number) {
    const { row } = running
    this.#core = core
    this.#running = running
    this.id = row.id
    this.store = core.name
    this.job = row.job ?? undefined
    this.task = row.task
    this.origin = row.origin
    this.parent = parentOf(row)
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
  get log(): (message: string) => Effect.Effect<void> {
    return (message) => Effect.sync(() => (this.#logbook ??= new Logbook(this.#core, this.#running.row)).add(message))
  }
  /** Returns when what was logged is with the store; `undefined` where nothing was. */
  get logged(): Effect.Effect<void> | undefined {
    return this.#logbook?.kept
  }
  get snooze(): (duration: Duration.Input) => Effect.Effect<never> {
    const running = this.#running
    const { clock } = this.#core
    return (duration) =>
      Effect.andThen(Effect.orDie(toMillis("snooze", duration, { minimum: 0, endless: false })), (millis) => {
        if (running.stop === undefined) running.snoozedUntil = clock.currentTimeMillisUnsafe() + millis
        stop(running, "snooze")
        return Effect.interruptible(Effect.never)
      })
  }
  get interruptedBy(): Effect.Effect<Stop | undefined> {
    return Effect.sync(() => this.#running.stop)
  }
  get progress(): (value: Schema.Json) => Effect.Effect<void> {
    return (value) =>
      Effect.suspend(() => this.#core.store.note({ run: this.id, fence: this.fence, progress: JSON.stringify(value) }))
        .pipe(Effect.catchTag("StoreError", (error) => Effect.logDebug("effect-scheduler: progress is lost", error)))
  }
  get complete(): (value: unknown) => Effect.Effect<void, CompletionRefused | StoreError> {
    return (value) => complete(this.#core, this.#running, this.#started, value)
  }
}
