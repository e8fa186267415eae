/**
 * A night at a small firm: files are imported two at a time, a report follows what succeeds, an alert what fails, and in the morning the dead
 * letters are sent again. The nightly job is declared in code, with a rehearsal before. In memory; ends by itself.
 *
 *     node --conditions=source --disable-warning=ExperimentalWarning examples/06-policies.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schema } from "effect"
import {
  Continuation,
  DeclaredJobs,
  FiberExecutor,
  MemoryJobStore,
  Run,
  Scheduler,
  Task,
  Trigger
} from "effect-scheduler"

/** The partner's server is down at night. */
let partnerIsDown = true

const Import = Task.make("Import", {
  payload: { file: Schema.String },
  success: Schema.Struct({ file: Schema.String, rows: Schema.Int }),
  error: Schema.String,
  concurrency: { task: 2 } // on all nodes together
})
const Report = Task.make("Report", { payload: Import.successSchema })
const Alert = Task.make("Alert", { payload: Continuation.Ended })
const Close = Task.make("Close")

let running = 0
const ImportLive = Import.toLayer(
  Effect.fn("Import")(function*({ file }) {
    yield* Console.log(`importing ${file} (${++running} at once)`)
    yield* Effect.ensuring(Effect.sleep("100 millis"), Effect.sync(() => running--))
    if (file.startsWith("partner") && partnerIsDown) return yield* Effect.fail("no answer")
    return { file, rows: file.length * 10 }
  })
)
const Live = Layer.mergeAll(
  ImportLive,
  Report.toLayer(({ file, rows }) => Console.log(`report: ${rows} rows of ${file}`)),
  Alert.toLayer(({ result, run }) => Console.log(`alert: ${run} ${String(result)}`)),
  Close.toLayer(() => Console.log("books closed"))
)

const office = DeclaredJobs.make({
  name: "office",
  jobs: [DeclaredJobs.job(Close, { id: "close", trigger: Trigger.cron("0 2 * * *", { timeZone: "Europe/Warsaw" }) })]
})

const program = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler

  yield* Console.log(DeclaredJobs.show(yield* DeclaredJobs.plan(office))) // what would change
  yield* scheduler.declare(office)

  const files = ["shop.csv", "web.csv", "partner.csv", "post.csv"]
  yield* scheduler.enqueueAll(
    Import,
    files.map((file) => ({
      id: file,
      payload: { file },
      followedBy: [Continuation.onSuccess(Report), Continuation.onFailure(Alert)]
    }))
  )
  const idle = Effect.repeat(Effect.delay(scheduler.runs({ going: true, limit: 1 }), "20 millis"), {
    until: (runs) => runs.length === 0
  })
  yield* idle

  const dead = yield* scheduler.runs({ outcomes: Run.dead })
  yield* Console.log(`dead letters: ${dead.map(({ id, outcome }) => `${id} ${outcome}`).join(", ")}`)
  partnerIsDown = false
  yield* scheduler.redriveAll({ task: "Import" })
  yield* idle
  yield* Console.log(`dead letters: ${(yield* scheduler.runs({ outcomes: Run.dead })).length}`)
})

const SchedulerLive = Scheduler.layer({ tasks: [Import, Report, Alert, Close] }).pipe(
  Layer.provide([Live, FiberExecutor.layer()]),
  Layer.provide(MemoryJobStore.layer)
)

program.pipe(Effect.provide(SchedulerLive), NodeRuntime.runMain)
