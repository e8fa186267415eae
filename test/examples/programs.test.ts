// Live: real processes, a real clock, a real file. Each is bounded by what it waits for.
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem, Layer, Option, Result } from "effect"
import { Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { existsSync, readFileSync } from "node:fs"
import { userInfo } from "node:os"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as Crontab from "../../examples/04-crontab/Crontab.ts"
import * as EntryId from "../../examples/04-crontab/EntryId.ts"
import { type Row, start } from "./Program.ts"

const is = (what: string, job: string) => (row: Row) => row.what === what && row.job === job

describe.concurrent("01-hello", () => {
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

describe.concurrent("06-policies", () => {
  it.live("imports two at a time, tells of what failed, and sends it again", () =>
    Effect.gen(function*() {
      const program = yield* start("06-policies.ts")
      const { code, lines } = yield* program.end
      assert.strictEqual(code, 0, lines.join("\n"))
      const imported = lines.filter((line) => line.startsWith("importing"))
      assert.strictEqual(imported.length, 5)
      assert.isTrue(imported.every((line) => /\((1|2) at once\)$/.test(line)), lines.join("\n"))
      assert.strictEqual(lines.filter((line) => line.startsWith("report: ")).length, 4)
      assert.deepStrictEqual(lines.filter((line) => line.startsWith("alert: ")), ["alert: partner.csv no answer"])
      assert.deepStrictEqual(lines.filter((line) => line.startsWith("dead letters: ")), [
        "dead letters: partner.csv failed",
        "dead letters: 0"
      ])
      assert.isTrue(lines.some((line) => line.includes("1 to add")), lines.join("\n"))
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)
})

describe.concurrent("05-transactions", () => {
  it.live("charges once for each order, however it is killed", () =>
    Effect.gen(function*() {
      const file = `${yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()}/shop.db`
      const killed = yield* start("05-transactions.ts", file, "--crash")
      yield* Effect.exit(killed.end)
      // It died when the first charge was committed: that run is over.
      const db = new DatabaseSync(file, { readOnly: true })
      const rows = (text: string) => db.prepare(text).all().map((row) => Object.values(row).join(" "))
      assert.deepStrictEqual(rows("SELECT order_id FROM charges"), ["o1"])
      assert.deepStrictEqual(rows("SELECT id FROM scheduler_runs WHERE finished IS NOT NULL"), ["charge/o1"])
      db.close()
      const again = yield* start("05-transactions.ts", file)
      const { code, lines } = yield* again.end
      assert.strictEqual(code, 0, lines.join("\n"))
      const said = (text: string) => lines.filter((line) => line.includes(text)).length
      assert.deepStrictEqual(
        [
          said("charge/o1: succeeded after 1 attempts"),
          said("charge/o2: succeeded after 2 attempts"),
          said("charge/o3")
        ],
        [1, 1, 0]
      )
      assert.deepStrictEqual([said("charged 10 for o1"), said("charged 20 for o2"), said("charged")], [1, 1, 2])
      assert.strictEqual(said("o3 is refused"), 1)
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)
})

describe.concurrent("02-durable", () => {
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
      assert.match(late!, /^[\d.]+ m?s$/)
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

describe.concurrent("04-crontab", () => {
  it.live("lists the next fires and quits", () =>
    Effect.gen(function*() {
      const crontab = fileURLToPath(new URL("crontabs/system", import.meta.url))
      const program = yield* start("04-crontab/main.ts", crontab, "--format", "system", "--list")
      const { code, lines } = yield* program.end
      assert.strictEqual(code, 0)
      const entries = lines.slice(1).map((line) => line.split(/ {2,}/))
      assert.deepStrictEqual(entries.map(([line]) => line), ["14", "15", "16", "17"])
      const [, id, when, user, ...rest] = entries[0]!
      assert.match(id!, /^system#[0-9a-f]{8}$/)
      assert.strictEqual(when, "17 * * * * (UTC)")
      assert.strictEqual(user, "root")
      assert.match(rest[0]!, /:17:00Z$/)
      assert.strictEqual(rest.length, 4) // three instants and the command
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)

  it.live("names every place at which the file cannot be read", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const crontab = `${yield* fs.makeTempDirectoryScoped()}/broken`
      yield* fs.writeFileString(crontab, "* * * * 9 a\n@daily b\nCRON_TZ=Nowhere\n")
      const program = yield* start("04-crontab/main.ts", crontab)
      const { code, lines } = yield* program.end
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(lines.map((line) => line.split(" ")[0]), [`${crontab}:1:9:`, `${crontab}:3:9:`])
    }).pipe(Effect.provide(NodeServices.layer)), 60_000)

  it.live("runs commands, keeps what they print, and follows the file", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const crontab = `${directory}/crontab`
      const hangs = `sleep 60 & echo $! > ${directory}/grandchild; wait`
      const before = [
        "SHELL = /bin/bash",
        "GREETING = ' hello '",
        `@reboot [[ $0 == /bin/bash ]] && echo "$GREETING$HOME"`,
        "@reboot sort%b%a\\%",
        "@reboot echo out; echo err >&2; exit 3",
        "@reboot kill -9 $$",
        "@reboot head -c 100000 /dev/zero | tr '\\0' x",
        `@reboot ${hangs}`,
        "0 0 1 1 * true"
      ].join("\n")
      yield* fs.writeFileString(crontab, before)
      const program = yield* start("04-crontab/main.ts", crontab, "--db", `${directory}/cron.db`, "--timeout", "6")
      const ended = (rows: ReadonlyArray<Row>) => rows.filter(({ what }) => /^(succeeded|failed|timedOut)$/.test(what))
      yield* program.until("end of all six", (rows) => ended(rows).length === 6)

      // One entry goes, one gets another time, one comes.
      const after = before.replace("@reboot sort%b%a\\%\n", "").replace("1 1 *", "2 2 *") + "\n@yearly true new"
      yield* fs.writeFileString(crontab, after)
      yield* program.until("change of the file", (rows) => rows.some(({ what }) => what === "job removed"))
      yield* program.signal("SIGTERM")
      const { code, rows } = yield* program.end
      assert.strictEqual(code, 130)
      assert.strictEqual(rows.at(-1)!.what, "stopped")

      const idsOf = (text: string) => {
        const entries = Result.getOrThrow(Crontab.parse(text, { file: crontab, format: "user" }))
        return new Map(EntryId.assign(crontab, entries).map(([id, { command }]) => [command, id]))
      }
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const jobs = yield* scheduler.list()
        assert.sameMembers(jobs.map(({ id }) => id), [...idsOf(after).values()])
        const changed = jobs.find(({ id }) => id === idsOf(before).get("true"))!
        assert.strictEqual(DateTime.formatIso(changed.next!).slice(5), "02-02T00:00:00.000Z")

        const runs = new Map((yield* scheduler.runs()).map((run) => [run.job, run]))
        const resultOf = (command: string) => {
          const run = runs.get(idsOf(before).get(command)!)!
          return [run.outcome, run.result]
        }
        assert.deepStrictEqual(resultOf(`[[ $0 == /bin/bash ]] && echo "$GREETING$HOME"`), [
          "succeeded",
          { output: ` hello ${userInfo().homedir}\n`, dropped: 0 }
        ])
        assert.deepStrictEqual(resultOf("sort"), ["succeeded", { output: "a%\nb\n", dropped: 0 }])
        assert.deepStrictEqual(resultOf("kill -9 $$"), [
          "failed",
          { _tag: "CommandKilled", signal: "SIGKILL", output: "", dropped: 0 }
        ])
        assert.deepStrictEqual(resultOf("head -c 100000 /dev/zero | tr '\\0' x"), [
          "succeeded",
          { output: "x".repeat(16 * 1024), dropped: 100_000 - 16 * 1024 }
        ])
        const [outcome, failure] = resultOf("echo out; echo err >&2; exit 3")
        const { output, ...exit } = failure as { readonly output: string }
        assert.deepStrictEqual([outcome, exit], ["failed", { _tag: "CommandFailed", exitCode: 3, dropped: 0 }])
        assert.sameMembers(output.trimEnd().split("\n"), ["out", "err"])
        assert.strictEqual(resultOf(hangs)[0], "timedOut")
        const grandchild = Number(yield* fs.readFileString(`${directory}/grandchild`))
        assert.isFalse(isAlive(grandchild))
      }).pipe(
        Effect.provide(
          Scheduler.layer({ paused: true }).pipe(Layer.provide(SqliteJobStore.layerFile(`${directory}/cron.db`)))
        )
      )
    }).pipe(Effect.provide(NodeServices.layer)), 90_000)
})

/** A zombie, which nobody in a container may care to bury, is dead too. */
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}/stat`) && !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))

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
