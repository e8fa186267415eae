/**
 * A database that is stopped and comes back, while a scheduler lives on it. For a few seconds in every run of the tests, for a minute with
 * `PROCESSES_MINUTES`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Layer, Logger, Redacted, References, Schedule, Schema, Stream } from "effect"
import { FiberExecutor, JobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { random } from "../simulation/random.ts"
import { untiled } from "../simulation/timeline.ts"
import { obstacle, Server } from "../stores/postgres/process.ts"
import { rush } from "./rush.ts"

const minutes = Number(process.env["PROCESSES_MINUTES"] ?? 0)
const outage = minutes === 0 ? 4_000 : 60_000
const period = 250

if (obstacle !== undefined) process.stderr.write(`\n*** SKIPPED: the outages of PostgreSQL; ${obstacle} ***\n\n`)

/** What it has said is committed, it keeps: it may be stopped at once, though not with the machine. */
const served = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = await Server.make("synchronous_commit=on")
    await server.start()
    return server
  }),
  (server) => Effect.promise(() => server.remove())
)

const Tick = Task.make("Tick", { payload: { name: Schema.String } })
const Long = Task.make("Long", { payload: { name: Schema.String }, success: Schema.String })

const now = Clock.currentTimeMillis

const until = (what: string, isSo: Effect.Effect<boolean, unknown>) =>
  Effect.delay(isSo, "50 millis").pipe(
    Effect.repeat({ until: (so) => so }),
    Effect.timeoutOrElse({ duration: "40 seconds", orElse: () => Effect.die(new Error(`not ${what}`)) })
  )

