/**
 * A Redis for the tests: the one that runs, or one started for them where there is a binary; without either the tests are skipped, and
 * that is said aloud.
 */
import { NodeRedis } from "@effect/platform-node"
import { RedisJobStore } from "effect-scheduler/redis"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { Redis } from "effect/persistence"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { createClient } from "redis"
import { afterAll } from "vitest"
import { JobStore } from "../../../src/JobStore.ts"
import { answers, isInstalled, Server } from "./process.ts"

const running = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"

/** A server for this test file alone, that ends with it. */
const start = async (): Promise<string> => {
  const server = await Server.make()
  afterAll(() => server.remove())
  await server.start()
  return server.url
}

const found = await answers(running) ? running : isInstalled ? await start() : undefined

const warn = (what: string): void => void process.stderr.write(`\n*** SKIPPED: ${what} ***\n\n`)

export const isMissing = found === undefined
if (isMissing) {
  warn(`the tests of RedisJobStore. No Redis answers at ${running}, and there is no redis-server to start.`)
} else if (!isInstalled) {
  warn("the tests of RedisJobStore that stop and start a server. There is no redis-server.")
}

export const url = found ?? running

/** A name that no other test uses, so that all may run at once. */
const prefix = `test-${randomUUID()}`
let count = 0
export const freshOptions = () => ({ prefix, namespace: `${count++}` })

export const keysOf = ({ namespace, prefix }: { readonly prefix: string; readonly namespace: string }) =>
  Effect.flatMap(
    Redis.Redis,
    (redis) => redis.send<ReadonlyArray<string>>("KEYS", `{${prefix}:${namespace}}*`)
  )

afterAll(async () => {
  if (isMissing || !await answers(url)) return
  const client = createClient({ url })
  await client.connect()
  const keys = await client.keys(`{${prefix}*`)
  // one by one: in a cluster the namespaces lie in several slots
  for (const key of keys) await client.del(key)
  client.destroy()
})

/** The stores of a file share a connection: making one takes longer than most tests. */
const sharedScope = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(sharedScope, Exit.void)))
let building: Promise<Context.Context<Redis.Redis | NodeRedis.NodeRedis>> | undefined

export const connection: Layer.Layer<Redis.Redis | NodeRedis.NodeRedis> = Layer.effectContext(
  Effect.promise(() => building ??= Effect.runPromise(Layer.buildWithScope(NodeRedis.layer({ url }), sharedScope)))
)

/** An empty store on the connection that all share. */
export const freshStore = () => Layer.fresh(RedisJobStore.layer(freshOptions()).pipe(Layer.provideMerge(connection)))

/** A store with a connection of its own, until the scope closes. */
export const opened = (options: RedisJobStore.Options, at = url) =>
  Effect.map(
    Layer.build(Layer.fresh(RedisJobStore.layerUrl(at, options))),
    (context) => ({
      store: Context.get(context, JobStore),
      redis: Context.get(context, Redis.Redis)
    })
  )
