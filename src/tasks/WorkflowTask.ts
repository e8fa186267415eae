/**
 * Tasks whose body is a Workflow of `effect/workflow`: a run that is begun again after a crash goes on where it was, and activities that
 * are done are not done again.
 *
 * **When to use**
 *
 * When the work of one run has steps that must not be repeated, or waits for days or for somebody's answer. A handler that may simply run
 * again needs none of it.
 *
 * **Details**
 *
 * The scheduler says when and how often, the workflow engine remembers how far it is. Each attempt of a run is one execution, whose id
 * follows from the run's id and the number of the attempt: a crash or a shutdown does not count as an attempt, so the run finds its
 * execution again; an attempt that failed does, so the next one begins anew. (The workflow's own `idempotencyKey` is not used: the same
 * payload on another day is another execution.) The engine must be durable for that to mean anything, and reachable from every node that
 * carries out the task: `ClusterWorkflowEngine` over SQL.
 *
 * - Cancelling the run interrupts the workflow, and returns when its compensations have run. An activity that is going ends first, because
 *   the engine interrupts between steps; `cancel: "unsafe"` interrupts it at once.
 * - A timeout of the task is one for the whole execution, and interrupts it in the same way.
 * - When the scheduler shuts down, or the node loses the run, the workflow is left alone: whoever claims the run joins it.
 * - A suspended workflow (a `DurableClock`, a `DurableDeferred`) keeps its run going, and the run its slot, so that a cancellation reaches
 *   it. A slot is a number: give such tasks an executor of their own with many. Or let the run `snooze` while the workflow is suspended,
 *   which frees the slot; then a run that is cancelled between two looks ends without its workflow.
 *
 * **Example** (An order that waits three days between two steps)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberExecutor, MemoryJobStore, Scheduler } from "effect-scheduler"
 * import { WorkflowTask } from "effect-scheduler/workflow"
 * import { Activity, DurableClock, Workflow, WorkflowEngine } from "effect/workflow"
 *
 * const Order = Workflow.make("Order", {
 *   payload: { id: Schema.String },
 *   success: Schema.String,
 *   idempotencyKey: ({ id }) => id
 * })
 * const OrderLive = Order.toLayer(Effect.fnUntraced(function*({ id }) {
 *   const receipt = yield* Activity.make({ name: "charge", success: Schema.String, execute: Effect.succeed(`charged ${id}`) })
 *   yield* DurableClock.sleep({ name: "three days", duration: "3 days" })
 *   return receipt
 * }))
 *
 * const OrderTask = WorkflowTask.make(Order, { executor: "workflows" })
 *
 * export const Live = Scheduler.layer({
 *   tasks: [OrderTask],
 *   executors: { workflows: FiberExecutor.layer({ name: "workflows", concurrency: 10_000 }) }
 * }).pipe(
 *   Layer.provide([WorkflowTask.layer(OrderTask, Order), FiberExecutor.layer(), MemoryJobStore.layer]),
 *   Layer.provide(OrderLive),
 *   Layer.provide(WorkflowEngine.layerMemory) // durable: ClusterWorkflowEngine.layer
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { CurrentRun } from "../Run.ts"
import * as Task from "../Task.ts"

/** A payload Schema that both a task and a workflow can have. */
type PayloadSchema = Task.PureSchema & Workflow.AnyStructSchema

/**
 * The task of a workflow: its name, payload, success and error are the workflow's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Tag extends string,
  Payload extends PayloadSchema,
  Success extends Task.PureSchema,
  Error extends Task.PureSchema
>(
  workflow: Workflow.Workflow<Tag, Payload, Success, Error>,
  options: Omit<Task.Options<Payload, Success, Error>, "payload" | "success" | "error"> = {}
): Task.Task<Tag, Payload, Success, Error> => {
  const { errorSchema: error, payloadSchema: payload, successSchema: success } = workflow
  // Task.PayloadSchema leaves a Schema as it is, which a type parameter does not show.
  return Task.make(workflow._tag, { ...options, payload, success, error } as never) as unknown as Task.Task<
    Tag,
    Payload,
    Success,
    Error
  >
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How a run that is cancelled, or exceeds its timeout, ends its workflow: between two steps (`"safe"`, the default), or in the middle of an
   * activity (`"unsafe"`, after which compensations may be missing; see `WorkflowEngine.interruptUnsafe`).
   */
  readonly cancel?: "safe" | "unsafe" | undefined
  /**
   * The run of a workflow that is still suspended after ten seconds gives its slot back, and looks again after this time. Default: it keeps
   * its slot.
   */
  readonly snooze?: Duration.Input | undefined
}

/** How long a suspension is waited out before the run snoozes. */
const patience = Duration.seconds(10)

/**
 * The handler of a workflow's task. The workflow itself is registered with the engine as ever, by `workflow.toLayer`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  const Tag extends string,
  Payload extends PayloadSchema,
  Success extends Task.PureSchema,
  Error extends Task.PureSchema
>(
  task: Task.Task<Tag, Payload, Success, Error>,
  workflow: Workflow.Workflow<string, Payload, Success, Error>,
  options: Options = {}
): Layer.Layer<Task.Handler<Tag>, never, WorkflowEngine> =>
  task.toLayer(Effect.fnUntraced(function*(payload: Payload["Type"]) {
    const engine = yield* WorkflowEngine
    const run = yield* CurrentRun
    const id = yield* executionId(workflow, run.idempotencyKey, run)
    const { suspendedRetrySchedule } = workflow
    const execution = engine.execute(workflow, { executionId: id, payload, suspendedRetrySchedule })
    const { snooze } = options
    const waiting = snooze === undefined ? execution : Effect.raceFirst(
      execution,
      Effect.forever(Effect.andThen(
        Effect.sleep(patience),
        Effect.flatMap(
          engine.poll(workflow, id),
          (state) => Option.isSome(state) && state.value._tag === "Suspended" ? run.snooze(snooze) : Effect.void
        )
      ))
    )
    const interrupt = options.cancel === "unsafe" ? engine.interruptUnsafe : engine.interrupt
    return yield* Effect.onInterrupt(
      waiting,
      () =>
        Effect.flatMap(run.interruptedBy, (by) =>
          by === "cancel" || by === undefined
            ? Effect.andThen(interrupt(workflow, id), Effect.exit(execution))
            : Effect.void)
    )
  }))

/**
 * The execution of a run's attempt, to send a signal to it (`DurableDeferred.tokenFromExecutionId`) or to look at it (`Workflow.poll`).
 *
 * @category getters
 * @since 0.1.0
 */
export const executionId = (
  workflow: Workflow.Any,
  run: string,
  { attempt = 1, store = "default" }: { readonly attempt?: number | undefined; readonly store?: string | undefined } =
    {}
): Effect.Effect<string> => {
  const id = [workflow._tag, store, run, attempt].map((part) => encodeURIComponent(part)).join("/")
  return id.length <= longest ? Effect.succeed(id) : Workflow.make(workflow._tag, {
    payload: {},
    idempotencyKey: () => id
  }).executionId({})
}

/** An engine's table has room for 255 characters; what is longer is hashed, as the workflow hashes its own keys. */
const longest = 200
