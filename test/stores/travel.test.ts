// Live: real servers. Nothing waits for time to pass.
import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { JobStore, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { RedisJobStore } from "effect-scheduler/redis"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { Work } from "../support/world.ts"
import * as Postgres from "./postgres/server.ts"
import * as Redis from "./redis/server.ts"

it.live.skipIf(!Postgres.isRunning || Redis.isMissing)(
  "jobs travel from memory to SQLite, PostgreSQL, Redis and back to memory, and are the same everywhere",
  () =>
    Effect.gen(function*() {
      const schema = yield* Postgres.temporarySchema
      const [first, last] = [yield* MemoryJobStore.make(), yield* MemoryJobStore.make()]
      const live = Scheduler.layer({
        paused: true,
        stores: {
          default: Layer.succeed(JobStore.JobStore, first),
          sqlite: SqliteJobStore.layerFile(":memory:"),
          postgres: Layer.provide(PostgresJobStore.layer({ schema }), Postgres.client()),
          redis: RedisJobStore.layerUrl(Redis.url, Redis.freshOptions()),
          last: Layer.succeed(JobStore.JobStore, last)
        }
      })
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const a = {
          payload: { name: "żółw 🐢 \u0000" },
          trigger: Trigger.cron("0 9 * * mon", { timeZone: "Europe/Warsaw" })
        }
        yield* scheduler.scheduleAll(
          Work,
          Array.from(
            { length: 600 },
            (_, i) => ({ ...a, id: `job/${i}`, payload: { name: `${i}` }, tags: ["x", `${i}`] })
          )
        )
        yield* scheduler.schedule(Work, {
          ...a,
          id: "paused",
          payload: { name: "żółw 🐢" },
          metadata: { n: 1.5, "10": [null] }
        })
        yield* scheduler.pause("paused", {
          reason: "\"why\"",
          by: "me",
          until: DateTime.makeUnsafe("2100-01-01T00:00:00.001Z")
        })
        yield* scheduler.schedule(Work, { ...a, id: "skips", payload: { name: "s" } })
        yield* scheduler.skipNext("skips")
        const [row] = yield* first.jobs({ ids: ["skips"], limit: 1 })
        yield* first.insertJobs([
          {
            ...row!,
            id: "broken",
            payload: "{ no json",
            state: "quarantined",
            nextNominal: null,
            nextDue: null,
            pause: "{}"
          },
          { ...row!, id: "decided", cursor: row!.anchor, policy: `{ "overlap" : "skip" }` }
        ])
        let from: Scheduler.Verbs = scheduler
        for (const name of ["sqlite", "postgres", "redis", "last"]) {
          const to = yield* scheduler.store(name)
          assert.strictEqual((yield* to.importJobs(from.exportJobs())).added, 604)
          from = to
        }
        const rows = (store: JobStore.Service) =>
          Effect.map(store.jobs({ limit: 1_000 }), (all) => all.map((row) => ({ ...row, revision: 0 })))
        assert.deepStrictEqual(yield* rows(last), yield* rows(first))
      }).pipe(Effect.provide(live))
    }),
  60_000
)
