// The lines marked @ts-expect-error are wrong on purpose; Effect's own diagnostics would report them once more.
// @effect-diagnostics missingEffectError:off missingLayerContext:off schemaNumber:off
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Effect, Exit, Layer, Option, Schedule, Schema, Scope, Tracer } from "effect"
import {
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Policy,
  Run,
  Scheduler,
  type SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"
import { TestClock } from "effect/testing"

class Smtp extends Context.Service<Smtp, { readonly host: string }>()("test/Smtp") {}
class Greeting extends Context.Reference<string>("test/Greeting", { defaultValue: () => "hello" }) {}

class SmtpError extends Schema.TaggedError<SmtpError>()("SmtpError", { code: Schema.Int }) {}

const Digest = Task.make("Digest", {
  payload: { customer: Schema.String, limit: Schema.optionalKey(Schema.Int) },
  success: Schema.Number,
  error: SmtpError,
  retry: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })),
  timeout: "2 minutes"
})

const Ping = Task.make("Ping")

/** Whether two types are the same, in both directions. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const same = <A, B>(holds: Same<A, B>): void => assert.isTrue(holds)

/** Holds code that is compiled and never run. */
const compiles = (code: () => unknown): void => assert.isFunction(code)

const currentRun: Run.CurrentRun["Service"] = {
  id: "r",
  store: "default",
  job: undefined,
  task: "Digest",
  origin: "adhoc",
  parent: undefined,
  scheduledAt: DateTime.makeUnsafe(0),
  startedAt: DateTime.makeUnsafe(0),
  attempt: 1,
  idempotencyKey: "r",
  progress: () => Effect.void,
  log: () => Effect.void,
  interruptedBy: Effect.undefined,
  snooze: () => Effect.never,
  complete: () => Effect.void,
  fence: 1
}

/** Builds the layer in a scope of its own, and gives the handler as the engine finds it. */
const handlerIn = Effect.fnUntraced(function*<T extends Task.Any>(
  task: T,
  live: Layer.Layer<Task.HandlerOf<T>>
) {
  const context = yield* Layer.build(live)
  const handler = Task.handlerOf(task, context)
  assert.isDefined(handler)
  return (payload: Task.Payload<T>) =>
    Effect.provideService(Effect.provideContext(handler.run(payload), handler.context), Run.CurrentRun, currentRun)
})

describe("Task: types", () => {
  it("payload, success and error are inferred from Schemas", () => {
    same<Task.Payload<typeof Digest>, { readonly customer: string; readonly limit?: number }>(true)
    same<Task.Success<typeof Digest>, number>(true)
    same<Task.Error<typeof Digest>, SmtpError>(true)
    same<Task.Payload<typeof Ping>, void>(true)
    same<Task.Success<typeof Ping>, void>(true)
    same<Task.Error<typeof Ping>, never>(true)
    const One = Task.make("One", { payload: Schema.DateTimeUtc })
    same<Task.Payload<typeof One>, DateTime.Utc>(true)
  })

  it("a handler needs no annotation, and may do only what the task says", () => {
    compiles(() =>
      Digest.toLayer(Effect.fnUntraced(function*({ customer, limit }) {
        same<typeof customer, string>(true)
        same<typeof limit, number | undefined>(true)
        return customer.length
      }))
    )
    // @ts-expect-error the payload has no such field
    compiles(() => Digest.toLayer(({ nobody }) => Effect.succeed(nobody)))
    // @ts-expect-error the success Schema wants a number
    compiles(() => Digest.toLayer(() => Effect.succeed("sent")))
    // @ts-expect-error the error Schema does not have a string
    compiles(() => Digest.toLayer(() => Effect.fail("no")))
    // @ts-expect-error a task without an error Schema cannot fail
    compiles(() => Ping.toLayer(() => Effect.fail(new SmtpError({ code: 1 }))))
  })

  it("CurrentRun and Scope are the scheduler's to give; all else the handler needs, its layer needs", () => {
    const plain = Ping.toLayer(() => Effect.void)
    same<Layer.Services<typeof plain>, never>(true)
    const given = Ping.toLayer(() =>
      Effect.gen(function*() {
        yield* Run.CurrentRun
        yield* Effect.addFinalizer(() => Effect.void)
      })
    )
    same<Layer.Services<typeof given>, never>(true)
    const mailing = Ping.toLayer(() =>
      Effect.gen(function*() {
        yield* Run.CurrentRun
        yield* Effect.scope
        yield* Smtp
      })
    )
    same<Layer.Services<typeof mailing>, Smtp>(true)
    same<Layer.Success<typeof mailing>, Task.Handler<"Ping">>(true)
  })

  it("the retry Schedule sees the task's own error, or a timeout", () => {
    compiles(() =>
      Task.make("A", {
        error: SmtpError,
        retry: Schedule.spaced("1 second").pipe(
          Schedule.setInputType<SmtpError | Run.AttemptTimedOut>(),
          Schedule.while(({ input }) => input._tag === "AttemptTimedOut" || input.code < 500)
        )
      })
    )
    const onNumbers = Schedule.spaced("1 second").pipe(Schedule.setInputType<number>())
    // @ts-expect-error the handler never fails with a number
    compiles(() => Task.make("A", { error: SmtpError, retry: onNumbers }))
  })

  it("a Schema that needs services cannot be stored, so it is no payload", () => {
    const needy = Schema.String.pipe(
      Schema.middlewareDecoding((effect: Effect.Effect<any, any, any>) => Effect.andThen(Smtp, effect) as any)
    ) as unknown as Schema.Codec<string, string, Smtp>
    // @ts-expect-error decoding it needs Smtp
    compiles(() => Task.make("A", { payload: needy }))
  })

  it("a scheduler that names a task needs its handler and an executor; one that names none needs neither", () => {
    const serving = Scheduler.layer({ tasks: [Digest, Ping] })
    same<
      Layer.Services<typeof serving>,
      JobStore.JobStore | Executor.Executor | Task.Handler<"Digest"> | Task.Handler<"Ping">
    >(true)
    const planning = Scheduler.layer()
    same<Layer.Services<typeof planning>, JobStore.JobStore>(true)
    const Live = Layer.mergeAll(Digest.toLayer(() => Effect.succeed(1)), Ping.toLayer(() => Effect.void))
    const around = Layer.mergeAll(FiberExecutor.layer(), MemoryJobStore.layer)
    compiles((): Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption> =>
      serving.pipe(Layer.provide(Live), Layer.provide(around))
    )
    compiles((): Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption> =>
      // @ts-expect-error the handler of Digest is missing
      serving.pipe(Layer.provide(Ping.toLayer(() => Effect.void)), Layer.provide(around))
    )
    compiles((): Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption> =>
      // @ts-expect-error an executor is missing
      serving.pipe(Layer.provide(Live), Layer.provide(MemoryJobStore.layer))
    )
    compiles((): Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption> =>
      planning.pipe(Layer.provide(MemoryJobStore.layer))
    )
  })

  it("the payload is needed exactly where the task has one", () => {
    const trigger = Trigger.interval("1 hour")
    compiles(() => Scheduler.Scheduler.use((scheduler) => scheduler.schedule(Ping, { id: "a", trigger })))
    compiles(() =>
      Scheduler.Scheduler.use((scheduler) =>
        scheduler.schedule(Digest, { id: "a", payload: { customer: "acme" }, trigger })
      )
    )
    compiles(() =>
      // @ts-expect-error Digest has a payload
      Scheduler.Scheduler.use((scheduler) => scheduler.schedule(Digest, { id: "a", trigger }))
    )
    compiles(() =>
      Scheduler.Scheduler.use((scheduler) =>
        // @ts-expect-error the customer is a string
        scheduler.schedule(Digest, { id: "a", payload: { customer: 1 }, trigger })
      )
    )
  })
})

