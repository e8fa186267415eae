/**
 * How fast jobs go through PostgreSQL, beside graphile-worker and pg-boss in the same run, against the same server: `npm run postgres`.
 *
 * Every library runs in this process with no-op handlers, ours with its defaults and full history, each peer with its defaults and with the
 * best settings we found; `bare` is what a lone run cannot do without, in bare statements. The server is that of `POSTGRES_URL`, by default
 * the one on this machine. `JOBS` (20,000) is how many runs are queued, `FUTURE` (1,000,000) how many future jobs the second round of ours
 * has in its tables.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, DateTime, Effect, Layer, Redacted, Schema, Tracer } from "effect"
import { FiberExecutor, Scheduler, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { Logger, makeWorkerUtils, run as runGraphile } from "graphile-worker"
import pg from "pg"
import { PgBoss } from "pg-boss"

const url = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"
const total = Number(process.env["JOBS"] ?? 20_000)
const future = Number(process.env["FUTURE"] ?? 1_000_000)
const only = process.env["ONLY"]?.split(",")
const schema = `bench_${process.pid}`
const pool = new pg.Pool({ connectionString: url, max: 4 })
pool.on("error", (error) => console.error(error))
pool.on("connect", (client) => client.on("error", (error) => console.error(error)))

const rows: Array<readonly [what: string, who: string, value: string]> = []
const note = (what: string, who: string, value: string) => {
  rows.push([what, who, value])
  console.log(what.padEnd(34), who.padEnd(30), value)
}
const perSecond = (n: number, ms: number) => `${Math.round((n / ms) * 1000).toLocaleString("en")}/s`
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`
const quantile = (sorted: ReadonlyArray<number>, q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
const spread = (values: ReadonlyArray<number>) => {
  const sorted = [...values].sort((a, b) => a - b)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return `mean ${ms(mean)}, p50 ${ms(quantile(sorted, 0.5))}, p99 ${ms(quantile(sorted, 0.99))}, max ${
    ms(sorted.at(-1)!)
  }`
}
/** What a process does for the first time it does slowly: of five rounds the one in the middle counts, for every library. */
const rounds = 5
const middle = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!
/** What the server does by itself within a minute of a burst: a lone run is looked for among what is left of those before it. */
const vacuum = () => pool.query("VACUUM")
const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
/** Resolves when so many have been counted. */
const counter = (wanted: number) => {
  let seen = 0
  let resolve!: () => void
  const all = new Promise<void>((done) => resolve = done)
  return { all, one: () => void (++seen >= wanted && resolve()) }
}

