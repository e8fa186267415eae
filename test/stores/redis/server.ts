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
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createClient } from "redis"
import { afterAll } from "vitest"
import { JobStore } from "../../../src/JobStore.ts"

const answers = async (url: string): Promise<boolean> => {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 1_000 } })
  client.on("error", () => {})
  try {
    await client.connect()
    await client.ping()
    return true
  } catch {
    return false
  } finally {
    if (client.isOpen) client.destroy()
  }
}

/** A server for this test file alone, that ends with it. */
const start = async (): Promise<string | undefined> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-scheduler-redis-"))
  const socket = `6${400 + (process.pid % 500)}`
  const server = spawn("redis-server", ["--port", socket, "--save", "", "--dir", directory], { stdio: "ignore" })
  let isThere = true
  server.on("error", () => isThere = false)
  server.on("exit", () => isThere = false)
  afterAll(() => {
    server.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  const url = `redis://127.0.0.1:${socket}`
  for (let turn = 0; turn < 50; turn++) {
    await sleep(50)
    if (!isThere) return undefined
    if (await answers(url)) return url
  }
  return undefined
}

const running = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"
const found = await answers(running) ? running : await start()

export const isMissing = found === undefined
if (isMissing) {
  process.stderr.write(
    `\n*** SKIPPED: the tests of RedisJobStore. No Redis answers at ${running}, and there is no redis-server to start. ***\n\n`
  )
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
  const keys = await client.keys(`{${prefix}:*`)
  if (keys.length > 0) await client.del(keys)
  client.destroy()
})

/** Several stores of a file share a connection: making one takes longer than most tests. */
const shared = NodeRedis.layer({ url })
const sharedScope = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(sharedScope, Exit.void)))
let building: Promise<Context.Context<Redis.Redis | NodeRedis.NodeRedis>> | undefined

export const connection: Layer.Layer<Redis.Redis | NodeRedis.NodeRedis> = Layer.effectContext(
  Effect.promise(() => building ??= Effect.runPromise(Layer.buildWithScope(shared, sharedScope)))
)

/** An empty store on the connection that all share. */
export const freshStore = () => Layer.fresh(RedisJobStore.layer(freshOptions()).pipe(Layer.provideMerge(connection)))

/** A store with a connection of its own, until the scope closes. */
export const opened = (options: RedisJobStore.Options) =>
  Effect.map(
    Layer.build(Layer.fresh(RedisJobStore.layerUrl(url, options))),
    (context) => ({
      store: Context.get(context, JobStore),
      redis: Context.get(context, Redis.Redis),
      client: Context.get(context, NodeRedis.NodeRedis).client
    })
  )
