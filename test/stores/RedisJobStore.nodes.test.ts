import { NodeRedis } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { MemoryJobStore } from "effect-scheduler"
import { RedisJobStore } from "effect-scheduler/redis"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Redis } from "effect/persistence"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { JobStore, type Service, type Signal } from "../../src/JobStore.ts"
import { connection, freshOptions, freshStore, isMissing, opened, url } from "./redis/server.ts"

const { at, job, occurrence, run } = Suite
const lanes = ["default/Task"]
const now = at(1000)
const count = (n: number) => Array.from({ length: n }, (_, i) => i)
/** The client logs that its connection broke. */
const silently = Effect.provideService(References.MinimumLogLevel, "None")
const together = { concurrency: "unbounded" } as const

/** Claims and settles until nothing is left; answers with the ids. */
const work = Effect.fnUntraced(function*(store: Service, node: string) {
  const ids: Array<string> = []
  while (true) {
    const { runs } = yield* store.claim({ node, lanes, limit: 7, now })
    if (runs.length === 0) return ids
    ids.push(...runs.map(({ id }) => id))
    yield* store.settle({ settlements: runs.map((run) => Suite.done(run, now)), now })
  }
})

/** Waits for a signal that a verb is to cause. */
const hears = Effect.fnUntraced(function*<A, E>(
  store: Service,
  isWanted: (signal: Signal) => boolean,
  verb: Effect.Effect<A, E>
) {
  const listener = yield* Effect.forkChild(Stream.runDrain(Stream.takeUntil(store.signals, isWanted)), {
    startImmediately: true
  })
  const answer = yield* verb
  yield* Effect.timeout(Fiber.join(listener), "10 seconds")
  return answer
})

describe.skipIf(isMissing)("several connections to one Redis", () => {
  it.live("share what there is: each run is claimed once, each occurrence decided once", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const stores = yield* Effect.forEach(count(4), () => Effect.map(opened(options), ({ store }) => store))
      const jobs = count(60).map((n) => job(`j${n}`))
      const inserted = yield* Effect.forEach(stores, (store) => store.insertJobs(jobs), together)
      assert.strictEqual(inserted.flat().filter((answer) => answer === "inserted").length, jobs.length)

      const planned = yield* Effect.forEach(stores, (store) =>
        Effect.gen(function*() {
          const due = yield* store.due({ now, limit: 100 })
          return yield* store.commit({
            now,
            changes: due.jobs.map(({ job }) =>
              Suite.advance(job, now, {
                runs: [occurrence(job, now)],
                verdicts: [Suite.verdict(job, null, at(999))]
              })
            )
          })
        }), together)
      assert.strictEqual(planned.flat().filter((answer) => answer === "ok").length, jobs.length)

      yield* stores[0]!.enqueue({ runs: count(540).map((n) => run(`r${n}`, { planned: at(n % 9) })), now })
      // several claimers on each connection
      const claimed = yield* Effect.forEach(count(12), (n) => work(stores[n % stores.length]!, `n${n}`), together)
      const ids = claimed.flat()
      assert.strictEqual(ids.length, 600)
      assert.strictEqual(new Set(ids).size, 600)
      assert.deepStrictEqual(yield* stores[3]!.runs({ going: true, limit: 9 }), [])
      assert.strictEqual((yield* stores[3]!.runs({ going: false, limit: 1000 })).length, 600)
      assert.strictEqual((yield* stores[3]!.verdicts({ job: "j7", limit: 9 })).length, 1)
    }), 60_000)

  it.live("wake each other", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const [here, there] = [(yield* opened(options)).store, (yield* opened(options)).store]
      yield* hears(here, ({ _tag }) => _tag === "jobs", there.insertJobs([job("a")]))
      yield* hears(here, ({ _tag }) => _tag === "ready", there.enqueue({ runs: [run("r"), run("s")], now }))
      const { runs } = yield* here.claim({ node: "n1", lanes, limit: 1, now })
      const request = { reason: "r", by: "b" }
      const flagged = (signal: Signal) => signal._tag === "cancel" && signal.runs.includes("r")
      yield* hears(here, flagged, there.cancel({ runs: ["r"], request, now }))
      const settled = (signal: Signal) => signal._tag === "settled" && signal.runs.includes("r")
      yield* hears(there, settled, here.settle({ settlements: [Suite.done(runs[0]!, now)], now }))
    }), 60_000)

  it.live("hear of everything, however much it is", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const [here, there] = [(yield* opened(options)).store, (yield* opened(options)).store]
      const ids = count(1_700).map((n) => `r${n}`)
      yield* there.enqueue({ runs: ids.map((id) => run(id)), now })
      const left = new Set(ids)
      yield* hears(
        here,
        (signal) => {
          if (signal._tag === "settled") { for (const id of signal.runs) left.delete(id) }
          return left.size === 0
        },
        there.cancel({ runs: ids, request: { reason: "r", by: "b" }, now })
      )
    }), 60_000)

  it.live("are told to look at everything after messages were missed", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const name = `${options.prefix}-${options.namespace}`
      const context = yield* Layer.build(
        Layer.fresh(RedisJobStore.layer(options).pipe(Layer.provide(NodeRedis.layer({ url, name }))))
      )
      const here = yield* Effect.provideContext(JobStore, context)
      const { redis, store: there } = yield* opened(options)
      yield* hears(here, ({ _tag }) => _tag === "ready", there.enqueue({ runs: [run("heard")], now }))
      const subscribers = yield* redis.send<string>("CLIENT", "LIST", "TYPE", "pubsub")
      const mine = String(subscribers).split("\n").find((line) => line.includes(`name=${name} `))
      const heard = new Set<string>()
      yield* hears(
        here,
        ({ _tag }) => heard.add(_tag).has("jobs") && heard.has("ready"),
        // in one breath, for the client comes back within a millisecond and without a word
        Effect.all([
          redis.send("CLIENT", "KILL", "ID", /\bid=(\d+)/.exec(mine!)![1]!),
          there.enqueue({ runs: [run("lost")], now })
        ], together)
      )
    }).pipe(silently), 60_000)

  it.live("listen again, and look at everything, when a subscription fails", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const cut = yield* Deferred.make<void>()
      let subscriptions = 0
      const subscribe: typeof redis.subscribe = (channel) =>
        Effect.gen(function*() {
          if (++subscriptions > 1) return yield* redis.subscribe(channel)
          const broken = yield* Queue.unbounded<Redis.RedisMessage, Redis.RedisError>()
          yield* Effect.forkScoped(Effect.andThen(
            Deferred.await(cut),
            Queue.fail(broken, new Redis.RedisError({ cause: new Error("Socket closed unexpectedly") }))
          ))
          return broken
        })
      const store = yield* Effect.provideService(RedisJobStore.make(freshOptions()), Redis.Redis, {
        ...redis,
        subscribe
      })
      const heard = new Set<string>()
      yield* hears(
        store,
        ({ _tag }) => heard.add(_tag).has("jobs") && heard.has("ready"),
        Deferred.succeed(cut, undefined)
      )
      assert.strictEqual(subscriptions, 2)
      yield* hears(store, ({ _tag }) => _tag === "jobs", store.insertJobs([job("a")]))
    }).pipe(Effect.provide(connection)), 60_000)
})

