import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, References, Schedule, Schema, Stream } from "effect"
import { FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { RedisJobStore } from "effect-scheduler/redis"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import { readFileSync } from "node:fs"
import { isInstalled, Server } from "./redis/process.ts"
import { isMissing, opened } from "./redis/server.ts"

const { at, run } = Suite
const lanes = ["default/Task"]

const served = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = await Server.make("--appendonly", "yes", "--appendfsync", "always")
    await server.start()
    return server
  }),
  (server) => Effect.promise(() => server.remove())
)

/** The client logs each of its attempts to connect. */
const silently = Effect.provideService(References.MinimumLogLevel, "None")

const Tick = Task.make("Tick", { success: Schema.Void })

describe.skipIf(isMissing || !isInstalled)("a Redis that is killed and started again", () => {
  it.live("has kept all that was confirmed, and the same store goes on with it", () =>
    Effect.gen(function*() {
      const server = yield* served
      const { store } = yield* opened({}, server.url)
      assert.strictEqual(store.capabilities.durability, "power")
      yield* store.enqueue({ runs: [run("a"), run("b"), run("c")], now: at(0) })
      const { runs: [a] } = yield* store.claim({ node: "n1", lanes, limit: 1, now: at(0) })
      yield* store.settle({ settlements: [Suite.done(a!, at(1))], now: at(1) })
      yield* Effect.promise(() => server.kill())

      const error = yield* Effect.flip(store.claim({ node: "n1", lanes, limit: 1, now: at(2) }))
      assert.strictEqual(error._tag, "StoreError")
      assert.isTrue(error.retryable)

      yield* Effect.promise(() => server.start())
      const claim = store.claim({ node: "n1", lanes, limit: 9, now: at(3) })
      const { runs } = yield* Effect.retry(claim, Schedule.spaced("50 millis"))
      assert.deepStrictEqual(runs.map(({ id }) => id), ["b", "c"])
      assert.deepStrictEqual(yield* store.settle({ settlements: [Suite.done(a!, at(1))], now: at(4) }), ["already"])

      // it hears the others again: what was settled is told by nothing but its message
      const listener = yield* Effect.forkChild(
        Stream.runDrain(Stream.takeUntil(store.signals, ({ _tag }) => _tag === "settled")),
        { startImmediately: true }
      )
      const other = (yield* opened({}, server.url)).store
      let n = 0
      const settle = Effect.suspend(() => {
        const runs = [`other${n++}`]
        return Effect.andThen(
          other.enqueue({ runs: runs.map((id) => run(id)), now: at(5) }),
          other.cancel({ runs, request: { reason: "r", by: "b" }, now: at(5) })
        )
      })
      yield* Effect.raceFirst(Fiber.join(listener), Effect.repeat(settle, Schedule.spaced("100 millis"))).pipe(
        Effect.timeout("20 seconds")
      )
    }).pipe(silently), 60_000)

  it.live("is ridden out by the scheduler, which says so once", () =>
    Effect.gen(function*() {
      const server = yield* served
      let ticks = 0
      const Main = Scheduler.layer({ tasks: [Tick] }).pipe(
        Layer.provide([
          Tick.toLayer(() => Effect.sync(() => void ticks++)),
          FiberExecutor.layer({ concurrency: 4 })
        ]),
        Layer.provide(RedisJobStore.layerUrl(server.url))
      )
      const runsAgain = (after: number) =>
        Effect.sleep("50 millis").pipe(Effect.repeat({ until: () => ticks > after }), Effect.timeout("20 seconds"))
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const told: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(scheduler.events, ({ _tag }) =>
            Effect.sync(() => {
              if (_tag.startsWith("Store")) told.push(_tag)
            })),
          { startImmediately: true }
        )
        yield* scheduler.schedule(Tick, { id: "tick", trigger: Trigger.interval("100 millis") })
        yield* runsAgain(2)
        yield* Effect.promise(() => server.kill())
        yield* Effect.sleep("1 second")
        const before = ticks
        yield* Effect.promise(() => server.start())
        yield* runsAgain(before + 2)
        assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered"])
      }).pipe(Effect.provide(Main))
    }).pipe(silently), 60_000)
})

describe.skipIf(isMissing || !isInstalled)("a Redis whose users have few rights", () => {
  it.live("carries out all verbs for one who has those that the docs name", () =>
    Effect.gen(function*() {
      const server = yield* served
      const docs = readFileSync(new URL("../../src/stores/RedisJobStore.ts", import.meta.url), "utf8")
      const [, command] = /ACL SETUSER (app on[^]*?)\n \*\n/.exec(docs)!
      const rights = command!.replaceAll("\n *", " ").split(/ +/)
      yield* Effect.promise(() => server.command("ACL", "SETUSER", ...rights))
      const address = new URL(server.url)
      address.username = "app"
      address.password = "password"
      const { store } = yield* opened({}, address.href)
      assert.strictEqual(store.capabilities.durability, "none")
      yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 7, steps: 60 })
      assert.isAbove(yield* store.clock!, 0)
      const stranger = yield* Effect.flip(opened({ namespace: "other" }, address.href))
      assert.strictEqual(stranger._tag, "StoreError")
      assert.isFalse(stranger.retryable)
    }), 60_000)
})
