/**
 * Question: how soon does a lone run start on PostgreSQL? `npm run pick-up`.
 *
 * From the call that enqueues it to the first step of its handler, by another scheduler of this process, which hears of it through the server, and by
 * the one that enqueued it; beside graphile-worker at its best settings, and beside the bare statements that none can do without: two commits and a
 * notification. They take turns, some 50 ms apart, so that whatever else the machine does it does to all of them. Also how late a job is that
 * comes due alone.
 *
 * The server is that of `POSTGRES_URL`, by default the one on this machine. `ROUNDS` (400) can be set; the first quarter does not count.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { FiberExecutor, Scheduler, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { Logger, makeWorkerUtils, run as runGraphile } from "graphile-worker"
import pg from "pg"

const url = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"
const rounds = Number(process.env["ROUNDS"] ?? 400)
const schema = `bench_pick_up_${process.pid}`
const pool = new pg.Pool({ connectionString: url, max: 4 })
pool.on("error", (error) => console.error(error))
pool.on("connect", (client) => client.on("error", (error) => console.error(error)))

const Noop = Task.make("Noop", { payload: { i: Schema.Int } })
let started: () => void = () => {}
const NoopLive = Noop.toLayer(() => Effect.sync(() => started()))

/** Each has a client, connections and a lease of its own, as another process would. */
const scheduler = (roles: "works" | "asks") =>
  Effect.map(
    Layer.build(Layer.fresh(
      (roles === "works"
        ? Scheduler.layer({ tasks: [Noop] }).pipe(Layer.provide([NoopLive, FiberExecutor.layer()]))
        : Scheduler.layer({ planning: false })).pipe(
          Layer.provide(PostgresJobStore.layer({ schema })),
          Layer.provide(PgClient.layer({ url: Redacted.make(url) }))
        )
    )),
    (context) => Context.get(context, Scheduler.Scheduler)
  )

/** From now until the handler has begun. */
const timed = (ask: Effect.Effect<unknown, unknown>) =>
  Effect.promise(() =>
    new Promise<number>((resolve, reject) => {
      const before = performance.now()
      started = () => resolve(performance.now() - before)
      Effect.runPromise(ask).catch(reject)
    })
  )

const connect = Effect.promise(async () => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
})

const statements = Effect.gen(function*() {
  const [worker, other] = [yield* connect, yield* connect]
  const table = `${schema}.bare`
  yield* Effect.promise(() => other.query(`CREATE TABLE ${table} (id text PRIMARY KEY, payload text, state text)`))
  yield* Effect.promise(() => worker.query(`LISTEN ${schema}`))
  const take = { name: "take", text: `UPDATE ${table} SET state = 'running' WHERE id = $1 RETURNING *` }
  worker.on("notification", ({ payload }) => void worker.query({ ...take, values: [payload] }).then(() => started()))
  const add = {
    name: "add",
    text:
      `WITH added AS (INSERT INTO ${table} VALUES ($1, $2, 'ready') RETURNING id) SELECT pg_notify('${schema}', id) FROM added`
  }
  return (i: number) => Effect.promise(() => other.query({ ...add, values: [`r${i}`, "x"] }))
})

const beginGraphile = Effect.promise(async () => {
  const shared = { pgPool: pool, schema: `${schema}_graphile`, logger: new Logger(() => () => {}) }
  const utils = await makeWorkerUtils(shared)
  await utils.migrate()
  const runner = await runGraphile({
    ...shared,
    noHandleSignals: true,
    taskList: { noop: async () => started() },
    preset: {
      worker: {
        concurrentJobs: 24,
        pollInterval: 100,
        maxPoolSize: 24,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0
      }
    }
  })
  return { runner, utils }
})

const graphile = Effect.gen(function*() {
  const { utils } = yield* Effect.acquireRelease(beginGraphile, ({ runner }) => Effect.promise(() => runner.stop()))
  return (i: number) => Effect.promise(() => utils.addJob("noop", { i }))
})

const report = (who: string, values: ReadonlyArray<number>) => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!.toFixed(2)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  console.log(
    who.padEnd(52),
    `mean ${mean.toFixed(2)}, p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)} ms`
  )
}

const program = Effect.gen(function*() {
  const worker = yield* scheduler("works")
  const other = yield* scheduler("asks")
  const subjects: Record<string, (i: number) => Effect.Effect<unknown, unknown>> = {
    "effect-scheduler, enqueued by another scheduler": (i) => other.enqueue(Noop, { payload: { i } }),
    "effect-scheduler, enqueued by the same one": (i) => worker.enqueue(Noop, { payload: { i } }),
    "graphile-worker, tuned": yield* graphile,
    "bare statements": yield* statements
  }
  const times = new Map(Object.keys(subjects).map((who) => [who, [] as Array<number>]))
  for (let i = 0; i < rounds; i++) {
    for (const [who, ask] of Object.entries(subjects)) {
      yield* Effect.sleep(20 + (i * 7) % 50)
      const time = yield* timed(ask(i))
      if (i >= rounds / 4) times.get(who)!.push(time)
    }
  }
  for (const [who, values] of times) report(who, values)

  // without the pause, in which code and data leave the caches
  const together: Array<number> = []
  for (let i = 0; i < 5 * rounds; i++) together.push(yield* timed(worker.enqueue(Noop, { payload: { i } })))
  report("effect-scheduler, one right after the other", together.slice(rounds))

  const late: Array<number> = []
  for (let i = 0; i < rounds / 2; i++) {
    const due = Date.now() + 100
    const job = yield* Effect.promise(() =>
      new Promise<string>((resolve, reject) => {
        let id = ""
        started = () => {
          late.push(performance.timeOrigin + performance.now() - due)
          resolve(id)
        }
        Effect.runPromise(other.schedule(Noop, { payload: { i }, trigger: Trigger.date(DateTime.makeUnsafe(due)) }))
          .then((job) => id = job.id, reject)
      })
    )
    yield* Effect.sleep(20)
    if (job === "") throw new Error("the job was not scheduled before it was due")
  }
  report("effect-scheduler, a lone job after its instant", late.slice(rounds / 8))
})

try {
  await pool.query(`CREATE SCHEMA ${schema}`)
  await Effect.runPromise(Effect.scoped(program) as Effect.Effect<void>)
} finally {
  for (const name of [schema, `${schema}_graphile`]) await pool.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`)
}
process.exit(0)
