/**
 * A scheduler on a database whose network falls silent: no packet arrives, no connection is closed, nothing fails. Live clock, some ten seconds each.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Redacted, References, Schema, Scope, Stream } from "effect"
import { FiberExecutor, JobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { MysqlClient, MySqlJobStore } from "effect-scheduler/mysql"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { RedisJobStore } from "effect-scheduler/redis"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import { untiled } from "../simulation/timeline.ts"
import * as Network from "../support/network.ts"
import * as MySql from "./mysql/server.ts"
import * as Postgres from "./postgres/server.ts"
import * as Redis from "./redis/server.ts"

const Tick = Task.make("Tick")
const Long = Task.make("Long", { payload: { name: Schema.String }, success: Schema.String })

const period = 250

const until = (what: string, isSo: Effect.Effect<boolean, unknown>) =>
  Effect.delay(isSo, "50 millis").pipe(
    Effect.repeat({ until: (so) => so }),
    Effect.timeoutOrElse({ duration: "60 seconds", orElse: () => Effect.die(new Error(`not ${what}`)) })
  )

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

/** The server's address with the network in between. */
const through = (server: Redacted.Redacted) =>
  Effect.gen(function*() {
    const url = new URL(Redacted.value(server))
    const network = yield* Network.make({ host: url.hostname, port: Number(url.port) })
    url.hostname = "127.0.0.1"
    url.port = String(network.port)
    return { network, url: Redacted.make(url.href) }
  })

const withPort = (server: Redacted.Redacted, port: number) => {
  const url = new URL(Redacted.value(server))
  if (url.port === "") url.port = String(port)
  return Redacted.make(url.href)
}

interface Fall {
  /** What the client says when the network falls silent. */
  readonly at: string
  readonly lost: "call" | "answer"
  /** How it ends. `failover`: at once for new connections, and never for those that there were. */
  readonly until: "drop" | "resume" | "failover"
}

/** A job that ticks and runs that last, before, in and after a silence; answers with what was told. */
const surviving = Effect.fnUntraced(function*(
  store: Layer.Layer<JobStore.JobStore, unknown>,
  network: Network.Network,
  fall: Fall
) {
  const ran: Array<string> = []
  const release = yield* Deferred.make<void>()
  const Main = Scheduler.layer({
    tasks: [Tick, Long],
    lease: "30 seconds",
    beat: "1 second",
    poll: "200 millis",
    storeTimeout: "1 second"
  }).pipe(
    Layer.provide([
      Tick.toLayer(() => Effect.map(Run.CurrentRun, ({ id }) => void ran.push(id))),
      Long.toLayer(({ name }) => Effect.as(Deferred.await(release), name)),
      FiberExecutor.layer({ concurrency: 20 })
    ]),
    Layer.provideMerge(store)
  )
  return yield* Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    const store = yield* JobStore.JobStore
    const told: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(scheduler.events, ({ _tag }) =>
        Effect.sync(() => {
          if (_tag.startsWith("Store") || _tag.startsWith("Role") || _tag === "RunRefused") told.push(_tag)
        })),
      { startImmediately: true }
    )
    yield* scheduler.schedule(Tick, { id: "tick", trigger: Trigger.interval(period), catchUp: "all" })
    const long = yield* Effect.forEach(["a", "b"], (name) => scheduler.enqueue(Long, { payload: { name } }))
    yield* until("at work", Effect.sync(() => ran.length > 6))

    network.silenceAt(fall.at, { lost: fall.lost, spareNew: fall.until === "failover" })
    yield* until("silent", Effect.sync(() => network.isSilent()))
    yield* until("told", Effect.sync(() => told.length > 0))
    assert.strictEqual(told[0], "StoreUnavailable")
    // those that end now cannot be recorded, and their slots are not held for it
    yield* Deferred.succeed(release, undefined)
    yield* Effect.sleep("1 second")
    if (fall.until === "drop") network.drop()
    if (fall.until === "resume") network.resume()
    const before = ran.length

    yield* until("at work again", Effect.sync(() => ran.length > before + 10))
    yield* until("recovered", Effect.sync(() => told.at(-1) === "StoreRecovered"))
    yield* until(
      "recorded",
      Effect.map(
        Effect.option(store.runs({ ids: long, limit: 9 })),
        (rows) => rows._tag === "Some" && rows.value.every(({ state }) => state === "done")
      )
    )
    yield* Effect.retry(scheduler.pause("tick"), { times: 10 })
    const going = Effect.map(store.runs({ job: "tick", going: true, limit: 1 }), (rows) => rows.length === 0)
    yield* until("at its end", Effect.orElseSucceed(going, () => false))

    const rows = yield* store.runs({ limit: 10_000 })
    const [job] = yield* store.jobs({ ids: ["tick"], limit: 1 })
    const verdicts = yield* store.verdicts({ job: "tick", limit: 1_000 })
    const ended = rows.filter(({ job }) => job === null)
    assert.deepStrictEqual(ended.map(({ fence, outcome }) => [fence, outcome]), long.map(() => [1, "succeeded"]))
    const ticks = rows.filter(({ job }) => job === "tick")
    assert.isTrue(ticks.every(({ outcome }) => outcome === "succeeded"))
    assert.deepStrictEqual(ran.toSorted(), ticks.map(({ id }) => id).toSorted(), "each has run once")
    const occurrences = Math.floor((job!.updated - job!.anchor) / period)
    assert.deepStrictEqual(
      untiled({
        job: "tick",
        required: Array.from({ length: occurrences }, (_, n) => job!.anchor + (n + 1) * period),
        fired: ticks.map(({ nominal }) => nominal!),
        stretches: verdicts.map(({ from, to }) => ({ from: from ?? -Infinity, to }))
      }),
      []
    )
    return told
  }).pipe(Effect.provide(Main), Effect.scoped)
})

