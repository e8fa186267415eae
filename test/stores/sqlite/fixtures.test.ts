/**
 * What released versions wrote stays readable. `schema-1.sql` is a database of version 1 as text, `schema-1.json` is what its store answered.
 * A fixture is written once, when its version is released (`WRITE_FIXTURES=1 npx vitest run test/stores/sqlite/fixtures`), and not edited.
 */
import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import { asToday } from "../fixtures/later.ts"
import { dump, temporaryFile } from "./files.ts"

const { at, job, occurrence, run } = Suite

/** The version of the tables today. */
const newest = 2

const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url)

const everything = Effect.fnUntraced(function*(store: Service) {
  const jobs = yield* store.jobs({ limit: 100 })
  return {
    jobs,
    runs: yield* store.runs({ limit: 100 }),
    verdicts: (yield* Effect.forEach(jobs, ({ id }) => store.verdicts({ job: id, limit: 100 }))).flat()
  }
})

/** Runs in every state, jobs in every state, ranges of every kind, two nodes. */
const populate = Effect.fnUntraced(function*(store: Service) {
  const active = job("active", {
    tags: `["a","b"]`,
    metadata: `{"owner":"Zoë 😀"}`,
    payload: `{"text":"it's \\"quoted\\""}`,
    taskVersion: 2
  })
  const paused = job("paused", { state: "paused", nextDue: null, pause: `{"reason":"holidays","by":"me"}` })
  const over = job("over", { state: "done", nextDue: null, nextNominal: null, cursor: at(10) })
  const broken = job("broken", {
    state: "quarantined",
    nextDue: null,
    trigger: `{"_tag":"Unknown"}`,
    overrides: `{"skip":1}`
  })
  yield* store.insertJobs([active, paused, over, broken])
  yield* store.commit({
    now: at(1000),
    changes: [
      Suite.advance(active, at(1000), {
        runs: [1, 2, 3].map((n) => occurrence(active, at(n), { serial: 1, trace: "t-s" })),
        verdicts: [
          Suite.verdict(active, null, at(0), { kind: "missed", reason: "age", count: null }),
          Suite.verdict(active, at(3), at(500), {
            kind: "coalesced",
            reason: "latest",
            ref: occurrence(active, at(3)).id,
            count: 7
          })
        ]
      }),
      Suite.replace(paused, { updated: at(5) }, {
        verdicts: [Suite.verdict(paused, null, at(900), { reason: "paused", note: `{"reason":"holidays","by":"me"}` })]
      })
    ]
  })
  yield* store.enqueue({
    now: at(1000),
    runs: [
      run("ready", { boost: 500, uniqueKey: "free later", retention: 1e9 }),
      run("waiting", { readyAt: at(60_000), uniqueKey: "taken" }),
      run("once", { atMostOnce: true }),
      run("retried"),
      run("failed", { origin: "manual", taskVersion: 3 }),
      run("debounced", { readyAt: at(65_000), uniqueKey: "while queued", uniqueWhile: "queued" }),
      run("limited", { lane: "x/A", limits: [{ key: "a", max: 1 }] }),
      run("limited too", { lane: "x/A", planned: at(1), limits: [{ key: "a", max: 1 }, { key: "b", max: 2 }] })
    ]
  })
  yield* store.beat({ id: "n1", host: "here", pid: 1, expiresAt: at(30_000) })
  yield* store.beat({ id: "n2", host: "there", pid: 2, expiresAt: at(2000) })
  yield* store.claim({ node: "n1", lanes: ["default/Task"], limit: 10, now: at(1000) })
  yield* store.settle({
    now: at(1100),
    settlements: [
      Suite.done({ id: "ready", fence: 1 }, at(1100), { result: `{"sent":3}` }),
      Suite.retry({ id: "retried", fence: 1 }, at(70_000)),
      Suite.done({ id: "failed", fence: 1 }, at(1099), {
        outcome: "failed",
        result: `{"_tag":"SmtpError"}`,
        attempt: 2
      })
    ]
  })
  yield* store.note({ run: "once", fence: 1, progress: `{"at":0.5}`, log: `[{"at":1,"message":"half"}]` })
  yield* store.cancel({ runs: ["once"], request: { reason: "too late", by: "me" }, now: at(1200) })
})

