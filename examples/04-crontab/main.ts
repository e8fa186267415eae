/**
 * A cron: reads a crontab, runs its commands when they are due, and keeps what they printed.
 *
 *     cd examples/04-crontab
 *     node --conditions=source --disable-warning=ExperimentalWarning main.ts demo.crontab --for 10
 *     node --conditions=source --disable-warning=ExperimentalWarning main.ts /etc/crontab --list
 *
 * What it does as cron does: nothing is made up for after a downtime, and a command that was running when the machine died is not run
 * again. What it does better: a command that is still running is not started a second time, the crontab is refused as a whole when a
 * part of it cannot be read, times are those of a zone that is named, and how each run went is on record.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, DateTime, Effect, FileSystem, Layer, Option, Path, Schedule } from "effect"
import { FiberExecutor, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { Argument, Command, Flag } from "effect/cli"
import { basename } from "node:path"
import * as EventLog from "../terminal/EventLog.ts"
import * as Failure from "../terminal/Failure.ts"
import * as History from "../terminal/History.ts"
import * as JobTable from "../terminal/JobTable.ts"
import * as text from "../terminal/text.ts"
import * as Crontab from "./Crontab.ts"
import * as EntryId from "./EntryId.ts"
import * as ShellCommand from "./ShellCommand.ts"

interface Options {
  readonly file: string
  readonly format: Option.Option<Crontab.Format>
  readonly timeZone: string
  readonly timeout: Option.Option<number>
}

type Entries = ReturnType<typeof EntryId.assign>

/** The entries of what stands in the file, with their ids. */
const parse = ({ file, format, timeZone }: Options, content: string): Effect.Effect<Entries, Crontab.CrontabError> => {
  const system = /^\/etc\/(crontab$|cron\.d\/)/.test(file)
  const entries = Crontab.parse(content, {
    file,
    format: Option.getOrElse(format, () => system ? "system" : "user"),
    timeZone
  })
  return Effect.map(Effect.fromResult(entries), (entries) => EntryId.assign(file, entries))
}

/** Makes the jobs of the file what its entries say: what is new is added, what differs is changed, what is gone is removed. */
const synchronize = Effect.fn("synchronize")(function*(options: Options, entries: Entries, booted: DateTime.Utc) {
  const scheduler = yield* Scheduler.Scheduler
  yield* scheduler.scheduleAll(
    ShellCommand.ShellCommand,
    entries.map(([id, entry]) => ({
      id,
      // The instant of this start is another one than that of the last: the job changes, and is due again.
      trigger: entry.when === "reboot" ? Trigger.date(booted) : entry.when,
      payload: {
        command: entry.command,
        stdin: entry.stdin ?? null,
        user: entry.user ?? null,
        environment: entry.environment
      },
      timeout: Option.getOrUndefined(Option.map(options.timeout, (seconds) => seconds * 1_000)),
      overlap: "skip",
      catchUp: "none",
      delivery: "atMostOnce"
    }))
  )
  const kept = new Set(entries.map(([id]) => id))
  for (const job of yield* scheduler.list({ prefix: EntryId.prefix(options.file) })) {
    // What runs may end, as under cron.
    if (!kept.has(job.id)) yield* scheduler.remove(job.id, { running: "leave", reason: "no longer in the crontab" })
  }
})

/** The entries, with the instants to come. */
const list = Effect.fn("list")(function*(entries: Entries) {
  const now = yield* DateTime.now
  yield* Console.log(text.table(
    ["line", "job", "when", "user", "next 3 (UTC)", "command"],
    entries.map(([id, { command, line, user, when }]) => [
      String(line),
      basename(id),
      when === "reboot" ? "at the start" : text.value(JobTable.trigger(when.spec)),
      user ?? "",
      when === "reboot" ? "" : JobTable.upcoming(when, now, 3).map(text.plan).join("  "),
      text.value(command)
    ])
  ))
})

const run = Effect.fn("run")(function*(options: Options, content: string, entries: Entries) {
  const scheduler = yield* Scheduler.Scheduler
  const fs = yield* FileSystem.FileSystem
  const booted = yield* DateTime.now
  yield* Console.log(`${options.file}: ${yield* History.tell(basename)}\n`)
  yield* list(entries)
  yield* Console.log(`\n${EventLog.heading}`)
  yield* synchronize(options, entries, booted)
  yield* scheduler.resumeNode

  // An edited file is taken over as it is; while it cannot be read, the jobs stay as they were.
  let known = content
  const reload = Effect.gen(function*() {
    const content = yield* fs.readFileString(options.file)
    if (content === known) return
    known = content
    yield* synchronize(options, yield* parse(options, content), booted)
  })
  yield* reload.pipe(
    Effect.catch((error) => Console.error(error.message)),
    Effect.schedule(Schedule.spaced("2 seconds"))
  )
})

const schedulerLive = (db: Option.Option<string>) =>
  Scheduler.layer({ tasks: [ShellCommand.ShellCommand], paused: true }).pipe(
    Layer.provide([ShellCommand.layer, FiberExecutor.layer({ concurrency: 16 })]),
    Layer.provide(Option.match(db, { onNone: () => MemoryJobStore.layer, onSome: SqliteJobStore.layerFile }))
  )

Command.make(
  "crontab",
  {
    file: Argument.String("file").pipe(Argument.withDescription("the crontab")),
    list: Flag.Boolean("list").pipe(Flag.withDescription("print what is scheduled, and quit"), Flag.withDefault(false)),
    db: Flag.String("db").pipe(Flag.withDescription("keep jobs and history in this SQLite file"), Flag.optional),
    seconds: Flag.Finite("for").pipe(Flag.withDescription("stop after so many seconds"), Flag.optional),
    format: Flag.Literals("format", ["user", "system"]).pipe(
      Flag.withDescription("whether entries name a user; default: those under /etc do"),
      Flag.optional
    ),
    timeZone: Flag.String("time-zone").pipe(
      Flag.withDescription("of entries without a CRON_TZ above them"),
      Flag.withDefault("UTC")
    ),
    timeout: Flag.Finite("timeout").pipe(Flag.withDescription("seconds a command may take"), Flag.optional)
  },
  Effect.fnUntraced(
    function*({ db, list: onlyList, seconds, ...flags }) {
      // An id must not depend on where the program was started.
      const options = { ...flags, file: (yield* Path.Path).resolve(flags.file) }
      const content = yield* (yield* FileSystem.FileSystem).readFileString(options.file)
      const entries = yield* parse(options, content)
      if (onlyList) return yield* list(entries)
      const running = run(options, content, entries).pipe(
        Effect.provide(EventLog.printed(schedulerLive(db), { nameOf: basename }))
      )
      yield* Option.match(seconds, {
        onNone: () => running,
        onSome: (seconds) => Effect.timeoutOption(running, seconds * 1_000)
      })
    },
    Failure.tell
  )
).pipe(
  Command.withDescription("Runs the commands of a crontab"),
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
