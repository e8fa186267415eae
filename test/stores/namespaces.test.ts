/** Two schedulers in the same tables, with the same ids: whatever the one does, in large batches, the rows of the other stay as they are. */
import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { JobStore, type Service } from "../../src/JobStore.ts"
import * as MemoryJobStore from "../../src/stores/MemoryJobStore.ts"
import * as MySqlServer from "./mysql/server.ts"
import * as MySql from "./mysql/stores.ts"
import * as PostgresServer from "./postgres/server.ts"
import * as Postgres from "./postgres/stores.ts"
import { temporaryFile } from "./sqlite/files.ts"

const { advance, at, done, job, occurrence, release, remove, renew, replace, retry, run, verdict } = Suite

/** Beyond the size from which PostgreSQL's batches say once what their rows have in common. */
const count = <A>(make: (n: number) => A): ReadonlyArray<A> => Array.from({ length: 40 }, (_, n) => make(n))
const jobs = count((n) => job(`j${n}`))
const limits = [{ key: "key", max: 50 }]
const request = { reason: "r", by: "b" }
const lane = (name: string) => [`default/${name}`]
const claims = (name: string, n: number) => ({ id: `${name}${n}`, fence: 1 })

/** Every verb, each on what those before it have left. */
const script: Readonly<Record<string, (store: Service) => Effect.Effect<unknown, unknown>>> = {
  insertJobs: (store) => store.insertJobs(jobs),
  beat: (store) => store.beat({ id: "n1", host: "elsewhere", pid: 1, expiresAt: at(5000) }),
  "due, nothing": (store) => store.due({ now: at(0), limit: 100 }),
  due: (store) => store.due({ now: at(1000), limit: 100 }),
  "commit, planning": (store) =>
    store.commit({
      now: at(1000),
      changes: jobs.map((job) =>
        advance(job, at(1000), {
          runs: [occurrence(job, at(1000), { serial: 1 }), occurrence(job, at(1001), { serial: 1 })],
          verdicts: [verdict(job, at(0), at(900))]
        })
      )
    }),
  "commit, extending": (store) =>
    store.commit({
      now: at(2000),
      changes: jobs.map((job) =>
        advance({ ...job, revision: 2 }, at(2000), { verdicts: [verdict(job, at(900), at(1900))] })
      )
    }),
  enqueue: (store) => store.enqueue({ now: at(0), runs: count((n) => run(`a${n}`, { lane: "default/A" })) }),
  "enqueue, limited and unique": (store) =>
    store.enqueue({
      now: at(0),
      runs: [
        ...count((n) => run(`l${n}`, { lane: "default/L", limits })),
        ...count((n) => run(`m${n}`, { lane: "default/L", limits })),
        ...count((n) => run(`u${n}`, { lane: "default/U", uniqueKey: `key${n}` }))
      ]
    }),
  "enqueue, waiting": (store) =>
    store.enqueue({
      now: at(0),
      runs: [
        ...count((n) => run(`w${n}`, { lane: "default/W", readyAt: at(2000) })),
        ...count((n) => run(`x${n}`, { lane: "default/W", readyAt: at(2000), limits: [{ key: "other", max: 1 }] }))
      ]
    }),
  "enqueue, instead": (store) =>
    store.enqueue({ now: at(0), replace: true, runs: count((n) => run(`v${n}`, { uniqueKey: `key${n}` })) }),
  "claim from one lane": (store) => store.claim({ node: "n1", lanes: lane("A"), limit: 100, now: at(1000) }),
  "claim from several lanes": (store) =>
    store.claim({ node: "n1", lanes: [...lane("Task"), ...lane("L")], limit: 200, now: at(1000) }),
  "claim, waking": (store) => store.claim({ node: "n1", lanes: lane("W"), limit: 20, now: at(2000) }),
  "claim from many lanes": (store) =>
    store.claim({
      node: "n1",
      lanes: [...lane("W"), ...count((n) => `${n}/T`), ...count((n) => `${n}/U`), ...count((n) => `${n}/V`)],
      limit: 5,
      now: at(2000)
    }),
  "claim, looking": (store) => store.claim({ node: "n1", lanes: lane("W"), limit: 0, now: at(2000) }),
  "settle what nobody waits for": (store) =>
    store.settle({
      now: at(2000),
      settlements: count((n) => ({ ...done(claims("a", n), at(2000)), isAlone: true }))
    }),
  settle: (store) =>
    store.settle({
      now: at(2000),
      settlements: [
        ...count((n) => done(claims("l", n), at(2000), {}, [run(`f${n}`)])),
        ...jobs.slice(0, 20).map((job) => done({ id: `j${job.id.slice(1)}:i1:${at(1000)}`, fence: 1 }, at(2000))),
        ...jobs.slice(20, 30).map((job) => retry({ id: `j${job.id.slice(1)}:i1:${at(1000)}`, fence: 1 }, at(3000))),
        ...jobs.slice(30).map((job) => release({ id: `j${job.id.slice(1)}:i1:${at(1000)}`, fence: 1 }))
      ]
    }),
  note: (store) => store.note({ run: "m1", fence: 1, progress: "1", log: "[]" }),
  "revive": (store) => store.revive({ runs: count((n) => `a${n}`), now: at(2100) }),
  "beat of another": (store) => store.beat({ id: "n2", host: "elsewhere", pid: 2, expiresAt: at(10_000) }),
  "claim by another": (store) => store.claim({ node: "n2", lanes: lane("A"), limit: 100, now: at(2100) }),
  "beat again": (store) => store.beat({ id: "n2", host: "elsewhere", pid: 2, expiresAt: at(10_000) }),
  "take from buckets": (store) =>
    store.take({ now: at(2000), wants: count((n) => ({ key: `k${n}`, interval: 1000, burst: 5, n: 2 })) }),
  "take from them again": (store) =>
    store.take({ now: at(2001), wants: count((n) => ({ key: `k${n}`, interval: 1000, burst: 5, n: 2 })) }),
  "cancel by id": (store) => store.cancel({ runs: count((n) => `u${n}`), request, now: at(2200) }),
  "cancel running": (store) => store.cancel({ runs: count((n) => `w${n}`), request, now: at(2200) }),
  "cancel a job's": (store) => store.cancel({ job: "j1", request, now: at(2200) }),
  "cancel several jobs'": (store) => store.cancel({ jobs: ["j2", "j3"], request, now: at(2200) }),
  "jobs by id": (store) => store.jobs({ ids: jobs.map(({ id }) => id), limit: 100 }),
  "jobs": (store) => store.jobs({ prefix: "j", limit: 100 }),
  "runs by id": (store) => store.runs({ ids: count((n) => `a${n}`), limit: 100 }),
  "runs of a job": (store) => store.runs({ job: "j2", limit: 100 }),
  "runs": (store) => store.runs({ limit: 1000 }),
  verdicts: (store) => store.verdicts({ job: "j3", limit: 10 }),
  "commit, changing": (store) =>
    store.commit({
      now: at(2300),
      changes: jobs.map((job, n) => {
        const current = { ...job, revision: 3 }
        const cancel = n % 2 === 0 ? request : null
        return n < 10
          ? replace(current, { payload: "1" }, { cancel })
          : n < 20
          ? renew(current, { incarnation: "i2" }, { cancel })
          : n < 30
          ? remove(current, { cancel })
          : advance(current, at(2300), { cancel })
      })
    }),
  reap: (store) => store.reap({ now: at(9000), includeExpired: true, limit: 1000 }),
  leave: (store) => store.leave({ node: "n2", now: at(9000) }),
  "sweep beyond": (store) => store.sweep({ now: at(0), before: at(0), keep: [{ task: "Task", count: 5 }], limit: 100 }),
  sweep: (store) => store.sweep({ now: at(1e12), before: at(1e12), limit: 1000 }),
  "runs, at the end": (store) => store.runs({ limit: 1000 }),
  "jobs, at the end": (store) => store.jobs({ limit: 1000 })
}

