import { assert, describe, it } from "@effect/vitest"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { execFile } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { JobStore, type Service } from "../../src/JobStore.ts"
import { dump, temporaryDirectory, temporaryFile } from "./sqlite/files.ts"

const { at, job, occurrence, run } = Suite

type Options = Parameters<typeof SqliteJobStore.layerFile>[1]

/** Opens a file, does something with its store, and closes it. */
const using = <A, E>(
  filename: string,
  use: (store: Service) => Effect.Effect<A, E, SqlClient | JobStore>,
  options?: Options
) => Effect.flatMap(JobStore, use).pipe(Effect.provide(Layer.fresh(SqliteJobStore.layerFile(filename, options))))

/** Opens a file for as long as the test runs. */
const opened = (filename: string, options?: Options) =>
  Effect.map(
    Layer.build(Layer.fresh(SqliteJobStore.layerFile(filename, options))),
    (context) => Context.get(context, JobStore)
  )

describe("a file", () => {
  it.effect("keeps everything between two starts", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const j = job("j1", { tags: `["a"]`, pause: null, metadata: `{"ü":"€ 😀"}` })
      const before = yield* using(filename, (store) =>
        Effect.gen(function*() {
          yield* store.insertJobs([j])
          yield* store.commit({
            now: at(1000),
            changes: [Suite.advance(j, at(1000), {
              runs: [occurrence(j, at(1000)), occurrence(j, at(999), { readyAt: at(5000), uniqueKey: "k" })],
              verdicts: [Suite.verdict(j, null, at(900))]
            })]
          })
          yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(1000) })
          return yield* everything(store)
        }))
      yield* using(filename, (store) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* everything(store), before)
          assert.deepStrictEqual(yield* store.insertJobs([j]), ["exists"])
          const settled = yield* store.settle({
            settlements: [Suite.done({ id: occurrence(j, at(1000)).id, fence: 1 }, at(1001))],
            now: at(1001)
          })
          assert.deepStrictEqual(settled, ["ok"])
          const { runs } = yield* store.claim({ node: "n2", lanes: ["default/Task"], limit: 9, now: at(5000) })
          assert.deepStrictEqual(runs.map(({ uniqueKey }) => uniqueKey), ["k"])
        }))
    }))

  it.effect("what cannot be opened is a StoreError that names it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const text = join(directory, "text.db")
      writeFileSync(text, "plain text ".repeat(100))
      mkdirSync(join(directory, "folder"))
      for (const filename of [join(directory, "missing", "jobs.db"), join(directory, "folder"), text]) {
        const error = yield* Effect.flip(using(filename, () => Effect.void))
        assert.strictEqual(error._tag, "StoreError")
        assert.strictEqual(error.verb, "open")
        assert.isFalse(error.retryable)
        assert.include(error.message, filename)
      }
    }))

  it.effect("of a newer version is refused with both versions, and not touched", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* using(filename, (store) => store.insertJobs([job("j1")]))
      const db = new DatabaseSync(filename)
      db.exec("INSERT INTO scheduler_migrations (migration_id, name) VALUES (7, 'from_the_future')")
      db.exec("ALTER TABLE scheduler_jobs ADD COLUMN mood TEXT")
      db.close()
      const before = dump(filename)
      for (const migrate of [true, false]) {
        const error = yield* Effect.flip(using(filename, () => Effect.void, { migrate }))
        assert.strictEqual(error._tag, "StoreError")
        assert.isFalse(error.retryable)
        assert.match(error.message, /version 7\b.*version 2\b/)
      }
      assert.strictEqual(dump(filename), before)
    }))

  it.effect("without tables is refused unless they may be made", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const error = yield* Effect.flip(using(filename, () => Effect.void, { migrate: false }))
      assert.match(error.message, /version 0\b.*version 2\b/)
      yield* Effect.scoped(Layer.build(
        SqliteJobStore.layerMigrate().pipe(Layer.provide(SqliteClient.layer({ filename })))
      ))
      yield* using(filename, (store) => store.insertJobs([job("j1")]), { migrate: false })
    }))

  it.effect("with a prefix that no table can have is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(using(":memory:", () => Effect.void, { prefix: "my-jobs." }))
      assert.strictEqual(error._tag, "StoreError")
      assert.match(error.message, /prefix: got "my-jobs\."/)
    }))

  it.effect("says what it promises", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const durability = (filename: string, options?: Options) =>
        using(filename, ({ capabilities }) => Effect.succeed(capabilities), options)
      const common = { push: false, transactions: true, claimsOnArrival: true }
      assert.deepStrictEqual(yield* durability(filename), { ...common, shared: true, durability: "power" })
      assert.deepStrictEqual(
        yield* durability(filename, { synchronous: "normal" }),
        { ...common, shared: true, durability: "process" }
      )
      assert.deepStrictEqual(yield* durability(":memory:"), { ...common, shared: false, durability: "none" })
    }))

  it.effect("serves namespaces and prefixes that do not see each other", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const stores = [
        yield* opened(filename),
        yield* opened(filename, { namespace: "other" }),
        yield* opened(filename, { prefix: "x_" })
      ]
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
        yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(10) })
      }
      for (const [i, store] of stores.entries()) {
        assert.deepStrictEqual((yield* store.jobs({ limit: 9 })).map(({ payload }) => payload), [`${i}`])
        const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 9, now: at(1000) })
        assert.strictEqual(runs.length, 1)
        assert.strictEqual((yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(10) })).length, 1)
      }
      yield* stores[1]!.reap({ now: at(2000), includeExpired: true, limit: 9 })
      yield* stores[1]!.sweep({ now: at(9000), before: at(9000), limit: 9 })
      const states = yield* Effect.forEach(stores, (store) => store.runs({ limit: 9 }))
      assert.deepStrictEqual(states.map((runs) => runs.map(({ state }) => state)), [["running"], ["ready"], [
        "running"
      ]])
      const kept = yield* Effect.forEach(stores, (store) => store.verdicts({ job: "j1", limit: 9 }))
      assert.deepStrictEqual(kept.map((rows) => rows.length), [1, 0, 1])
    }))
})

