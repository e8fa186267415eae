import type { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import * as String from "effect/String"
import { execFile, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { JobStore, type Service, type Signal } from "../../src/JobStore.ts"
import type { StoreError } from "../../src/SchedulerError.ts"
import * as MemoryJobStore from "../../src/stores/MemoryJobStore.ts"
import * as Network from "../support/network.ts"
import { client, isRunning, temporarySchema, url } from "./postgres/server.ts"
import { opener, several } from "./postgres/stores.ts"

const { at, job, occurrence, run } = Suite

/** What a subscriber has heard so far. */
const listen = Effect.fnUntraced(function*(store: Service) {
  const heard: Array<Signal> = []
  yield* Effect.forkScoped(Stream.runForEach(store.signals, (signal) => Effect.sync(() => void heard.push(signal))), {
    startImmediately: true
  })
  yield* Effect.yieldNow
  return heard
})

const until = (condition: () => boolean) =>
  Effect.gen(function*() {
    while (!condition()) yield* Effect.sleep("5 millis")
  }).pipe(Effect.timeout("10 seconds"))

const script = (name: string) => fileURLToPath(new URL(`./postgres/${name}.ts`, import.meta.url))

describe.runIf(isRunning)("PostgresJobStore", () => {
  describe("on the caller's client", () => {
    it.live("commits with the caller's transaction, and hints go out after the commit", () =>
      Effect.gen(function*() {
        const { open, schema } = yield* opener
        const { sql, store } = yield* open()
        const heard = yield* listen(store)
        yield* sql.unsafe(`CREATE TABLE ${schema}.orders (id TEXT)`)
        heard.length = 0
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql.unsafe(`INSERT INTO ${schema}.orders VALUES ('o1')`)
          assert.deepStrictEqual(yield* store.insertJobs([job("j1")]), ["inserted"])
          assert.deepStrictEqual(yield* store.enqueue({ runs: [run("r1")], now: at(0) }), ["added"])
          yield* Effect.sleep("20 millis")
          assert.deepStrictEqual(heard, [])
        }))
        yield* until(() => heard.length === 2)
        assert.deepStrictEqual(heard.map(({ _tag }) => _tag), ["jobs", "ready"])
        assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
      }))

    it.live("rolls back with it, and nobody hears of it", () =>
      Effect.gen(function*() {
        const { sql, store } = yield* Effect.flatMap(opener, ({ open }) => open())
        const heard = yield* listen(store)
        yield* store.enqueue({ runs: [run("before")], now: at(0) })
        yield* until(() => heard.length > 0)
        yield* Effect.sleep("50 millis")
        heard.length = 0
        yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
          yield* store.insertJobs([job("j1")])
          yield* store.enqueue({ runs: [run("r1")], now: at(0) })
          const { runs } = yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 10, now: at(0) })
          yield* store.settle({ settlements: runs.map((run) => Suite.done(run, at(1))), now: at(1) })
          return yield* Effect.fail("the order was refused")
        })))
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(heard, [])
        assert.deepStrictEqual(yield* store.jobs({ limit: 10 }), [])
        const rows = yield* store.runs({ limit: 10 })
        assert.deepStrictEqual(rows.map(({ id, state }) => [id, state]), [["before", "ready"]])
      }))

    it.live("a verb that fails inside it leaves the caller's writes alone", () =>
      Effect.gen(function*() {
        const { open, schema } = yield* opener
        const { sql, store } = yield* open()
        yield* sql.unsafe(`CREATE TABLE ${schema}.orders (id TEXT)`)
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql.unsafe(`INSERT INTO ${schema}.orders VALUES ('o1')`)
          const error = yield* Effect.flip(store.enqueue({ runs: [run("r1", { lane: null as any })], now: at(0) }))
          assert.strictEqual(error._tag, "StoreError")
          assert.strictEqual(error.verb, "enqueue")
          assert.isFalse(error.retryable)
          yield* store.enqueue({ runs: [run("r2")], now: at(0) })
        }))
        assert.strictEqual((yield* sql.unsafe(`SELECT * FROM ${schema}.orders`)).length, 1)
        assert.deepStrictEqual((yield* store.runs({ limit: 10 })).map(({ id }) => id), ["r2"])
      }))

    it.live("two transactions that add the same go on, one after the other", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2, { listen: false })
        const add = ({ sql, store }: { readonly sql: SqlClient; readonly store: Service }, name: string) =>
          sql.withTransaction(Effect.gen(function*() {
            const before = yield* store.enqueue({ runs: [run(name)], now: at(0) })
            const same = yield* store.enqueue({ runs: [run("same"), run(`${name}2`, { uniqueKey: "k" })], now: at(0) })
            const jobs = yield* store.insertJobs([job("same"), job(name)])
            yield* Effect.sleep("50 millis")
            return [...before, ...same, ...jobs]
          }))
        const answers = yield* Effect.all([add(one!, "a"), add(two!, "b")], { concurrency: 2 })
        assert.deepStrictEqual(
          answers.map((answer) => answer.join(" ")).toSorted(),
          ["added added added inserted inserted", "added duplicate duplicate exists inserted"]
        )
      }))

    const makes: Record<string, PgClient.PgPoolConfig> = {
      "that prepares nothing": { prepare: false },
      "that shares its connections": { multiplex: true, maxConnections: 2 },
      "that changes names": { transformQueryNames: String.camelToSnake, transformResultNames: String.snakeToCamel }
    }
    for (const [make, config] of Object.entries(makes)) {
      it.live(`works on a client ${make}`, () =>
        Effect.gen(function*() {
          const schema = yield* temporarySchema
          const store = Context.get(
            yield* Layer.build(PostgresJobStore.layer({ schema }).pipe(Layer.provide(client(config)))),
            JobStore
          )
          yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 5, steps: 60 })
        }), 60_000)
    }

    it.live("works where the client has one connection only", () =>
      Effect.gen(function*() {
        const schema = yield* temporarySchema
        yield* Effect.gen(function*() {
          const store = yield* JobStore
          const sql = yield* SqlClient
          yield* sql.withTransaction(store.enqueue({ runs: [run("r1")], now: at(0) }))
          assert.strictEqual((yield* store.runs({ limit: 10 })).length, 1)
        }).pipe(Effect.provide(PostgresJobStore.layerUrl(url, { schema, client: { maxConnections: 1 } })))
      }))
  })

  describe("wakes other processes", () => {
    it.live("with the hints of what was committed", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        const heard = yield* listen(two!.store)
        const tags = () => new Set(heard.map(({ _tag }) => _tag))
        yield* one!.store.insertJobs([job("j1")])
        yield* until(() => tags().has("jobs"))
        yield* one!.store.enqueue({ runs: [run("r1"), run("r2")], now: at(0) })
        yield* until(() => tags().has("ready"))
        yield* one!.store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
        yield* one!.store.cancel({ runs: ["r1", "r2"], request: { reason: "r", by: "b" }, now: at(1) })
        yield* until(() => tags().size === 4)
        assert.deepStrictEqual(heard.filter(({ _tag }) => _tag === "cancel"), [{ _tag: "cancel", runs: ["r1"] }])
        assert.deepStrictEqual(heard.filter(({ _tag }) => _tag === "settled"), [{ _tag: "settled", runs: ["r2"] }])
      }))

    it.live("with more names than one notification holds", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        const heard = yield* listen(two!.store)
        const ids = Array.from({ length: 700 }, (_, n) => `"${n}" żółć ${"x".repeat(40)}`)
        yield* one!.store.enqueue({ runs: ids.map((id) => run(id)), now: at(0) })
        yield* one!.store.cancel({ runs: ids, request: { reason: "r", by: "b" }, now: at(1) })
        const settled = () => heard.flatMap((signal) => signal._tag === "settled" ? signal.runs : [])
        yield* until(() => settled().length >= ids.length)
        assert.deepStrictEqual(settled().toSorted(), ids.toSorted())
      }))

    it.live("by the statement that adds a lone run, which its own process hears of once", () =>
      Effect.gen(function*() {
        const texts: Array<string> = []
        const [one, two] = yield* several(2)
        const [here, there] = yield* Effect.forEach([one!, two!], ({ store }) => listen(store))
        const enqueue = (id: string) =>
          Effect.gen(function*() {
            // hints that follow one that has just gone out travel together
            yield* Effect.sleep("30 millis")
            here!.length = there!.length = texts.length = 0
            return yield* one!.store.enqueue({ runs: [run(id)], now: at(0) })
          }).pipe(Effect.provideService(Statement.CurrentTransformer, (statement) =>
            Effect.sync(() => {
              texts.push(statement.compile()[0])
              return statement
            })))
        assert.deepStrictEqual(yield* enqueue("r1"), ["added"])
        yield* until(() => there!.length > 0)
        yield* Effect.sleep("30 millis")
        assert.deepStrictEqual([here, there], [[{ _tag: "ready" }], [{ _tag: "ready" }]])
        assert.deepStrictEqual(texts.map((text) => text.includes("pg_notify(")), [true])
        // there is nothing to tell
        assert.deepStrictEqual(yield* enqueue("r1"), ["duplicate"])
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual([here, there], [[], []])
      }))

    it.live("after the statement, while another one tells: no commit waits for the hint of another one", () =>
      Effect.gen(function*() {
        const [one, two, three] = yield* several(3)
        const [here, there] = yield* Effect.forEach([one!, two!], ({ store }) => listen(store))
        const teller = yield* three!.sql.reserve
        // it has told, and its commit takes its time
        yield* teller.execute("BEGIN", [], undefined)
        yield* teller.execute("SELECT pg_advisory_xact_lock(hashtext('effect-scheduler'), 256)", [], undefined)
        yield* Effect.sleep("30 millis")
        here!.length = there!.length = 0
        assert.deepStrictEqual(yield* one!.store.enqueue({ runs: [run("r1")], now: at(0) }), ["added"])
        yield* until(() => there!.length > 0)
        yield* Effect.sleep("30 millis")
        assert.deepStrictEqual([here, there], [[{ _tag: "ready" }], [{ _tag: "ready" }]])
        yield* teller.execute("ROLLBACK", [], undefined)
      }))

    it.live("of the same namespace and schema only", () =>
      Effect.gen(function*() {
        const { open } = yield* opener
        const [one, other, elsewhere] = [
          yield* open(),
          yield* open({ namespace: "other" }),
          yield* Effect.flatMap(opener, ({ open }) => open())
        ]
        const heard = [...yield* Effect.forEach([other, elsewhere], ({ store }) => listen(store))]
        yield* one.store.insertJobs([job("j1")])
        yield* Effect.sleep("100 millis")
        assert.deepStrictEqual(heard, [[], []])
      }))

    it.live("again after its connection was cut, and says that something may have happened", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2)
        const heard = yield* listen(two!.store)
        yield* one!.cut
        yield* until(() => heard.some(({ _tag }) => _tag === "jobs") && heard.some(({ _tag }) => _tag === "ready"))
        // the other one has to reconnect too before it can tell
        yield* Effect.sleep("500 millis")
        heard.length = 0
        yield* one!.store.enqueue({ runs: [run("r1")], now: at(0) })
        yield* until(() => heard.some(({ _tag }) => _tag === "ready"))
      }))

    it.live("unless it is told not to listen", () =>
      Effect.gen(function*() {
        const [one, two] = yield* several(2, { listen: false })
        assert.isFalse(two!.store.capabilities.push)
        const [here, there] = yield* Effect.forEach([one!, two!], ({ store }) => listen(store))
        yield* one!.store.insertJobs([job("j1")])
        yield* until(() => here!.length === 1)
        yield* Effect.sleep("100 millis")
        assert.deepStrictEqual(there, [])
      }))
  })

  describe("a process that is gone", () => {
    /** Two processes of machines that know nothing of each other; one of them holds a run. */
    const holding = Effect.gen(function*() {
      const { open } = yield* opener
      const here = yield* open({ host: "here" })
      const scope = yield* Scope.make()
      const there = yield* Scope.provide(open({ host: "there" }), scope)
      yield* here.store.beat({ id: "n1", host: "here", pid: process.pid, expiresAt: at(1e6) })
      yield* there.store.beat({ id: "n2", host: "there", pid: process.pid, expiresAt: at(1e6) })
      yield* there.store.enqueue({ runs: [run("r1")], now: at(0) })
      yield* there.store.claim({ node: "n2", lanes: ["default/Task"], limit: 1, now: at(0) })
      const reap = (now: number) =>
        Effect.map(here.store.reap({ now: at(now), includeExpired: false, limit: 10 }), ({ released }) => released)
      return { here, reap, die: Scope.close(scope, Exit.void) }
    })

    it.live("loses its claims when its lock has been free for a while; one that lives does not", () =>
      Effect.gen(function*() {
        const { die, reap } = yield* holding
        assert.deepStrictEqual(yield* reap(1000), [])
        assert.deepStrictEqual(yield* reap(9000), [])
        yield* die
        yield* Effect.sleep("100 millis")
        assert.deepStrictEqual(yield* reap(10_000), [])
        assert.deepStrictEqual(yield* reap(11_999), [])
        assert.deepStrictEqual(yield* reap(12_000), ["r1"])
      }))

    it.live("is not one whose connection was cut and that has another", () =>
      Effect.gen(function*() {
        const { here, reap } = yield* holding
        assert.deepStrictEqual(yield* reap(1000), [])
        yield* here.cut
        for (let now = 2000; now < 20_000; now += 1000) {
          assert.deepStrictEqual(yield* reap(now), [])
          yield* Effect.sleep("30 millis")
        }
        yield* Effect.sleep("500 millis")
        assert.deepStrictEqual(yield* reap(30_000), [])
        assert.deepStrictEqual(yield* reap(40_000), [])
      }))

    it.live(
      "is not one that lives and has not noticed that the server has ended its connection",
      () =>
        Effect.gen(function*() {
          const { open, schema } = yield* opener
          const here = yield* open({ host: "here" })
          const address = new URL(Redacted.value(url))
          const network = yield* Network.make({ host: address.hostname, port: Number(address.port || 5432) })
          address.hostname = "127.0.0.1"
          address.port = `${network.port}`
          const scope = yield* Scope.make()
          const there = Context.get(
            yield* Layer.buildWithScope(
              PostgresJobStore.layer({ schema, host: "there" }).pipe(
                Layer.provide(client({ applicationName: "there", url: Redacted.make(address.href) }))
              ),
              scope
            ),
            JobStore
          )
          const node = { id: "n1", host: "there", pid: 1, expiresAt: at(1e6) }
          yield* there.beat(node)
          yield* there.enqueue({ runs: [run("r1")], now: at(0) })
          yield* there.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
          const reap = (store: Service, now: number) =>
            Effect.map(store.reap({ now: at(now), includeExpired: false, limit: 10 }), ({ released }) => released)
          assert.deepStrictEqual(yield* reap(here.store, 1000), [])

          network.silenceThose("LISTEN")
          yield* here
            .sql`SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
          WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND a.application_name = 'there'`
          assert.deepStrictEqual(yield* reap(here.store, 2000), [])
          // it looks for others itself, as often as these do
          assert.deepStrictEqual(yield* reap(there, 2500), [])
          for (const now of [3000, 4000, 5000, 60_000]) assert.deepStrictEqual(yield* reap(here.store, now), [])

          // and has a connection again by which others can tell
          const session = Effect.map(
            Effect.andThen(
              there.beat(node),
              here.sql.unsafe(`SELECT session FROM ${schema}.scheduler_nodes WHERE session IS NOT NULL`)
            ),
            (rows) => rows.length === 1
          )
          yield* Effect.repeat(session, { until: (has) => has, schedule: Schedule.spaced("100 millis") }).pipe(
            Effect.timeout("20 seconds")
          )
          assert.deepStrictEqual(yield* reap(here.store, 70_000), [])
          assert.deepStrictEqual(yield* reap(here.store, 80_000), [])
          yield* Scope.close(scope, Exit.void)
          yield* Effect.sleep("100 millis")
          assert.deepStrictEqual(yield* reap(here.store, 90_000), [])
          assert.deepStrictEqual(yield* reap(here.store, 92_000), ["r1"])
        }).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
      60_000
    )

    it.live("loses its claims when it is killed on another machine", () =>
      Effect.gen(function*() {
        const { open, schema } = yield* opener
        const { store } = yield* open({ host: "here" })
        yield* store.enqueue({ runs: [run("r1")], now: at(0) })
        const holder = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, ["--conditions=source", script("holder"), Redacted.value(url), schema], {
              stdio: ["ignore", "pipe", "inherit"]
            })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const said = yield* Effect.promise(() => new Promise((resolve) => holder.stdout.once("data", resolve)))
        assert.strictEqual(`${said}`.trim(), "r1")
        const reap = (now: number) =>
          Effect.map(store.reap({ now: at(now), includeExpired: false, limit: 10 }), ({ released }) => released)
        assert.deepStrictEqual(yield* reap(0), [])
        assert.deepStrictEqual(yield* reap(60_000), [])
        holder.kill("SIGKILL")
        yield* Effect.promise(() => new Promise((resolve) => holder.once("exit", resolve)))
        yield* Effect.sleep("200 millis")
        assert.deepStrictEqual(yield* reap(100_000), [])
        assert.deepStrictEqual(yield* reap(102_000), ["r1"])
      }), 60_000)

    it.live("is recognised by its number on the same machine, at once", () =>
      Effect.gen(function*() {
        const { store } = yield* Effect.flatMap(opener, ({ open }) => open({ host: "here", listen: false }))
        yield* store.beat({ id: "n1", host: "here", pid: 2 ** 30, expiresAt: at(1e6) })
        yield* store.enqueue({ runs: [run("r1")], now: at(0) })
        yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
        assert.deepStrictEqual((yield* store.reap({ now: at(1), includeExpired: false, limit: 10 })).released, ["r1"])
      }))
  })

  describe("a connection that is cut", () => {
    /** Ends the server's side of the connection right before the n-th statement of what is done. */
    const cuttingAt = (n: number, sql: SqlClient, killer: SqlClient) => {
      let statements = 0
      const transformer: Statement.Transformer = (statement) =>
        statements++ !== n ? Effect.succeed(statement) : Effect.gen(function*() {
          const [row] = yield* sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`
          yield* killer`SELECT pg_terminate_backend(${row!.pid})`
          return statement
        }).pipe(Effect.provideService(Statement.CurrentTransformer, undefined), Effect.orDie)
      return Effect.provideService(Statement.CurrentTransformer, transformer)
    }
    /** Cuts at every statement in turn, but the first so many, until the verb comes through. */
    const cutting = (verb: (store: Service) => Effect.Effect<unknown, StoreError>, least: number, spared: number) =>
      Effect.gen(function*() {
        const { open } = yield* opener
        const { sql, store } = yield* open({ listen: false })
        const { sql: killer } = yield* open({ listen: false })
        const everything = Effect.all([
          store.jobs({ limit: 100 }),
          store.runs({ limit: 100 }),
          store.verdicts({ job: "a", limit: 100 })
        ])
        const jobs = ["a", "b"].map((id) => job(id))
        yield* store.insertJobs(jobs)
        yield* store.enqueue({
          runs: jobs.flatMap((job) => [1, 2, 3].map((n) => occurrence(job, at(n), { serial: 1 }))),
          now: at(5)
        })
        yield* store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(10) })
        yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(5) })
        const before = yield* everything
        let cuts = 0
        for (;; cuts++) {
          const exit = yield* Effect.exit(cuttingAt(spared + cuts, sql, killer)(verb(store)))
          if (exit._tag === "Success") break
          const [reason] = exit.cause.reasons
          assert.strictEqual(reason?._tag, "Fail", `${exit.cause}`)
          const { error } = reason as Cause.Fail<StoreError>
          assert.strictEqual(error._tag, "StoreError")
          assert.isTrue(error.retryable, error.message)
          assert.deepStrictEqual(yield* everything, before, `after the cut before statement ${spared + cuts + 1}`)
        }
        assert.isAtLeast(cuts, least)
        assert.notDeepEqual(yield* everything, before)
      })
    const lanes = ["default/Task"]
    const verbs: Record<string, (store: Service) => Effect.Effect<unknown, StoreError>> = {
      commit: (store) =>
        store.commit({
          now: at(2000),
          changes: [
            Suite.replace(job("a"), { payload: "1" }, {
              cancel: { reason: "r", by: "b" },
              runs: [occurrence(job("a"), at(2000), { serial: 1 })],
              verdicts: [Suite.verdict(job("a"), null, at(1999))]
            }),
            Suite.remove(job("b"))
          ]
        }),
      enqueue: (store) => store.enqueue({ runs: [run("new"), occurrence(job("a"), at(9), { serial: 1 })], now: at(5) }),
      claim: (store) => store.claim({ node: "n2", lanes, limit: 10, now: at(5) }),
      settle: (store) =>
        store.settle({
          settlements: [Suite.done({ id: `a:i1:${at(1)}`, fence: 1 }, at(6), {}, [run("follow")])],
          now: at(6)
        }),
      reap: (store) => store.reap({ now: at(100), includeExpired: true, limit: 10 }),
      cancel: (store) => store.cancel({ job: "b", request: { reason: "r", by: "b" }, now: at(7) })
    }
    for (const [name, verb] of Object.entries(verbs)) {
      it.live(`in the middle of ${name} is a StoreError, and nothing is half done`, () =>
        // a claim is one statement, and who reaps looks first: when the connection is cut before, they take another one
        cutting(verb, name === "claim" ? 0 : 3, name === "reap" ? 2 : 0), 60_000)
    }
  })

  describe("its tables", () => {
    const start = (schema: string, name: string) =>
      Effect.promise(() =>
        promisify(execFile)(process.execPath, [
          "--conditions=source",
          "--disable-warning=ExperimentalWarning",
          script("starter"),
          Redacted.value(url),
          schema,
          name
        ])
      )

    it.live("are made once by processes that start at once", () =>
      Effect.gen(function*() {
        const schema = yield* temporarySchema
        const outputs = yield* Effect.forEach(["a", "b", "c"], (name) => start(schema, name), {
          concurrency: "unbounded"
        })
        const answers = outputs.map(({ stdout }) => stdout.trim())
        assert.deepStrictEqual(answers.toSorted(), ["inserted,exists", "inserted,exists", "inserted,inserted"])
      }), 60_000)

    it.live("are made once by stores that are opened at once, over and over", () =>
      Effect.gen(function*() {
        for (let n = 0; n < 5; n++) {
          const stores = yield* several(4, { listen: false })
          yield* Effect.forEach(stores, ({ store }) => store.runs({ limit: 1 }))
        }
      }), 60_000)

    const using = (schema: string, options?: PostgresJobStore.Options) =>
      Effect.flatMap(JobStore, (store) => store.insertJobs([job("j1")])).pipe(
        Effect.provide(PostgresJobStore.layer({ schema, listen: false, ...options }).pipe(Layer.provide(client())))
      )

    it.live("of a newer version are refused with both versions, and not touched", () =>
      Effect.gen(function*() {
        const schema = yield* temporarySchema
        yield* using(schema)
        const sql = Context.get(yield* Layer.build(client()), SqlClient)
        yield* sql.unsafe(`INSERT INTO ${schema}.scheduler_migrations (migration_id, name) VALUES (7, 'future')`)
        for (const migrate of [true, false]) {
          const error = yield* Effect.flip(using(schema, { migrate }))
          assert.isFalse(error._tag === "StoreError" && error.retryable)
          assert.match(error.message, /version 7\b.*version 2\b/)
        }
      }))

    it.live("are refused when they are missing and may not be made", () =>
      Effect.gen(function*() {
        const schema = yield* temporarySchema
        const error = yield* Effect.flip(using(schema, { migrate: false }))
        assert.match(error.message, /version 0 \(there is no \w+\.scheduler_migrations\).*version 2\b/)
        yield* Layer.build(PostgresJobStore.layerMigrate({ schema }).pipe(Layer.provide(client())))
        assert.deepStrictEqual(yield* using(schema, { migrate: false }), ["inserted"])
      }))

    it.live(
      "may be made by one role, and be worked on by one that may only read and write their rows",
      () =>
        Effect.gen(function*() {
          const schema = yield* temporarySchema
          yield* Layer.build(PostgresJobStore.layerMigrate({ schema }).pipe(Layer.provide(client())))
          const sql = Context.get(yield* Layer.build(client()), SqlClient)
          const role = `${schema}_worker`
          yield* Effect.acquireRelease(
            sql.unsafe(`CREATE ROLE ${role} LOGIN`),
            () => Effect.orDie(Effect.andThen(sql.unsafe(`DROP OWNED BY ${role}`), sql.unsafe(`DROP ROLE ${role}`)))
          )
          yield* sql.unsafe(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`)
          yield* sql.unsafe(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`)
          const worker = Layer.provide(client({ username: role }))
          const store = Context.get(
            yield* Layer.build(PostgresJobStore.layer({ schema, migrate: false, check: true }).pipe(worker)),
            JobStore
          )
          yield* Suite.walk([yield* MemoryJobStore.make(), store], { seed: 7, steps: 60 })
        }),
      60_000
    )

    it.live(
      "need no right but the one to make tables in the schema, and say so where it is missing",
      () =>
        Effect.gen(function*() {
          const schema = yield* temporarySchema
          const sql = Context.get(yield* Layer.build(client()), SqlClient)
          const role = `${schema}_owner`
          yield* Effect.acquireRelease(
            sql.unsafe(`CREATE ROLE ${role} LOGIN`),
            () => Effect.orDie(Effect.andThen(sql.unsafe(`DROP OWNED BY ${role}`), sql.unsafe(`DROP ROLE ${role}`)))
          )
          const migrated = Effect.scoped(
            Layer.build(PostgresJobStore.layerMigrate({ schema }).pipe(Layer.provide(client({ username: role }))))
          )
          const refused = (message: RegExp) =>
            Effect.map(Effect.flip(migrated), (error) => assert.match(error.message, message))
          yield* refused(/permission denied for database/)
          yield* sql.unsafe(`CREATE SCHEMA ${schema}`)
          yield* sql.unsafe(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`)
          yield* refused(/permission denied for schema/)
          yield* sql.unsafe(`GRANT CREATE ON SCHEMA ${schema} TO ${role}`)
          yield* migrated
          assert.deepStrictEqual(yield* using(schema, { migrate: false }), ["inserted"])
          // of an older version they are brought up to date, as before
          yield* sql.unsafe(`DELETE FROM ${schema}.scheduler_migrations WHERE migration_id = 2`)
          yield* refused(/already exists/)
        }),
      60_000
    )

    it.live("have names that need no quotes", () =>
      Effect.gen(function*() {
        for (const [field, value] of [["prefix", "Jobs_"], ["prefix", "a-b"], ["schema", "x.y"], ["schema", ""]]) {
          const error = yield* Effect.flip(using("unused", { [field!]: value }))
          assert.include(error.message, `${field}: got ${JSON.stringify(value)}`)
        }
      }))
  })

  it.live("a server that does not answer is a StoreError that may be tried again", () =>
    Effect.gen(function*() {
      const nowhere = Redacted.make("postgres://postgres@127.0.0.1:1/test")
      const error = yield* Effect.flip(
        Effect.provide(Effect.asVoid(JobStore), PostgresJobStore.layerUrl(nowhere))
      )
      assert.strictEqual(error._tag, "StoreError")
      assert.isTrue(error.retryable)
    }))

  it.live("an address that is none is refused, without showing it", () =>
    Effect.gen(function*() {
      for (const url of ["nonsense", "localhost:5432/secret", "mysql://root:secret@127.0.0.1:3306/test"]) {
        const opening = Effect.provide(Effect.asVoid(JobStore), PostgresJobStore.layerUrl(Redacted.make(url)))
        const error = yield* Effect.flip(opening)
        assert.match(error.message, /^url: got .*, expected one such as postgres:\/\/user:password@localhost:5432\/app/)
        assert.notInclude(error.message, "secret")
        assert.isFalse(error._tag === "StoreError" && error.retryable)
      }
    }))
})