/** An answer without the order of its lists, in which ties may stand as they like. */
const unordered = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(unordered(one))).toSorted()
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).toSorted().map(([key, one]) => [key, unordered(one)]))
}

/** Both namespaces, and what all tables hold of one of them. */
interface Opened {
  readonly mine: Service
  readonly theirs: Service
  readonly dump: (namespace: string) => Effect.Effect<unknown, unknown>
}

const tables = ["jobs", "runs", "verdicts", "nodes", "places", "rates"]
const dumpOf = (sql: SqlClient, prefix: string) => (namespace: string) =>
  Effect.forEach(
    tables,
    (table) =>
      Effect.map(
        sql`SELECT * FROM ${sql.literal(prefix + table)} WHERE ns = ${namespace}`.values,
        (rows) => rows.map((row) => row.join("|")).toSorted()
      )
  )

const databases: ReadonlyArray<readonly [string, boolean, Effect.Effect<Opened, unknown, Scope.Scope>]> = [
  [
    "PostgreSQL",
    PostgresServer.isRunning,
    Effect.gen(function*() {
      const { open, schema } = yield* Postgres.opener
      const { sql, store: mine } = yield* open({ namespace: "mine", listen: false })
      const { store: theirs } = yield* open({ namespace: "theirs", listen: false })
      return { mine, theirs, dump: dumpOf(sql, `${schema}.scheduler_`) }
    })
  ],
  [
    "MariaDB",
    MySqlServer.isRunning,
    Effect.gen(function*() {
      const { open } = yield* MySql.opener
      const { sql, store: mine } = yield* open({ namespace: "mine" })
      const { store: theirs } = yield* open({ namespace: "theirs" })
      return { mine, theirs, dump: dumpOf(sql, "scheduler_") }
    })
  ],
  [
    "SQLite",
    true,
    Effect.gen(function*() {
      const file = yield* temporaryFile
      const open = (namespace: string) => Layer.build(SqliteJobStore.layerFile(file, { namespace }))
      const mine = yield* open("mine")
      const theirs = yield* open("theirs")
      return {
        mine: Context.get(mine, JobStore),
        theirs: Context.get(theirs, JobStore),
        dump: dumpOf(Context.get(mine, SqlClient), "scheduler_")
      }
    })
  ]
]

describe.each(databases)("namespaces of %s", (_, isRunning, opened) => {
  it.live.runIf(isRunning)("are worlds of their own, for every verb", () =>
    Effect.gen(function*() {
      const { dump, mine, theirs } = yield* opened
      const alone = yield* MemoryJobStore.make()
      // each step is taken in the one while the other has the same rows, and then in the other
      for (const [name, step] of Object.entries(script)) {
        const before = yield* dump("theirs")
        const expected = unordered(yield* step(alone))
        assert.deepStrictEqual(unordered(yield* step(mine)), expected, name)
        assert.deepStrictEqual(yield* dump("theirs"), before, `${name}, in the other namespace`)
        const after = yield* dump("mine")
        assert.deepStrictEqual(unordered(yield* step(theirs)), expected, `${name}, a second time`)
        assert.deepStrictEqual(yield* dump("mine"), after, `${name}, in the one before`)
      }
    }), 60_000)
})
