import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, FileSystem, Layer, Schedule, Schema, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { WorkflowTask } from "effect-scheduler/workflow"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import { TestClock } from "effect/testing"
import { Activity, DurableClock, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"
import { turns, withVerbs } from "../support/world.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", { why: Schema.String }) {}

const Order = Workflow.make("Order", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: Declined,
  idempotencyKey: ({ id }) => id
})

const step = (log: Array<string>, name: string, execute: Effect.Effect<void, Declined> = Effect.void) =>
  Activity.make({
    name,
    error: Declined,
    execute: Effect.andThen(Effect.sync(() => void log.push(name)), execute)
  })

/** A scheduler with the workflow's task, in a scope of its own, over an engine and a store that outlive it. */
const start = Effect.fnUntraced(function*<Tag extends string>(
  store: JobStore.Service,
  engine: Context.Context<WorkflowEngine.WorkflowEngine>,
  task: Task.Task<Tag, typeof Order.payloadSchema, typeof Order.successSchema, typeof Order.errorSchema>,
  options: WorkflowTask.Options & Scheduler.Options<readonly []> & { readonly concurrency?: number } = {}
) {
  const scope = yield* Scope.make()
  const live = Scheduler.layer({ ...options, tasks: [task] }).pipe(
    Layer.provide([
      WorkflowTask.layer(task, Order, options),
      FiberExecutor.layer({ concurrency: options.concurrency ?? 10 }),
      Layer.succeed(JobStore.JobStore, store)
    ]),
    Layer.provide(Layer.succeedContext(engine))
  )
  const scheduler = Context.get(yield* Layer.buildWithScope(live, scope), Scheduler.Scheduler)
  return { scheduler, close: Scope.close(scope, Exit.void) }
})

/** An engine in memory, with a body for the workflow. */
const engineOf = (
  body: (payload: { readonly id: string }) => Effect.Effect<
    string,
    Declined,
    WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance | Workflow.Execution<"Order"> | Scope.Scope
  >
) => Layer.build(Order.toLayer(body).pipe(Layer.provideMerge(Layer.fresh(WorkflowEngine.layerMemory))))

const payload = { id: "o1" }

