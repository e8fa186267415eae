/**
 * In-process closures as jobs: `every`, `cron`, `at` and `repeat`.
 *
 * A closure cannot be stored, so its jobs live in a private memory store and are gone with the process. All else is the same engine:
 * overlap, catch-up, timeouts, history, events, structured removal.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { captured } from "../internal/callerContext.ts"
import * as Job from "../Job.ts"
import type * as Policy from "../Policy.ts"
import * as Run from "../Run.ts"
import { type InvalidOption, JobNotFound } from "../SchedulerError.ts"
import * as Task from "../Task.ts"
import type * as Trigger from "../Trigger.ts"
import { awaitEnd, stop } from "./cancel.ts"
import type { Core, Served } from "./core.ts"
import { now } from "./core.ts"
import { freshId } from "./freshId.ts"
import * as Jobs from "./jobs.ts"
import { find } from "./lookup.ts"
import * as Pausing from "./pausing.ts"
import { remove } from "./removal.ts"
import { awaitDone } from "./results.ts"
import * as Runs from "./runs.ts"

/** The one task that carries all closures of a scheduler; which closure is meant is said by the job, or by an ad-hoc run's id. */
const Closure = Task.make("effect-scheduler/closure", {
  error: Schema.Struct({ message: Schema.String })
})

/** See `Scheduler.ClosureJob`. */
export interface ClosureJob {
  readonly id: string
  readonly job: Effect.Effect<Job.Job, JobNotFound>
  readonly runs: Effect.Effect<ReadonlyArray<Run.Run>>
  readonly pause: Effect.Effect<void, JobNotFound>
  readonly resume: Effect.Effect<void, JobNotFound>
  readonly remove: Effect.Effect<void>
}

type Body = Effect.Effect<unknown, unknown, Run.CurrentRun>

export interface Closures {
  readonly served: ReadonlyMap<string, Served>
  readonly bodies: Map<string, Body>
  /** How many calls are between giving a closure its name and storing its job. */
  adding: number
  /** So many closures are a reason to look for those that nobody needs any more. */
  many: number
}

export const make = (): Closures => {
  const bodies = new Map<string, Body>()
  const run = () =>
    Effect.flatMap(Run.CurrentRun, (current) => {
      const body = bodies.get(current.job ?? current.id)
      return body === undefined ? Effect.void : Effect.asVoid(Effect.mapError(body, describe))
    })
  return {
    bodies,
    adding: 0,
    many: 256,
    served: new Map([[Closure.name, { task: Closure, context: Context.empty(), run }]])
  }
}

/** A closure's typed error may be anything; history keeps what it says. */
const describe = (error: unknown): { readonly message: string } => ({
  message: error instanceof Error ? `${error.name}: ${error.message}` : String(error)
})

export const schedule = Effect.fnUntraced(function*<A, E, R>(
  core: Core,
  closures: Closures,
  trigger: Trigger.Trigger,
  effect: Effect.Effect<A, E, R>,
  options: Policy.Options & { readonly id?: string | undefined }
): Effect.fn.Return<ClosureJob, InvalidOption, Exclude<R, Run.CurrentRun | Scope.Scope>> {
  const context = yield* captured<Exclude<R, Run.CurrentRun | Scope.Scope>>()
  const id = options.id ?? (yield* freshId)
  const body = Effect.scoped(Effect.provideContext(effect as Effect.Effect<A, E, never>, context)) as Body
  // First the body, then the job: it may be due at once.
  const before = closures.bodies.get(id)
  closures.bodies.set(id, body)
  closures.adding++
  // A job without a name of its own is of no use to anybody once its trigger is exhausted.
  const whenDone = options.whenDone ?? (options.id === undefined ? "remove" : undefined)
  const row = yield* Jobs.schedule(core, Closure, { ...options, id, trigger, whenDone, conflict: "update" }).pipe(
    Effect.onError(() =>
      Effect.sync(() => before === undefined ? closures.bodies.delete(id) : closures.bodies.set(id, before))
    ),
    Effect.ensuring(Effect.sync(() => closures.adding--)),
    Effect.catchTag(["StoreError", "JobConflict"], Effect.die)
  )
  yield* tidy(core, closures)
  return handleOf(core, closures, row.id)
})

