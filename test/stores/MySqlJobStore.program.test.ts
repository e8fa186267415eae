import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schedule, Schema, Scope } from "effect"
import { FiberExecutor, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { SqlClient } from "effect/sql"
import { isRunning, temporaryDatabase, url } from "./mysql/server.ts"

class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}

const Invoice = Task.make("Invoice", {
  payload: { order: Schema.Int },
  success: Schema.String,
  error: Busy,
  retry: Schedule.recurs(2)
})

describe.runIf(isRunning)("a program on MariaDB, under the live clock", () => {
  it.live(
    "schedules with its own writes, runs, and goes on after a restart; nothing is lost and nothing happens twice",
    () =>
      Effect.gen(function*() {
        const database = yield* temporaryDatabase
        const started: Array<string> = []
        let isOpen = false
        const InvoiceLive = Invoice.toLayer(({ order }) =>
          Effect.gen(function*() {
            const { attempt, id } = yield* Run.CurrentRun
            started.push(`${id} ${attempt}`)
            if (order === 7 && attempt === 1) return yield* new Busy()
            if (order === 9 && !isOpen) return yield* Effect.never
            return `invoice ${order}`
          })
        )
        /** The program, from its start to its end. */
        const program = <A, E>(
          main: (context: {
            readonly scheduler: Scheduler.Scheduler["Service"]
            readonly sql: SqlClient.SqlClient
          }) => Effect.Effect<A, E>
        ) =>
          Effect.gen(function*() {
            const scope = yield* Scope.make()
            const context = yield* Layer.buildWithScope(
              Scheduler.layer({ tasks: [Invoice], grace: "100 millis" }).pipe(
                Layer.provide([InvoiceLive, FiberExecutor.layer({ concurrency: 4 })]),
                Layer.provideMerge(MySqlJobStore.layerUrl(url(database)))
              ),
              scope
            )
            const answer = yield* Effect.flatMap(
              Effect.all({ scheduler: Scheduler.Scheduler, sql: SqlClient.SqlClient }),
              main
            ).pipe(Effect.provideContext(context))
            yield* Scope.close(scope, Exit.void)
            return answer
          })
        const times = (n: number) =>
          Effect.sleep("20 millis").pipe(
            Effect.repeat({ until: () => started.length >= n }),
            Effect.timeout("20 seconds")
          )

        yield* program(({ scheduler, sql }) =>
          Effect.gen(function*() {
            yield* sql`CREATE TABLE orders (id INT PRIMARY KEY)`
            const order = (id: number) =>
              Effect.andThen(
                sql`INSERT INTO orders VALUES (${id})`,
                scheduler.schedule(Invoice, {
                  id: `invoice/${id}`,
                  payload: { order: id },
                  trigger: Trigger.after("100 millis")
                })
              )
            // both, or neither
            yield* sql.withTransaction(order(1))
            yield* Effect.exit(sql.withTransaction(Effect.andThen(order(2), Effect.fail("the card was refused"))))
            yield* order(7)
            yield* order(9)
            assert.strictEqual(yield* scheduler.run(Invoice, { payload: { order: 3 } }), "invoice 3")
            // the ninth one is still at it when the program ends
            yield* times(5)
            assert.deepStrictEqual((yield* sql`SELECT id FROM orders ORDER BY id`.values).flat(), [1, 7, 9])
          })
        )
        const before = started.length
        isOpen = true
        yield* program(({ scheduler }) =>
          Effect.gen(function*() {
            // the same declarations as at the first start
            yield* scheduler.schedule(Invoice, {
              id: "invoice/1",
              payload: { order: 1 },
              trigger: Trigger.after("100 millis")
            })
            yield* times(before + 1)
            yield* Effect.sleep("300 millis").pipe(
              Effect.andThen(scheduler.runs({ going: true })),
              Effect.repeat({ until: (going) => going.length === 0 }),
              Effect.timeout("20 seconds")
            )
            const runs = yield* scheduler.runs({})
            assert.deepStrictEqual(
              runs.map(({ job, outcome }) => `${job ?? "alone"} ${outcome}`).toSorted(),
              ["alone succeeded", "invoice/1 succeeded", "invoice/7 succeeded", "invoice/9 succeeded"]
            )
          })
        )
        const attempts = started.map((line) => line.replace(/:.*(?= )/, "")).toSorted()
        assert.deepStrictEqual(attempts.filter((line) => line.startsWith("invoice/")), [
          "invoice/1 1",
          "invoice/7 1",
          "invoice/7 2",
          "invoice/9 1",
          "invoice/9 1"
        ])
      }),
    60_000
  )
})
