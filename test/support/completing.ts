/**
 * Handlers that complete their runs in the transaction of their own writes, on whatever SQL store.
 */
import { assert } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Schedule, Schema, Scope, Stream } from "effect"
import { FiberExecutor, JobStore, Run, Scheduler, SchedulerError, SchedulerEvent, Task } from "effect-scheduler"
import { SqlClient, type SqlError } from "effect/sql"
import { turns } from "./world.ts"

export class Failed extends Schema.TaggedError<Failed>()("Failed", {}) {}

export const Charge = Task.make("Charge", {
  payload: { order: Schema.String },
  success: Schema.Struct({ charged: Schema.Date }),
  error: Failed,
  retry: Schedule.recurs(2)
})

export const charged = { charged: new Date(86_400_000) }

type Handler = (order: string, attempt: number) => Effect.Effect<
  typeof Charge.successSchema.Type,
  Failed | SchedulerError.CompletionRefused,
  Run.CurrentRun | SqlClient.SqlClient
>

/** The statements of a handler, whose failure is nobody's business here. */
export const write = (order: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.orDie(sql`INSERT INTO charges (id) VALUES (${order})`))

export const inTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.catchTag(
      sql.withTransaction(effect) as Effect.Effect<A, E | SqlError.SqlError | SchedulerError.StoreError, R>,
      ["SqlError", "StoreError"] as never,
      Effect.die
    ) as Effect.Effect<A, Exclude<E, SchedulerError.StoreError>, R>)

export interface Fixture {
  readonly scheduler: Scheduler.Service
  readonly sql: SqlClient.SqlClient
  /** The rows that handlers have written. */
  readonly rows: Effect.Effect<ReadonlyArray<string>>
  /** How runs were told to have ended. */
  readonly told: Array<string>
  readonly attempts: () => number
}

/** A scheduler over the context's store and client, with a table of charges. */
export const fixture = Effect.fnUntraced(function*(
  handler: Handler,
  options: Scheduler.Options<readonly []> = {}
): Effect.fn.Return<Fixture, never, JobStore.JobStore | SqlClient.SqlClient | Scope.Scope> {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.orDie(sql`CREATE TABLE IF NOT EXISTS charges (id TEXT)`)
  let attempts = 0
  const live = Charge.toLayer(({ order }) => handler(order, ++attempts))
  const context = yield* Effect.orDie(Layer.build(
    Scheduler.layer({ ...options, tasks: [Charge] }).pipe(Layer.provide([live, FiberExecutor.layer()]))
  ))
  const scheduler = Context.get(context, Scheduler.Scheduler)
  const told: Array<string> = []
  const tell = (event: SchedulerEvent.SchedulerEvent) => {
    if (event._tag === "RunEnded") told.push(event.outcome)
    if (event._tag === "RunRetrying" || event._tag === "RunRefused") told.push(event._tag)
  }
  yield* Effect.forkScoped(Stream.runForEach(scheduler.events, (event) => Effect.sync(() => tell(event))), {
    startImmediately: true
  })
  yield* turns
  return {
    scheduler,
    sql,
    rows: Effect.map(Effect.orDie(sql<{ id: string }>`SELECT id FROM charges`), (rows) => rows.map(({ id }) => id)),
    told,
    attempts: () => attempts
  }
})

/** Waits until the engine has told of the end of a run, which it does when the handler has ended too. */
export const untilTold = (told: ReadonlyArray<string>, count: number) =>
  Effect.repeat(turns, { until: () => told.length >= count, times: 10_000 })

/** What must hold on every store whose verbs join transactions. Needs no time to pass. */
export const scenarios: Readonly<
  Record<string, Effect.Effect<void, unknown, JobStore.JobStore | SqlClient.SqlClient | Scope.Scope>>
