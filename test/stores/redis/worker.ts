/** A process that works on the runs of a namespace until it is ended. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { FiberExecutor, Scheduler } from "effect-scheduler"
import { RedisJobStore } from "effect-scheduler/redis"
import { Redis } from "effect/persistence"
import { Count, handledOf } from "./count.ts"

const [url, prefix, namespace] = process.argv.slice(2) as [string, string, string]
const options = { prefix, namespace }

const CountLive = Count.toLayer(({ n }) =>
  Effect.gen(function*() {
    const redis = yield* Redis.Redis
    yield* redis.send("RPUSH", handledOf(options), `${n}`)
    yield* Effect.sleep("50 millis")
    return n
  }).pipe(Effect.orDie)
)

const Main = Scheduler.layer({ tasks: [Count] }).pipe(
  Layer.provide([CountLive, FiberExecutor.layer({ concurrency: 4 })]),
  Layer.provide(RedisJobStore.layerUrl(url, options))
)

NodeRuntime.runMain(Layer.launch(Main))
