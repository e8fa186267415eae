import { assert, describe, it } from "@effect/vitest"
import { RedisJobStore } from "effect-scheduler/redis"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { Redis } from "effect/persistence"
import { readFileSync, writeFileSync } from "node:fs"
import { asToday } from "./fixtures/later.ts"
import { goesOn, isRead, populate } from "./fixtures/rows.ts"
import { connection, freshOptions, isMissing, keysOf } from "./redis/server.ts"

const { at } = Suite

/** What a released version of the layout has written, and the rows it stands for. Such a file is never changed, only joined by others. */
interface Written {
  readonly commands: ReadonlyArray<readonly [command: string, key: string, ...values: Array<string>]>
  readonly rows: Record<"jobs" | "runs" | "verdicts", ReadonlyArray<unknown>>
}

const written = (version: number): Written =>
  JSON.parse(readFileSync(new URL(`./redis/layout-${version}.json`, import.meta.url), "utf8"))

/** All keys of a namespace as the commands that write them, from the tag on. */
const dumped = Effect.fnUntraced(function*(options: { readonly prefix: string; readonly namespace: string }) {
  const redis = yield* Redis.Redis
  const tag = `{${options.prefix}:${options.namespace}}`
  const ask = (command: string, ...words: Array<string>) => redis.send<ReadonlyArray<string>>(command, ...words)
  const commands: Array<ReadonlyArray<string>> = []
  for (const key of (yield* keysOf(options)).toSorted()) {
    const type = String(yield* ask("TYPE", key))
    const [command, values] = type === "string"
      ? ["SET", [String(yield* ask("GET", key))]]
      : type === "hash"
      ? ["HSET", yield* pairs(redis, "HGETALL", key)]
      : type === "set"
      ? ["SADD", yield* ask("SMEMBERS", key)]
      : ["ZADD", (yield* pairs(redis, "ZRANGE", key, "0", "-1", "WITHSCORES")).map((_, i, all) => all[i ^ 1]!)]
    commands.push([command, key.slice(tag.length), ...values])
  }
  return commands
})

/** Names and values in turn, whichever protocol the client speaks. */
const pairs = (redis: Redis.Redis["Service"], command: string, ...words: Array<string>) =>
  Effect.map(redis.send<unknown>(command, ...words), (reply): ReadonlyArray<string> => {
    const flat = Array.isArray(reply) ? reply.flat() : Object.entries(reply as Record<string, unknown>).flat()
    return flat.map(String)
  })

describe.skipIf(isMissing)("keys written by version 2", () => {
  const file = new URL("./redis/layout-2.json", import.meta.url)
  const write = process.env["WRITE_FIXTURES"] === undefined ? undefined : it.live
  write?.("are written", () =>
    Effect.gen(function*() {
      const options = freshOptions()
      const store = yield* RedisJobStore.make({ ...options, host: "a host of its own" })
      yield* populate(store)
      yield* isRead(store, 2)
      const commands = yield* dumped(options)
      writeFileSync(file, `[\n${commands.map((command) => JSON.stringify(command)).join(",\n")}\n]\n`)
    }).pipe(Effect.provide(connection)))

  it.effect("are read as they were written, and gone on with", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const options = freshOptions()
      const commands: Written["commands"] = JSON.parse(readFileSync(file, "utf8"))
      for (const [command, key, ...values] of commands) {
        yield* redis.send(command, `{${options.prefix}:${options.namespace}}${key}`, ...values)
      }
      const store = yield* RedisJobStore.make({ ...options, host: "a host of its own" })
      yield* isRead(store, 2)
      yield* goesOn(store, 2)
    }).pipe(Effect.provide(connection)))
})

describe.skipIf(isMissing)("keys written by an older version", () => {
  for (const version of [1]) {
    it.effect(`of layout ${version} are read, and gone on with`, () =>
      Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const options = freshOptions()
        const { commands, rows: old } = written(version)
        const rows = asToday(version, old)
        for (const [command, key, ...values] of commands) {
          yield* redis.send(command, `{${options.prefix}:${options.namespace}}${key}`, ...values)
        }
        const store = yield* RedisJobStore.make(options)
        assert.deepEqual<ReadonlyArray<unknown>>(yield* store.jobs({ limit: 99 }), rows.jobs)
        assert.deepEqual<ReadonlyArray<unknown>>(yield* store.runs({ limit: 99 }), rows.runs)
        assert.deepEqual<ReadonlyArray<unknown>>(
          yield* store.verdicts({ job: "daily/report", limit: 99 }),
          rows.verdicts
        )

        // the node of that time is gone, its flagged run with it, and the one that was blocked by it is ready
        const taken = yield* store.reap({ now: at(3000), includeExpired: true, limit: 99 })
        const [running, blocked] = [901, 902].map((n) => `daily/report:i7:${at(n)}`)
        assert.deepStrictEqual(taken, { released: [], abandoned: [running] })
        const due = yield* store.due({ now: at(3000), limit: 9 })
        assert.deepStrictEqual(due.jobs.map(({ going, job, latest }) => [job.id, going, latest]), [
          ["daily/report", 1, blocked]
        ])
        const duplicate = Suite.run("other", { uniqueKey: "key" })
        assert.deepStrictEqual(yield* store.enqueue({ runs: [duplicate], now: at(3000) }), ["duplicate"])
        const claimed = yield* store.claim({ node: "n2", lanes: ["default/Task"], limit: 99, now: at(9000) })
        assert.deepStrictEqual(claimed.runs.map(({ id }) => id), ["ready", blocked, "retried", "waiting"])
        const settlements = claimed.runs.map((run) => Suite.done(run, at(9001)))
        assert.deepStrictEqual(yield* store.settle({ settlements, now: at(9001) }), ["ok", "ok", "ok", "ok"])
        assert.strictEqual(yield* store.sweep({ now: at(1e10), before: at(1e10), limit: 99 }), 8)
      }).pipe(Effect.provide(connection)))
  }
})