const open = (filename: string) =>
  SqliteJobStore.layerFile(filename, { host: "a host of its own", synchronous: "normal" })

describe("fixtures", () => {
  const write = process.env["WRITE_FIXTURES"] === undefined ? undefined : it.effect
  write?.("are written", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const rows = yield* Effect.gen(function*() {
        const store = yield* JobStore
        yield* populate(store)
        return yield* everything(store)
      }).pipe(Effect.provide(open(filename)))
      writeFileSync(
        fixture(`schema-${newest}.sql`),
        dump(filename).replace(/'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'/g, "'2026-01-01 00:00:00'")
      )
      writeFileSync(fixture(`schema-${newest}.json`), JSON.stringify(rows, null, 2) + "\n")
    }))

  const restored = Effect.fnUntraced(function*(version: number) {
    const filename = yield* temporaryFile
    const db = new DatabaseSync(filename)
    db.exec(readFileSync(fixture(`schema-${version}.sql`), "utf8"))
    db.close()
    return filename
  })

  const schema = (text: string) => text.split(/;\n/).filter((statement) => statement.startsWith("CREATE"))
  const schemaOf = (version: number) => schema(readFileSync(fixture(`schema-${version}.sql`), "utf8"))

  it.effect.each([1, 2])("rows of version %i are read as they were written", (version) =>
    Effect.gen(function*() {
      const rows = yield* Effect.flatMap(JobStore, everything).pipe(Effect.provide(open(yield* restored(version))))
      const written = JSON.parse(readFileSync(fixture(`schema-${version}.json`), "utf8"))
      assert.deepEqual(rows as unknown, asToday(version, written))
    }))

  it.effect.each([1, 2])("work of version %i goes on", (version) =>
    Effect.gen(function*() {
      const store = yield* JobStore
      const due = yield* store.due({ now: at(10_000), limit: 10 })
      assert.deepStrictEqual(due.jobs.map(({ going, job }) => [job.id, going]), [["active", 3]])
      assert.deepStrictEqual(
        yield* store.enqueue({
          runs: [run("x", { uniqueKey: "taken" }), run("y", { uniqueKey: "free later" })],
          now: at(0)
        }),
        ["duplicate", "added"]
      )
      const first = `active:i1:${at(1)}`
      assert.deepStrictEqual(
        yield* store.settle({ settlements: [Suite.done({ id: first, fence: 1 }, at(10_000))], now: at(10_000) }),
        ["ok"]
      )
      const { runs } = yield* store.claim({ node: "n3", lanes: ["default/Task"], limit: 10, now: at(80_000) })
      const claimed = ["y", `active:i1:${at(2)}`, "retried", "waiting", ...version > 1 ? ["debounced"] : []]
      assert.sameMembers(runs.map(({ id }) => id), claimed)
      const { abandoned } = yield* store.reap({ now: at(90_000), includeExpired: true, limit: 10 })
      assert.deepStrictEqual(abandoned, ["once"])
    }).pipe((test) => Effect.flatMap(restored(version), (filename) => Effect.provide(test, open(filename)))))

  it.effect("a fresh database has the tables of the fixture: a released version is never edited", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.provide(Effect.asVoid(JobStore), open(filename))
      assert.deepStrictEqual(schema(dump(filename)), schemaOf(newest))
    }))

  it.effect("an old database comes to have the same tables as a fresh one", () =>
    Effect.gen(function*() {
      const filename = yield* restored(1)
      yield* Effect.provide(Effect.asVoid(JobStore), open(filename))
      assert.sameMembers(schema(dump(filename)), schemaOf(newest))
    }))
})