> = {
  "a run is over exactly when its handler's writes are committed": Effect.gen(function*() {
    const seen: Array<string> = []
    const f: Fixture = yield* fixture((order) =>
      inTransaction(Effect.gen(function*() {
        yield* write(order)
        const value = yield* Run.complete(Charge, charged)
        const [inside] = yield* Effect.orDie(f.scheduler.runs())
        seen.push(inside!.state)
        return value
      }))
    )
    const value = yield* f.scheduler.run(Charge, { payload: { order: "o" } })
    assert.deepStrictEqual(value, charged)
    yield* untilTold(f.told, 1)
    assert.deepStrictEqual(seen, ["done"]) // as the transaction itself sees it
    assert.deepStrictEqual(yield* f.rows, ["o"])
    assert.deepStrictEqual(f.told, ["succeeded"])
    const [run] = yield* f.scheduler.runs()
    assert.deepStrictEqual([run?.outcome, run?.attempts, run?.result], ["succeeded", 1, {
      charged: charged.charged.toISOString()
    }])
  }),

  "a rollback takes the completion back, and the run is retried": Effect.gen(function*() {
    const f = yield* fixture((order, attempt) =>
      inTransaction(Effect.gen(function*() {
        yield* write(`${order}${attempt}`)
        const value = yield* Run.complete(Charge, charged)
        return attempt < 3 ? yield* new Failed() : value
      }))
    )
    yield* f.scheduler.run(Charge, { payload: { order: "o" } })
    yield* untilTold(f.told, 3)
    assert.deepStrictEqual(yield* f.rows, ["o3"])
    assert.deepStrictEqual(f.told, ["RunRetrying", "RunRetrying", "succeeded"])
    assert.strictEqual((yield* f.scheduler.runs())[0]?.attempts, 3)
  }),

  "what a handler does after the commit changes nothing": Effect.gen(function*() {
    const f = yield* fixture((order) =>
      Effect.andThen(
        inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged))),
        Effect.fail(new Failed())
      )
    )
    yield* f.scheduler.run(Charge, { payload: { order: "o" } })
    yield* untilTold(f.told, 1)
    assert.deepStrictEqual([yield* f.rows, f.told, f.attempts()], [["o"], ["succeeded"], 1])
  }),

  "a handler that ends well after its transaction was rolled back has succeeded": Effect.gen(function*() {
    const f = yield* fixture((order) =>
      Effect.as(
        Effect.exit(
          inTransaction(Effect.andThen(write(order), Effect.andThen(Run.complete(Charge, charged), new Failed())))
        ),
        { charged: new Date(0) }
      )
    )
    const value = yield* f.scheduler.run(Charge, { payload: { order: "o" } })
    yield* untilTold(f.told, 1)
    assert.deepStrictEqual([value.charged.getTime(), yield* f.rows, f.told], [0, [], ["succeeded"]])
  }),

  "a claim that was lost fails the transaction, and nothing of it stays": Effect.gen(function*() {
    const store = yield* JobStore.JobStore
    const refused = yield* Deferred.make<SchedulerError.CompletionRefused>()
    const f: Fixture = yield* fixture((order, attempt) =>
      attempt > 1
        ? inTransaction(Effect.andThen(write(`${order} again`), Run.complete(Charge, charged)))
        : Effect.gen(function*() {
          // As if this node had been silent for too long: its claims are handed to others.
          yield* Effect.orDie(store.leave({ node: f.scheduler.node, now: 0 }))
          return yield* inTransaction(Effect.andThen(write(order), Run.complete(Charge, charged)))
        }).pipe(
          Effect.tapErrorTag("CompletionRefused", (error) => Deferred.succeed(refused, error)),
          Effect.uninterruptible
        )
    )
    yield* f.scheduler.run(Charge, { payload: { order: "o" } })
    yield* untilTold(f.told, 2)
    assert.strictEqual((yield* Deferred.await(refused)).reason, "lost")
    assert.deepStrictEqual(yield* f.rows, ["o again"])
    assert.deepStrictEqual(f.told, ["RunRefused", "succeeded"])
    assert.strictEqual((yield* f.scheduler.runs())[0]?.fence, 3)
  }),

  "completing twice is refused, in one transaction and in two": Effect.gen(function*() {
    const f = yield* fixture((order) => {
      const once = Effect.andThen(write(order), Run.complete(Charge, charged))
      return order === "one" ? inTransaction(Effect.andThen(once, once)) : Effect.andThen(
        inTransaction(once),
        inTransaction(once)
      )
    })
    const error = yield* Effect.flip(f.scheduler.run(Charge, { payload: { order: "one" } }))
    assert.include(String(error), "completed already")
    assert.deepStrictEqual(yield* f.rows, [])
    yield* f.scheduler.run(Charge, { payload: { order: "two" } })
    yield* untilTold(f.told, 2)
    assert.deepStrictEqual([yield* f.rows, f.told], [["two"], ["died", "succeeded"]])
  }),

  "it is refused outside a transaction, with a value or a task that does not fit": Effect.gen(function*() {
    const Other = Task.make("Other")
    const f = yield* fixture((order) => {
      const refused = order === "outside"
        ? Run.complete(Charge, charged)
        : order === "value"
        ? Run.complete(Charge, { charged: "yesterday" } as never)
        : Run.complete(Other, undefined)
      const body = Effect.as(Effect.andThen(write(order), Effect.catchTag(refused, "StoreError", Effect.die)), charged)
      return order === "outside" ? body : inTransaction(body)
    })
    for (const [order, text] of [["outside", "withTransaction"], ["value", "Schema"], ["task", "Charge, not Other"]]) {
      const error = yield* Effect.flip(f.scheduler.run(Charge, { payload: { order: order! } }))
      assert.include(String(error), text)
    }
    // What was not in a transaction of its own is the handler's to undo.
    assert.deepStrictEqual(yield* f.rows, ["outside"])
  }),

  "a job that is enqueued in it comes with it, and what waits for the run hears of its end": Effect.gen(function*() {
    const f: Fixture = yield* fixture((order) =>
      inTransaction(Effect.gen(function*() {
        if (order === "first") yield* Effect.orDie(f.scheduler.enqueue(Charge, { payload: { order: "second" } }))
        yield* write(order)
        return yield* Run.complete(Charge, charged)
      }))
    )
    const waiting = yield* Effect.forkChild(f.scheduler.run(Charge, { payload: { order: "first" } }))
    yield* Fiber.join(waiting)
    yield* untilTold(f.told, 2)
    assert.deepStrictEqual([...(yield* f.rows)].sort(), ["first", "second"])
    assert.deepStrictEqual(f.told, ["succeeded", "succeeded"])
  })
}
