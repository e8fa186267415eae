/** Every process looks every second for nodes that are gone, and nearly always there are none: such a look must hold up nobody. */
import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { RunRow } from "../../../src/JobStore.ts"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import * as MySql from "../mysql/server.ts"
import * as MySqlStores from "../mysql/stores.ts"
import * as Postgres from "../postgres/server.ts"
import * as PostgresStores from "../postgres/stores.ts"
import { temporaryFile } from "../sqlite/files.ts"

const { at, run } = Suite

interface Process {
  readonly store: Service
  readonly sql: SqlClient
}

type Two = Effect.Effect<ReadonlyArray<Process>, unknown, Scope.Scope>

const sqlite: Two = Effect.flatMap(temporaryFile, (filename) =>
  Effect.all(Array.from({ length: 2 }, () =>
    Effect.map(
      Layer.build(Layer.fresh(SqliteJobStore.layerFile(filename))),
      (context) => ({ store: Context.get(context, JobStore), sql: Context.get(context, SqlClient) })
    ))))

const beat = (store: Service, expiresAt: number) => store.beat({ id: "n1", host: "elsewhere", pid: 1, expiresAt })
const reap = (store: Service, now: number) => store.reap({ now, includeExpired: true, limit: 10 })

/** Two processes; the node of the first holds a run, and has a lease until 100. */
const holding = (two: Two) =>
  Effect.gen(function*() {
    const [one, other] = (yield* two) as [Process, Process]
    yield* beat(one.store, at(100))
    yield* one.store.enqueue({ runs: [run("r1")], now: at(0) })
    yield* one.store.claim({ node: "n1", lanes: ["default/Task"], limit: 1, now: at(0) })
    const row: Effect.Effect<RunRow | undefined, unknown> = Effect.map(
      other.store.runs({ ids: ["r1"], limit: 1 }),
      ([row]) => row
    )
    return { one, other, row }
  })

const suite = (two: Two) => {
  it.live("that finds nobody gone waits for nobody who writes, the nodes' rows included", () =>
    Effect.gen(function*() {
      const { one, other } = yield* holding(two)
      yield* one.sql.withTransaction(Effect.gen(function*() {
        yield* beat(one.store, at(200))
        const answer = yield* Effect.timeoutOption(reap(other.store, at(50)), "2 seconds")
        assert.deepStrictEqual(answer, yield* Effect.succeedSome({ released: [], abandoned: [] }))
      }))
    }), 20_000)

  it.live("that finds somebody gone decides anew once it has the locks", () =>
    Effect.gen(function*() {
      const { one, other, row } = yield* holding(two)
      const looking = yield* one.sql.withTransaction(Effect.gen(function*() {
        yield* beat(one.store, at(500))
        // nobody else sees that beat yet
        const looking = yield* Effect.forkDetach(reap(other.store, at(300)))
        yield* Effect.sleep("200 millis")
        assert.isUndefined(looking.pollUnsafe())
        return looking
      }))
      assert.deepStrictEqual(yield* Fiber.join(looking), { released: [], abandoned: [] })
      assert.strictEqual((yield* row)?.node, "n1")
      assert.deepStrictEqual((yield* reap(other.store, at(501))).released, ["r1"])
    }), 20_000)

  it.live("in a transaction of the caller's takes what it finds, or does not, with that", () =>
    Effect.gen(function*() {
      const { other, row } = yield* holding(two)
      const taking = Effect.tap(reap(other.store, at(101)), ({ released }) =>
        Effect.sync(() => assert.deepStrictEqual(released, ["r1"])))
      yield* Effect.exit(other.sql.withTransaction(Effect.andThen(taking, Effect.fail("no"))))
      assert.strictEqual((yield* row)?.node, "n1")
      yield* other.sql.withTransaction(taking)
      assert.isNull((yield* row)?.node)
    }))
}

describe("a look for lost nodes in a file of SQLite", () => suite(sqlite))
describe.runIf(Postgres.isRunning)(
  "a look for lost nodes on PostgreSQL",
  () => suite(PostgresStores.several(2, { listen: false }))
)
describe.runIf(MySql.isRunning)("a look for lost nodes on MariaDB", () => {
  suite(MySqlStores.several(2))
  describe("whose sessions are REPEATABLE READ", () =>
    suite(MySqlStores.several(2, {}, { isolation: "REPEATABLE READ" })))
})
