import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted, Schema, Tracer } from "effect"
import { FiberExecutor, Scheduler, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
const url = "postgres://postgres@127.0.0.1:5432/test"
const schema = `prof_${process.pid}`
const Noop = Task.make("Noop", { payload: { i: Schema.Int } })
let n = 0, done: () => void, want = 0
const NoopLive = Noop.toLayer(() =>
  Effect.sync(() => {
    if (++n === want) done()
  })
)
const client = PgClient.layer({ url: Redacted.make(url) })
const store = PostgresJobStore.layer({ schema })
const worker = Layer.fresh(
  Scheduler.layer({ tasks: [Noop] }).pipe(
    Layer.provide([NoopLive, FiberExecutor.layer({ concurrency: 1000 })]),
    Layer.provide(store),
    Layer.provideMerge(client)
  )
)
const clientOnly = Layer.fresh(Scheduler.layer().pipe(Layer.provide(store), Layer.provideMerge(client)))
const total = 20000
const mode = process.argv[2]
const page = Number(process.argv[3] ?? 1000)
const stats = new Map<string, [number, number]>()
const tracer = Tracer.make({
  span: (options) => {
    const span = new Tracer.NativeSpan(options)
    const end = span.end.bind(span)
    const t = performance.now()
    span.end = (a: any, b: any) => {
      const q = String(span.attributes.get("db.query.text") ?? options.name).replace(/\s+/g, " ").slice(0, 110)
      const e = stats.get(q) ?? [0, 0]
      e[0]++
      e[1] += performance.now() - t
      stats.set(q, e)
      return end(a, b)
    }
    return span
  }
})
const prog = Effect.scoped(Effect.gen(function*() {
  const c = yield* Layer.build(clientOnly)
  const sched = Context.get(c, Scheduler.Scheduler)
  const enq = (k: string, total: number) =>
    Effect.forEach(
      Array.from({ length: total / page }, (_, p) => p),
      (p) =>
        sched.enqueueAll(
          Noop,
          Array.from({ length: page }, (_, i) => ({ id: `${k}/${p * page + i}`, payload: { i } }))
        ),
      { discard: true }
    )
  yield* enq("w", 4000)
  for (let r = 0; r < (mode === "cron" ? 0 : 2); r++) {
    const cpu = process.cpuUsage()
    const t = performance.now()
    yield* enq(`r${r}`, total)
    const u = process.cpuUsage(cpu)
    const ms = performance.now() - t
    console.log(
      "enqueue",
      Math.round(total / ms * 1000),
      "/s cpu",
      ((u.user + u.system) / total).toFixed(1),
      "µs each, wall",
      (ms * 1000 / total).toFixed(1)
    )
  }
  if (mode === "both" || mode === "all") {
    yield* Effect.scoped(Effect.gen(function*() {
      want = 4000 + 2 * total
      const p = new Promise<void>((r) => done = r)
      const cpu = process.cpuUsage()
      const t = performance.now()
      const w = Context.get(yield* Layer.build(worker), Scheduler.Scheduler)
      yield* Effect.promise(() => p)
      while ((yield* w.runs({ going: true, limit: 1 })).length > 0) yield* Effect.sleep(5)
      const u = process.cpuUsage(cpu)
      const ms = performance.now() - t
      console.log(
        "process",
        Math.round(want / ms * 1000),
        "/s cpu",
        ((u.user + u.system) / want).toFixed(1),
        "µs each, wall",
        (ms * 1000 / want).toFixed(1)
      )
    }))
  }
  if (mode === "cron" || mode === "all") {
    yield* Effect.scoped(Effect.gen(function*() {
      const w = Context.get(yield* Layer.build(worker), Scheduler.Scheduler)
      const N = 10000
      const at = Math.ceil((Date.now() + 4000) / 5000) * 5000
      yield* w.scheduleAll(
        Noop,
        Array.from(
          { length: N },
          (_, i) => ({
            id: `c/${i}`,
            payload: { i },
            trigger: Trigger.cron("* * * * * *".replace("* ", (new Date(at).getUTCSeconds()) + " "))
          })
        )
      )
      stats.clear()
      n = 0
      want = N
      const p = new Promise<void>((r) => done = r)
      yield* Effect.sleep(at - Date.now())
      const cpu = process.cpuUsage()
      const t = performance.now()
      yield* Effect.promise(() => p)
      const ms1 = performance.now() - t
      while ((yield* w.runs({ going: true, limit: 1 })).length > 0) yield* Effect.sleep(5)
      const u = process.cpuUsage(cpu)
      const ms = performance.now() - t
      console.log("cron last", ms1.toFixed(0), "settled", ms.toFixed(0), "cpu", ((u.user + u.system) / 1000).toFixed(0))
    }))
  }
  const sql = Context.get(c, PgClient.PgClient)
  yield* sql.unsafe(`DROP SCHEMA ${schema} CASCADE`)
}))
await Effect.runPromise(
  (process.argv[4] === "trace" ? Effect.provideService(prog as any, Tracer.Tracer, tracer) : prog) as any
)
for (const [q, [k, ms]] of [...stats].sort((a, b) => b[1][1] - a[1][1]).slice(0, 16)) {
  console.log(ms.toFixed(0).padStart(7), "ms", String(k).padStart(6), q)
}
process.exit(0)