const clear = async () => {
  const { rows } = await pool.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '${schema}%'`)
  for (const { nspname } of rows) await pool.query(`DROP SCHEMA IF EXISTS ${nspname} CASCADE`)
}

// ours

const Noop = Task.make("Noop", { payload: { i: Schema.Int } })
let handler: (i: number) => void = () => {}
const NoopLive = Noop.toLayer(({ i }) => Effect.sync(() => handler(i)))

const client = PgClient.layer({ url: Redacted.make(url) })
const store = PostgresJobStore.layer({ schema })
const clientOnly = Layer.fresh(Scheduler.layer().pipe(Layer.provide(store), Layer.provideMerge(client)))
/** Starts paused: among a million jobs a start takes a second, in which it looks for those that were planned with other time-zone data. */
const worker = Layer.fresh(
  Scheduler.layer({ tasks: [Noop], paused: true }).pipe(
    Layer.provide([NoopLive, FiberExecutor.layer()]),
    Layer.provide(store),
    Layer.provideMerge(client)
  )
)

/** Counts the statements that are sent while an effect runs. */
const counting = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  let statements = 0
  const tracer = Tracer.make({
    span: (options) => {
      if (options.kind === "client") statements++
      return new Tracer.NativeSpan(options)
    }
  })
  return Effect.map(Effect.provideService(effect, Tracer.Tracer, tracer), (value) => [value, statements] as const)
}

/** A scheduler that has done all that a start does, and has not begun to work. */
const started = <R>(layer: Layer.Layer<Scheduler.Scheduler | R, unknown>) =>
  Effect.map(
    Effect.tap(Layer.build(layer), () => Effect.sleep(3000)),
    (context) => Context.get(context as Context.Context<Scheduler.Scheduler>, Scheduler.Scheduler)
  )

const enqueueAll = (scheduler: Scheduler.Service, n: number, name: string) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(n / 1000) }, (_, page) => page),
    (page) =>
      scheduler.enqueueAll(
        Noop,
        Array.from({ length: Math.min(1000, n - page * 1000) }, (_, i) => ({
          id: `${name}/${page * 1000 + i}`,
          payload: { i }
        }))
      ),
    { discard: true }
  )

const ours = (round: string) =>
  Effect.gen(function*() {
    const who = `effect-scheduler${round}`
    // enqueue
    yield* Effect.scoped(Effect.gen(function*() {
      const scheduler = yield* started(clientOnly)
      yield* enqueueAll(scheduler, 2000, "warm")
      const times: Array<number> = []
      for (let round = 0; round < rounds; round++) {
        const before = performance.now()
        yield* enqueueAll(scheduler, total, `bulk${round}`)
        times.push(performance.now() - before)
      }
      note("enqueue in bulk", who, perSecond(total, middle(times)))
      const single: Array<number> = []
      for (let i = 0; i < 300; i++) {
        const at = performance.now()
        yield* scheduler.enqueue(Noop, { id: `single/${i}`, payload: { i } })
        single.push(performance.now() - at)
      }
      note("enqueue one", who, spread(single))
    }))
    // process what is queued
    const queued = rounds * total + 2000 + 300
    yield* Effect.scoped(Effect.gen(function*() {
      const done = counter(queued)
      handler = done.one
      const scheduler = yield* started(worker)
      const before = performance.now()
      yield* scheduler.resumeNode
      yield* Effect.promise(() => done.all)
      while ((yield* scheduler.runs({ going: true, limit: 1 })).length > 0) yield* Effect.sleep(5)
      note("process what is queued", who, perSecond(queued, performance.now() - before))
    }))
    // the same once more, counted: spans cost time
    for (const n of [1, 5_000]) {
      const done = counter(n)
      handler = done.one
      const [, statements] = yield* counting(Effect.scoped(Effect.gen(function*() {
        const scheduler = Context.get(yield* Layer.build(worker), Scheduler.Scheduler)
        yield* scheduler.resumeNode
        yield* scheduler.enqueueAll(Noop, Array.from({ length: n }, (_, i) => ({ payload: { i } })))
        yield* Effect.promise(() => done.all)
        while ((yield* scheduler.runs({ going: true, limit: 1 })).length > 0) yield* Effect.sleep(5)
      })))
      const [, idle] = yield* counting(Effect.scoped(Effect.tap(Layer.build(worker), (context) =>
        Context.get(context as Context.Context<Scheduler.Scheduler>, Scheduler.Scheduler).resumeNode)))
      note("statements of n runs", `${who}, n = ${n}`, `${statements - idle}, enqueued and processed`)
    }
    // enqueue and process at once; a lone run
    yield* Effect.scoped(Effect.gen(function*() {
      const scheduler = yield* started(worker)
      const other = yield* started(clientOnly)
      yield* scheduler.resumeNode
      const done = counter(total)
      handler = done.one
      const before = performance.now()
      yield* enqueueAll(other, total, "both")
      yield* Effect.promise(() =>
        done.all
      )
      note("enqueue and process at once", who, perSecond(total, performance.now() - before))
      while ((yield* scheduler.runs({ going: true, limit: 1 })).length > 0) yield* Effect.sleep(5)
      yield* Effect.promise(vacuum)
      for (const [by, asked] of [["another scheduler", other], ["its own scheduler", scheduler]] as const) {
        const late: Array<number> = []
        for (let i = 0; i < 300; i++) {
          yield* Effect.sleep(20 + (i * 7) % 50)
          const at = performance.now()
          const started = new Promise<number>((resolve) => handler = () => resolve(performance.now()))
          yield* asked.enqueue(Noop, { payload: { i } })
          late.push((yield* Effect.promise(() => started)) - at)
        }
        note("pick-up of a lone run", `${who}, enqueued by ${by}`, spread(late.slice(100)))
      }
    }))
    // due in one minute
    for (const n of [1_000, 10_000]) {
      yield* Effect.scoped(Effect.gen(function*() {
        const scheduler = yield* started(worker)
        yield* scheduler.resumeNode
        // they are to be there before the minute that is measured
        if (Date.now() % 60_000 > 50_000) yield* Effect.sleep(60_000 - Date.now() % 60_000)
        const minute = (Math.floor(Date.now() / 60_000) + 1) * 60_000
        const before = performance.now()
        yield* scheduler.scheduleAll(
          Noop,
          Array.from({ length: n }, (_, i) => ({
            id: `minute/${n}/${i}`,
            payload: { i },
            trigger: Trigger.cron("* * * * *")
          }))
        )
        note("schedule a cron, in bulk", `${who}, ${n}`, `${ms((performance.now() - before) / n)} each`)
        const done = counter(n)
        const late: Array<number> = []
        handler = () => {
          late.push(Date.now() - minute)
          done.one()
        }
        yield* Effect.promise(() => done.all)
        note("due in one minute", `${who}, ${n}`, `first ${late[0]} ms late, last ${late.at(-1)} ms`)
        yield* Effect.sleep(500)
        yield* Effect.forEach(yield* scheduler.list({ prefix: `minute/${n}/` }), ({ id }) =>
          scheduler.remove(id, { running: "leave" }), { concurrency: 8, discard: true })
      }))
    }
  })

/** A million jobs that are not due for years. */
const addFuture = Effect.scoped(Effect.gen(function*() {
  const scheduler = Context.get(yield* Layer.build(clientOnly), Scheduler.Scheduler)
  const trigger = Trigger.date(DateTime.makeUnsafe("2040-01-01T00:00:00Z"))
  const before = performance.now()
  for (let page = 0; page < future / 10_000; page++) {
    yield* scheduler.scheduleAll(
      Noop,
      Array.from({ length: 10_000 }, (_, i) => ({ id: `future/${page}/${i}`, payload: { i }, trigger }))
    )
  }
  note("schedule future jobs, in bulk", "effect-scheduler", perSecond(future, performance.now() - before))
  yield* Effect.promise(() => pool.query(`ANALYZE ${schema}.scheduler_jobs`))
}))

// graphile-worker

const quiet = new Logger(() => () => {})
const graphile = async (who: string, tuned: boolean) => {
  const graphileSchema = `${schema}_graphile_${tuned}`
  const shared = { pgPool: pool, schema: graphileSchema, logger: quiet }
  const utils = await makeWorkerUtils(shared)
  await utils.migrate()
  const enqueue = async (n: number) => {
    for (let page = 0; page < n / 1000; page++) {
      await utils.addJobs(Array.from({ length: 1000 }, (_, i) => ({ identifier: "noop", payload: { i } })))
    }
  }
  await enqueue(2000)
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before = performance.now()
    await enqueue(total)
    times.push(performance.now() - before)
  }
  note("enqueue in bulk", who, perSecond(total, middle(times)))
  const single: Array<number> = []
  for (let i = 0; i < 300; i++) {
    const at = performance.now()
    await utils.addJob("noop", { i })
    single.push(performance.now() - at)
  }
  note("enqueue one", who, spread(single))
  let one: () => void = () => {}
  const start = () =>
    runGraphile({
      ...shared,
      noHandleSignals: true,
      taskList: { noop: async () => one() },
      ...(tuned
        ? {
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
        }
        : {})
    })
  const limited = tuned ? rounds * total : 3000
  const done = counter(limited)
  one = done.one
  let before = performance.now()
  const runner = await start()
  await done.all
  note("process what is queued", who, perSecond(limited, performance.now() - before))
  // what its defaults leave over would be in the way of what comes
  for (let left = tuned ? 0 : 1; left > 0;) {
    left = (await pool.query(`DELETE FROM ${graphileSchema}._private_jobs WHERE locked_at IS NULL`)).rowCount!
  }
  const atOnce = tuned ? total : 3000
  const both = counter(atOnce)
  one = both.one
  before = performance.now()
  await enqueue(atOnce)
  await both.all
  note("enqueue and process at once", who, perSecond(atOnce, performance.now() - before))
  await sleep(500)
  await vacuum()
  const late: Array<number> = []
  for (let i = 0; i < 300; i++) {
    await sleep(20 + (i * 7) % 50)
    const at = performance.now()
    const started = new Promise<number>((resolve) => one = () => resolve(performance.now()))
    await utils.addJob("noop", { i })
    late.push((await started) - at)
  }
  note("pick-up of a lone run", who, spread(late.slice(100)))
  await runner.stop()
  await utils.release()
}

// pg-boss

const boss = async (who: string, tuned: boolean) => {
  const bossSchema = `${schema}_boss_${tuned}`
  const boss = new PgBoss({ connectionString: url, schema: bossSchema, max: 10 })
  boss.on("error", (error) => console.error(error))
  await boss.start()
  await boss.createQueue("noop")
  const enqueue = async (n: number) => {
    for (let page = 0; page < n / 1000; page++) {
      await boss.insert("noop", Array.from({ length: 1000 }, (_, i) => ({ data: { i } })))
    }
  }
  await enqueue(2000)
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before = performance.now()
    await enqueue(total)
    times.push(performance.now() - before)
  }
  note("enqueue in bulk", who, perSecond(total, middle(times)))
  const single: Array<number> = []
  for (let i = 0; i < 300; i++) {
    const at = performance.now()
    await boss.send("noop", { i })
    single.push(performance.now() - at)
  }
  note("enqueue one", who, spread(single))
  // with its defaults it takes one job every two seconds: a few tell as much as many
  const queued = tuned ? rounds * total + 2300 : 5
  const done = counter(queued)
  let one = done.one
  let before = performance.now()
  const handle = async (jobs: ReadonlyArray<unknown>) => {
    for (const _ of jobs) one()
  }
  if (tuned) {
    await boss.work("noop", { batchSize: 1000, pollingIntervalSeconds: 0.5, burst: true } as never, handle as never)
  } else await boss.work("noop", handle as never)
  await done.all
  note("process what is queued", who, perSecond(queued, performance.now() - before))
  if (tuned) {
    const both = counter(total)
    one = both.one
    before = performance.now()
    await enqueue(total)
    await both.all
    note("enqueue and process at once", who, perSecond(total, performance.now() - before))
    await sleep(1000)
    await vacuum()
    const late: Array<number> = []
    for (let i = 0; i < 30; i++) {
      await sleep(20 + (i * 7) % 50)
      const at = performance.now()
      const started = new Promise<number>((resolve) => one = () => resolve(performance.now()))
      await boss.send("noop", { i })
      late.push((await started) - at)
    }
    note("pick-up of a lone run", who, spread(late))
  }
  await boss.stop({ graceful: false })
}

// what the server and this machine allow

/** The two commits and the notification that a lone run cannot do without, with nothing around them. */
const bare = async () => {
  const [worker, other] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
  await Promise.all([worker.connect(), other.connect()])
  const table = `${schema}_bare.runs`
  await other.query(`CREATE SCHEMA ${schema}_bare`)
  await other.query(`CREATE TABLE ${table} (id text PRIMARY KEY, payload text, state text)`)
  await worker.query(`LISTEN ${schema}`)
  let heard: () => void = () => {}
  worker.on("notification", () => heard())
  const late: Array<number> = []
  for (let i = 0; i < 300; i++) {
    await sleep(20 + (i * 7) % 50)
    const notified = new Promise<void>((resolve) => heard = resolve)
    const at = performance.now()
    await other.query({ name: "add", text: `INSERT INTO ${table} VALUES ($1, $2, 'ready')`, values: [`r${i}`, "x"] })
    await other.query({ name: "tell", text: "SELECT pg_notify($1, '')", values: [schema] })
    await notified
    await worker.query({ name: "take", text: `UPDATE ${table} SET state = 'running' WHERE id = $1`, values: [`r${i}`] })
    late.push(performance.now() - at)
  }
  note("pick-up of a lone run", "bare statements", spread(late.slice(100)))
  await Promise.all([worker.end(), other.end()])
}

const wanted = (name: string) => only === undefined || only.includes(name)
try {
  await clear()
  if (wanted("bare")) await bare()
  if (wanted("ours")) await Effect.runPromise(ours("") as Effect.Effect<void>)
  if (wanted("graphile")) {
    await graphile("graphile-worker, defaults", false)
    await graphile("graphile-worker, tuned", true)
  }
  if (wanted("boss")) {
    await boss("pg-boss, defaults", false)
    await boss("pg-boss, tuned", true)
  }
  if (wanted("future")) {
    await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await Effect.runPromise(addFuture as Effect.Effect<void>)
    await Effect.runPromise(ours(`, ${future.toLocaleString("en")} future jobs`) as Effect.Effect<void>)
  }
} finally {
  await clear()
  await pool.end()
}
console.log(`\n| | | |\n| --- | --- | --- |\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}`)
process.exit(0)