describe("a task whose body is a workflow", () => {
  it.effect("each run is an execution of its own, with the workflow's result or error", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const engine = yield* engineOf(Effect.fnUntraced(function*({ id }) {
        yield* step(log, "charge")
        if (id === "bad") return yield* new Declined({ why: "no funds" })
        return `order ${id}`
      }))
      const OrderTask = WorkflowTask.make(Order)
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), engine, OrderTask)
      yield* scheduler.schedule(OrderTask, { id: "daily", payload, trigger: Trigger.interval("1 day") })
      yield* TestClock.adjust("2 days")
      // The workflow's own key is the same on both days.
      assert.deepStrictEqual(log, ["charge", "charge"])
      const [run] = yield* scheduler.runs({ job: "daily" })
      assert.strictEqual(yield* scheduler.result(OrderTask, run!.id), "order o1")
      const declined = yield* Effect.flip(scheduler.run(OrderTask, { payload: { id: "bad" } }))
      assert.deepStrictEqual(declined, new Declined({ why: "no funds" }))
      yield* close
    })
  })

  it.effect("a run that begins again, after a shutdown or on another node, goes on where its workflow was", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const engine = yield* engineOf(Effect.fnUntraced(function*() {
        yield* step(log, "charge")
        yield* DurableClock.sleep({ name: "wait", duration: "3 hours" })
        yield* step(log, "ship")
        return "shipped"
      }))
      const memory = yield* MemoryJobStore.make()
      const store: JobStore.Service = { ...memory, capabilities: { ...memory.capabilities, shared: true } }
      const OrderTask = WorkflowTask.make(Order)
      const one = yield* start(store, engine, OrderTask)
      yield* one.scheduler.enqueue(OrderTask, { id: "o", payload })
      yield* TestClock.adjust("1 hour")
      yield* one.close
      assert.strictEqual((yield* store.runs({ ids: ["o"], limit: 1 }))[0]?.state, "ready")

      let lost = false
      const dead = withVerbs(store, (inner) => ({
        settle: (request) => Effect.suspend(() => lost ? Effect.never : inner.settle(request)),
        beat: (request) => Effect.suspend(() => lost ? Effect.never : inner.beat(request)),
        leave: (request) => Effect.suspend(() => lost ? Effect.void : inner.leave(request))
      }))
      yield* start(dead, engine, OrderTask)
      yield* turns
      lost = true
      const three = yield* start(store, engine, OrderTask, { reap: "5 seconds" })
      yield* TestClock.adjust("3 hours")
      assert.strictEqual(yield* three.scheduler.result(OrderTask, "o"), "shipped")
      assert.deepStrictEqual(log, ["charge", "ship"])
      const [run] = yield* three.scheduler.runs({ ids: ["o"] })
      assert.deepStrictEqual([run?.attempts, run?.fence], [1, 4]) // claimed, handed back, claimed, taken over, claimed
      yield* three.close
    })
  })

  it.effect("an attempt that failed is followed by a new execution", () => {
    const log: Array<string> = []
    let failures = 1
    return Effect.gen(function*() {
      const engine = yield* engineOf(Effect.fnUntraced(function*() {
        yield* step(log, "reserve")
        yield* step(
          log,
          "charge",
          Effect.suspend(() => failures-- > 0 ? Effect.fail(new Declined({ why: "" })) : Effect.void)
        )
        return "paid"
      }))
      const OrderTask = WorkflowTask.make(Order, { retry: Schedule.recurs(1) })
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), engine, OrderTask)
      assert.strictEqual(yield* scheduler.run(OrderTask, { payload }), "paid")
      assert.deepStrictEqual(log, ["reserve", "charge", "reserve", "charge"])
      yield* close
    })
  })

  it.effect("cancelling the run, or its timeout, interrupts the workflow and waits for its compensations", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const engine = yield* engineOf(Effect.fnUntraced(function*() {
        yield* Order.withCompensation(step(log, "charge"), () => Effect.sync(() => void log.push("refund")))
        yield* DurableClock.sleep({ name: "wait", duration: "3 days" })
        yield* step(log, "ship")
        return "shipped"
      }))
      const OrderTask = WorkflowTask.make(Order)
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), engine, OrderTask)
      yield* scheduler.enqueue(OrderTask, { id: "o", payload })
      yield* TestClock.adjust("1 minute")
      const run = yield* scheduler.cancel("o", { reason: "changed my mind" })
      assert.strictEqual(run.outcome, "cancelled")
      assert.deepStrictEqual(log.splice(0), ["charge", "refund"])

      yield* scheduler.enqueue(OrderTask, { id: "slow", payload, timeout: "1 hour" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* scheduler.runs({ ids: ["slow"] }))[0]?.outcome, "timedOut")
      assert.deepStrictEqual(log.splice(0), ["charge", "refund"])
      yield* TestClock.adjust("4 days")
      assert.deepStrictEqual(log, [])
      yield* close
    })
  })

  it.effect("an activity that is going ends first, unless the task wants it interrupted at once", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const body = Effect.fnUntraced(function*() {
        yield* step(
          log,
          "slow",
          Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => void log.push("cut")))
        )
        yield* DurableClock.sleep({ name: "wait", duration: "1 hour" })
        return ""
      })
      const OrderTask = WorkflowTask.make(Order)
      const cancelled = (cancel: "safe" | "unsafe") =>
        Effect.gen(function*() {
          const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), yield* engineOf(body), OrderTask, {
            cancel
          })
          yield* scheduler.enqueue(OrderTask, { id: "o", payload })
          yield* turns
          const cancelling = yield* Effect.forkChild(scheduler.cancel("o"))
          yield* turns
          return { close, cancelling }
        })
      const unsafe = yield* cancelled("unsafe")
      assert.strictEqual((yield* Fiber.join(unsafe.cancelling)).outcome, "cancelled")
      assert.deepStrictEqual(log.splice(0), ["slow", "cut"])
      yield* unsafe.close
      const safe = yield* cancelled("safe")
      assert.isUndefined(safe.cancelling.pollUnsafe())
      yield* Deferred.succeed(gate, void 0)
      assert.strictEqual((yield* Fiber.join(safe.cancelling)).outcome, "cancelled")
      assert.deepStrictEqual(log, ["slow"])
      yield* safe.close
    })
  })

  it.effect("a suspended workflow may let its run snooze, which frees the slot", () => {
    const log: Array<string> = []
    const Answer = DurableDeferred.make("answer", { success: Schema.String })
    return Effect.gen(function*() {
      const engine = yield* engineOf(Effect.fnUntraced(function*({ id }) {
        yield* step(log, `ask ${id}`)
        return yield* DurableDeferred.await(Answer)
      }))
      const OrderTask = WorkflowTask.make(Order)
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), engine, OrderTask, {
        concurrency: 1,
        snooze: "1 hour"
      })
      yield* scheduler.enqueue(OrderTask, { id: "one", payload: { id: "one" } })
      yield* scheduler.enqueue(OrderTask, { id: "two", payload: { id: "two" } })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(log, ["ask one"])
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(log, ["ask one", "ask two"])
      const executionId = yield* WorkflowTask.executionId(Order, "one")
      const token = DurableDeferred.tokenFromExecutionId(Answer, { workflow: Order, executionId })
      yield* DurableDeferred.succeed(Answer, { token, value: "yes" }).pipe(Effect.provideContext(engine))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* scheduler.result(OrderTask, "one"), "yes")
      const [run] = yield* scheduler.runs({ ids: ["one"] })
      assert.deepStrictEqual([run?.attempts, run?.fence], [1, 2])
      yield* close
    })
  })
})