describe.skipIf(obstacle !== undefined)("a PostgreSQL that is stopped", () => {
  for (const how of ["fast", "immediate"] as const) {
    it.live(
      `${how}, and comes back: the scheduler says so once, goes on, keeps its outcomes, and catches up`,
      () =>
        Effect.gen(function*() {
          const server = yield* served
          const said: Array<string> = []
          const ticks: Array<string> = []
          const ended: Array<string> = []
          const release = yield* Deferred.make<void>()
          const Main = Scheduler.layer({ tasks: [Tick, Long] }).pipe(
            Layer.provide([
              Tick.toLayer(({ name }) => Effect.sync(() => void ticks.push(name))),
              Long.toLayer(({ name }) =>
                Effect.as(Deferred.await(release), name).pipe(
                  Effect.onExit(({ _tag }) => Effect.sync(() => ended.push(`${name} ${_tag}`)))
                )
              ),
              FiberExecutor.layer({ concurrency: 50 })
            ]),
            Layer.provideMerge(PostgresJobStore.layerUrl(Redacted.make(server.url))),
            Layer.provide(Logger.layer([Logger.make(({ message }) => void said.push(`${message}`))]))
          )
          yield* Effect.gen(function*() {
            const scheduler = yield* Scheduler.Scheduler
            const store = yield* JobStore.JobStore
            const told: Array<string> = []
            yield* Effect.forkScoped(
              Stream.runForEach(scheduler.events, ({ _tag }) =>
                Effect.sync(() => {
                  if (_tag.startsWith("Store") || _tag.startsWith("Role") || _tag === "RunRefused") told.push(_tag)
                })),
              { startImmediately: true }
            )
            const policies = {
              all: { catchUp: "all", catchUpLimit: 5 },
              latest: {},
              none: { catchUp: "none" }
            } as const
            for (const [id, policy] of Object.entries(policies)) {
              yield* scheduler.schedule(Tick, {
                id,
                payload: { name: id },
                trigger: Trigger.interval(period),
                ...policy
              })
            }
            const long = yield* Effect.forEach(
              ["a", "b", "c"],
              (name) => scheduler.enqueue(Long, { payload: { name } })
            )
            yield* until(
              "at work",
              Effect.sync(() => ticks.length > 6)
            )
            yield* until(
              "running",
              Effect.map(store.runs({ ids: long, limit: 9 }), (rows) => rows.every(({ state }) => state === "running"))
            )

            yield* Effect.promise(() => server.stop(how))
            const down = yield* now
            yield* Effect.sleep(outage / 2)
            // the long ones end while nobody can be told
            yield* Deferred.succeed(release, undefined)
            yield* Effect.sleep(outage / 2)
            assert.deepStrictEqual(ended.toSorted(), ["a Success", "b Success", "c Success"])
            assert.deepStrictEqual(told, ["StoreUnavailable"])
            const before = ticks.length
            yield* Effect.promise(() => server.start())

            yield* until("at work again", Effect.sync(() => ticks.length > before + 10))
            yield* until("told", Effect.sync(() => told.length === 2))
            assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered"])
            assert.strictEqual(said.filter((line) => line.includes("does not answer")).length, 1)
            assert.strictEqual(said.filter((line) => line.includes("answers again")).length, 1)
            const rows = yield* store.runs({ ids: long, limit: 9 })
            assert.deepStrictEqual(rows.map(({ fence, outcome }) => [fence, outcome]), long.map(() => [1, "succeeded"]))

            for (const id of Object.keys(policies)) {
              yield* until("planned", Effect.map(store.verdicts({ job: id, limit: 9 }), (rows) => rows.length > 0))
              yield* scheduler.pause(id)
              const [job] = yield* store.jobs({ ids: [id], limit: 1 })
              const [verdicts, runs] = yield* Effect.all([
                store.verdicts({ job: id, limit: 1_000 }),
                store.runs({ job: id, limit: 10_000 })
              ])
              const occurrences = Math.floor((job!.updated - job!.anchor) / period)
              assert.deepStrictEqual(
                untiled({
                  job: id,
                  required: Array.from({ length: occurrences }, (_, n) => job!.anchor + (n + 1) * period),
                  fired: runs.map(({ nominal }) => nominal!),
                  stretches: verdicts.map(({ from, to }) => ({ from: from ?? -Infinity, to }))
                }),
                []
              )
              // what came due in the middle of it has the verdict of its policy
              const middle = down + outage / 2
              const [verdict] = verdicts.filter(({ from, to }) => from !== null && from < middle && middle <= to)
              const expected = { all: "missed cap", latest: "coalesced catchUp", none: "missed policy" }[id]
              assert.strictEqual(`${verdict?.kind} ${verdict?.reason}`, expected)
            }
          }).pipe(Effect.provide(Main), Effect.scoped)
        }).pipe(Effect.scoped),
      outage + 120_000
    )
  }

  it.live(
    "in the middle of what processes do, again and again, while they die themselves: nothing is lost",
    () =>
      Effect.gen(function*() {
        const server = yield* served
        const choices = random(process.env["PROCESSES_SEED"] ?? "outages")
        const stopping = Effect.gen(function*() {
          yield* Effect.sleep(choices.int(1_000, 2_500))
          yield* Effect.promise(() => server.stop(choices.pick(["immediate", "immediate", "fast"])))
          yield* Effect.sleep(choices.int(100, 2_000))
          yield* Effect.promise(() => server.start())
        })
        const seconds = minutes === 0 ? 8 : minutes * 60
        const { counts, happened, violations } = yield* rush({
          place: { store: "postgres", url: server.url, name: "processes" },
          seed: "outages",
          seconds,
          processes: 3,
          skew: 0,
          amount: { recurring: 30, oneOff: seconds * 40, adHoc: seconds * 10 },
          meanwhile: Effect.repeat(stopping, Schedule.recurs(Math.floor(seconds / 4) - 1))
        })
        if (minutes > 0) console.log(happened, counts)
        assert.deepStrictEqual(violations.slice(0, 20), [], JSON.stringify({ happened, counts }))
        assert.isAbove(counts["StoreUnavailable"] ?? 0, 0)
        assert.isAbove(counts["succeeded"] ?? 0, seconds * 20)
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None")),
    (minutes * 60 + 200) * 1000
  )
})
