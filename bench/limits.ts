/**
 * What a limit costs: runs through enqueue, claim and settle of a store, in batches of 100, with and without: `npm run limits`. Statements are
 * counted on SQLite; on PostgreSQL each lock is one more.
 */
import { JobStore, MemoryJobStore } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Rows } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Statement from "effect/sql/Statement"

const runsInAll = 10_000
const batch = 100
const lane = "default/Task"

interface Case {
  readonly name: string
  readonly fields: (n: number) => Partial<JobStore.NewRun>
  /** What each batch that was claimed asks for. */
  readonly wants?: (n: number) => ReadonlyArray<JobStore.Want>
}

const task = { key: "task", max: 1_000_000 }
const cases: ReadonlyArray<Case> = [
  { name: "no limit", fields: () => ({}) },
  { name: "a limit for the task, never reached", fields: () => ({ limits: [task] }) },
  {
    name: "for the task and 100 keys, never reached",
    fields: (n) => ({ limits: [{ key: `k${n % 100}`, max: 1000 }, task] })
  },
  { name: "for the task, always reached: 100 at once", fields: () => ({ limits: [{ key: "task", max: batch }] }) },
  {
    name: "for 100 keys, always reached: 1 of each at once",
    fields: (n) => ({ limits: [{ key: `k${n % 100}`, max: 1 }] })
  },
  { name: "a unique key", fields: (n) => ({ uniqueKey: `u${n}` }) },
  {
    name: "a rate",
    fields: () => ({}),
    wants: (n) => [{ key: "rate", interval: 0.001, burst: 1_000_000, n }]
  }
]

/** All runs are added, and then claimed and settled until none is left. */
const through = Effect.fnUntraced(function*(store: JobStore.Service, { fields, wants }: Case) {
  const now = Rows.at(runsInAll)
  for (let n = 0; n < runsInAll; n += batch) {
    const runs = Array.from(
      { length: batch },
      (_, i) => Rows.run(`r${n + i}`, { planned: Rows.at(n + i), ...fields(n + i) })
    )
    yield* store.enqueue({ runs, now })
  }
  let ended = 0
  while (ended < runsInAll) {
    const { runs } = yield* store.claim({ node: "n", lanes: [lane], limit: batch, now })
    if (wants !== undefined) yield* store.take({ wants: wants(runs.length), now })
    yield* store.settle({ settlements: runs.map((run) => Rows.done(run, now)), now })
    ended += runs.length
  }
})

/** CPU time, for on a busy machine the wall clock tells of the neighbours. */
const measured = Effect.fnUntraced(function*(store: JobStore.Service, one: Case) {
  const before = process.cpuUsage()
  yield* through(store, one)
  const { system, user } = process.cpuUsage(before)
  return (system + user) / runsInAll
})

const least = <E>(round: Effect.Effect<number, E>) =>
  Effect.map(Effect.all([round, round, round]), (times) => Math.min(...times))

const inMemory = (one: Case) =>
  least(Effect.flatMap(MemoryJobStore.make({ runs: 100 }), (store) => measured(store, one)))

const onSqlite = (one: Case) =>
  least(Effect.provide(
    Effect.flatMap(JobStore.JobStore, (store) => measured(store, one)),
    Layer.fresh(SqliteJobStore.layerFile(":memory:"))
  ))

const counted = Effect.fnUntraced(function*(one: Case) {
  let statements = 0
  const transformer: Statement.Transformer = (statement) => Effect.sync(() => (statements++, statement))
  yield* Effect.flatMap(
    JobStore.JobStore,
    (store) => Effect.provideService(through(store, one), Statement.CurrentTransformer, transformer)
  ).pipe(
    Effect.provide(Layer.fresh(SqliteJobStore.layerFile(":memory:")))
  )
  return statements / (runsInAll / batch)
})

const program = Effect.gen(function*() {
  console.log(
    "µs of CPU per run (the least of three rounds), and statements per batch of 100 (enqueue, claim and settle)"
  )
  console.log("".padEnd(52), "memory".padStart(10), "SQLite".padStart(10), "statements".padStart(12))
  for (const one of cases) {
    console.log(
      one.name.padEnd(52),
      (yield* inMemory(one)).toFixed(1).padStart(10),
      (yield* onSqlite(one)).toFixed(1).padStart(10),
      (yield* counted(one)).toFixed(1).padStart(12)
    )
  }
})

Effect.runPromise(program)
