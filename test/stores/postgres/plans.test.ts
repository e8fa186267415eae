import { assert, describe, layer } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import { client, isRunning, temporarySchema } from "./server.ts"

const { at, job, occurrence, run } = Suite

/** What PostgreSQL means to do for every statement of a verb, at the moment when it is about to do it. */
const plansOf = <A, E, R>(verb: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const plans: Array<{ readonly text: string; readonly steps: ReadonlyArray<string> }> = []
    const transformer: Statement.Transformer = (statement) =>
      Effect.gen(function*() {
        const [text, parameters] = statement.compile()
        const steps = yield* sql.unsafe(`EXPLAIN ${text}`, parameters).values
        plans.push({ text, steps: steps.map(([step]) => String(step)) })
        return statement
      }).pipe(Effect.provideService(Statement.CurrentTransformer, undefined), Effect.orDie)
    yield* Effect.provideService(verb, Statement.CurrentTransformer, transformer)
    return plans
  })

/** 100,000 jobs, and 100,000 runs in all states, three of them to a job. */
const populate = Effect.fnUntraced(function*(schema: string) {
  const sql = yield* SqlClient
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_jobs
    SELECT 'default', 'j' || n, 'i1', 1, 'Task', 'default/Task', '{}', '{}', '{}', '[]', '{}', 0, NULL, $1::bigint + n, $1::bigint + n,
      'active', NULL, NULL, '2025b', 0, 0
    FROM generate_series(1, 100000) n`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_runs
      (ns, id, job, incarnation, planned, origin, task, task_version, lane, payload, policy, boost, serial, at_most_once, retention,
        created, state, order_at, ready_at, wake_at, blocked_at, node, fence, finished, expires_at, unique_key, going_key)
    SELECT 'default', 'r' || n, 'j' || n / 3, 'i1', $1::bigint + n, 'trigger', 'Task', 1, 'default/T' || n % 4, '{}', '{}', 0, 1, 0,
      1000, 0, state,
      CASE state WHEN 'ready' THEN $1::bigint + n END, CASE state WHEN 'waiting' THEN $1::bigint + n END,
      CASE state WHEN 'waiting' THEN $1::bigint + n END, CASE state WHEN 'blocked' THEN $1::bigint + n END,
      CASE state WHEN 'running' THEN 'n' || n % 5 END, 1,
      CASE state WHEN 'done' THEN $1::bigint + n END, CASE state WHEN 'done' THEN $1::bigint + n + 1000 END,
      'k' || n, CASE WHEN state <> 'done' THEN 'k' || n END
    FROM generate_series(1, 100000) n
    CROSS JOIN LATERAL (SELECT (ARRAY['ready', 'ready', 'done', 'done', 'done', 'waiting', 'blocked'])[1 + n % 7]) AS s (any_state)
    CROSS JOIN LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'running' ELSE any_state END) AS t (state)`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_verdicts
    SELECT 'default', 'j' || n / 10, 'i1', $1::bigint + n - 1, $1::bigint + n, 'skipped', 'overlap', NULL, 1, 0, 'n1'
    FROM generate_series(1, 100000) n`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_nodes SELECT 'default', 'n' || n, 'h', 1, NULL, 0 FROM generate_series(1, 5) n`
  )
  for (const table of ["jobs", "runs", "verdicts", "nodes"]) yield* sql.unsafe(`ANALYZE ${schema}.scheduler_${table}`)
})

const server = Layer.unwrap(Effect.map(temporarySchema, (schema) =>
  Layer.effectDiscard(populate(schema)).pipe(
    Layer.provideMerge(PostgresJobStore.layer({ schema, listen: false })),
    Layer.provideMerge(client())
  )))

const lanes = ["default/T0", "default/T1", "default/T3"]
const request = { reason: "r", by: "b" }
const jobs = [7, 8, 9].map((n) => job(`j${n}`))