describe("Task.make", () => {
  it("says what is not given", () => {
    assert.strictEqual(Ping.name, "Ping")
    assert.strictEqual(Ping.executor, "default")
    assert.strictEqual(Ping.version, 1)
    assert.isUndefined(Ping.retry)
    assert.deepStrictEqual(Ping.policy, {})
    assert.strictEqual<unknown>(Ping.payloadSchema, Schema.Void)
    assert.strictEqual<unknown>(Ping.successSchema, Schema.Void)
    assert.strictEqual<unknown>(Ping.errorSchema, Schema.Never)
  })

  it("keeps policies apart from the rest", () => {
    const task = Task.make("A", { executor: "cpu", version: 2, timeout: "1 minute", overlap: "queue" })
    assert.strictEqual(task.executor, "cpu")
    assert.strictEqual(task.version, 2)
    assert.deepStrictEqual(task.policy, { timeout: "1 minute", overlap: "queue" })
  })

  it("takes fields of a struct, or a Schema", () => {
    assert.deepStrictEqual<unknown>(Object.keys(Digest.payloadSchema.fields), ["customer", "limit"])
    assert.strictEqual<unknown>(Task.make("A", { payload: Schema.Int }).payloadSchema, Schema.Int)
  })

  it("isTask knows a task, and nothing else", () => {
    assert.isTrue(Task.isTask(Digest))
    for (const no of [undefined, null, {}, "Digest", Digest.payloadSchema]) assert.isFalse(Task.isTask(no))
  })

  it("pipes", () => {
    assert.strictEqual(Ping.pipe((task) => task.name), "Ping")
  })

  it.effect("a task's policies count among its jobs' only when they say nothing themselves", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const trigger = Trigger.interval("1 hour")
      const task = Task.make("A", { timeout: "1 minute", overlap: "queue" })
      const job = yield* scheduler.schedule(task, { id: "a", trigger, overlap: "cancelRunning" })
      assert.deepStrictEqual(job.policy, { ...Policy.defaults, timeout: 60_000, overlap: "cancelRunning" })
    }).pipe(Effect.provide(Scheduler.layer().pipe(Layer.provide(MemoryJobStore.layer)))))
})

