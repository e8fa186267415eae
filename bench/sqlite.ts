/** How fast the store is, beside bare `node:sqlite` doing the same in as few statements: `npm run sqlite`. */
import { JobStore as Contract } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite as Rows } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const file = join(tmpdir(), `measure-${process.pid}.db`)
const clean = () => {
  for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true })
}
const report = (what: string, ms: number, n: number) =>
  console.log(
    what.padEnd(60),
    `${ms.toFixed(1)} ms`.padStart(12),
    `${Math.round((n / ms) * 1000)}/s`.padStart(12),
    `cpu ${(cpu()).toFixed(1)} ms`.padStart(14)
  )
let last = process.cpuUsage()
/** On a busy machine the wall clock tells of the neighbours; this tells of us. */
const cpu = () => {
  const { system, user } = process.cpuUsage(last)
  last = process.cpuUsage()
  return (system + user) / 1000
}
const timed = <A>(what: string, n: number, effect: Effect.Effect<A, any, Contract.JobStore>) =>
  Effect.suspend(() => {
    cpu()
    const before = performance.now()
    return Effect.tap(effect, () => Effect.sync(() => report(what, performance.now() - before, n)))
  })

const bench = (synchronous: "full" | "normal") =>
  Effect.gen(function*() {
    const store = yield* Contract.JobStore
    const N = 20_000
    const jobs = Array.from({ length: N }, (_, i) => Rows.job(`digest/${i}`, { nextDue: Rows.at(10_000_000 + i) }))
    for (let i = 0; i < 3; i++) {
      yield* timed(
        `${synchronous}: ${N} jobs added, 1000 at a time`,
        N,
        Effect.forEach(Array.from({ length: N / 1000 }, (_, i) => i), (i) =>
          store.insertJobs(jobs.slice(i * 1000, i * 1000 + 1000)))
      )
      yield* timed(
        `${synchronous}: … deleted`,
        N,
        Effect.forEach(
          Array.from({ length: N / 1000 }, (_, i) =>
            i),
          (i) =>
            store.commit({
              now: 0,
              changes: jobs.slice(i * 1000, i * 1000 + 1000).map((j) => Rows.remove(j))
            })
        )
      )
    }
    yield* store.insertJobs(jobs)
    const dueNow = Array.from({ length: 1000 }, (_, i) => Rows.job(`due/${i}`, { nextDue: Rows.at(1000) }))
    yield* store.insertJobs(dueNow)
    for (let round = 0; round < 5; round++) {
      const now = Rows.at(1000 + round * 1000)
      yield* timed(
        `${synchronous}: 1,000 due jobs drained`,
        1000,
        Effect.gen(function*() {
          for (;;) {
            const due = yield* store.due({ now, limit: 250 })
            if (due.jobs.length === 0) break
            yield* store.commit({
              now,
              changes: due.jobs.map(({ job }) =>
                Rows.advance(job, now, { runs: [Rows.occurrence(job, now, { serial: 1 })] })
              )
            })
          }
          for (;;) {
            const { runs } = yield* store.claim({ node: "n", lanes: ["default/Task"], limit: 250, now })
            if (runs.length === 0) break
            yield* store.settle({
              now,
              settlements: runs.map((run) => Rows.done(run, Rows.at(1), { expiresAt: Rows.at(1e9), result: "42" }))
            })
          }
        })
      )
    }
    for (const size of [100, 500]) {
      for (let round = 0; round < 3; round++) {
        const total = 10_000
        yield* timed(
          `${synchronous}: enqueue, claim, settle ${total} in batches of ${size}`,
          total,
          Effect.gen(function*() {
            for (let i = 0; i < total; i += size) {
              yield* store.enqueue({
                now: Rows.at(0),
                runs: Array.from({ length: size }, (_, k) => Rows.run(`r${size}-${round}-${i + k}`))
              })
              const { runs } = yield* store.claim({ node: "n", lanes: ["default/Task"], limit: size, now: Rows.at(0) })
              yield* store.settle({
                now: Rows.at(1),
                settlements: runs.map((run) => Rows.done(run, Rows.at(1), { expiresAt: Rows.at(1e9), result: "42" }))
              })
            }
          })
        )
      }
    }
    yield* timed(
      `${synchronous}: enqueue, claim, settle one by one`,
      500,
      Effect.gen(function*() {
        for (let i = 0; i < 500; i++) {
          yield* store.enqueue({ now: Rows.at(0), runs: [Rows.run(`one-${i}`)] })
          const { runs } = yield* store.claim({ node: "n", lanes: ["default/Task"], limit: 10, now: Rows.at(0) })
          yield* store.settle({
            now: Rows.at(1),
            settlements: runs.map((run) => Rows.done(run, Rows.at(1), { expiresAt: Rows.at(1e9), result: "42" }))
          })
        }
      })
    )
  }).pipe(Effect.provide(SqliteJobStore.layerFile(file, { synchronous })))

const raw = (synchronous: string) => {
  clean()
  const db = new DatabaseSync(file)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE runs (id TEXT PRIMARY KEY, lane TEXT, order_at INTEGER, state TEXT, fence INTEGER, payload TEXT, policy TEXT, result TEXT, node TEXT);
    CREATE INDEX ready ON runs (lane, order_at) WHERE order_at IS NOT NULL`)
  const insert = db.prepare("INSERT INTO runs VALUES (?, ?, ?, 'ready', 0, ?, ?, NULL, NULL)")
  const claim = db.prepare(`UPDATE runs SET state = 'running', order_at = NULL, fence = fence + 1, node = 'n'
    WHERE id IN (SELECT id FROM runs WHERE lane = ? AND order_at IS NOT NULL ORDER BY order_at LIMIT ?) RETURNING *`)
  const settle = db.prepare("UPDATE runs SET state = 'done', node = NULL, result = ? WHERE id = ? AND fence = ?")
  for (const size of [100, 500]) {
    const total = 10_000
    const before = performance.now()
    for (let i = 0; i < total; i += size) {
      db.exec("BEGIN IMMEDIATE")
      for (let k = 0; k < size; k++) insert.run(`r${size}-${i + k}`, "lane", i, "{}", "{}")
      db.exec("COMMIT; BEGIN IMMEDIATE")
      const runs = claim.all("lane", size) as Array<any>
      db.exec("COMMIT; BEGIN IMMEDIATE")
      for (const run of runs) settle.run("42", run.id, run.fence)
      db.exec("COMMIT")
    }
    report(`${synchronous}: bare node:sqlite, 9 columns, the same, by ${size}`, performance.now() - before, total)
  }
  db.close()
}

for (const synchronous of ["normal", "full"] as const) {
  raw(synchronous)
  clean()
  await Effect.runPromise(bench(synchronous))
}
clean()
