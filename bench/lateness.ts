/**
 * Question: how late are runs, and what does a job cost, when 100,000 jobs are kept in memory and one is due each 10 ms for a minute?
 *
 * Lateness is read inside the handler: the wall clock minus the nominal instant. Beside us in the same process: what a bare
 * `setTimeout` for the same instants is late by, which is what Node itself can do.
 */
import { DateTime, Effect, Layer } from "effect"
import { FiberExecutor, MemoryJobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"

const jobs = Number(process.argv[2] ?? 100_000)
const seconds = Number(process.argv[3] ?? 60)
const every = 10

const Noop = Task.make("Noop", {})

const late: Array<number> = []
const bare: Array<number> = []
const heap = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const live = Scheduler.layer({ tasks: [Noop] }).pipe(
  Layer.provide([
    Noop.toLayer(() =>
      Effect.map(Run.CurrentRun, (run) => {
        late.push(Date.now() - run.scheduledAt.epochMilliseconds)
      })
    ),
    FiberExecutor.layer()
  ]),
  Layer.provide(MemoryJobStore.layer)
)

const quantile = (values: Array<number>, q: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!

await Effect.runPromise(
  Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    const before = heap()
    const start = Date.now() + 15_000
    const adding = performance.now()
    // The first ones come due in the minute that is measured, the others stay in the store.
    const due = seconds * 1000 / every
    for (let from = 0; from < jobs; from += 10_000) {
      yield* scheduler.scheduleAll(
        Noop,
        Array.from({ length: Math.min(10_000, jobs - from) }, (_, i) => ({
          id: `reminder/${from + i}`,
          trigger: Trigger.date(
            DateTime.makeUnsafe(from + i < due ? start + (from + i) * every : start + 86_400_000 + from + i)
          )
        }))
      )
    }
    const added = performance.now() - adding
    const perJob = (heap() - before) / jobs
    for (let i = 0; i < due; i++) {
      const at = start + i * every + 5
      setTimeout(() => bare.push(Date.now() - at), at - Date.now())
    }
    const cpu = process.cpuUsage()
    yield* Effect.sleep(start + seconds * 1000 + 500 - Date.now())
    const used = process.cpuUsage(cpu)
    console.log(
      `${jobs} jobs in memory, added in ${(added * 1000 / jobs).toFixed(1)} µs each, ${
        perJob.toFixed(0)
      } heap bytes each`
    )
    console.log(`${late.length} of ${due} runs in ${seconds} s`)
    for (const [name, values] of [["effect-scheduler", late], ["bare setTimeout", bare]] as const) {
      console.log(
        `${name.padEnd(18)} late by p50 ${quantile(values, 0.5)} ms, p99 ${quantile(values, 0.99)} ms, max ${
          quantile(values, 1)
        } ms`
      )
    }
    console.log(
      `never early: ${late.every((ms) => ms >= 0)}; CPU ${
        ((used.user + used.system) / 1e4 / (seconds + 15)).toFixed(1)
      } % of a core (both, with the wait)`
    )
  }).pipe(Effect.provide(live))
)