describe("Task.toLayer", () => {
  it.effect("the handler gets the payload, its services, and the run", () =>
    Effect.gen(function*() {
      const live = Digest.toLayer(Effect.fnUntraced(function*({ customer }) {
        const { host } = yield* Smtp
        const run = yield* Run.CurrentRun
        assert.strictEqual(`${customer}@${host}/${run.id}`, "acme@example.org/r")
        return 1
      })).pipe(Layer.provide(Layer.succeed(Smtp, { host: "example.org" })))
      const run = yield* handlerIn(Digest, live)
      assert.strictEqual(yield* run({ customer: "acme" }), 1)
    }))

  it.effect("a finalizer that the handler adds runs at the end of the attempt, not of the layer", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const building = yield* Scope.make()
      const live = Ping.toLayer(() =>
        Effect.gen(function*() {
          log.push("attempt")
          yield* Effect.addFinalizer((exit) => Effect.sync(() => log.push(`finalizer ${exit._tag}`)))
        })
      )
      const run = yield* Scope.provide(handlerIn(Ping, live), building)
      yield* run()
      assert.deepStrictEqual(log, ["attempt", "finalizer Success"])
      yield* run()
      assert.deepStrictEqual(log, ["attempt", "finalizer Success", "attempt", "finalizer Success"])
      yield* Scope.close(building, Exit.void)
      assert.lengthOf(log, 4)
    }))

  it.effect("each attempt has a Scope of its own, whoever asks for it", () =>
    Effect.gen(function*() {
      const scopes: Array<Scope.Scope> = []
      const building = yield* Scope.make()
      const live = Ping.toLayer(() => Effect.map(Effect.scope, (scope) => void scopes.push(scope)))
      const run = yield* Scope.provide(handlerIn(Ping, live), building)
      yield* run()
      yield* run()
      assert.lengthOf(new Set<unknown>([...scopes, building, yield* Effect.scope]), 4)
    }))

  it.effect("the span in which the layer was built is no parent of the runs", () =>
    Effect.gen(function*() {
      const parents: Array<string | undefined> = []
      const live = Ping.toLayer(() =>
        Effect.gen(function*() {
          const parent = yield* Effect.serviceOption(Tracer.ParentSpan)
          parents.push(parent._tag === "Some" ? parent.value.spanId : undefined)
        })
      )
      const run = yield* Effect.withSpan(handlerIn(Ping, live), "building")
      yield* run()
      assert.deepStrictEqual(parents, [undefined])
    }))

  it.effect("what is a Reference is taken from where the layer was built", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const live = Ping.toLayer(() => Effect.map(Greeting, (greeting) => void heard.push(greeting)))
      const run = yield* Effect.provideService(handlerIn(Ping, live), Greeting, "welcome")
      yield* run()
      assert.deepStrictEqual(heard, ["welcome"])
    }))

  it.effect("a handler that throws before it gives an Effect is a defect of the run, not of the layer", () =>
    Effect.gen(function*() {
      const run = yield* handlerIn(
        Ping,
        Ping.toLayer(() => {
          throw new Error("bug")
        })
      )
      const exit = yield* Effect.exit(Effect.suspend(() => run()))
      assert.isTrue(Exit.hasDies(exit))
    }))

  it.effect("in a scheduler: every attempt of a run ends with its finalizers, before the next begins", () => {
    const log: Array<string> = []
    const live = Scheduler.layer({ tasks: [Digest] }).pipe(
      Layer.provide([
        FiberExecutor.layer(),
        Digest.toLayer(Effect.fnUntraced(function*({ customer }) {
          const { attempt } = yield* Run.CurrentRun
          const at = yield* Clock.currentTimeMillis
          log.push(`${customer} ${attempt} at ${at}`)
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`end of ${attempt}`)))
          if (attempt === 1) return yield* new SmtpError({ code: 421 })
          return 7
        }))
      ]),
      Layer.provide(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Digest, {
        id: "a",
        payload: { customer: "acme" },
        trigger: Trigger.after("10 seconds")
      })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, ["acme 1 at 10000", "end of 1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["acme 1 at 10000", "end of 1", "acme 2 at 11000", "end of 2"])
    }).pipe(Effect.provide(live))
  })
})

describe("Task.toLayer: what belongs to the building of the layer stays there", () => {
  class Connection extends Context.Service<Connection, string>()("effect/sql/SqlClient/TransactionConnection/test") {}

  it("a handler whose layer is built inside a run sees its own run, not that one", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const seen: Array<string> = []
      const live = Ping.toLayer(() => Effect.map(Run.CurrentRun, (run) => void seen.push(run.id)))
      const run = yield* Effect.provideService(handlerIn(Ping, live), Run.CurrentRun, { ...currentRun, id: "outer" })
      yield* run()
      assert.deepStrictEqual(seen, ["r"])
    }))))

  it("a handler whose layer is built inside a transaction does not run in it", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const seen: Array<boolean> = []
      const live = Ping.toLayer(() =>
        Effect.map(Effect.serviceOption(Connection), (connection) => void seen.push(Option.isSome(connection)))
      )
      const run = yield* Effect.provideService(handlerIn(Ping, live), Connection, "open")
      yield* run()
      assert.deepStrictEqual(seen, [false])
    }))))
})