// Live: two processes' worth of layers over one SQLite file, one after the other. Bounded by what it awaits.
describe("a durable workflow", () => {
  it.live("goes on after a restart: what is done is not done again", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const filename = (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/all.db"
      const log: Array<string> = []
      const reached = yield* Deferred.make<void>()
      const OrderTask = WorkflowTask.make(Order)
      const process = (second: Effect.Effect<void>) => {
        const body = Order.toLayer(Effect.fnUntraced(function*() {
          yield* step(log, "charge")
          yield* step(log, "ship", second)
          return "shipped"
        }))
        const engine = ClusterWorkflowEngine.layer.pipe(
          Layer.provide(
            SingleRunner.layer({
              runnerStorage: "memory",
              shardingConfig: { entityMessagePollInterval: 100, entityTerminationTimeout: 0 }
            })
          )
        )
        return Scheduler.layer({ tasks: [OrderTask], grace: 0 }).pipe(
          Layer.provide([WorkflowTask.layer(OrderTask, Order), FiberExecutor.layer(), SqliteJobStore.layer()]),
          Layer.provide(body),
          Layer.provide(engine),
          Layer.provide([SqliteClient.layer({ filename }), NodeCrypto.layerDigest])
        )
      }
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.enqueue(OrderTask, { id: "o", payload })
        yield* Deferred.await(reached)
      }).pipe(Effect.provide(Layer.fresh(process(Effect.andThen(Deferred.succeed(reached, void 0), Effect.never)))))
      assert.deepStrictEqual(log, ["charge", "ship"])
      const result = yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        return yield* scheduler.result(OrderTask, "o")
      }).pipe(Effect.provide(Layer.fresh(process(Effect.void))))
      assert.strictEqual(result, "shipped")
      assert.deepStrictEqual(log, ["charge", "ship", "ship"])
    }).pipe(Effect.provide(NodeServices.layer), Effect.timeout("50 seconds")), 60_000)
})
