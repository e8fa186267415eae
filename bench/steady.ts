/**
 * Question: what do 1,000 durable jobs cost that each run every second, and how late are they? All at the same instant of each second, and each at
 * one of its own: `npm run steady`.
 *
 * On PostgreSQL (that of `POSTGRES_URL`, by default the one on this machine) and in an SQLite file, with the defaults, history kept. `JOBS`
 * (1,000) and `SECONDS` (20) can be set. Lateness is read inside the handler. The CPU is that of this process; PostgreSQL's own comes on top.
 */
import { DateTime, Effect, Layer, Redacted } from "effect"
import { FiberExecutor, type JobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"

const url = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"
const jobs = Number(process.env["JOBS"] ?? 1_000)
const seconds = Number(process.env["SECONDS"] ?? 20)
const schema = `bench_steady_${process.pid}`
const file = join(tmpdir(), `${schema}.db`)

const Noop = Task.make("Noop", {})
let late: Array<number> = []
const NoopLive = Noop.toLayer(() =>
  Effect.map(Run.CurrentRun, (run) => void late.push(Date.now() - run.scheduledAt.epochMilliseconds))
)

const quantile = (q: number) => late.toSorted((a, b) => a - b)[Math.min(late.length - 1, Math.floor(late.length * q))]!

const measure = <E>(
  what: string,
  store: Layer.Layer<JobStore.JobStore, E>,
  triggers: (i: number) => Trigger.Trigger
) => {
  const live = Scheduler.layer({ tasks: [Noop] }).pipe(
    Layer.provide([NoopLive, FiberExecutor.layer()]),
    Layer.provide(store)
  )
  return Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    yield* scheduler.scheduleAll(
      Noop,
      Array.from({ length: jobs }, (_, i) => ({ id: `steady/${i}`, trigger: triggers(i) }))
    )
    yield* Effect.sleep("5 seconds")
    late = []
    const cpu = process.cpuUsage()
    yield* Effect.sleep(seconds * 1000)
    const { system, user } = process.cpuUsage(cpu)
    const runs = late.length
    console.log(
      what.padEnd(40),
      `${runs} of ${jobs * seconds} runs, late by p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, max ${
        quantile(1)
      } ms;`,
      `CPU ${((system + user) / seconds / 10_000).toFixed(1)}% of one core`
    )
    yield* scheduler.removeAll({ prefix: "steady/" }, { running: "leave" })
  }).pipe(Effect.provide(Layer.fresh(live)))
}

const newYear = Date.UTC(2026, 0, 1)
const phases = {
  "at one instant": () => Trigger.cron("* * * * * *"),
  "each at its own": (i: number) =>
    Trigger.interval("1 second", { start: DateTime.makeUnsafe(newYear + Math.floor(i * 1000 / jobs)) })
}
const stores = {
  PostgreSQL: PostgresJobStore.layerUrl(Redacted.make(url), { schema }),
  SQLite: SqliteJobStore.layerFile(file)
}

try {
  for (const [name, store] of Object.entries(stores)) {
    for (const [phase, triggers] of Object.entries(phases)) {
      await Effect.runPromise(measure(`${name}, ${phase}`, store as Layer.Layer<JobStore.JobStore, unknown>, triggers))
    }
  }
} finally {
  for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true })
  const pool = new pg.Pool({ connectionString: url })
  await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await pool.end()
}
