import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { MemoryJobStore } from "effect-scheduler"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import { isInstalled, Server } from "./redis/process.ts"
import { isMissing, opened } from "./redis/server.ts"

describe.skipIf(isMissing || !isInstalled)("a Redis Cluster", () => {
  it.live("finds the keys of every verb in the slot of their namespace", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const server = await Server.make("--cluster-enabled", "yes")
          await server.start()
          return server
        }),
        (server) => Effect.promise(() => server.remove())
      )
      // one node that has all slots: it refuses a script whose keys lie in several, as any node would
      yield* Effect.promise(() => server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383"))
      yield* Effect.promise(() => server.command("CLUSTER", "INFO")).pipe(
        Effect.repeat({
          until: (info) => String(info).includes("cluster_state:ok"),
          schedule: Schedule.spaced("50 millis")
        }),
        Effect.timeout("20 seconds")
      )
      const { redis, store } = yield* opened({}, server.url)
      const crossing = yield* Effect.flip(redis.send("DEL", "a", "b"))
      assert.include(String(crossing.cause), "CROSSSLOT")
      yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 21, steps: 150 })
    }), 60_000)
})
