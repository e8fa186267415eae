/**
 * An example as a child process of a test: what it prints as it prints it, and an end whatever becomes of the test.
 */
import { Duration, Effect, Fiber, Option, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"

/** A line of the event log; what stands in a row after the job's name is in `rest`. */
export interface Row {
  readonly at: string
  readonly what: string
  readonly job: string
  readonly rest: ReadonlyArray<string>
}

const isRow = /^\d\d:\d\d:\d\d\.\d{3}Z {2}/

export const rowsOf = (lines: ReadonlyArray<string>): ReadonlyArray<Row> =>
  lines.filter((line) => isRow.test(line)).map((line) => {
    const [at = "", what = "", job = "", ...rest] = line.split(/ {2,}/)
    return { at, what, job, rest }
  })

const path = (example: string) => fileURLToPath(new URL(`../../examples/${example}`, import.meta.url))

/** Starts an example; the scope ends it. */
export const start = Effect.fnUntraced(function*(example: string, ...args: ReadonlyArray<string>) {
  const child = yield* ChildProcess.make(
    process.execPath,
    ["--conditions=source", "--disable-warning=ExperimentalWarning", path(example), ...args],
    { stdin: "ignore", extendEnv: true, env: { NO_COLOR: "1" }, forceKillAfter: "100 millis" }
  )
  const lines: Array<string> = []
  const reading = yield* child.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Effect.sync(() => lines.push(line))),
    Effect.forkScoped
  )
  /** Returns when what it printed fits; a test that waits in vain says what there was instead. */
  const until = Effect.fnUntraced(function*(what: string, fits: (rows: ReadonlyArray<Row>) => boolean) {
    const fitting = Effect.gen(function*() {
      while (!fits(rowsOf(lines))) yield* Effect.sleep("20 millis")
    })
    // What has been printed when it ends is read a moment later.
    const ended = Effect.andThen(Effect.exit(child.exitCode), Effect.sleep("1 second"))
    const hopeless = Effect.as(Effect.timeoutOption(ended, limit), "hopeless" as const)
    if ((yield* Effect.raceFirst(fitting, hopeless)) === "hopeless") {
      return yield* Effect.die(new Error(`no ${what}, but\n${lines.join("\n")}`))
    }
  })
  /** Its exit code, and everything it printed. */
  const end = Effect.gen(function*() {
    const code = yield* Effect.timeoutOption(child.exitCode, limit)
    if (Option.isNone(code)) return yield* Effect.die(new Error(`it did not end, but printed\n${lines.join("\n")}`))
    yield* Fiber.join(reading)
    return { code: code.value, lines, rows: rowsOf(lines) }
  })
  /** Only the program itself gets the signal, as by `kill`. */
  const signal = (name: NodeJS.Signals) => Effect.sync(() => void process.kill(child.pid, name))
  return { until, end, signal }
})

const limit = Duration.seconds(25)