/** Whoever stops a program in the middle of it does not wait for the database. */
const closing = Effect.fnUntraced(function*(
  store: Layer.Layer<JobStore.JobStore, unknown>,
  network: Network.Network
) {
  const scope = yield* Scope.make()
  const ran: Array<string> = []
  const context = yield* Layer.buildWithScope(
    Scheduler.layer({ tasks: [Tick, Long], storeTimeout: "2 seconds", grace: "100 millis" }).pipe(
      Layer.provide([
        Tick.toLayer(() => Effect.sync(() => void ran.push("tick"))),
        Long.toLayer(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ran.push("interrupted")))),
        FiberExecutor.layer()
      ]),
      Layer.provide(store)
    ),
    scope
  )
  const scheduler = Context.get(context, Scheduler.Scheduler)
  yield* scheduler.schedule(Tick, { id: "tick", trigger: Trigger.interval(period) })
  yield* scheduler.enqueue(Long, { payload: { name: "a" } })
  yield* until("at work", Effect.sync(() => ran.length > 2))
  network.silence()
  yield* Effect.sleep(period)
  yield* Effect.timeout(Scope.close(scope, Exit.void), "60 seconds")
  assert.strictEqual(ran.at(-1), "interrupted")
  network.drop()
}, quietly)

/** More than once where the pool has several connections that turn out to be dead one after another. */
const inTurn = (told: ReadonlyArray<string>): boolean =>
  told.every((tag, i) => tag === (i % 2 === 0 ? "StoreUnavailable" : "StoreRecovered"))

const nameOf = ({ at, lost, until }: Fall) => `at ${at} (the ${lost} is lost, until ${until})`

/** In the middle of a claim, of a settlement, and of whatever is committed. */
const falls: ReadonlyArray<Fall> = [
  { at: "SKIP LOCKED", lost: "answer", until: "drop" },
  { at: "succeeded", lost: "call", until: "resume" },
  { at: "COMMIT", lost: "answer", until: "failover" }
]

