/**
 * A verb that is given up in the middle of its transaction leaves neither a connection that nobody can use nor one with an open transaction.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted, References, Schedule } from "effect"
import { MysqlClient, MySqlJobStore } from "effect-scheduler/mysql"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import { within } from "../../../src/engine/silence.ts"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import * as Network from "../../support/network.ts"
import * as MySql from "../mysql/server.ts"
import * as Postgres from "../postgres/server.ts"

const { at, run } = Suite

/** The same tables through two clients: one of a single connection behind a network, and another. */
const postgres = Effect.gen(function*() {
  const url = new URL(Redacted.value(Postgres.url))
  const network = yield* Network.make({ host: url.hostname, port: Number(url.port || 5432) })
  url.hostname = "127.0.0.1"
  url.port = String(network.port)
  const schema = yield* Postgres.temporarySchema
  const open = (url: Redacted.Redacted) =>
    Effect.map(
      Layer.build(
        PostgresJobStore.layer({ schema, listen: false }).pipe(
          // statements that are prepared travel by name
          Layer.provide(Layer.fresh(PgClient.layer({ url, prepare: false, maxConnections: 1 })))
        )
      ),
      (context) => Context.get(context, JobStore)
    )
  return { network, store: yield* open(Redacted.make(url.href)), other: yield* open(Postgres.url) }
})

const mariaDb = Effect.gen(function*() {
  const database = yield* MySql.temporaryDatabase
  const url = new URL(Redacted.value(MySql.url(database)))
  const network = yield* Network.make({ host: url.hostname, port: Number(url.port || 3306) })
  url.hostname = "127.0.0.1"
  url.port = String(network.port)
  const open = (url: Redacted.Redacted) =>
    Effect.map(
      Layer.build(
        MySqlJobStore.layer().pipe(Layer.provide(Layer.fresh(MysqlClient.layer({ url, maxConnections: 1 }))))
      ),
      (context) => Context.get(context, JobStore)
    )
  return { network, store: yield* open(Redacted.make(url.href)), other: yield* open(MySql.url(database)) }
})

const beat = (store: Service, n: number) => store.beat({ id: "n1", host: "h", pid: 1, expiresAt: at(n) })

const suite = (opened: typeof postgres | typeof mariaDb) => {
  for (const text of ["BEGIN", "COMMIT"]) {
    it.live(`when ${text} is not answered: the only connection is replaced`, () =>
      Effect.gen(function*() {
        const { network, store } = yield* opened
        yield* beat(store, 0)
        network.silenceAt(text, { lost: "answer", spareNew: true })
        const bounded = within(store, 500)
        assert.match((yield* Effect.flip(beat(bounded, 1))).message, /beat was not answered within 500 ms/)
        assert.isTrue(network.isSilent())
        yield* Effect.retry(beat(bounded, 2), Schedule.spaced("50 millis")).pipe(Effect.timeout("30 seconds"))
        network.drop()
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }

  it.live("wherever it is interrupted: what is written next is committed", () =>
    Effect.gen(function*() {
      const { other, store } = yield* opened
      const ids: Array<string> = []
      for (let n = 0; n < 60; n++) {
        const fiber = yield* Effect.forkChild(beat(store, n), { startImmediately: true })
        // the statements of a beat take a millisecond or two
        yield* Effect.sleep(n / 20)
        yield* Fiber.interrupt(fiber)
        ids.push(`r${n}`)
        yield* store.enqueue({ runs: [run(`r${n}`)], now: at(0) })
        assert.strictEqual((yield* other.runs({ ids: [`r${n}`], limit: 1 })).length, 1, `${n}`)
      }
    }), 60_000)

  it.live("when whoever calls it is being interrupted himself: it is not", () =>
    Effect.gen(function*() {
      const { other, store } = yield* opened
      const runs = [run("last", { serial: 1, job: "j", incarnation: "i" })]
      const last = Effect.orDie(store.enqueue({ runs, now: at(0) }))
      const fiber = yield* Effect.forkChild(Effect.onInterrupt(Effect.never, () => last), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* other.runs({ ids: ["last"], limit: 1 })).length, 1)
    }))
}

describe.skipIf(!Postgres.isRunning)("a transaction of PostgreSQL", () => suite(postgres))
describe.skipIf(!MySql.isRunning)("a transaction of MariaDB", () => suite(mariaDb))
