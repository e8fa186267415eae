// Live: real processes, a real clock, a real file. Each is bounded by what it waits for.
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem, Layer, Option } from "effect"
import { Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { DatabaseSync } from "node:sqlite"
import { type Row, start } from "./Program.ts"

const is = (what: string, job: string) => (row: Row) => row.what === what && row.job === job

describe("01-hello", () => {
  it.live("greets for five seconds and ends", () =>
    Effect.gen(function*() {
      const program = yield* start("01-hello.ts")
      const { code, lines } = yield* program.end
      assert.strictEqual(code, 0)
      const count = (text: string) => lines.filter((line) => line.endsWith(text)).length
      assert.isTrue([2, 3].includes(count("hello, even second")), lines.join("\n"))
      assert.strictEqual(count("hello, every second and a half"), 3)
      assert.isAtLeast(count("tick"), 4)
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)
})

describe("02-durable", () => {
  it.live("prints what is scheduled and what happens, and drains on a signal", () =>
    Effect.gen(function*() {
      const file = `${yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()}/office.db`
      const program = yield* start("02-durable.ts", file)
      yield* program.until("invoice run", (rows) => rows.some(is("succeeded", "invoices")))
      yield* program.signal("SIGINT") // in the middle of the report
      const { code, lines, rows } = yield* program.end
      assert.strictEqual(code, 130)

      assert.isTrue(lines[0]!.endsWith("no history yet"))
      const head = lines.findIndex((line) => line.startsWith("job "))
      const jobs = lines.slice(head + 1, head + 6).map((line) => line.split(/ {2,}/))
      assert.deepStrictEqual(jobs.map(([id]) => id), ["invoices", "rates", "reminder", "report", "settlement"])
      const settlement = jobs[4]!
      assert.strictEqual(settlement[1], "30 23 * * * (Europe/Warsaw)")
      assert.match(settlement[3]!, /^\d{4}-\d\d-\d\d 2[12]:30:00Z$/)
      assert.strictEqual(settlement.length, 6) // three instants to come

      const [nominal, late] = rows.find(is("started", "invoices"))!.rest
      assert.match(nominal!, /^\d\d:\d\d:\d\d\.000Z$/)
      assert.match(late!, /^\d+ ms$/)
      assert.match(rows.find(is("succeeded", "invoices"))!.rest.at(-1)!, /next .*took \d+ ms: {"sent":2}$/)

      const order = rows.map(({ job, what }) => `${what} ${job}`)
      const stopping = rows.findIndex(({ what }) => what === "stopping")
      const report = rows.findIndex(is("succeeded", "report"))
      assert.isTrue(0 < stopping && stopping < report, order.join("\n"))
      assert.strictEqual(rows.at(-1)!.what, "stopped")
      assert.isFalse(rows.slice(stopping).some(({ what }) => what === "started"), order.join("\n"))
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)

  it.live("goes on where SIGKILL left it: nothing lost, nothing decided twice", () =>
    Effect.gen(function*() {
      const file = `${yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()}/office.db`
      const first = yield* start("02-durable.ts", file)
      yield* first.until("started report", (rows) => rows.some(is("started", "report")))
      const killed = yield* DateTime.now
      yield* first.signal("SIGKILL")
      yield* Effect.exit(first.end)

      const second = yield* start("02-durable.ts", file, "--for", "8")
      const { code, lines, rows } = yield* second.end
      const output = lines.join("\n")
      assert.strictEqual(code, 0)

      // It says what it found, and carries on.
      assert.isTrue(lines[0]!.endsWith("the history so far"), output)
      assert.isTrue(lines.some((line) => /^report of .* was in flight: it runs again$/.test(line)), output)
      const again = rows.findIndex(is("started", "report"))
      assert.isAtLeast(rows.findIndex(is("succeeded", "report")), again, output)
      assert.isTrue(rows.some(is("skipped(overlap)", "report")), output)
      assert.isTrue(rows.some(is("retrying", "rates")), output)
      assert.isTrue(rows.some((row) => row.job === "rates" && ["succeeded", "failed"].includes(row.what)), output)
      assert.strictEqual(rows.filter(is("succeeded", "reminder")).length, 1, output)

      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler

        // The run that was killed is the run that succeeded.
        const reports = yield* scheduler.runs({ job: "report" })
        const report = reports.at(-1)!
        assert.strictEqual(report.outcome, "succeeded")
        assert.isTrue(report.fence >= 2, `claimed ${report.fence} times`)
        assert.isTrue(DateTime.isLessThan(report.nominal!, killed))
        assert.isTrue(DateTime.isGreaterThan(report.started!, killed))

        // Each occurrence up to the cursor has its verdict.
        for (const job of yield* scheduler.list()) {
          let instant = Trigger.next(job.trigger!, {
            after: DateTime.subtract(job.anchor, { milliseconds: 1 }),
            anchor: job.anchor
          })
          while (
            Option.isSome(instant) && job.cursor !== undefined && !DateTime.isGreaterThan(instant.value, job.cursor)
          ) {
            const explanation = yield* scheduler.explain(job.id, instant.value)
            assert.include(["Fired", "NotRun"], explanation._tag, `${job.id} of ${DateTime.formatIso(instant.value)}`)
            instant = Trigger.next(job.trigger!, { after: instant.value, anchor: job.anchor })
          }
        }
        assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
      }).pipe(
        Effect.provide(Scheduler.layer({ paused: true }).pipe(Layer.provide(SqliteJobStore.layerFile(file))))
      )
      assert.deepStrictEqual(decidedTwice(file), [])
    }).pipe(Effect.provide(NodeServices.layer)), 90_000)
})

/** Occurrences that were fired and lie in a stretch that was not, or in two such stretches; asked of the file itself. */
const decidedTwice = (file: string) => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return db.prepare(`
      SELECT v.job, v.kind, r.id FROM scheduler_verdicts v JOIN scheduler_runs r
        ON r.job = v.job AND r.incarnation = v.incarnation
       AND r.nominal > coalesce(v.from_at, -1) AND r.nominal <= v.to_at
      UNION ALL
      SELECT a.job, a.kind, b.kind FROM scheduler_verdicts a JOIN scheduler_verdicts b
        ON a.job = b.job AND a.incarnation = b.incarnation AND a.to_at < b.to_at AND a.to_at > coalesce(b.from_at, -1)
      UNION ALL
      SELECT job, incarnation, nominal FROM scheduler_runs
       WHERE nominal IS NOT NULL GROUP BY job, incarnation, nominal HAVING count(*) > 1`).all()
  } finally {
    db.close()
  }
}