/** Lets go of the closures whose jobs are gone, whenever twice as many have gathered as there were after the last time. */
const tidy = Effect.fnUntraced(function*(core: Core, closures: Closures) {
  if (closures.bodies.size < closures.many || closures.adding > 0) return
  closures.many = Infinity
  for (const id of closures.bodies.keys()) yield* letGo(core, closures, id)
  closures.many = Math.max(256, 2 * closures.bodies.size)
}, Effect.orDie)

/** Lets go of a closure, unless its job exists or a run of it is left, or another one has taken its place meanwhile. */
const letGo = (core: Core, closures: Closures, id: string) =>
  Effect.suspend(() => {
    const body = closures.bodies.get(id)
    return Effect.gen(function*() {
      if ((yield* find(core, id)) !== undefined) return
      const [ofJob] = yield* core.store.runs({ job: id, going: true, limit: 1 })
      const [adhoc] = yield* core.store.runs({ ids: [id], going: true, limit: 1 })
      if (ofJob === undefined && adhoc === undefined && closures.bodies.get(id) === body) closures.bodies.delete(id)
    })
  })

/** How many runs a closure's handle shows. */
const historyShown = 100

const handleOf = (core: Core, closures: Closures, id: string): ClosureJob => ({
  id,
  job: Effect.flatMap(
    Effect.orDie(find(core, id)),
    (row) =>
      row === undefined
        ? Effect.fail(new JobNotFound({ id }))
        : Effect.succeed(Job.fromRow(row, core.registry, core.name))
  ),
  runs: Effect.orDie(
    Effect.map(
      core.store.runs({ job: id, limit: historyShown }),
      (rows) => rows.map((row) => Run.fromRow(row, core.name))
    )
  ),
  pause: changed(Pausing.pause(core, id, { reason: "", by: "", until: undefined })),
  resume: changed(Pausing.resume(core, id, { catchUp: false })),
  remove: Effect.andThen(Effect.ignore(remove(core, id, {})), Effect.orDie(letGo(core, closures, id)))
})

/** The private memory store does not fail, and a stored closure has nothing to refuse. */
const changed = (verb: ReturnType<typeof Pausing.pause>): Effect.Effect<void, JobNotFound> =>
  Effect.asVoid(Effect.catchTag(verb, ["StoreError", "InvalidOption"], Effect.die))

/** See `Scheduler.Service.repeat`. */
export const repeat = Effect.fnUntraced(function*<A, E, R, Out, E2, R2>(
  core: Core,
  closures: Closures,
  scope: Scope.Scope,
  effect: Effect.Effect<A, E, R>,
  schedule: Schedule.Schedule<Out, Exit.Exit<A, E>, E2, R2>
) {
  const context = yield* captured<Exclude<R, Run.CurrentRun | Scope.Scope> | R2>()
  const id = yield* freshId
  let n = 0
  const once = Effect.gen(function*() {
    const run = `${id}:${n++}`
    let exit: Exit.Exit<A, E> = Exit.interrupt()
    const body = Effect.scoped(Effect.provideContext(effect as Effect.Effect<A, E, never>, context as never))
    closures.bodies.set(run, Effect.onExit(body, (ended) => Effect.sync(() => exit = ended)) as Body)
    yield* Effect.orDie(Runs.enqueue(core, Closure, { id: run }))
    yield* Effect.orDie(awaitDone(core, run)).pipe(
      Effect.onInterrupt(() => endRun(core, run)),
      Effect.ensuring(Effect.sync(() => closures.bodies.delete(run)))
    )
    return exit
  })
  const fiber = yield* Effect.repeat(once, schedule).pipe(
    Effect.provideContext(context as never),
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logError("effect-scheduler: the schedule of repeat failed", cause)
    ),
    Effect.forkIn(scope, { startImmediately: true })
  )
  return { id, remove: Effect.asVoid(Fiber.interrupt(fiber)), await: Effect.asVoid(Fiber.await(fiber)) }
})

/** Ends an ad-hoc run of this node, and returns when its finalizers have run. */
const endRun = Effect.fnUntraced(function*(core: Core, run: string) {
  const at = yield* now
  yield* Effect.ignore(core.store.cancel({
    runs: [run],
    request: { reason: "removed", by: "" },
    now: at
  }))
  const running = core.running.get(run)
  if (running === undefined) return
  stop(running, "cancel")
  yield* awaitEnd(core, running)
})
