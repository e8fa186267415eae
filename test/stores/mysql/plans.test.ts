import { assert, describe, layer } from "@effect/vitest"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { JobStore, type Service } from "../../../src/JobStore.ts"
import { client, isRunning, temporaryDatabase } from "./server.ts"

const { at, job, occurrence, run } = Suite

interface Step {
  readonly table: string | null
  readonly type: string | null
  readonly key: string | null
  readonly rows: number
  readonly extra: string
}

/** What the server means to do for every statement of a verb, at the moment when it is about to do it. */
const plansOf = <A, E, R>(verb: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const plans: Array<{ readonly text: string; readonly steps: ReadonlyArray<Step> }> = []
    const transformer: Statement.Transformer = (statement) =>
      Effect.gen(function*() {
        const [text, parameters] = statement.compile()
        const steps = yield* sql.unsafe<any>(`EXPLAIN ${text}`, parameters)
        plans.push({
          text,
          steps: steps.map(({ Extra, key, rows, table, type }) => ({
            table,
            type,
            key,
            rows: Number(rows),
            extra: Extra ?? ""
          }))
        })
        return statement
      }).pipe(Effect.provideService(Statement.CurrentTransformer, undefined), Effect.orDie)
    yield* Effect.provideService(verb, Statement.CurrentTransformer, transformer)
    return plans
  })

const many = 20_000

/** So many numbers `n`, from 1. */
const numbers = `(SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n
  FROM digits a, digits b, digits c, digits e, digits f WHERE f.d < ${many / 10_000})`

/** Many jobs, and as many runs in all states, three of them to a job. */
const populate = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* sql`CREATE TABLE digits (d INT PRIMARY KEY)`
  yield* sql`INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)`
  yield* sql.unsafe(
    `INSERT INTO scheduler_jobs (ns, id, incarnation, revision, task, lane, spec, payload, policy, tags, metadata, anchor,
      next_nominal, next_due, state, tz, created, updated)
    SELECT 'default', CONCAT('j', n), 'i1', 1, 'Task', 'default/Task', '{}', '{}', '{}', '[]', '{}', 0, ? + n, ? + n,
      'active', '2025b', 0, 0 FROM ${numbers} numbers`,
    [at(0), at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO scheduler_runs
      (ns, id, job, incarnation, planned, origin, task, task_version, lane, payload, policy, boost, serial, at_most_once, retention,
        created, state, order_at, ready_at, wake_at, blocked_at, node, fence, finished, expires_at, unique_key, going_key)
    SELECT 'default', CONCAT('r', n), CONCAT('j', FLOOR(n / 3)), 'i1', t0 + n, 'trigger', 'Task', 1, CONCAT('default/T', n % 4),
      '{}', '{}', 0, 1, 0, 1000, 0, state,
      CASE state WHEN 'ready' THEN t0 + n END, CASE state WHEN 'waiting' THEN t0 + n END,
      CASE state WHEN 'waiting' THEN t0 + n END, CASE state WHEN 'blocked' THEN t0 + n END,
      CASE state WHEN 'running' THEN CONCAT('n', n % 5) END, 1,
      CASE state WHEN 'done' THEN t0 + n END, CASE state WHEN 'done' THEN t0 + n + 1000 END,
      CONCAT('k', n), CASE WHEN state <> 'done' THEN CONCAT('k', n) END
    FROM (SELECT n, ? AS t0, CASE WHEN n % 1000 = 0 THEN 'running'
      ELSE ELT(1 + n % 7, 'ready', 'ready', 'done', 'done', 'done', 'waiting', 'blocked') END AS state FROM ${numbers} numbers) s`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO scheduler_verdicts (ns, job, incarnation, from_at, to_at, kind, reason, occurrences, decided, node)
    SELECT 'default', CONCAT('j', FLOOR(n / 10)), 'i1', ? + n - 1, ? + n, 'skipped', 'overlap', 1, 0, 'n1'
    FROM ${numbers} numbers`,
    [at(0), at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO scheduler_nodes (ns, id, host, pid, expires_at)
    SELECT 'default', CONCAT('n', d), 'h', 1, 0 FROM digits WHERE d BETWEEN 1 AND 5`
  )
  yield* sql`ANALYZE TABLE scheduler_jobs, scheduler_runs, scheduler_verdicts, scheduler_nodes`
})

const server = Layer.unwrap(Effect.map(temporaryDatabase, (database) =>
  Layer.effectDiscard(populate).pipe(
    Layer.provideMerge(MySqlJobStore.layer()),
    Layer.provideMerge(client(database))
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
  "runs, going": (store) => store.runs({ going: true, limit: 10 }),
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

/** How many rows a step may look at: far fewer than there are, and of those that go on all. */
const most: Record<string, number> = { "runs, going": many }

describe.runIf(isRunning)(`among ${many} jobs and runs, no verb reads a whole table`, () => {
  layer(server, { excludeTestServices: true, timeout: "120 seconds" })((it) => {
    for (const [name, verb] of Object.entries(verbs)) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const plans = yield* plansOf(Effect.flatMap(JobStore, verb))
          assert.isNotEmpty(plans)
          for (const { steps, text } of plans) {
            // in the order of an index a statement stops when it has enough
            const stops = (extra: string) =>
              /LIMIT \S+( OFFSET \S+)?( FOR UPDATE SKIP LOCKED)? ?$/.test(text) && !extra.includes("filesort")
            const slow = steps.filter(({ extra, key, rows, table, type }) =>
              // of nodes there are few, and what is derived has no index
              /^(b|j|p|r|t|v|w|scheduler_(jobs|runs|verdicts|places|rates))$/.test(table ?? "") &&
              (key === null || type === "ALL" || type === "index" || (rows > (most[name] ?? many / 4) && !stops(extra)))
            )
            assert.deepStrictEqual(slow, [], `${text.slice(0, 2000)}\n  ${JSON.stringify(steps)}`)
          }
        }))
    }
  })
})
