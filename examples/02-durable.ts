/**
 * A small office whose work outlives its process: jobs in an SQLite file, and a log of what happens to them.
 *
 *     npm start                                # jobs.db in the working directory, until Ctrl-C
 *     npm start -- office.db --for 20          # another file, for twenty seconds
 *
 * Stop it in the middle of a report (Ctrl-C lets it finish, `kill -9` does not), wait a while, and start it again: what was going
 * runs again, and of what was missed each job makes what its policy says.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, DateTime, Effect, Layer, Option, Random, Schedule, Schema } from "effect"
import { FiberExecutor, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { Argument, Command, Flag } from "effect/cli"
import * as EventLog from "./terminal/EventLog.ts"
import * as Failure from "./terminal/Failure.ts"
import * as History from "./terminal/History.ts"
import * as JobTable from "./terminal/JobTable.ts"

// ---------------------------------------------------------------------------------------------------------------------
// What there is to do
// ---------------------------------------------------------------------------------------------------------------------

const Invoices = Task.make("Invoices", {
  payload: { customers: Schema.Array(Schema.String) },
  success: Schema.Struct({ sent: Schema.Int })
})

const InvoicesLive = Invoices.toLayer(
  Effect.fn("Invoices")(function*({ customers }) {
    yield* Effect.sleep("100 millis")
    return { sent: customers.length }
  })
)

const Settlement = Task.make("Settlement", { payload: { account: Schema.String }, success: Schema.String })

const SettlementLive = Settlement.toLayer(
  Effect.fn("Settlement")(function*({ account }) {
    const run = yield* Run.CurrentRun
    return `${account} settled up to ${DateTime.formatIso(run.scheduledAt)}`
  })
)

const Reminder = Task.make("Reminder", { payload: { text: Schema.String }, success: Schema.String })

const ReminderLive = Reminder.toLayer(({ text }) => Effect.succeed(text))

/** The bank publishes its rates a moment after the hour, and on a bad day later than anybody waits. */
class RatesNotReady extends Schema.TaggedError<RatesNotReady>()("RatesNotReady", { asOf: Schema.String }) {}

const Rates = Task.make("Rates", {
  success: Schema.Struct({ eur: Schema.Finite }),
  error: RatesNotReady,
  retry: Schedule.exponential("400 millis").pipe(Schedule.upTo({ times: 3 })),
  timeout: "2 seconds"
})

const RatesLive = Rates.toLayer(
  Effect.fn("Rates")(function*() {
    const { attempt, scheduledAt } = yield* Run.CurrentRun
    const badDay = (yield* Random.next) < 0.2
    if (attempt === 1 || badDay) return yield* new RatesNotReady({ asOf: DateTime.formatIso(scheduledAt) })
    return { eur: (yield* Random.nextIntBetween(4_200, 4_300)) / 1_000 }
  })
)

const Report = Task.make("Report", { payload: { months: Schema.Int }, success: Schema.String })

const ReportLive = Report.toLayer(
  Effect.fn("Report")(function*({ months }) {
    yield* Effect.sleep("6 seconds") // as slow as a report is
    return `${months} months on ${months * 4} pages`
  })
)

// ---------------------------------------------------------------------------------------------------------------------
// When
// ---------------------------------------------------------------------------------------------------------------------

/** Declared at every start: what is the same already is left alone, what was changed here is changed there. */
const declareJobs = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  yield* scheduler.schedule(Invoices, {
    id: "invoices",
    payload: { customers: ["acme", "globex"] },
    trigger: Trigger.cron("*/3 * * * * *"),
    catchUp: "all", // each run bills its own stretch of time: what was missed is made up for, one after another ...
    catchUpLimit: 3, // ... at most the newest three, to keep the show short
    overlap: { queueAll: 10 } // and what comes due meanwhile waits for its turn
  })
  yield* scheduler.schedule(Settlement, {
    id: "settlement",
    payload: { account: "PL61 1090" },
    trigger: Trigger.cron("30 23 * * *", { timeZone: "Europe/Warsaw" }),
    catchUp: "latest" // the newest settles everything before it
  })
  yield* scheduler.schedule(Reminder, {
    id: "reminder",
    payload: { text: "call the landlord" },
    trigger: Trigger.after("4 seconds") // once in the life of the file, however often the program starts
  })
  yield* scheduler.schedule(Rates, {
    id: "rates",
    trigger: Trigger.interval("7 seconds"),
    catchUp: "none", // yesterday's rates are of no use
    misfireGrace: "2 seconds"
  })
  yield* scheduler.schedule(Report, {
    id: "report",
    payload: { months: 12 },
    trigger: Trigger.interval("5 seconds", { immediate: true }),
    overlap: "skip" // it takes longer than its period
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Everything together
// ---------------------------------------------------------------------------------------------------------------------

const TasksLive = Layer.mergeAll(InvoicesLive, SettlementLive, ReminderLive, RatesLive, ReportLive)

const schedulerLive = (file: string) =>
  Scheduler.layer({
    tasks: [Invoices, Settlement, Reminder, Rates, Report],
    paused: true // nothing moves until the past has been told
  }).pipe(
    Layer.provide([TasksLive, FiberExecutor.layer({ concurrency: 8 })]),
    Layer.provide(SqliteJobStore.layerFile(file))
  )

const office = Effect.fn("office")(function*(file: string, seconds: Option.Option<number>) {
  const scheduler = yield* Scheduler.Scheduler
  yield* Console.log(`${file}: ${yield* History.tell()}\n`)
  yield* declareJobs
  yield* Console.log(`${JobTable.render(yield* scheduler.list())}\n`)
  yield* Console.log(EventLog.heading)
  yield* scheduler.resumeNode
  yield* Option.match(seconds, { onNone: () => Effect.never, onSome: (n) => Effect.sleep(n * 1_000) })
})

// A signal interrupts the program; the scheduler, which closes with it, lets runs that are going finish.
Command.make("durable", {
  file: Argument.String("file").pipe(Argument.withDescription("the database"), Argument.withDefault("jobs.db")),
  seconds: Flag.Finite("for").pipe(Flag.withDescription("stop after so many seconds"), Flag.optional)
}, ({ file, seconds }) =>
  office(file, seconds).pipe(
    Effect.provide(EventLog.printed(schedulerLive(file))),
    Failure.tell
  )).pipe(
    Command.withDescription("A small office whose jobs outlive its process"),
    Command.run({ version: "0.1.0" }),
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain
  )
