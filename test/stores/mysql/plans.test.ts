import { assert, describe, layer } from "@effect/vitest"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import { JobStore } from "../../../src/JobStore.ts"
import { verbs } from "../sql/plans.ts"
import { client, isRunning, temporaryDatabase } from "./server.ts"

const { at } = Suite

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

const all: typeof verbs = { ...verbs, "runs, going": (store) => store.runs({ going: true, limit: 10 }) }

/** How many rows a step may look at: far fewer than there are, and of those that go on all. */
const most: Record<string, number> = { "runs, going": many }

describe.runIf(isRunning)(`among ${many} jobs and runs, no verb reads a whole table`, () => {
  layer(server, { excludeTestServices: true, timeout: "120 seconds" })((it) => {
    for (const [name, verb] of Object.entries(all)) {
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