describe.skipIf(isMissing)("a connection that is cut", () => {
  it.live("is a retryable error, leaves nothing half done, and is made again", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const { redis, store } = yield* opened(options)
      const other = yield* opened(options)
      const id = String(yield* redis.send("CLIENT", "ID"))
      const batches = count(120).map((n) => count(20).map((k) => run(`b${n}/${k}`, { lane: "default/Task" })))
      const first = yield* Deferred.make<void>()
      const killing = yield* Effect.forkChild(
        Effect.andThen(Deferred.await(first), other.redis.send("CLIENT", "KILL", "ID", id))
      )
      const exits = yield* Effect.forEach(
        batches,
        (runs) => Effect.exit(Effect.tap(store.enqueue({ runs, now }), () => Deferred.succeed(first, undefined))),
        together
      )
      yield* Fiber.join(killing)
      const failed = exits.filter(Exit.isFailure)
      assert.isAbove(failed.length, 0, "the connection was cut too late to matter")
      for (const exit of failed) {
        const [reason] = exit.cause.reasons
        assert.ok(reason?._tag === "Fail")
        assert.strictEqual(reason.error._tag, "StoreError")
        assert.isTrue(reason.error.retryable, reason.error.message)
      }
      for (const [n, runs] of batches.entries()) {
        const found = yield* other.store.runs({ ids: runs.map(({ id }) => id), limit: 100 })
        if (Exit.isSuccess(exits[n]!)) assert.strictEqual(found.length, 20)
        else assert.include([0, 20], found.length, "a batch is there or not")
      }

      // asked again, the same store does what is left, and nothing twice
      const again = Effect.retry(Schedule.spaced("50 millis"))
      for (const runs of batches) yield* again(store.enqueue({ runs, now }))
      const ids = yield* work(store, "n1")
      assert.strictEqual(ids.length, 2_400)
      assert.strictEqual(new Set(ids).size, 2_400)
    }).pipe(silently), 60_000)
})

describe.skipIf(isMissing)("in lock step with the memory store", () => {
  for (const seed of [11, 12]) {
    it.effect(`a longer walk (seed ${seed})`, () =>
      Effect.gen(function*() {
        const model = yield* MemoryJobStore.make()
        yield* Suite.walk([model, yield* JobStore], { seed, steps: 400 })
      }).pipe(Effect.provide(freshStore())), 120_000)
  }
})
