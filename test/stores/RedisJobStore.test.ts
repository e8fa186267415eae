import { assert, describe, it } from "@effect/vitest"
import { RedisJobStore } from "effect-scheduler/redis"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Redis } from "effect/persistence"
import { TestClock } from "effect/testing"
import { JobStore } from "../../src/JobStore.ts"
import { connection, freshOptions, freshStore, isMissing, keysOf, url } from "./redis/server.ts"

const { at, job, occurrence, run } = Suite
const lanes = ["default/Task"]

const open = (options: RedisJobStore.Options) => Layer.fresh(RedisJobStore.layer(options))

describe.skipIf(isMissing)("RedisJobStore", () => {
  it.effect("keeps what is told when it is opened again", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const add = Effect.flatMap(JobStore, (store) => store.insertJobs([job("a")]))
      const read = Effect.flatMap(JobStore, (store) => store.jobs({ limit: 9 }))
      assert.deepStrictEqual(yield* Effect.provide(add, open(options)), ["inserted"])
      assert.deepStrictEqual(yield* Effect.provide(read, open(options)), [job("a")])
    }).pipe(Effect.provide(connection)))

  it.effect("serves namespaces and prefixes that do not see each other", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const all = [options, { ...options, prefix: `${options.prefix}-other` }, freshOptions()]
      const stores = yield* Effect.forEach(all, (options) => RedisJobStore.make(options))
      for (const [i, store] of stores.entries()) {
        const j = job("j1", { payload: `${i}` })
        assert.deepStrictEqual(yield* store.insertJobs([j]), ["inserted"])
        yield* store.commit({
          now: at(1000),
          changes: [Suite.advance(j, at(1000), {
            runs: [occurrence(j, at(1000), { uniqueKey: "k" })],
            verdicts: [Suite.verdict(j, null, at(900))]
          })]
        })
        assert.strictEqual((yield* store.claim({ node: "n1", lanes, limit: 9, now: at(1000) })).runs.length, 1)
      }
      yield* stores[1]!.reap({ now: at(2000), includeExpired: true, limit: 9 })
      yield* stores[1]!.sweep({ now: at(9000), before: at(9000), limit: 9 })
      const states = yield* Effect.forEach(stores, (store) => store.runs({ limit: 9 }))
      assert.deepStrictEqual(states.map((runs) => runs.map(({ state }) => state)), [["running"], ["ready"], [
        "running"
      ]])
      const kept = yield* Effect.forEach(stores, (store) => store.verdicts({ job: "j1", limit: 9 }))
      assert.deepStrictEqual(kept.map((rows) => rows.length), [1, 0, 1])
    }).pipe(Effect.provide(connection)))

  it.effect("refuses a name that would break the hash tag", () =>
    Effect.gen(function*() {
      for (const options of [{ prefix: "a}b" }, { namespace: "{c" }]) {
        const error = yield* Effect.flip(RedisJobStore.make(options))
        assert.strictEqual(error._tag, "StoreError")
        assert.isFalse(error.retryable)
        assert.include(error.message, "without braces")
      }
    }).pipe(Effect.provide(connection)))

  it.effect("has all its keys in one slot, and leaves none behind when everything is forgotten", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const options = freshOptions()
      const store = yield* RedisJobStore.make(options)
      yield* store.insertJobs([job("a")])
      const runs = [1, 2, 3].map((n) => occurrence(job("a"), at(n), { serial: 1, retention: 1, uniqueKey: `k${n}` }))
      yield* store.commit({
        changes: [Suite.advance(job("a"), at(3), { runs, verdicts: [Suite.verdict(job("a"), null, at(0))] })],
        now: at(3)
      })
      yield* store.enqueue({ runs: [run("later", { readyAt: at(500), retention: 1 })], now: at(3) })
      yield* store.beat({ id: "n1", host: "h.invalid", pid: 1, expiresAt: at(100) })
      yield* store.claim({ node: "n1", lanes, limit: 1, now: at(3) })
      const keys = yield* keysOf(options)
      assert.isAbove(keys.length, 15)
      const slots = yield* Effect.forEach(keys, (key) => redis.send<number>("CLUSTER", "KEYSLOT", key)).pipe(
        // a server that is no cluster may not answer
        Effect.orElseSucceed(() => [])
      )
      assert.isAtMost(new Set(slots).size, 1)

      yield* store.leave({ node: "n1", now: at(4) })
      yield* store.cancel({ runs: ["later"], request: { reason: "r", by: "b" }, now: at(5) })
      for (let n = 0; n < 3; n++) {
        const claimed = yield* store.claim({ node: "n2", lanes, limit: 9, now: at(5) })
        yield* store.settle({ settlements: claimed.runs.map((run) => Suite.done(run, at(6))), now: at(6) })
      }
      yield* store.commit({ changes: [Suite.remove(job("a", { revision: 2 }))], now: at(7) })
      assert.strictEqual(yield* store.sweep({ now: at(1e6), before: at(1e6), limit: 100 }), 5)
      const tag = `{${options.prefix}:${options.namespace}}`
      assert.deepStrictEqual((yield* keysOf(options)).toSorted(), [`${tag}:schema`, `${tag}:told`])
    }).pipe(Effect.provide(connection)))

  it.effect("has its scripts loaded again when the server has forgotten them", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const redis = yield* Redis.Redis
      for (let n = 0; n < 3; n++) {
        yield* redis.send("SCRIPT", "FLUSH")
        assert.deepStrictEqual(yield* store.enqueue({ runs: [run(`r${n}`)], now: at(n) }), ["added"])
        yield* redis.send("SCRIPT", "FLUSH")
        const { runs } = yield* store.claim({ node: "n1", lanes, limit: 9, now: at(n) })
        assert.deepStrictEqual(runs.map(({ id }) => id), [`r${n}`])
      }
    }).pipe(Effect.provide(freshStore())))

  it.effect("refuses what a newer version has written, and touches nothing", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const options = freshOptions()
      const key = `{${options.prefix}:${options.namespace}}:schema`
      yield* redis.send("SET", key, "7")
      const error = yield* Effect.flip(RedisJobStore.make(options))
      assert.strictEqual(error._tag, "StoreError")
      assert.isFalse(error.retryable)
      assert.include(error.message, "layout version 7")
      assert.include(error.message, "up to version 2")
      assert.deepStrictEqual(yield* keysOf(options), [key])
      assert.strictEqual(yield* redis.send("GET", key), "7")
    }).pipe(Effect.provide(connection)))

  it.effect("says what a confirmed write survives", () => {
    /** A server with these settings; `undefined` is one that does not let itself be asked. */
    const durability = (settings: Readonly<Record<string, string>> | undefined, options: RedisJobStore.Options = {}) =>
      Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const send = ((command: string, ...args: ReadonlyArray<string>) =>
          command !== "CONFIG"
            ? redis.send(command, ...args)
            : settings === undefined
            ? Effect.fail(new Redis.RedisError({ cause: new Error("NOPERM this user has no permissions") }))
            : Effect.succeed([args[1]!, settings[args[1]!]!])) as typeof redis.send
        const store = yield* Effect.provideService(
          RedisJobStore.make({ ...freshOptions(), ...options }),
          Redis.Redis,
          { ...redis, send }
        )
        assert.deepStrictEqual({ ...store.capabilities, durability: "none" }, {
          shared: true,
          push: true,
          transactions: false,
          durability: "none"
        })
        return store.capabilities.durability
      })
    return Effect.gen(function*() {
      assert.strictEqual(yield* durability({ appendonly: "yes", appendfsync: "always" }), "power")
      assert.strictEqual(yield* durability({ appendonly: "yes", appendfsync: "everysec" }), "process")
      assert.strictEqual(yield* durability({ appendonly: "no", appendfsync: "always" }), "none")
      assert.strictEqual(yield* durability(undefined), "none")
      assert.strictEqual(yield* durability(undefined, { durability: "power" }), "power")
    }).pipe(Effect.provide(connection))
  })

  it.effect("asks the server that runs", () =>
    Effect.gen(function*() {
      const { capabilities } = yield* JobStore
      const redis = yield* Redis.Redis
      const ask = (name: string) => Effect.map(redis.send("CONFIG", "GET", name), (answer) => JSON.stringify(answer))
      const isKept = (yield* ask("appendonly")).includes("yes")
      const isSynced = (yield* ask("appendfsync")).includes("always")
      assert.strictEqual(capabilities.durability, !isKept ? "none" : isSynced ? "power" : "process")
    }).pipe(Effect.provide(freshStore())))

  it.effect("fails with a typed error when nobody answers", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(RedisJobStore.layerUrl("redis://127.0.0.1:1")))
      assert.strictEqual(error._tag, "StoreError")
      assert.isTrue(error.retryable)
    }))

  it.effect("refuses an address that is none, without showing it", () =>
    Effect.gen(function*() {
      for (
        const url of ["nonsense", "localhost:6379", "http://:secret@localhost:6379", "redis://:100%secret@localhost"]
      ) {
        const error = yield* Effect.flip(Layer.build(RedisJobStore.layerUrl(url)))
        assert.match(error.message, /^url: got .*, expected one such as redis:\/\/user:password@localhost:6379/)
        assert.notInclude(error.message, "secret")
        assert.isFalse(error.retryable)
      }
      // that of a socket, which has no host
      const error = yield* Effect.flip(Layer.build(RedisJobStore.layerUrl("unix://user:secret@/nowhere/redis.sock")))
      assert.match(error.message, /ENOENT/)
    }))

  it.effect("fails with a typed error that no patience helps against when the keys are somebody else's", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const options = freshOptions()
      const store = yield* RedisJobStore.make(options)
      yield* redis.send("SET", `{${options.prefix}:${options.namespace}}:runs`, "text")
      const error = yield* Effect.flip(store.enqueue({ runs: [run("a")], now: at(0) }))
      assert.isFalse(error.retryable)
      assert.include(error.message, "WRONGTYPE")
      assert.strictEqual(error.verb, "enqueue")
    }).pipe(Effect.provide(connection)))

  it.effect("does not wait for ever for an answer", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      let isSilent = false
      const store = yield* Effect.provideService(RedisJobStore.make(freshOptions()), Redis.Redis, {
        ...redis,
        eval: (script) => (...params) => isSilent ? Effect.never : redis.eval(script)(...params)
      })
      isSilent = true
      const fiber = yield* Effect.forkChild(Effect.flip(store.claim({ node: "n", lanes, limit: 1, now: at(0) })), {
        startImmediately: true
      })
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error.retryable)
      assert.strictEqual(error.message, "Redis gave no answer within 10 seconds")
    }).pipe(Effect.provide(connection)))

  it.effect("takes any text for a name", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const names = ["", " ", "{x}:y", "a\nb", "a\u0000b", "\"q\"\\", "zażółć", "\u{1f600}", "half \ud83d", "\\ud83d"]
      yield* store.insertJobs(names.map((name) => job(name)))
      const planned = yield* store.due({ now: at(1000), limit: 99 })
      yield* store.commit({
        now: at(1000),
        changes: planned.jobs.map(({ job }) =>
          Suite.advance(job, at(1000), {
            runs: [occurrence(job, at(1000), { uniqueKey: job.id, lane: job.id, payload: JSON.stringify(job.id) })],
            verdicts: [Suite.verdict(job, null, at(999), { reason: job.id })]
          })
        )
      })
      for (const name of names.map((name) => name.toWellFormed())) {
        const { runs } = yield* store.claim({ node: name, lanes: [name], limit: 9, now: at(1000) })
        assert.deepStrictEqual(runs.map(({ job, payload }) => [job, JSON.parse(payload)]), [[name, name]])
        assert.strictEqual((yield* store.verdicts({ job: name, limit: 9 }))[0]!.reason, name)
        const held = yield* store.beat({ id: name, host: name, pid: 1, expiresAt: at(2000) })
        assert.deepStrictEqual(held.map(({ run }) => run), runs.map(({ id }) => id))
      }
    }).pipe(Effect.provide(freshStore())))

  it.effect("opens a connection of its own", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      assert.deepStrictEqual(yield* store.jobs({ limit: 1 }), [])
      assert.strictEqual(yield* (yield* Redis.Redis).send("PING"), "PONG")
    }).pipe(Effect.provide(RedisJobStore.layerUrl(url, freshOptions()))))

  it.effect("looks through more rows than fit into one call", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const ids = Array.from({ length: 2_400 }, (_, n) => `j${String(n).padStart(4, "0")}`)
      const odd = (n: number) => n % 800 === 799
      yield* store.insertJobs(ids.map((id, n) => job(id, { task: odd(n) ? "Odd" : "Task" })))
      const wanted = ids.filter((_, n) => odd(n))
      assert.deepStrictEqual((yield* store.jobs({ task: "Odd", limit: 9 })).map(({ id }) => id), wanted)
      assert.deepStrictEqual((yield* store.jobs({ limit: 9_999 })).map(({ id }) => id), ids)
      assert.deepStrictEqual((yield* store.jobs({ task: "Odd", limit: 2 })).map(({ id }) => id), wanted.slice(0, 2))
      yield* store.enqueue({
        runs: ids.map((id, n) => run(id, { task: odd(n) ? "Odd" : "Task", planned: at(n) })),
        now: at(0)
      })
      const { runs } = yield* store.claim({ node: "n1", lanes, limit: 1_200, now: at(0) })
      yield* store.settle({ settlements: runs.map((run) => Suite.done(run, at(1))), now: at(1) })
      assert.strictEqual(new Set((yield* store.runs({ limit: 9_999 })).map(({ id }) => id)).size, ids.length)
      // the first of them is done
      const newest = [...wanted.slice(1).toReversed(), wanted[0]!]
      assert.deepStrictEqual((yield* store.runs({ task: "Odd", limit: 9 })).map(({ id }) => id), newest)
      assert.deepStrictEqual(
        (yield* store.runs({ task: "Odd", going: false, limit: 9 })).map(({ id }) => id),
        wanted.slice(0, 1)
      )
    }).pipe(Effect.provide(freshStore())))

  it.effect("goes on with a listing where its last row stood, even when that was forgotten", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const ids = ["a", "b", "c", "d", "e"]
      yield* store.enqueue({ runs: ids.map((id) => run(id, { retention: id === "c" ? 1 : 1e6 })), now: at(0) })
      const { runs } = yield* store.claim({ node: "n1", lanes, limit: 9, now: at(0) })
      yield* store.settle({ settlements: runs.map((run) => Suite.done(run, at(1))), now: at(1) })
      assert.strictEqual(yield* store.sweep({ now: at(10), before: at(0), limit: 9 }), 1)
      const rest = yield* store.runs({ after: { finished: at(1), id: "c" }, limit: 9 })
      assert.deepStrictEqual(rest.map(({ id }) => id), ["b", "a"])
    }).pipe(Effect.provide(freshStore())))
})

