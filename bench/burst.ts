/**
 * Question: n jobs come due at one instant. How long until the last one has run, and at what cost each?
 *
 * Beside us in the same process: bare `setTimeout`, which keeps no record of anything.
 */
import { DateTime, Effect, Layer } from "effect"
import { FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"

const sizes = process.argv.slice(2).map(Number)

const Noop = Task.make("Noop")

const timers = (n: number) =>
  Effect.promise(() =>
    new Promise<number>((resolve) => {
      const at = performance.now() + 1000 + n / 100
      let left = n
      for (let i = 0; i < n; i++) {
        setTimeout(() => {
          if (--left === 0) resolve(performance.now() - at)
        }, at - performance.now())
      }
    })
  )

const ours = Effect.fnUntraced(function*(n: number) {
  let left = n
  let last = 0
  const done = Promise.withResolvers<void>()
  const live = Scheduler.layer({ tasks: [Noop] }).pipe(
    Layer.provide([
      Noop.toLayer(() =>
        Effect.sync(() => {
          if (--left === 0) {
            last = Date.now()
            done.resolve()
          }
        })
      ),
      FiberExecutor.layer({ concurrency: 1_000 })
    ]),
    Layer.provide(MemoryJobStore.layerWith({ runs: n }))
  )
  return yield* Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    const at = Date.now() + 1500 + n / 50
    const trigger = Trigger.date(DateTime.makeUnsafe(at))
    const before = performance.now()
    yield* scheduler.scheduleAll(Noop, Array.from({ length: n }, (_, i) => ({ id: `job/${i}`, trigger })))
    const adding = performance.now() - before
    yield* Effect.sleep(at - 20 - Date.now())
    const cpu = process.cpuUsage()
    yield* Effect.promise(() => done.promise)
    let settled = Date.now()
    while ((yield* scheduler.runs({ going: true, limit: 1 })).length > 0) {
      yield* Effect.yieldNow
      settled = Date.now()
    }
    const used = process.cpuUsage(cpu)
    return { adding, handlers: last - at, settled: settled - at, cpu: used.user + used.system }
  }).pipe(Effect.provide(live))
})

await Effect.runPromise(Effect.gen(function*() {
  for (const n of sizes.length > 0 ? sizes : [10_000, 100_000]) {
    for (let round = 0; round < 3; round++) {
      const bare = yield* timers(n)
      const { adding, cpu, handlers, settled } = yield* ours(n)
      console.log(
        `${n} due at once: setTimeout ${
          bare.toFixed(0)
        } ms; effect-scheduler handlers ${handlers} ms, recorded ${settled} ms` +
          ` (${(settled * 1000 / n).toFixed(1)} µs each, ${(cpu / n).toFixed(1)} µs of CPU; added in ${
            (adding * 1000 / n).toFixed(1)
          } µs each)`
      )
    }
  }
}))