describe.skipIf(!Postgres.isRunning)("PostgreSQL", () => {
  /** Whatever falls silent, another connection may have a transaction open just then, which its server has to end by itself. */
  const left: PgClient.PgPoolConfig = { startupParameters: { idle_in_transaction_session_timeout: "3000" } }

  const opened = (config: PgClient.PgPoolConfig = {}) =>
    Effect.gen(function*() {
      const { network, url } = yield* through(withPort(Postgres.url, 5432))
      const schema = yield* Postgres.temporarySchema
      // statements that are prepared travel by name
      const client = Layer.fresh(PgClient.layer({ url, prepare: false, maxConnections: 3, ...config }))
      return { network, store: PostgresJobStore.layer({ schema }).pipe(Layer.provide(client)) }
    })

  for (const fall of falls) {
    it.live(nameOf(fall), () =>
      Effect.gen(function*() {
        const { network, store } = yield* opened(left)
        const told = yield* surviving(store, network, fall)
        assert.isTrue(inTurn(told), `${told}`)
      }).pipe(quietly), 120_000)
  }

  it.live(
    "whose listening connection falls silent, on which nothing is said anyway: it hears the others again",
    () =>
      Effect.gen(function*() {
        const { network, url } = yield* through(withPort(Postgres.url, 5432))
        const schema = yield* Postgres.temporarySchema
        const open = (url: Redacted.Redacted) =>
          Effect.map(
            Layer.build(PostgresJobStore.layer({ schema }).pipe(Layer.provide(Layer.fresh(PgClient.layer({ url }))))),
            (context) => Context.get(context, JobStore.JobStore)
          )
        const [here, there] = [yield* open(url), yield* open(Postgres.url)]
        const heard: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(here.signals, ({ _tag }) => Effect.sync(() => void heard.push(_tag))),
          { startImmediately: true }
        )
        const ask = (id: string) => there.enqueue({ runs: [Suite.run(id)], now: Suite.at(0) })
        yield* ask("before")
        yield* until("heard", Effect.sync(() => heard.includes("ready")))
        network.silence({ spareNew: true })
        heard.length = 0
        yield* ask("in between")
        // what was missed is made up for
        yield* until("listening", Effect.sync(() => heard.includes("jobs") && heard.includes("ready")))
        heard.length = 0
        yield* ask("after")
        yield* until("heard again", Effect.sync(() => heard.includes("ready")))
      }).pipe(quietly),
    120_000
  )

  it.live(
    "whose server ends a listening connection without a word: the process keeps what it runs",
    () =>
      Effect.gen(function*() {
        const { network, url } = yield* through(withPort(Postgres.url, 5432))
        const schema = yield* Postgres.temporarySchema
        const told: Array<string> = []
        const begun = yield* Deferred.make<void>()
        const open = (host: string, url: Redacted.Redacted, tasks: Partial<Parameters<typeof Scheduler.layer>[0]>) =>
          Effect.map(
            Layer.build(
              Scheduler.layer({ tasks: [], ...tasks }).pipe(
                Layer.provide([
                  Long.toLayer(({ name }) =>
                    Deferred.succeed(begun, undefined).pipe(Effect.andThen(Effect.sleep("6 seconds")), Effect.as(name))
                  ),
                  FiberExecutor.layer()
                ]),
                Layer.provide(PostgresJobStore.layer({ schema, host })),
                Layer.provideMerge(Layer.fresh(PgClient.layer({ url, applicationName: schema + host })))
              )
            ),
            (context) => ({
              scheduler: Context.get(context, Scheduler.Scheduler),
              sql: Context.get(context, PgClient.PgClient)
            })
          )
        const here = yield* open("here", Postgres.url, {})
        const there = yield* open("there", url, { tasks: [Long] })
        yield* Effect.forkScoped(
          Stream.runForEach(here.scheduler.events, ({ _tag }) => Effect.sync(() => void told.push(_tag))),
          { startImmediately: true }
        )
        const id = yield* there.scheduler.enqueue(Long, { payload: { name: "a" } })
        yield* Deferred.await(begun)
        yield* Effect.sleep("1 second")
        network.silenceThose("LISTEN")
        const ended = yield* here
          .sql`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND a.application_name = ${`${schema}there`}`
        assert.lengthOf(ended, 1)
        yield* until(
          "done",
          Effect.map(here.scheduler.runs({ ids: [id] }), ([run]) => run?.state === "done")
        )
        assert.notInclude(told, "RunTakenOver")
        const [run] = yield* here.scheduler.runs({ ids: [id] })
        assert.deepStrictEqual([run?.outcome, run?.attempts], ["succeeded", 1])
        network.drop()
      }).pipe(quietly),
    60_000
  )

  it.live("whose server is left with an open transaction: it has to end that by itself", () =>
    Effect.gen(function*() {
      const { network, store } = yield* opened(left)
      yield* surviving(store, network, { at: "COMMIT", lost: "call", until: "failover" })
    }).pipe(quietly), 120_000)
})

describe.skipIf(!MySql.isRunning)("MariaDB", () => {
  it.live("that is silent while the scheduler is closed", () =>
    Effect.gen(function*() {
      const { network, url } = yield* through(withPort(MySql.url(yield* MySql.temporaryDatabase), 3306))
      yield* closing(Layer.fresh(MySqlJobStore.layerUrl(url)), network)
    }), 120_000)

  for (const fall of [...falls, { at: "COMMIT", lost: "call", until: "failover" } as const]) {
    it.live(nameOf(fall), () =>
      Effect.gen(function*() {
        const database = yield* MySql.temporaryDatabase
        const { network, url } = yield* through(withPort(MySql.url(database), 3306))
        const client = Layer.fresh(MysqlClient.layer({ url, maxConnections: 3, idleTransactionTimeout: "3 seconds" }))
        const told = yield* surviving(MySqlJobStore.layer().pipe(Layer.provide(client)), network, fall)
        assert.isTrue(inTurn(told), `${told}`)
      }).pipe(quietly), 120_000)
  }
})

describe.skipIf(Redis.isMissing)("Redis", () => {
  it.live("that is silent while the scheduler is closed", () =>
    Effect.gen(function*() {
      const { network, url } = yield* through(withPort(Redacted.make(Redis.url), 6379))
      yield* closing(Layer.fresh(RedisJobStore.layerUrl(Redacted.value(url), Redis.freshOptions())), network)
    }), 120_000)

  for (
    const fall of [
      { at: `"lanes"`, lost: "answer", until: "failover" },
      { at: `"settlements"`, lost: "call", until: "resume" },
      { at: `"changes"`, lost: "answer", until: "drop" }
    ] as const
  ) {
    it.live(nameOf(fall), () =>
      Effect.gen(function*() {
        const { network, url } = yield* through(withPort(Redacted.make(Redis.url), 6379))
        const told = yield* surviving(
          Layer.fresh(RedisJobStore.layerUrl(Redacted.value(url), Redis.freshOptions())),
          network,
          fall
        )
        assert.isTrue(inTurn(told), `${told}`)
      }).pipe(quietly), 120_000)
  }
})
