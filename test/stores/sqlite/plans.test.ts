import { assert, describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import { limited } from "../sql/plans.ts"

const { at, job, occurrence, run } = Suite

/** What SQLite means to do for every statement of a verb. */
const plansOf = <A, E, R>(verb: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const statements: Array<readonly [text: string, parameters: ReadonlyArray<unknown>]> = []
    const transformer: Statement.Transformer = (statement) =>
      Effect.sync(() => {
        statements.push(statement.compile())
        return statement
      })
    yield* Effect.provideService(verb, Statement.CurrentTransformer, transformer)
    return yield* Effect.forEach(statements, ([text, parameters]) =>
      Effect.map(
        sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`, parameters),
        (steps) => ({
          text: text.replace(/\(VALUES .*?\) WHERE/g, "(VALUES …) WHERE"),
          steps: steps.map(({ detail }) => detail)
        })
      ))
  })

/** Steps that read a whole table, or put in order what an index could have yielded in order. */
const isSlow = (step: string): boolean => /SCAN (?!.*(VALUES CLAUSE|CONSTANT ROW))/.test(step) && !derived.test(step)

/** Steps over what a subquery has narrowed down already. */
const derived = /SCAN (k|n|heads|first|passing|lane\d+|queue\d+|\(subquery-\d+\))( LEFT-JOIN)?$/

const jobs = Array.from({ length: 5 }, (_, i) => job(`j${i}`))
const lanes = ["default/Task", "default/Other", "process/Task"]

const verbs: Record<string, (store: Service) => Effect.Effect<unknown, unknown>> = {
  insertJobs: (store) => store.insertJobs([...jobs, job("new")]),
  jobs: (store) => store.jobs({ prefix: "j", after: "j1", limit: 2 }),
  "jobs by id": (store) => store.jobs({ ids: ["j1", "j2"], limit: 2 }),
  due: (store) => store.due({ now: at(1000), limit: 100 }),
  commit: (store) =>
    store.commit({
      now: at(3000),
      changes: [
        Suite.advance({ ...jobs[0]!, revision: 2 }, at(3000), {
          runs: [occurrence(jobs[0]!, at(3000), { serial: 1, uniqueKey: "k" })],
          verdicts: [
            Suite.verdict(jobs[0]!, at(900), at(950)),
            Suite.verdict(jobs[0]!, at(950), at(960), { kind: "missed" })
          ]
        }),
        Suite.replace(jobs[1]!, { payload: "1" }, { cancel: { reason: "r", by: "b" } }),
        Suite.remove(jobs[2]!)
      ]
    }),
  enqueue: (store) => store.enqueue({ now: at(0), runs: [run("new", { uniqueKey: "k2" })] }),
  claim: (store) => store.claim({ node: "n1", lanes, limit: 2, now: at(9000) }),
  "claim what is not newer": (store) =>
    store.claim({ node: "n1", lanes, upTo: new Map([["default/Task", 1]]), limit: 2, now: at(9000) }),
  settle: (store) =>
    store.settle({
      now: at(9000),
      settlements: [
        Suite.done({ id: "r0", fence: 1 }, at(9000), {}, [run("follow")]),
        Suite.release({ id: "r1", fence: 1 })
      ]
    }),
  note: (store) => store.note({ run: "r1", fence: 1, progress: "1" }),
  "cancel a job's": (store) => store.cancel({ job: "j3", request: { reason: "r", by: "b" }, now: at(9000) }),
  "cancel several jobs'": (store) =>
    store.cancel({ jobs: ["j1", "j2"], request: { reason: "r", by: "b" }, now: at(9000) }),
  "cancel by id": (store) => store.cancel({ runs: ["r2", "r3"], request: { reason: "r", by: "b" }, now: at(9000) }),
  "runs of a job": (store) => store.runs({ job: "j0", limit: 10 }),
  "runs by id": (store) => store.runs({ ids: ["r1", "r2"], limit: 10 }),
  "runs, newest first": (store) => store.runs({ limit: 10 }),
  "runs, the next page": (store) => store.runs({ after: { finished: at(9000), id: "r0" }, limit: 10 }),
  ...limited,
  verdicts: (store) => store.verdicts({ job: "j0", incarnation: "i1", at: at(10), limit: 1 }),
  beat: (store) => store.beat({ id: "n1", host: "here", pid: 1, expiresAt: at(1) }),
  "sweep beyond": (store) => store.sweep({ now: at(0), before: at(0), keep: [{ task: "Task", count: 1 }], limit: 10 }),
  sweep: (store) => store.sweep({ now: at(9002), before: at(940), limit: 10 }),
  reap: (store) => store.reap({ now: at(9002), includeExpired: true, limit: 10 }),
  leave: (store) => store.leave({ node: "n1", now: at(9000) })
}

describe("no verb reads a whole table", () => {
  const prepared = Effect.gen(function*() {
    const store = yield* JobStore
    yield* store.insertJobs(jobs)
    yield* store.commit({
      now: at(1000),
      changes: jobs.slice(0, 1).map((job) =>
        Suite.advance(job, at(900), {
          verdicts: [Suite.verdict(job, null, at(900))],
          runs: [1, 2, 3].map((n) => occurrence(job, at(n), { serial: 1 }))
        })
      )
    })
    yield* store.enqueue({
      now: at(0),
      runs: Array.from(
        { length: 6 },
        (_, i) => run(`r${i}`, { job: `j${i % 4}`, incarnation: "i1", readyAt: i === 5 ? at(5000) : null })
      )
    })
    yield* store.claim({ node: "n1", lanes, limit: 4, now: at(1000) })
    return store
  })

  for (const [name, verb] of Object.entries(verbs)) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const store = yield* prepared
        const plans = yield* plansOf(verb(store))
        assert.isNotEmpty(plans)
        for (const { steps, text } of plans) {
          assert.deepStrictEqual(steps.filter(isSlow), [], `${text}\n  ${steps.join("\n  ")}`)
        }
      }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
  }

  for (
    const [name, verb] of Object.entries<(store: Service) => Effect.Effect<unknown, unknown>>({
      "what is due": (store) => store.due({ now: at(5000), limit: 100 }),
      "what is next": (store) => store.claim({ node: "n2", lanes: ["default/Task"], limit: 10, now: at(0) }),
      "the history": (store) => store.runs({ going: false, limit: 10 }),
      "the history of a job": (store) => store.runs({ job: "j0", going: false, limit: 10 })
    })
  ) {
    it.effect(`${name} comes in the order of an index`, () =>
      Effect.gen(function*() {
        const store = yield* prepared
        for (const { steps, text } of yield* plansOf(verb(store))) {
          // the keys that were found in several lanes, or of the going runs of due jobs, are few and put in order afterwards
          const sorted = steps.filter((step) =>
            /TEMP B-TREE/.test(step) && !/\bheads\b/.test(text) && !/r\.planned DESC/.test(text)
          )
          assert.deepStrictEqual(sorted, [], `${text}\n  ${steps.join("\n  ")}`)
        }
      }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
  }
})