describe.skipIf(isMissing)("a process of this host that is gone", () => {
  it.effect("loses its claims at once, whatever its lease says; others keep theirs", () =>
    Effect.gen(function*() {
      const alive = new Set([1, 2])
      const store = yield* RedisJobStore.make({
        ...freshOptions(),
        host: "here",
        isAlive: (pid) => alive.has(pid)
      })
      const nodes = [
        { id: "gone", host: "here", pid: 3, expiresAt: at(1e6) },
        { id: "alive", host: "here", pid: 1, expiresAt: at(1e6) },
        { id: "silent", host: "here", pid: 2, expiresAt: at(1) },
        { id: "elsewhere", host: "there", pid: 3, expiresAt: at(1e6) }
      ]
      for (const node of nodes) {
        yield* store.enqueue({ runs: [run(`of ${node.id}`)], now: at(0) })
        yield* store.beat(node)
        yield* store.claim({ node: node.id, lanes, limit: 1, now: at(0) })
      }
      const reap = (includeExpired: boolean) => store.reap({ now: at(100), includeExpired, limit: 10 })
      assert.deepStrictEqual((yield* reap(false)).released, ["of gone"])
      assert.deepStrictEqual((yield* reap(false)).released, [])
      assert.deepStrictEqual((yield* reap(true)).released, ["of silent"])
    }).pipe(Effect.provide(connection)))
})
