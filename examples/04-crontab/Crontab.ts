/**
 * Reads crontabs as crontab(5) describes them: the format of users' own files, and that of `/etc/crontab` and `/etc/cron.d`, whose
 * entries name a user. Pure: text in, entries or everything that is wrong with the text out.
 *
 *     # comments and blank lines are skipped            an assignment holds for the entries below it
 *     MAILTO=""
 *     CRON_TZ=Europe/Warsaw
 *     30 9 * * mon-fri  root  /usr/local/bin/digest --date=\%F % sent to its stdin % line by line
 *     @daily            root  run-parts /etc/cron.daily
 *
 * The time fields are the library's: more is understood than cron does (`L`, `W`, `#`, wrapped ranges), and nothing otherwise.
 */
import { Array, Result, Schema } from "effect"
import { Trigger } from "effect-scheduler"

/** Whose format it is: with `"system"` a user name stands before each command. */
export type Format = "user" | "system"

/** A command and when to run it. */
export interface Entry {
  /** Where it stands, from 1. */
  readonly line: number
  /** The time fields or the macro, as written. */
  readonly schedule: string
  /** `"reboot"` is no instant: cron runs such an entry when it starts. */
  readonly when: Trigger.Trigger | "reboot"
  /** Who runs it, in a system crontab. */
  readonly user: string | undefined
  /** For `SHELL -c`. */
  readonly command: string
  /** What stood behind the first `%`. */
  readonly stdin: string | undefined
  /** The assignments above it. */
  readonly environment: { readonly [name: string]: string }
}

export const Problem = Schema.Struct({
  line: Schema.Int,
  /** In characters, from 1. */
  column: Schema.Int,
  /** What stands there. */
  text: Schema.String,
  expected: Schema.String
})

export type Problem = typeof Problem.Type

/** All that is wrong with a file. None of its entries is scheduled: half a crontab is worse than yesterday's. */
export class CrontabError extends Schema.TaggedError<CrontabError>()("CrontabError", {
  file: Schema.String,
  problems: Schema.NonEmptyArray(Problem)
}) {
  override get message(): string {
    return this.problems
      .map(({ column, expected, line, text }) =>
        `${this.file}:${line}:${column}: ${text === "" ? "the line ends" : JSON.stringify(text)}; expected ${expected}`
      )
      .join("\n")
  }
}

/** A crontab, entry by entry. The zone holds until `CRON_TZ` names another one. */
export const parse = (text: string, options: {
  readonly file: string
  readonly format: Format
  /** Default UTC. */
  readonly timeZone?: string | undefined
}): Result.Result<ReadonlyArray<Entry>, CrontabError> => {
  const entries: Array<Entry> = []
  const problems: Array<Problem> = []
  let environment: Entry["environment"] = {}
  for (const [index, line] of text.split("\n").entries()) {
    const at = line.search(/[^ \t]/)
    if (at < 0 || line[at] === "#") continue
    const state: Line = {
      number: index + 1,
      text: line,
      format: options.format,
      environment,
      timeZone: environment["CRON_TZ"] || (options.timeZone ?? "UTC")
    }
    const read: Result.Result<Assignment | Entry, Problem> = readAssignment(state, at) ?? readEntry(state, at)
    if (Result.isFailure(read)) problems.push(read.failure)
    else if ("command" in read.success) entries.push(read.success)
    else environment = { ...environment, [read.success.name]: read.success.value }
  }
  return Array.isArrayNonEmpty(problems)
    ? Result.fail(new CrontabError({ file: options.file, problems }))
    : Result.succeed(entries)
}

/** A line, and what the lines above it say about it. */
interface Line {
  readonly number: number
  readonly text: string
  readonly format: Format
  readonly environment: Entry["environment"]
  readonly timeZone: string
}

const problem = (line: Line, at: number, text: string, expected: string) =>
  Result.fail<Problem>({ line: line.number, column: at + 1, text, expected })

// ---------------------------------------------------------------------------------------------------------------------
// NAME = value
// ---------------------------------------------------------------------------------------------------------------------

interface Assignment {
  readonly name: string
  readonly value: string
}

/** A name, in matching quotes or without blanks, and an equals sign. What does not begin so is an entry. */
const assignment = /(?:"([^"=]*)"|'([^'=]*)'|([^\s=]+))\s*=\s*/y

/**
 * Vixie cron's rules: blanks around the equals sign mean nothing; blanks at the end of a value only do in quotes, which must match and
 * enclose the value as a whole; there are no variables and no comments in a value.
 */
