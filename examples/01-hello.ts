/**
 * The shortest whole program: a task on two triggers, a closure, everything in memory. Ends by itself after five seconds.
 *
 *     node --conditions=source --disable-warning=ExperimentalWarning examples/01-hello.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, DateTime, Effect, Layer, Schema } from "effect"
import { FiberExecutor, MemoryJobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"

// What to do: a name and Schemas. What it does is given apart from it, as a Layer.
const Greet = Task.make("Greet", { payload: { name: Schema.String } })

const GreetLive = Greet.toLayer(
  Effect.fn("Greet")(function*({ name }) {
    const run = yield* Run.CurrentRun
    yield* Console.log(`${DateTime.formatIso(run.scheduledAt)}  hello, ${name}`)
  })
)

const program = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler

  // Two jobs: the same task with other payloads, at other times.
  yield* scheduler.schedule(Greet, {
    id: "greet/even",
    payload: { name: "even second" },
    trigger: Trigger.cron("*/2 * * * * *")
  })
  yield* scheduler.schedule(Greet, {
    id: "greet/steady",
    payload: { name: "every second and a half" },
    trigger: Trigger.interval("1500 millis")
  })

  // What needs neither a name nor a memory is just an Effect.
  yield* scheduler.every("1 second", Console.log("tick"))

  yield* Effect.sleep("5 seconds")
})

const SchedulerLive = Scheduler.layer({ tasks: [Greet] }).pipe(
  Layer.provide([GreetLive, FiberExecutor.layer()]),
  Layer.provide(MemoryJobStore.layer)
)

program.pipe(Effect.provide(SchedulerLive), NodeRuntime.runMain)
