import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FiberExecutor, JobStore, Scheduler } from "effect-scheduler"
import { RedisJobStore } from "effect-scheduler/redis"
import { Redis } from "effect/persistence"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Count, handledOf } from "./redis/count.ts"
import { freshOptions, isMissing, url } from "./redis/server.ts"

const program = fileURLToPath(new URL("./redis/worker.ts", import.meta.url))

const worker = (options: { readonly prefix: string; readonly namespace: string }) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [
        "--conditions=source",
        "--disable-warning=ExperimentalWarning",
        program,
        url,
        options.prefix,
        options.namespace
      ], { stdio: ["ignore", "ignore", "inherit"] })
    ),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, "exit")
        child.kill("SIGKILL")
        await gone
      })
  )

describe.skipIf(isMissing)("processes that share a Redis", () => {
  it.live("lose nothing and run little twice, when one of them is killed", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const total = 150
      const Main = Scheduler.layer({ tasks: [] }).pipe(
        Layer.provide(FiberExecutor.layer()),
        Layer.provideMerge(RedisJobStore.layerUrl(url, options))
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const store = yield* JobStore.JobStore
        const redis = yield* Redis.Redis
        yield* Effect.forEach(Array.from({ length: total }, (_, n) => n), (n) =>
          scheduler.enqueue(Count, { payload: { n } }))
        const handled = redis.send<ReadonlyArray<string>>("LRANGE", handledOf(options), "0", "-1")
        const until = (isSo: Effect.Effect<boolean, unknown>) =>
          Effect.delay(isSo, "50 millis").pipe(
            Effect.repeat({
              until: (so) =>
                so
            }),
            Effect.timeout("60 seconds")
          )

        const first = yield* worker(options)
        yield* worker(options)
        yield* until(Effect.map(handled, (ns) => ns.length >= 20))
        first.kill("SIGKILL")
        yield* worker(options)
        yield* until(Effect.map(store.runs({ going: true, limit: 1 }), (rows) => rows.length === 0))

        const rows = yield* store.runs({ limit: 1000 })
        assert.strictEqual(rows.length, total)
        assert.deepStrictEqual(new Set(rows.map(({ outcome }) => outcome)), new Set(["succeeded"]))
        const calls = yield* handled
        assert.strictEqual(new Set(calls).size, total)
        // called twice was only what the killed one had in its hands: four runs, and as many whose ends were on their way
        assert.isAtMost(calls.length, total + 8)
      }).pipe(Effect.provide(Main))
    }), 120_000)
})
