import { assert, describe, layer } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { JobStore } from "../../../src/JobStore.ts"
import { verbs } from "../sql/plans.ts"
import { client, isRunning, temporarySchema } from "./server.ts"

const { at } = Suite

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

/** The same where the server keeps one plan for whatever values there may be, as a connection may from the sixth time on. */
const keptPlansOf = <A, E, R>(verb: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const plans: Array<{ readonly text: string; readonly steps: ReadonlyArray<string> }> = []
    const transformer: Statement.Transformer = (statement) =>
      Effect.gen(function*() {
        const [text] = statement.compile()
        const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, n]) => Number(n)))
        const values = count === 0 ? "" : `(${Array.from({ length: count }, () => "NULL").join(", ")})`
        yield* sql.unsafe(`PREPARE kept AS ${text}`).raw
        const steps = yield* sql.unsafe(`EXPLAIN EXECUTE kept${values}`).values
        yield* sql.unsafe("DEALLOCATE kept").raw
        plans.push({ text, steps: steps.map(([step]) => String(step)) })
        return statement
      }).pipe(Effect.provideService(Statement.CurrentTransformer, undefined), Effect.orDie)
    yield* sql.unsafe("SET plan_cache_mode = force_generic_plan").raw
    yield* Effect.provideService(verb, Statement.CurrentTransformer, transformer)
    return plans
  })

/** Many jobs, and as many runs in all states, three of them to a job; known to the planner, or as new to it as in their first minute. */
const populate = Effect.fnUntraced(function*(schema: string, n: number, isAnalysed: boolean) {
  const sql = yield* SqlClient
  for (const table of ["jobs", "runs", "verdicts", "nodes"]) {
    yield* sql.unsafe(`ALTER TABLE ${schema}.scheduler_${table} SET (autovacuum_enabled = off)`)
  }
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_jobs
    SELECT 'default', 'j' || n, 'i1', 1, 'Task', 'default/Task', '{}', '{}', '{}', '[]', '{}', 0, NULL, $1::bigint + n, $1::bigint + n,
      'active', NULL, NULL, '2025b', 0, 0
    FROM generate_series(1, ${n}) n`,
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
    FROM generate_series(1, ${n}) n
    CROSS JOIN LATERAL (SELECT (ARRAY['ready', 'ready', 'done', 'done', 'done', 'waiting', 'blocked'])[1 + n % 7]) AS s (any_state)
    CROSS JOIN LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'running' ELSE any_state END) AS t (state)`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_verdicts
    SELECT 'default', 'j' || n / 10, 'i1', $1::bigint + n - 1, $1::bigint + n, 'skipped', 'overlap', NULL, 1, 0, 'n1'
    FROM generate_series(1, ${n}) n`,
    [at(0)]
  )
  yield* sql.unsafe(
    `INSERT INTO ${schema}.scheduler_nodes SELECT 'default', 'n' || n, 'h', 1, NULL, 0 FROM generate_series(1, 5) n`
  )
  if (!isAnalysed) return
  for (const table of ["jobs", "runs", "verdicts", "nodes"]) yield* sql.unsafe(`ANALYZE ${schema}.scheduler_${table}`)
})

const server = (n: number, isAnalysed: boolean) =>
  Layer.unwrap(Effect.map(temporarySchema, (schema) =>
    Layer.effectDiscard(populate(schema, n, isAnalysed)).pipe(
      Layer.provideMerge(PostgresJobStore.layer({ schema, listen: false })),
      // one connection, which is the one that keeps plans
      Layer.provideMerge(client({ maxConnections: 1 }))
    )))

/** Reading a table as a whole, or all rows of a namespace in it; of nodes there are few. */
const slow = (steps: ReadonlyArray<string>): ReadonlyArray<string> =>
  steps.filter((step, i) =>
    /Seq Scan on \w+(jobs|runs|verdicts)/.test(step) ||
    (/Index Cond: \(ns = [^)]*\)$/.test(step) && /_pkey/.test(steps[i - 1]!) && !/nodes|places/.test(steps[i - 1]!))
  )

describe.runIf(isRunning).each([
  { when: "that are known to the planner", n: 100_000, isAnalysed: true },
  { when: "that nobody has analysed yet", n: 40_000, isAnalysed: false }
])("among many jobs and runs $when, no verb reads a whole table", ({ isAnalysed, n }) => {
  layer(server(n, isAnalysed), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    for (const [name, verb] of Object.entries(verbs)) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const plans = yield* plansOf(Effect.flatMap(JobStore, verb))
          assert.isNotEmpty(plans)
          for (const { steps, text } of plans) {
            assert.deepStrictEqual(slow(steps), [], `${text}\n  ${steps.join("\n  ")}`)
          }
        }))
      it.effect(`${name}, by a plan that is kept`, () =>
        Effect.gen(function*() {
          for (const { steps, text } of yield* keptPlansOf(Effect.flatMap(JobStore, verb))) {
            assert.deepStrictEqual(slow(steps), [], `${text}\n  ${steps.join("\n  ")}`)
          }
        }))
    }
  })
})

/** Comparing each row of a table with each that is looked for. A small table may well be read as a whole, where these are hashed. */
const oneByOne = (steps: ReadonlyArray<string>): ReadonlyArray<string> =>
  steps.filter((step) => /Filter: .*\b(id|job|run) = (ANY|\(?[kr]\.)/.test(step))

const pages: typeof verbs = {
  "runs, going": (store) => store.runs({ going: true, limit: 1000 }),
  "runs, going, the next page": (store) =>
    store.runs({ going: true, after: { finished: null, id: "r2000" }, limit: 1000 }),
  "runs, going, of a task": (store) => store.runs({ going: true, task: "Task", limit: 1000 })
}

describe.runIf(isRunning)(
  "among some jobs and runs that nobody has analysed yet, no verb compares each with each",
  () => {
    layer(server(4_000, false), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
      for (const [name, verb] of Object.entries({ ...verbs, ...pages })) {
        it.effect(name, () =>
          Effect.gen(function*() {
            for (const { steps, text } of yield* plansOf(Effect.flatMap(JobStore, verb))) {
              assert.deepStrictEqual(oneByOne(steps), [], `${text}\n  ${steps.join("\n  ")}`)
            }
          }))
      }
    })
  }
)

describe.runIf(isRunning)("among a thousand runs", () => {
  layer(server(1_000, false), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    const { claim, "claim from one lane": claimOfOne, "settle what nobody waits for": settle } = verbs
    for (const [name, verb] of Object.entries({ claim, claimOfOne, settle })) {
      it.effect(`each is looked up: ${name}`, () =>
        Effect.gen(function*() {
          for (const { steps, text } of yield* keptPlansOf(Effect.flatMap(JobStore, verb!))) {
            assert.deepStrictEqual(slow(steps), [], `${text}\n  ${steps.join("\n  ")}`)
          }
        }))
    }
  })
})
