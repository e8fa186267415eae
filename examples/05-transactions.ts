/**
 * A shop whose jobs are in the transactions of its own writes, on both ends: an order is there with the job that charges it, or neither
 * is; and the charge is written with the end of that job, or neither is.
 *
 *     node --conditions=source examples/05-transactions.ts shop.db           # place orders, charge them, show the books
 *     node --conditions=source examples/05-transactions.ts shop.db --crash   # die right after the first charge is committed
 *
 * After the crash start it again: nobody is charged twice, and nobody is forgotten.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule, Schema } from "effect"
import { FiberExecutor, Run, Scheduler, Task } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql"
import { argv, kill, pid } from "node:process"

class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {}) {}

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

const Charge = Task.make("Charge", {
  payload: { order: Schema.String, amount: Schema.Int },
  success: Schema.Struct({ receipt: Schema.String }),
  error: Unreachable,
  retry: Schedule.spaced("50 millis")
})

const crashes = argv.includes("--crash")

const ChargeLive = Charge.toLayer(
  Effect.fn("Charge")(function*({ amount, order }) {
    const sql = yield* SqlClient.SqlClient
    const run = yield* Run.CurrentRun
    const receipt = yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`INSERT INTO charges (order_id, amount) VALUES (${order}, ${amount})`
      const receipt = yield* Run.complete(Charge, { receipt: `${order}/${amount}` })
      // Whatever goes wrong before the commit takes both back, and the retry finds a clean table.
      if (run.attempt === 1 && order === "o2") return yield* new Unreachable()
      return receipt
    })).pipe(Effect.catchTag(["SqlError", "StoreError"], Effect.die))
    // The power fails when all is written, before the handler, the engine and whoever waits have heard of it.
    if (crashes) kill(pid, "SIGKILL")
    return receipt
  })
)

/** The order and the job that charges it. */
const place = Effect.fn("place")(function*(order: string, amount: number) {
  const sql = yield* SqlClient.SqlClient
  const scheduler = yield* Scheduler.Scheduler
  yield* sql.withTransaction(Effect.gen(function*() {
    const { length: isNew } = yield* sql`INSERT INTO orders (id) VALUES (${order}) ON CONFLICT DO NOTHING RETURNING id`
    if (isNew === 0) return
    yield* scheduler.enqueue(Charge, { id: `charge/${order}`, payload: { order, amount } })
    // Too dear: the job goes with the order.
    if (amount > 1_000) return yield* new Refused()
  }))
})

const program = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const scheduler = yield* Scheduler.Scheduler
  yield* sql`CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)`
  yield* sql`CREATE TABLE IF NOT EXISTS charges (order_id TEXT, amount INTEGER)`
  yield* scheduler.resumeNode

  yield* place("o1", 10)
  yield* place("o2", 20)
  yield* Effect.catchTag(place("o3", 5_000), "Refused", () => Console.log("o3 is refused"))

  yield* scheduler.runs({ going: true }).pipe(
    Effect.repeat({ until: (going) => going.length === 0, schedule: Schedule.spaced("20 millis") })
  )
  for (const run of yield* scheduler.runs()) {
    yield* Console.log(`${run.id}: ${run.outcome} after ${run.attempts} attempts, ${JSON.stringify(run.result)}`)
  }
  const charges = yield* sql<{ order_id: string; amount: number }>`SELECT * FROM charges ORDER BY order_id`
  for (const { amount, order_id } of charges) yield* Console.log(`charged ${amount} for ${order_id}`)
})

const file = argv[2] ?? "shop.db"
const Live = Scheduler.layer({ tasks: [Charge], paused: true }).pipe(
  Layer.provide([ChargeLive, FiberExecutor.layer({ concurrency: 1 })]),
  Layer.provideMerge(SqliteJobStore.layerFile(file))
)

NodeRuntime.runMain(Effect.provide(program, Live))
