/**
 * Keeps jobs, runs and verdicts in Redis, shared by any number of nodes that wake each other at once.
 *
 * **When to use**
 *
 * Use where Redis runs already and is set up to keep what it is given, or where speed matters more than the last second before a crash.
 * Jobs do not join the transactions of a database: for that, use one of the SQL stores.
 *
 * **Details**
 *
 * Each verb is one Lua script, so it is carried out wholly or not at all, and no two verbs meet. All keys of a namespace begin with
 * `{prefix:namespace}` and lie in one slot of a Redis Cluster. The scripts need Redis 6.2 or newer, or something compatible with it
 * that knows Lua, and never ask for the server's time. A user with restricted rights needs these keys, the channel, and these commands:
 *
 *     ACL SETUSER app on >password ~{scheduler:default}* &{scheduler:default}:signals
 *       +@read +@write +@scripting +@pubsub +@connection +time
 *
 * If it may not ask for the server's settings (`+config|get`), say what they promise with the option `durability`.
 *
 * **Gotchas**
 *
 * What a confirmed write survives is decided by the server's settings, and `capabilities.durability` says what they are:
 *
 * | `appendonly` | `appendfsync` | durability | may be lost |
 * | --- | --- | --- | --- |
 * | `yes` | `always` | `power` | nothing that was confirmed |
 * | `yes` | `everysec`, `no` | `process` | when the machine fails: the last second or more |
 * | `no` | | `none` | when Redis ends: everything since the last snapshot |
 *
 * So "decided exactly once" and "nothing is lost" hold across a power failure with `appendfsync always` only. Replication is
 * asynchronous: a failover may lose the last writes even then, and so run again what had been settled a moment before. Set
 * `maxmemory-policy noeviction`, or Redis will throw away jobs when memory is short.
 *
 * The scripts are loaded where they are run, and again after a failover. A `Redis` service of your own over a cluster client must send
 * `SCRIPT LOAD` to all masters, because that command names no key.
 *
 * A client that keeps commands while it is offline makes verbs wait for up to ten seconds before they fail; `layerUrl` makes one that
 * fails at once, which the scheduler rides out, and that connects anew when the server says nothing. A verb that failed may have been carried
 * out: all of them are safe to call again.
 *
 * **Example** (On a Redis of its own connection)
 *
 * ```ts
 * import { RedisJobStore } from "effect-scheduler/redis"
 *
 * const Store = RedisJobStore.layerUrl("redis://localhost:6379", { namespace: "billing" })
 * ```
 *
 * **Example** (On the program's own connection)
 *
 * ```ts
 * import { NodeRedis } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { RedisJobStore } from "effect-scheduler/redis"
 *
 * const Store = RedisJobStore.layer().pipe(
 *   Layer.provide(NodeRedis.layer({ url: "redis://localhost:6379" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Redis } from "effect/persistence/Redis"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Os from "node:os"
import { type Capabilities, JobStore, type Service } from "../JobStore.ts"
import { StoreError } from "../SchedulerError.ts"
import * as Address from "./address.ts"
import * as Claiming from "./redis/claiming.ts"
import * as Database from "./redis/Database.ts"
import { storeError } from "./redis/errors.ts"
import * as History from "./redis/history.ts"
import * as Jobs from "./redis/jobs.ts"
import * as Leases from "./redis/leases.ts"
import * as Listening from "./redis/listening.ts"
import * as Opening from "./redis/opening.ts"
import * as Planning from "./redis/planning.ts"
import { isAlive } from "./redis/processes.ts"
import * as Rates from "./redis/rates.ts"
import * as Settling from "./redis/settling.ts"
import * as Watching from "./redis/watching.ts"

/**
 * What the keys are called, and what the store may assume.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Begins the names of the keys; `scheduler` unless told. Anything but braces. */
  readonly prefix?: string | undefined
  /** Several schedulers may share a Redis and not see each other: each in its namespace; `default` unless told. Anything but braces. */
  readonly namespace?: string | undefined
  /** What a confirmed write survives, where the server's settings must not be read: read from them unless told. */
  readonly durability?: Capabilities["durability"] | undefined
  /**
   * The name of this machine; `os.hostname()` unless told. Runs of a process of this machine that is gone are taken over at once, so
   * containers that cannot see each other's processes must not share a name.
   */
  readonly host?: string | undefined
  /** Whether a process of this machine lives. */
  readonly isAlive?: ((pid: number) => boolean) | undefined
}

