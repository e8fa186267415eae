/**
 * The one task of a crontab: a shell command as a child process, with what it printed as the run's result.
 *
 * A run that ends, in whatever way, leaves nothing behind: closing the attempt's scope ends the whole process group, by SIGTERM and,
 * when that is ignored, by SIGKILL.
 */
import { Effect, FileSystem, type PlatformError, Schema, Stream } from "effect"
import { Task } from "effect-scheduler"
import { ChildProcess } from "effect/process"
import { userInfo } from "node:os"

/** The end of what a command printed, to stdout and stderr as it came. */
const Output = {
  output: Schema.String,
  /** How many bytes of its beginning were not kept. */
  dropped: Schema.Int
}

/** The command exited with another code than 0. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  exitCode: Schema.Int,
  ...Output
}) {}

/** A signal ended the command. */
export class CommandKilled extends Schema.TaggedError<CommandKilled>()("CommandKilled", {
  signal: Schema.String,
  ...Output
}) {}

/** There was no command to speak of: no such shell, no such user, or no right to be that user. */
export class CommandNotStarted extends Schema.TaggedError<CommandNotStarted>()("CommandNotStarted", {
  reason: Schema.String
}) {}

export const ShellCommand = Task.make("ShellCommand", {
  payload: {
    command: Schema.String,
    stdin: Schema.NullOr(Schema.String),
    /** `null`: whoever runs the scheduler. */
    user: Schema.NullOr(Schema.String),
    environment: Schema.Record(Schema.String, Schema.String)
  },
  success: Schema.Struct(Output),
  error: Schema.Union([CommandFailed, CommandKilled, CommandNotStarted])
})

/** How much of a command's output is kept, in bytes. */
const kept = 16 * 1024

export const layer = ShellCommand.toLayer(
  Effect.fn("ShellCommand")(function*({ command, environment, stdin, user }) {
    const account = yield* accountOf(user)
    // As cron: next to nothing is inherited, an assignment in the file comes before the default, and nobody renames the user.
    const env = {
      SHELL: "/bin/sh",
      PATH: "/usr/bin:/bin",
      HOME: account.home,
      ...environment,
      LOGNAME: account.name,
      USER: account.name
    }
    const fs = yield* FileSystem.FileSystem
    const home = yield* Effect.orElseSucceed(fs.exists(env.HOME), () => false)
    const shell = [env.SHELL, "-c", command]
    const [program, ...args] = account.isSelf ? shell : ["/usr/sbin/runuser", "-u", account.name, "--", ...shell]
    const child = yield* Effect.mapError(
      ChildProcess.make(program!, args, {
        cwd: home ? env.HOME : "/",
        env,
        stdin: stdin === null ? "ignore" : Stream.encodeText(Stream.succeed(stdin)),
        forceKillAfter: "5 seconds"
      }),
      notStarted
    )
    const { end, printed } = yield* Effect.all({
      printed: lastBytes(child.all),
      end: Effect.result(child.exitCode)
    }, { concurrency: 2 })
    if (end._tag === "Failure") return yield* new CommandKilled({ signal: signalOf(end.failure), ...printed })
    if (end.success !== 0) return yield* new CommandFailed({ exitCode: end.success, ...printed })
    return printed
  })
)

/** Reads to the end, remembers the last of it. */
const lastBytes = (bytes: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  bytes.pipe(
    Stream.runFold(
      () => ({ tail: Buffer.alloc(0), dropped: 0 }),
      ({ dropped, tail }, chunk) => {
        const all = Buffer.concat([tail, chunk])
        const excess = Math.max(0, all.length - kept)
        return { tail: all.subarray(excess), dropped: dropped + excess }
      }
    ),
    Effect.map(({ dropped, tail }) => ({ output: tail.toString("utf8"), dropped })),
    // A pipe that breaks says nothing about the command: its exit code does.
    Effect.orElseSucceed(() => ({ output: "", dropped: 0 }))
  )

/** The user's line in /etc/passwd, when it is ourselves or we are root and may become them. */
const accountOf = Effect.fnUntraced(function*(user: string | null) {
  const self = userInfo()
  if (user === null || user === self.username) return { name: self.username, home: self.homedir, isSelf: true }
  if (self.uid !== 0) {
    return yield* new CommandNotStarted({
      reason: `only root can run commands as ${user}, and this is ${self.username}`
    })
  }
  const fs = yield* FileSystem.FileSystem
  const accounts = yield* Effect.mapError(fs.readFileString("/etc/passwd"), notStarted)
  const account = accounts.split("\n").map((line) => line.split(":")).find(([name]) => name === user)
  if (account === undefined) return yield* new CommandNotStarted({ reason: `there is no user ${user} here` })
  return { name: user, home: account[5] ?? "/", isSelf: false }
})

const notStarted = (error: PlatformError.PlatformError) => new CommandNotStarted({ reason: error.message })

/** Node tells of the signal in words only. */
const signalOf = ({ message, reason }: PlatformError.PlatformError) =>
  /SIG[A-Z0-9]+/.exec(reason._tag === "BadArgument" ? "" : String(reason.cause))?.[0] ?? message
