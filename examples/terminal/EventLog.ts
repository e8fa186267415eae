/**
 * What happens in a scheduler, one aligned line per event, until it has stopped.
 *
 *     at             what       job       nominal        late     more
 *     15:40:57.003Z  started    invoices  15:40:57.000Z  3 ms     attempt 1
 *     15:40:57.105Z  succeeded  invoices  15:40:57.000Z           took 102 ms, next 15:41:00.000Z: {"sent":2}
 */
import { Console, Context, type DateTime, Effect, FiberSet, identity, Layer, References, Stream } from "effect"
import { Scheduler, type SchedulerEvent } from "effect-scheduler"
import * as text from "./text.ts"

interface Line {
  readonly what: string
  readonly job?: string | undefined
  readonly nominal?: DateTime.Utc | undefined
  readonly late?: number | undefined
  readonly more?: string | undefined
}

/** What is worth a line; `undefined` for what the line before or after it says already. */
const describe = (event: SchedulerEvent.SchedulerEvent): Line | undefined => {
  switch (event._tag) {
    case "RunStarted":
      return {
        what: "started",
        job: event.job ?? event.task,
        nominal: event.nominal,
        late: event.lateness,
        more: `attempt ${event.attempt}`
      }
    case "RunRetrying":
      return {
        what: "retrying",
        job: event.job ?? event.task,
        more: `attempt ${event.attempt} failed, another at ${text.timeOf(event.readyAt, event.at)}: ${
          text.value(event.error)
        }`
      }
    case "RunEnded": {
      const took = event.started === undefined
        ? "never started"
        : `took ${text.duration(event.at.epochMilliseconds - event.started.epochMilliseconds)}`
      const result = text.value(event.result)
      return {
        what: event.outcome,
        job: event.job ?? event.task,
        nominal: event.nominal,
        more: result === "" ? took : `${took}: ${result}`
      }
    }
    case "RunReleased":
      return { what: "released", job: event.job ?? event.task, more: "unfinished; it runs again" }
    case "RunRefused":
      return { what: "refused", job: event.job ?? event.task, more: "another node holds the run by now" }
    case "RunTakenOver":
      return { what: "taken over", more: `${event.run}${event.abandoned ? ", abandoned" : ", runs again"}` }
    case "OccurrencesNotRun": {
      const { count, from, job, kind, reason, to } = event.verdict
      const stretch = from === undefined
        ? `until ${text.timeOf(to, event.at)}`
        : `after ${text.timeOf(from, event.at)} until ${text.timeOf(to, event.at)}`
      return {
        what: `${kind}(${reason})`,
        job,
        more: `${
          count === undefined ? "occurrences" : count === 1 ? "1 occurrence" : `${count} occurrences`
        } ${stretch}`
      }
    }
    case "JobAdded":
      return { what: "job added", job: event.job }
    case "JobUpdated":
      return { what: "job changed", job: event.job }
    case "JobRemoved":
      return { what: "job removed", job: event.job }
    case "JobFinished":
      return { what: "job done", job: event.job, more: "its trigger has no further occurrence" }
    case "JobQuarantined":
      return { what: "quarantined", job: event.job, more: event.reason }
    case "TaskUnknown":
      return { what: "unknown task", job: event.job, more: event.task }
    case "StoreUnavailable":
      return { what: "store lost", more: event.message }
    case "StoreRecovered":
      return { what: "store back", more: `after ${text.duration(event.downMillis)}` }
    case "RoleRestarted":
      return { what: "restarted", more: `${event.role}: ${event.cause}` }
    case "SchedulerStopping":
      return { what: "stopping", more: "nothing new starts; runs that are going may end" }
    case "SchedulerStopped":
      return { what: "stopped" }
    default:
      return undefined
  }
}

const row = (
  at: string,
  what: string,
  job: string,
  nominal: string,
  late: string,
  more: string,
  jobWidth = 12
): string =>
  [at.padEnd(13), what.padEnd(18), job.padEnd(jobWidth), nominal.padEnd(13), late.padStart(8), more].join("  ")
    .trimEnd()

/** The names of the columns. */
export const heading = row("at (UTC)", "what", "job", "nominal", "late", "more")

const render = (event: SchedulerEvent.SchedulerEvent, line: Line, jobWidth: number): string =>
  row(
    text.timeOf(event.at, event.at),
    line.what,
    line.job ?? "",
    line.nominal === undefined ? "" : text.timeOf(line.nominal, event.at),
    line.late === undefined ? "" : text.duration(line.late),
    line.more ?? "",
    jobWidth
  )

/** Prints every event, and after each run its job's next occurrence. Returns when the scheduler has stopped. */
const print = Effect.fnUntraced(function*(scheduler: Scheduler.Service, nameOf: (job: string) => string) {
  let jobWidth = 12
  let stopping = false
  yield* Stream.runForEach(
    scheduler.events,
    Effect.fnUntraced(function*(event) {
      const described = describe(event)
      if (described === undefined) return
      const line = { ...described, job: described.job === undefined ? undefined : nameOf(described.job) }
      if (event._tag === "SchedulerStopping") stopping = true
      jobWidth = Math.max(jobWidth, line.job?.length ?? 0)
      // While the scheduler stops, its store may be gone before this line is printed; and no question may keep it from stopping.
      const next = event._tag === "RunEnded" && event.job !== undefined && !stopping
        ? yield* scheduler.get(event.job).pipe(
          Effect.map((job) => job.next),
          Effect.timeout("1 second"),
          Effect.catchCause(() => Effect.undefined)
        )
        : undefined
      const more = next === undefined ? line.more : `next ${text.timeOf(next, event.at)}, ${line.more}`
      yield* Console.log(render(event, { ...line, more }, jobWidth))
    })
  )
})

/**
 * The same scheduler with everything that happens in it printed, how it stops included: finalizers run in reverse order, so waiting
 * for the last line, which is added first, comes after the scheduler has stopped.
 */
export const printed = <E, R>(
  scheduler: Layer.Layer<Scheduler.Scheduler, E, R>,
  options: {
    /** How a job is called in the log. Default: by its id. */
    readonly nameOf?: ((job: string) => string) | undefined
  } = {}
): Layer.Layer<Scheduler.Scheduler, E, R> =>
  Layer.effect(
    Scheduler.Scheduler,
    Effect.gen(function*() {
      const printer = yield* FiberSet.make<void>()
      yield* Effect.addFinalizer(() => FiberSet.awaitEmpty(printer))
      const service = Context.get(yield* Layer.build(scheduler), Scheduler.Scheduler)
      yield* FiberSet.run(printer, print(service, options.nameOf ?? identity))
      return service
    })
  ).pipe(
    // What the library would warn of, a run that fails for instance, has its line here.
    Layer.provide(Layer.succeed(References.MinimumLogLevel)("Error"))
  )
