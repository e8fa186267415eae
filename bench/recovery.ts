/**
 * Question: a process that holds a run is lost; how long until the run starts elsewhere, with the settings as they are?
 *
 * - killed: `kill -9` on the machine that lives on, which can ask the operating system whether the process is there
 * - killed elsewhere: `kill -9` on another machine; PostgreSQL sees that its connection has ended, the others wait for its lease
 * - machine lost: nothing is heard of it any more and its connections stay open, as when a cable is pulled; it is halted with SIGSTOP
 *
 * Promised: 3 seconds where only the process died and the store can tell, 25 otherwise. `node recovery.ts [times] [store …]`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Layer, Redacted, References } from "effect"
import { FiberExecutor, Scheduler, Task } from "effect-scheduler"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { RedisJobStore } from "effect-scheduler/redis"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const Held = Task.make("Held")

const postgres = Redacted.make(process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test")
const mysql = Redacted.make(process.env["MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/test")
const redis = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"
const directory = process.argv[2] === "victim" ? "" : mkdtempSync(join(tmpdir(), "effect-scheduler-recovery-"))

/** Each run of the question has a place of its own. Who is told another name of the machine knows nothing of its processes. */
const stores = {
  PostgreSQL: (place: string, host?: string) => PostgresJobStore.layerUrl(postgres, { namespace: place, host }),
  MySQL: (place: string, host?: string) => MySqlJobStore.layerUrl(mysql, { namespace: place.slice(-64), host }),
  Redis: (place: string, host?: string) =>
    RedisJobStore.layerUrl(redis, { prefix: "recovery", namespace: place, host }),
  SQLite: (place: string, host?: string) => SqliteJobStore.layerFile(place, { host })
}
type Name = keyof typeof stores

const hosted = <A, E>(
  store: Layer.Layer<any, any>,
  begun: Effect.Effect<void>,
  use: Effect.Effect<A, E, Scheduler.Scheduler>
) =>
  Effect.provide(
    use,
    Scheduler.layer({ tasks: [Held], grace: 0 }).pipe(
      Layer.provide([Held.toLayer(() => begun), FiberExecutor.layer({ concurrency: 1 })]),
      Layer.provide(store)
    )
  )

const [mode, name, place] = process.argv.slice(2)
if (mode === "victim") {
  const begun = Effect.andThen(Effect.sync(() => console.log("begun")), Effect.never)
  NodeRuntime.runMain(
    hosted(
      stores[name as Name](place!),
      begun,
      Effect.flatMap(Scheduler.Scheduler, (scheduler) => Effect.andThen(scheduler.enqueue(Held), Effect.never))
    )
  )
} else {
  const ways = ["killed", "killed elsewhere", "machine lost"] as const
  const times = Number(mode ?? 3)
  const names = process.argv.length > 3 ? process.argv.slice(3) as Array<Name> : Object.keys(stores) as Array<Name>

  const recovery = Effect.fnUntraced(function*(name: Name, way: typeof ways[number], n: number) {
    const label = `${way} ${n} ${process.pid}`
    const place = name === "SQLite" ? join(directory, label) : label
    const victim = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          process.execPath,
          [
            "--conditions=source",
            "--disable-warning=ExperimentalWarning",
            fileURLToPath(import.meta.url),
            "victim",
            name,
            place
          ],
          { stdio: ["ignore", "pipe", "inherit"] }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    yield* Effect.promise(() => new Promise((resolve) => victim.stdout.once("data", resolve)))
    const again = yield* Deferred.make<number>()
    const begun = Effect.suspend(() => Deferred.succeed(again, performance.now()))
    return yield* hosted(
      stores[name](place, way === "killed" ? undefined : "another machine"),
      Effect.asVoid(begun),
      Effect.gen(function*() {
        // long enough for the one that is left to be in good health for a lease
        yield* Effect.sleep("22 seconds")
        const lost = performance.now()
        victim.kill(way === "machine lost" ? "SIGSTOP" : "SIGKILL")
        return (yield* Deferred.await(again)) - lost
      })
    )
  }, Effect.scoped)

  const seconds = (millis: number) => (millis / 1000).toFixed(1).padStart(6)
  const main = Effect.gen(function*() {
    console.log(`seconds until the run starts elsewhere, ${times} times each: shortest, longest`)
    for (const name of names) {
      for (const way of ways) {
        const measured = yield* Effect.forEach(
          Array.from({ length: times }, (_, n) => n),
          (n) => recovery(name, way, n),
          { concurrency: 4 }
        )
        console.log(
          `${name.padEnd(12)}${way.padEnd(20)}${seconds(Math.min(...measured))}${seconds(Math.max(...measured))}`
        )
      }
    }
  })
  await Effect.runPromise(main.pipe(Effect.provideService(References.MinimumLogLevel, "Error")))
  rmSync(directory, { recursive: true, force: true })
}