/** A brace would end the hash tag, and scatter the keys over the slots of a cluster. */
const nameOf = (option: "prefix" | "namespace", name: string): Effect.Effect<string, StoreError> =>
  /[{}]/.test(name)
    ? Effect.fail(
      new StoreError({
        verb: "open",
        retryable: false,
        message: `${option}: got ${JSON.stringify(name)}, expected a text without braces`
      })
    )
    : Effect.succeed(name)

/**
 * Makes a store over the `Redis` of the context, and listens to the other nodes for as long as the scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<Service, StoreError, Redis | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const prefix = yield* nameOf("prefix", options.prefix ?? "scheduler")
    const namespace = yield* nameOf("namespace", options.namespace ?? "default")
    const redis = yield* Redis
    const db = Database.make(redis, `{${prefix}:${namespace}}`)
    yield* Opening.checkVersion(db)
    const capabilities: Capabilities = {
      shared: true,
      push: true,
      transactions: false,
      durability: options.durability ?? (yield* Opening.durability(redis))
    }
    return {
      capabilities,
      clock: Leases.clock(db),
      transaction: Effect.undefined,
      ...Jobs.make(db),
      ...Planning.make(db),
      ...Claiming.make(db),
      ...Settling.make(db),
      ...Leases.make(db, { name: options.host ?? Os.hostname(), isAlive: options.isAlive ?? isAlive }),
      ...History.make(db),
      ...Rates.make(db),
      signals: Stream.fromPubSub(yield* Listening.make(redis, db.tag))
    }
  }
)

/**
 * A store over the program's own `Redis`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<JobStore, StoreError, Redis> =>
  Layer.effect(JobStore, make(options))

/** Loaded when it is asked for, so that `layer` works where these packages are not installed. */
const connection = (url: string): Layer.Layer<Redis, StoreError> =>
  Layer.unwrap(Effect.gen(function*() {
    // an address of a socket has no host, which is no URL to everybody
    const address = Address.parse(url, ["redis:", "rediss:"], "redis://user:password@localhost:6379")
    if (Result.isFailure(address) && !url.startsWith("unix:")) {
      return yield* new StoreError({ verb: "open", retryable: false, message: address.failure })
    }
    const NodeRedis = yield* Effect.tryPromise({
      try: () => import("@effect/platform-node/NodeRedis"),
      catch: (cause) =>
        new StoreError({
          verb: "open",
          retryable: false,
          message: "layerUrl connects with the packages @effect/platform-node and redis, which cannot be loaded: " +
            "install them, or use layer over a Redis service of another kind",
          cause
        })
    })
    // while the server is away a verb is to fail, so that the scheduler can say so and try again
    return Layer.catch(
      Layer.effectDiscard(Effect.flatMap(NodeRedis.NodeRedis, Watching.watch)).pipe(
        Layer.provideMerge(NodeRedis.layer({ url, disableOfflineQueue: true, ...Watching.options }))
      ),
      (error) => Layer.effectContext(Effect.fail(storeError("open", error)))
    )
  }))

/**
 * A store with a connection of its own, and that connection. It needs the packages `@effect/platform-node` and `redis`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUrl = (url: string, options?: Options): Layer.Layer<JobStore | Redis, StoreError> =>
  layer(options).pipe(Layer.provideMerge(connection(url)))
