import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Result } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as Crontab from "../../examples/04-crontab/Crontab.ts"
import * as EntryId from "../../examples/04-crontab/EntryId.ts"
import * as JobTable from "../../examples/terminal/JobTable.ts"

const read = (text: string, format: Crontab.Format = "user") =>
  Result.getOrThrow(Crontab.parse(text, { file: "crontab", format }))

const fixture = (name: string, format: Crontab.Format) =>
  read(readFileSync(new URL(`crontabs/${name}`, import.meta.url), "utf8"), format)

/** The problems of a text, as the message shows them. */
const refuse = (text: string, format: Crontab.Format = "user") => {
  const result = Crontab.parse(text, { file: "crontab", format })
  assert(Result.isFailure(result), `read ${JSON.stringify(text)}`)
  return result.failure.message.split("\n")
}

const first = (entry: Crontab.Entry) =>
  entry.when === "reboot"
    ? "at the start"
    : JobTable.upcoming(entry.when, DateTime.makeUnsafe("2026-11-22T12:00:00Z"), 1).map(DateTime.formatIso)[0]

describe("the usual shapes", () => {
  it("/etc/crontab", () => {
    const entries = fixture("system", "system")
    assert.deepStrictEqual(entries.map(({ line, schedule, user }) => [line, schedule, user]), [
      [14, "17 *\t* * *", "root"],
      [15, "25 6\t* * *", "root"],
      [16, "47 6\t* * 7", "root"],
      [17, "52 6\t1 * *", "root"]
    ])
    assert.deepStrictEqual(entries.map(first), [
      "2026-11-22T12:17:00.000Z",
      "2026-11-23T06:25:00.000Z",
      "2026-11-29T06:47:00.000Z",
      "2026-12-01T06:52:00.000Z"
    ])
    assert.strictEqual(entries[0]!.command, "cd / && run-parts --report /etc/cron.hourly")
    assert.deepStrictEqual(Object.keys(entries[0]!.environment), ["SHELL", "PATH"])
  })

  it.each([
    ["statistics", 2, "root", "2026-11-22T12:05:00.000Z"],
    ["sessions", 1, "www-data", "2026-11-22T12:09:00.000Z"],
    ["catch-up", 1, "root", "2026-11-22T12:30:00.000Z"],
    ["raid-check", 1, "root", "2026-11-29T00:57:00.000Z"],
    ["certificates", 2, "root", "2026-11-23T00:00:00.000Z"]
  ])("/etc/cron.d/%s", (name, count, user, next) => {
    const entries = fixture(name, "system")
    assert.strictEqual(entries.length, count)
    assert.strictEqual(entries[0]!.user, user)
    assert.strictEqual(first(entries[0]!), next)
    assert.isFalse(entries.some(({ command }) => command.includes("\\%")))
  })

  it("a user's own", () => {
    const entries = fixture("user", "user")
    assert.deepStrictEqual(entries.map(first), [
      "2026-11-23T00:05:00.000Z",
      "2026-12-01T14:15:00.000Z",
      "2026-11-23T22:00:00.000Z",
      "2026-11-22T12:23:00.000Z",
      "2026-11-29T04:05:00.000Z",
      "2026-11-27T00:00:00.000Z",
      "2026-11-29T00:00:00.000Z",
      "2026-11-22T15:00:00.000Z" // midnight in Tokyo
    ])
    assert.deepStrictEqual(entries[0]!.environment, {
      "SHELL": "/bin/bash",
      "MAILTO": "paul",
      "A NAME": "  kept blanks  ",
      "PLAIN": `inner  blanks  and "quotes" stay`,
      "EMPTY": ""
    })
    assert.strictEqual(entries[2]!.command, `mail -s "It's 10pm" joe`)
    assert.strictEqual(entries[2]!.stdin, "Joe,\n\nWhere are your kids?\n")
    assert.strictEqual(entries[6]!.command, "date +%G-W%V")
    assert.strictEqual(entries[7]!.environment["CRON_TZ"], "Asia/Tokyo")
  })

  // Nothing to read on a machine without cron; what there is must be readable.
  it("whatever is installed on this machine", () => {
    const installed = [
      "/etc/crontab",
      ...(existsSync("/etc/cron.d") ? readdirSync("/etc/cron.d") : [])
        .filter((name) => /^[\w-]+$/.test(name)) // as cron, which leaves out .placeholder and *.dpkg-old
        .map((name) => `/etc/cron.d/${name}`)
    ].filter((file) => existsSync(file))
    for (const file of installed) {
      const text = readFileSync(file, "utf8")
      const entries = Crontab.parse(text, { file, format: "system" })
      assert(Result.isSuccess(entries), Result.isFailure(entries) ? entries.failure.message : "")
      const active = text.split("\n").filter((line) => /^\s*[\d*@]/.test(line))
      assert.strictEqual(entries.success.length, active.length, file)
      for (const entry of entries.success) assert.match(entry.user!, /^[a-z_][\w-]*$/, file)
    }
  })
})

