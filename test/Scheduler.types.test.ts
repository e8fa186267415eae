/**
 * What must infer without help, and what must not compile. The types are checked by `npm run check`; nothing here runs but the last line.
 */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule, Schema } from "effect"
import {
  Continuation,
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Scheduler,
  SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"

class SmtpError extends Schema.TaggedError<SmtpError>()("SmtpError", {}) {}
class Smtp extends Context.Service<Smtp, { readonly send: Effect.Effect<void> }>()("test/Smtp") {}

const Digest = Task.make("Digest", {
  payload: { customer: Schema.String, pages: Schema.optionalKey(Schema.Int) },
  success: Schema.Int,
  error: SmtpError,
  retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 5 }))
})
const Sweep = Task.make("Sweep")
const Count = Task.make("Count", { payload: Schema.Int })
const Post = Task.make("Post", { payload: Schema.Struct({ to: Schema.String }) })
const Alert = Task.make("Alert", { payload: Continuation.Ended })
const Told = Task.make("Told", { payload: { outcome: Schema.String } })

/** Equal types, not merely assignable ones. */
const same = <A, B>(_equal: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false) => {}

const DigestLive = Digest.toLayer(
  Effect.fn("Digest")(function*({ customer }) {
    const smtp = yield* Smtp
    yield* smtp.send
    return customer.length
  })
)
const live = Scheduler.layer({ tasks: [Digest, Sweep] })
const client = Scheduler.layer()

export const program = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  const trigger = Trigger.interval("1 minute")

  const job = yield* scheduler.schedule(Digest, { id: "a", payload: { customer: "acme" }, trigger })
  same<typeof job.id, string>(true)
  const sent = yield* scheduler.run(Digest, { payload: { customer: "acme", pages: 2 } })
  same<typeof sent, number>(true)
  yield* scheduler.schedule(Sweep, { trigger })
  const nothing = yield* scheduler.run(Sweep)
  same<typeof nothing, void>(true)
  const failure = yield* Effect.flip(scheduler.run(Digest, { payload: { customer: "x" } }))
  same<
    typeof failure,
    | SmtpError
    | SchedulerError.RunFailed
    | SchedulerError.InvalidOption
    | SchedulerError.StoreError
    | SchedulerError.WaitInTransaction
  >(true)

  const pages = yield* scheduler.result(Digest, "some run")
  same<typeof pages, number>(true)
  const notSent = yield* Effect.flip(scheduler.result(Digest, "some run"))
  same<typeof notSent, typeof failure | SchedulerError.RunNotFound>(true)

  // @ts-expect-error a task with a payload needs it
  yield* scheduler.schedule(Digest, { trigger })
  // @ts-expect-error a task with a payload needs it
  yield* scheduler.run(Digest)
  // @ts-expect-error the payload has another shape
  yield* scheduler.enqueue(Digest, { payload: { customer: 5 } })
  // @ts-expect-error a Trigger piped through a Schedule combinator is a plain Schedule, which no store accepts
  yield* scheduler.schedule(Sweep, { trigger: trigger.pipe(Schedule.upTo({ times: 2 })) })
  // @ts-expect-error there is no such policy
  yield* scheduler.schedule(Sweep, { trigger, overlap: "sometimes" })

  // What follows a run takes what it is given: the success, how it ended, a payload of its own, or nothing.
  yield* scheduler.schedule(Digest, {
    trigger,
    payload: { customer: "acme" },
    followedBy: [
      Continuation.onSuccess(Count, { followedBy: [Continuation.onSuccess(Sweep)] }),
      Continuation.onSuccess(Sweep),
      Continuation.onFailure(Alert),
      Continuation.onEnd(Told, { timeout: "1 minute" }),
      Continuation.onFailure(Post, { payload: { to: "office" } })
    ]
  })
  yield* scheduler.enqueue(Sweep, { followedBy: [Continuation.onEnd(Alert)] })
  // @ts-expect-error Post does not take Digest's success, which is a number
  yield* scheduler.enqueue(Digest, { payload: { customer: "x" }, followedBy: [Continuation.onSuccess(Post)] })
  // @ts-expect-error Sweep succeeds with nothing, and Count needs a number
  yield* scheduler.enqueue(Sweep, { followedBy: [Continuation.onSuccess(Count)] })
  // @ts-expect-error a failure gives how it ended, not a success
  yield* scheduler.enqueue(Digest, { payload: { customer: "x" }, followedBy: [Continuation.onFailure(Count)] })
  // @ts-expect-error so it does further down
  Continuation.onSuccess(Count, { followedBy: [Continuation.onSuccess(Post)] })
  // @ts-expect-error a payload of its own has the task's shape
  Continuation.onSuccess(Post, { payload: { to: 5 } })

  const closure = scheduler.every("1 minute", Effect.andThen(Smtp, (smtp) => smtp.send))
  same<typeof closure extends Effect.Effect<infer _A, infer _E, infer R> ? R : never, Smtp>(true)
})

const provided = live.pipe(
  Layer.provide([DigestLive, Sweep.toLayer(() => Effect.void), FiberExecutor.layer(), MemoryJobStore.layer])
)
const missing = live.pipe(Layer.provide([DigestLive, FiberExecutor.layer(), MemoryJobStore.layer]))

it("infers what it should", () => {
  same<
    Layer.Services<typeof live>,
    JobStore.JobStore | Executor.Executor | Task.Handler<"Digest"> | Task.Handler<"Sweep">
  >(true)
  same<Layer.Services<typeof provided>, Smtp>(true)
  // A missing handler stays a requirement, and a program with requirements does not run.
  same<Layer.Services<typeof missing>, Smtp | Task.Handler<"Sweep">>(true)
  // A node that only schedules needs neither handlers nor an executor.
  same<Layer.Services<typeof client>, JobStore.JobStore>(true)
  assert.isFunction(same)
})