const verbs: Record<string, (store: Service) => Effect.Effect<unknown, unknown>> = {
  insertJobs: (store) => store.insertJobs([...jobs, job("new")]),
  jobs: (store) => store.jobs({ prefix: "j1", after: "j12", limit: 20 }),
  "jobs by id": (store) => store.jobs({ ids: ["j1", "j2"], limit: 2 }),
  due: (store) => store.due({ now: at(500), limit: 100 }),
  commit: (store) =>
    store.commit({
      now: at(3000),
      changes: [
        Suite.advance(jobs[0]!, at(3000), {
          runs: [occurrence(jobs[0]!, at(3000), { serial: 1, uniqueKey: "k" })],
          verdicts: [
            Suite.verdict(jobs[0]!, at(900), at(950)),
            Suite.verdict(jobs[0]!, at(950), at(960), { kind: "missed" })
          ]
        }),
        Suite.replace(jobs[1]!, { payload: "1" }, { cancel: request }),
        Suite.remove(jobs[2]!)
      ]
    }),
  enqueue: (store) => store.enqueue({ now: at(0), runs: [run("new", { uniqueKey: "k2" }), run("r5")] }),
  "enqueue one": (store) => store.enqueue({ now: at(0), runs: [run("one", { uniqueKey: "k3" })] }),
  claim: (store) => store.claim({ node: "n1", lanes, limit: 20, now: at(900) }),
  "claim from one lane": (store) => store.claim({ node: "n1", lanes: ["default/T1"], limit: 20, now: at(900) }),
  "claim nothing": (store) => store.claim({ node: "n1", lanes, limit: 0, now: at(950) }),
  settle: (store) =>
    store.settle({
      now: at(9000),
      settlements: [1000, 2000].map((n) => Suite.done({ id: `r${n}`, fence: 1 }, at(9000), {}, [run(`follow${n}`)]))
    }),
  note: (store) => store.note({ run: "r3000", fence: 1, progress: "1" }),
  "cancel a job's": (store) => store.cancel({ job: "j3000", request, now: at(9000) }),
  "cancel by id": (store) => store.cancel({ runs: ["r22", "r23"], request, now: at(9000) }),
  "runs of a job": (store) => store.runs({ job: "j50", limit: 10 }),
  "runs by id": (store) => store.runs({ ids: ["r1", "r2"], limit: 10 }),
  "runs, done": (store) => store.runs({ going: false, limit: 10 }),
  "runs, the next page": (store) => store.runs({ after: { finished: at(9000), id: "r0" }, limit: 10 }),
  "enqueue limited": (store) =>
    store.enqueue({
      now: at(0),
      runs: [
        run("limited", { limits: [{ key: "a", max: 1 }, { key: "t", max: 2 }] }),
        run("x", { limits: [{ key: "b", max: 1 }] })
      ]
    }),
  "enqueue instead": (store) =>
    store.enqueue({ now: at(0), replace: true, runs: [run("instead", { uniqueKey: "k2" })] }),
  "a limited run ends": (store) =>
    Effect.gen(function*() {
      const runs = ["l1", "l2", "l3"].map((id) =>
        run(id, { lane: "x/L", limits: [{ key: "c", max: 1 }, { key: "t", max: 9 }] })
      )
      yield* store.enqueue({ now: at(0), runs })
      const claimed = yield* store.claim({ node: "n1", lanes: ["x/L"], limit: 9, now: at(1) })
      yield* store.settle({ now: at(2), settlements: claimed.runs.map((row) => Suite.done(row, at(2))) })
      yield* store.revive({ runs: ["l1"], now: at(3) })
    }),
  take: (store) => store.take({ now: at(0), wants: [{ key: "a", interval: 10, burst: 2, n: 1 }] }),
  "runs by unique key": (store) => store.runs({ uniqueKey: "k2", limit: 1 }),
  verdicts: (store) => store.verdicts({ job: "j50", incarnation: "i1", at: at(10), limit: 1 }),
  beat: (store) => store.beat({ id: "n1", host: "here", pid: 1, expiresAt: at(1) }),
  "sweep beyond": (store) => store.sweep({ now: at(0), before: at(0), keep: [{ task: "Task", count: 1 }], limit: 10 }),
  sweep: (store) => store.sweep({ now: at(1500), before: at(940), limit: 10 }),
  reap: (store) => store.reap({ now: at(9002), includeExpired: true, limit: 10 }),
  leave: (store) => store.leave({ node: "n1", now: at(9000) })
}

describe.runIf(isRunning)("among 100,000 jobs and runs, no verb reads a whole table", () => {
  layer(server, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    for (const [name, verb] of Object.entries(verbs)) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const plans = yield* plansOf(Effect.flatMap(JobStore, verb))
          assert.isNotEmpty(plans)
          for (const { steps, text } of plans) {
            // of nodes there are few
            const slow = steps.filter((step) => /Seq Scan on \w+(jobs|runs|verdicts)/.test(step))
            assert.deepStrictEqual(slow, [], `${text}\n  ${steps.join("\n  ")}`)
          }
        }))
    }
  })
})