describe("assignments", () => {
  it("hold for the entries below them", () => {
    const [a, b] = read("@daily a\nX=1\n@daily b\nX=2\n")
    assert.deepStrictEqual([a!.environment, b!.environment], [{}, { X: "1" }])
  })

  it.each([
    [`A=b`, "A", "b"],
    [`A = b c `, "A", "b c"],
    [`A="b c "`, "A", "b c "],
    [`A='b "c"'`, "A", `b "c"`],
    [`"A B" = c`, "A B", "c"],
    [`A=$HOME # no comment`, "A", "$HOME # no comment"],
    [`A=b=c`, "A", "b=c"],
    [`A=it's`, "A", "it's"],
    [`A=`, "A", ""],
    [`A=""`, "A", ""]
  ])("%s", (line, name, value) => {
    assert.deepStrictEqual(read(`${line}\n@daily x`)[0]!.environment, { [name]: value })
  })

  it("are not taken for commands, nor commands for them", () => {
    assert.strictEqual(read("* * * * * A=b c")[0]!.command, "A=b c")
    assert.strictEqual(read("@daily A=b c")[0]!.command, "A=b c")
  })

  it("CRON_TZ goes for the entries below it, until another one", () => {
    const zoned = read("@daily a\nCRON_TZ=Asia/Tokyo\n@daily b\nCRON_TZ=\n@daily c\nTZ=Asia/Tokyo\n@daily d")
    const utc = "2026-11-23T00:00:00.000Z"
    assert.deepStrictEqual(zoned.map(first), [utc, "2026-11-22T15:00:00.000Z", utc, utc])
  })
})

describe("percent signs", () => {
  it.each<[written: string, command: string, stdin: string | undefined]>([
    ["a b", "a b", undefined],
    ["a\\%b", "a%b", undefined],
    ["a%", "a", ""],
    ["a%b", "a", "b\n"],
    ["a%b%", "a", "b\n"],
    ["a%b%c", "a", "b\nc\n"],
    ["a%b\\%c", "a", "b%c\n"],
    ["a\\\\%b", "a\\\\", "b\n"],
    ["a\\n\\%", "a\\n%", undefined]
  ])("%s", (written, command, stdin) => {
    const [entry] = read(`@daily ${written}`)
    assert.deepStrictEqual([entry!.command, entry!.stdin], [command, stdin])
  })
})

describe("what cannot be read", () => {
  it.each<[text: string, problem: string, format?: Crontab.Format]>([
    ["* * 32 * * x", `crontab:1:5: "32"; expected a number from 1 to 31`],
    ["\t0 9 * * xyz x", `crontab:1:10: "xyz"; expected `],
    ["0 9 * * * ", "crontab:1:11: the line ends; expected a command after five time fields"],
    ["0 9 *", "crontab:1:6: the line ends; expected five time fields and a command"],
    ["@daily", "crontab:1:7: the line ends; expected a command after a macro"],
    ["@dayly x", `crontab:1:1: "@dayly"; expected one of @yearly, `],
    ["0 0 30 2 * x", `crontab:1:1: "0 0 30 2 *"; expected `],
    ["-*/5 * * * * x", `crontab:1:1: "-*/5"; expected `],
    [`A="b`, `crontab:1:3: "\\"b"; expected a closing "`],
    [`A='b' c`, `crontab:1:6: " c"; expected nothing after the closing quote`],
    ["CRON_TZ = Mars/Phobos", `crontab:1:11: "Mars/Phobos"; expected an IANA time zone`],
    ["@daily x\r", `crontab:1:9: "\\r"; expected lines that end in a line feed alone`],
    ["0 9 * * *", "crontab:1:10: the line ends; expected a user and a command after five time fields", "system"],
    ["@daily root", "crontab:1:12: the line ends; expected a command after the user", "system"]
  ])("%j", (text, problem, format) => {
    const [message] = refuse(text, format)
    assert.strictEqual(message!.slice(0, problem.length), problem)
  })

  it("is named all at once, and nothing is read of such a file", () => {
    assert.strictEqual(refuse("@daily fine\n61 * * * * a\n\n* 25 * * * b\n").length, 2)
  })

  it.effect("fails in a typed way", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.fromResult(Crontab.parse("* * * * 8 x", { file: "f", format: "user" })))
      assert.strictEqual(error._tag, "CrontabError")
      assert.deepStrictEqual(error.problems.map(({ column, line, text }) => ({ column, line, text })), [
        { line: 1, column: 9, text: "8" }
      ])
    }))
})

describe("ids", () => {
  const ids = (text: string) => EntryId.assign("/etc/crontab", read(text)).map(([id]) => id)

  it("stay while the command stays, wherever and whenever it runs", () => {
    const [a, b] = ids("@daily a\n@daily b")
    assert.deepStrictEqual(ids("X=1\n@hourly b\n5 5 * * * a"), [b, a])
  })

  it("tell equal commands apart", () => {
    assert.strictEqual(new Set(ids("@daily a\n@hourly a\n@daily a%b\n@daily b")).size, 4)
  })
})