const everything = Effect.fnUntraced(function*(store: Service) {
  return {
    jobs: yield* store.jobs({ limit: 100 }),
    runs: yield* store.runs({ limit: 100 }),
    verdicts: yield* store.verdicts({ job: "j1", limit: 100 })
  }
})

describe("several connections to one file", () => {
  it.effect("share what there is: each run is claimed once, each occurrence decided once", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const stores = yield* Effect.forEach(Array.from({ length: 3 }), () => opened(filename, { synchronous: "normal" }))
      const jobs = Array.from({ length: 30 }, (_, i) => job(`j${i}`))
      const inserted = yield* Effect.forEach(stores, (store) => store.insertJobs(jobs), { concurrency: "unbounded" })
      assert.strictEqual(inserted.flat().filter((answer) => answer === "inserted").length, jobs.length)
      const now = at(1000)
      const planned = yield* Effect.forEach(stores, (store) =>
        Effect.gen(function*() {
          const due = yield* store.due({ now, limit: 100 })
          return yield* store.commit({
            now,
            changes: due.jobs.map(({ job }) => Suite.advance(job, now, { runs: [occurrence(job, now)] }))
          })
        }), { concurrency: "unbounded" })
      assert.strictEqual(planned.flat().filter((answer) => answer === "ok").length, jobs.length)
      const claimed = yield* Effect.forEach(stores, (store, i) =>
        Effect.gen(function*() {
          const ids: Array<string> = []
          for (;;) {
            const { runs } = yield* store.claim({ node: `n${i}`, lanes: ["default/Task"], limit: 3, now })
            if (runs.length === 0) return ids
            ids.push(...runs.map(({ id }) => id))
            yield* store.settle({ settlements: runs.map((run) => Suite.done(run, now)), now })
          }
        }), { concurrency: "unbounded" })
      const ids = claimed.flat()
      assert.strictEqual(ids.length, jobs.length)
      assert.strictEqual(new Set(ids).size, jobs.length)
    }))

  it.effect("in processes that start at once on a fresh file, all come up", () =>
    Effect.gen(function*() {
      const starter = fileURLToPath(new URL("./sqlite/starter.ts", import.meta.url))
      const start = (filename: string, name: string) =>
        Effect.promise(() =>
          promisify(execFile)(process.execPath, [
            "--conditions=source",
            "--disable-warning=ExperimentalWarning",
            starter,
            filename,
            name
          ])
        )
      const filename = yield* temporaryFile
      const names = ["a", "b", "c"]
      const outputs = yield* Effect.forEach(names, (name) => start(filename, name), { concurrency: "unbounded" })
      const answers = outputs.map(({ stdout }) => stdout.trim())
      assert.deepStrictEqual(answers.toSorted(), ["inserted,exists", "inserted,exists", "inserted,inserted"])
      const jobs = yield* using(filename, (store) => store.jobs({ limit: 10 }))
      assert.deepStrictEqual(jobs.map(({ id }) => id), ["a", "b", "c", "shared"])
    }), 60_000)
})

describe("a process of this host that is gone", () => {
  const alive = new Set([1, 2])
  const options = { host: "here", isAlive: (pid: number) => alive.has(pid) }

  it.effect("loses its claims at once, whatever its lease says; others keep theirs", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const nodes = [
        { id: "gone", host: "here", pid: 3, expiresAt: at(1e6) },
        { id: "alive", host: "here", pid: 1, expiresAt: at(1e6) },
        { id: "silent", host: "here", pid: 2, expiresAt: at(1) },
        { id: "elsewhere", host: "there", pid: 3, expiresAt: at(1e6) }
      ]
      for (const node of nodes) {
        yield* store.enqueue({ runs: [run(`of ${node.id}`)], now: at(0) })
        yield* store.beat(node)
        yield* store.claim({ node: node.id, lanes: ["default/Task"], limit: 1, now: at(0) })
      }
      const reap = (includeExpired: boolean) => store.reap({ now: at(100), includeExpired, limit: 10 })
      assert.deepStrictEqual((yield* reap(false)).released, ["of gone"])
      assert.deepStrictEqual((yield* reap(false)).released, [])
      assert.deepStrictEqual((yield* reap(true)).released, ["of silent"])
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:", options))))

  it.effect("is recognised by the operating system", () =>
    Effect.gen(function*() {
      const store = yield* JobStore
      // a number beyond what Linux, macOS and Windows give to processes
      const pids = { me: process.pid, nobody: 2 ** 30 }
      for (const [id, pid] of Object.entries(pids)) {
        yield* store.enqueue({ runs: [run(`of ${id}`)], now: at(0) })
        yield* store.beat({ id, host: "here", pid, expiresAt: at(1e6) })
        yield* store.claim({ node: id, lanes: ["default/Task"], limit: 1, now: at(0) })
      }
      const { released } = yield* store.reap({ now: at(100), includeExpired: false, limit: 10 })
      assert.deepStrictEqual(released, ["of nobody"])
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:", { host: "here" }))))
})