const readAssignment = (line: Line, start: number): Result.Result<Assignment, Problem> | undefined => {
  assignment.lastIndex = start
  const match = assignment.exec(line.text)
  if (match === null) return undefined
  const name = match[1] ?? match[2] ?? match[3]!
  const at = assignment.lastIndex
  const written = line.text.slice(at).trimEnd()
  const value = unquote(written)
  if (value === undefined) {
    const quote = written[0]!
    const closing = written.indexOf(quote, 1)
    return closing < 0
      ? problem(line, at, written, `a closing ${quote}`)
      : problem(line, at + closing + 1, written.slice(closing + 1), "nothing after the closing quote")
  }
  if (name === "CRON_TZ" && value !== "") {
    const zone = Trigger.parseCron("* * * * *", { timeZone: value })
    if (Result.isFailure(zone)) return problem(line, at, value, zone.failure.expected)
  }
  return Result.succeed({ name, value })
}

/** The value that is meant; `undefined` when it begins with a quote that does not enclose it. */
const unquote = (written: string): string | undefined => {
  const quote = written[0]
  if (quote !== `"` && quote !== `'`) return written
  return written.indexOf(quote, 1) === written.length - 1 && written.length > 1 ? written.slice(1, -1) : undefined
}

// ---------------------------------------------------------------------------------------------------------------------
// minute hour day month weekday [user] command [% stdin]
// ---------------------------------------------------------------------------------------------------------------------

const readEntry = (line: Line, start: number): Result.Result<Entry, Problem> => {
  const words = [...line.text.matchAll(/[^ \t]+/g)]
  const macro = line.text[start] === "@"
  const fields = macro ? 1 : 5
  const described = macro ? "a macro" : "five time fields"
  const last = words[Math.min(fields, words.length) - 1]!
  const end = last.index + last[0].length
  const schedule = line.text.slice(start, end)

  const when = readWhen(line, schedule)
  if (Result.isFailure(when)) {
    // Text that stops short is no worse in its first field than in its last.
    const { expected, position = 0, value } = when.failure
    return words.length < fields
      ? problem(line, line.text.length, "", `${described}${line.format === "system" ? ", a user" : ""} and a command`)
      : problem(line, start + position, textAt(schedule, position, value), macro ? `${expected}, @reboot` : expected)
  }

  const rest = words.slice(fields)
  const user = line.format === "system" ? rest.shift() : undefined
  if (line.format === "system" && user === undefined) {
    return problem(line, line.text.length, "", `a user and a command after ${described}`)
  }
  const first = rest[0]
  if (first === undefined) {
    return problem(line, line.text.length, "", `a command after ${user === undefined ? described : "the user"}`)
  }
  if (line.text.endsWith("\r")) {
    return problem(line, line.text.length - 1, "\r", "lines that end in a line feed alone, as the shell does")
  }
  return Result.succeed({
    line: line.number,
    schedule,
    when: when.success,
    user: user?.[0],
    ...splitCommand(line.text.slice(first.index)),
    environment: line.environment
  })
}

const readWhen = (line: Line, schedule: string): Result.Result<Entry["when"], Trigger.TriggerError> =>
  schedule === "@reboot" ? Result.succeed("reboot") : Trigger.parseCron(schedule, { timeZone: line.timeZone })

/** The text that an error is about: what it quotes, where that stands at the position it names. */
const textAt = (schedule: string, position: number, quoted: string): string => {
  const text = quoted.startsWith(`"`) && quoted.endsWith(`"`) ? quoted.slice(1, -1) : quoted
  return schedule.startsWith(text, position) ? text : schedule.slice(position)
}

/** The first bare `%` ends the command; those behind it end lines of its standard input. `\%` is a percent sign. */
const splitCommand = (written: string): { readonly command: string; readonly stdin: string | undefined } => {
  // A backslash takes the next character with it, so that `\\%` is a backslash and a bare percent sign.
  const percent = [...written.matchAll(/\\.|%/g)].find(([token]) => token === "%")
  const command = (percent === undefined ? written : written.slice(0, percent.index))
    .replaceAll(/\\./g, (pair) => pair === "\\%" ? "%" : pair)
  if (percent === undefined) return { command, stdin: undefined }
  const lines = written.slice(percent.index + 1).replaceAll(/\\%|%/g, (token) => token === "%" ? "\n" : "%")
  return { command, stdin: lines === "" || lines.endsWith("\n") ? lines : `${lines}\n` }
}
