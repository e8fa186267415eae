/**
 * Whatever is thrown at the cron reader, it answers with a trigger or with a `TriggerError` that says where: it throws nothing else, never
 * hangs, and reads nothing silently as something else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Trigger } from "effect-scheduler"
import * as Random from "../../src/testing/trigger-laws/random.ts"

const anchor = Date.UTC(2026, 0)
const words = [
  "*",
  "?",
  "L",
  "W",
  "LW",
  "#",
  "/",
  "-",
  ",",
  "@daily",
  "@",
  "0",
  "1",
  "5",
  "7",
  "12",
  "23",
  "24",
  "29",
  "31",
  "59",
  "60",
  "99",
  "1970",
  "9999",
  "10000",
  "mon",
  "SUN",
  "jan",
  "Dec",
  "foo",
  "lundi",
  "L-3",
  "15W",
  "fri#2",
  "friL",
  "*/5",
  "1-5",
  "22-2",
  "0/15",
  "5/0",
  "-1",
  "1.5",
  "1e3",
  "0x10",
  "٣",
  "\u0000",
  "\t",
  "\n",
  " ",
  "  ",
  "é",
  "’",
  "\\",
  "\"",
  "H",
  "last",
  "2nd mon",
  "R"
]
/** Those that are right in most fields, so that some of the sequences are. */
const plain = ["*", "1", "5", "*/5", "1-5", "0/15", "7"]
const valid = [
  "*/5 * * * *",
  "0 9 * * mon-fri",
  "0 0 L * ?",
  "30 2 15W * *",
  "0 0 12 1/5 * ? 2020-2040",
  "0,30 8-18/2 1,15 jan-jun,dec fri#2",
  "@weekly",
  "0 22-2 * * sat-mon"
]

/** What may come of a text, and what must be true then. */
const judge = (text: string) => {
  const read = Trigger.parseCron(text)
  if (Result.isFailure(read)) {
    const { expected, field, message, position } = read.failure
    assert.instanceOf(read.failure, Trigger.TriggerError, text)
    assert.isAbove(field.length, 0, text)
    assert.isAbove(expected.length, 3, text)
    assert.isBelow(message.length, 2_000, text)
    if (position !== undefined) assert.isTrue(position >= 0 && position <= text.length, `${text}: ${position}`)
    return false
  }
  const trigger = read.success
  // What was read is read again from its own text, and it goes on.
  assert.deepStrictEqual(Result.getOrThrow(Trigger.decode(Trigger.encode(trigger))), trigger, text)
  const first = Trigger.occurrences(trigger).next(-Infinity, anchor)
  if (first !== undefined) assert.isAbove(first, anchor, text)
  return true
}

describe("the cron reader", () => {
  it("answers any sequence of words", () => {
    const random = Random.make(1)
    let read = 0
    for (let i = 0; i < 6_000; i++) {
      const glue = random.int(1, 10) <= 7 ? " " : ""
      const text = Array.from(
        { length: random.int(0, 8) },
        () => random.pick(random.int(1, 10) <= 7 ? plain : words)
      ).join(glue)
      if (judge(text)) read++
    }
    assert.isAbove(read, 50)
  })

  it("answers valid expressions that were damaged anywhere", () => {
    const random = Random.make(2)
    let [read, refused] = [0, 0]
    for (let i = 0; i < 6_000; i++) {
      let text = random.pick(valid)
      for (let n = random.int(1, 3); n > 0; n--) {
        const at = random.int(0, text.length)
        const what = random.pick(words)
        text = random.int(1, 10) <= 5
          ? text.slice(0, at) + what + text.slice(at)
          : text.slice(0, at) + text.slice(at + 1)
      }
      if (judge(text)) read++
      else refused++
    }
    assert.isAbove(read, 200)
    assert.isAbove(refused, 2_000)
  })

  it("answers any characters, at any length", () => {
    const random = Random.make(3)
    for (let i = 0; i < 2_000; i++) {
      judge(String.fromCharCode(...Array.from({ length: random.int(0, 40) }, () => random.int(0, 0xffff))))
    }
    for (
      const text of [
        "*".repeat(1_000_000),
        "1,".repeat(500_000),
        " ".repeat(1_000_000),
        "0 0 1 1 " + "1-".repeat(100_000)
      ]
    ) {
      assert.isFalse(judge(text))
    }
  })

  it("answers what is no text, and fields of any kind", () => {
    const random = Random.make(4)
    const values = [
      undefined,
      null,
      5,
      -1,
      NaN,
      "",
      "*",
      "*/2",
      "last fri",
      "1-5",
      {},
      [],
      true,
      () => 1,
      Symbol("x"),
      10n
    ]
    for (const value of values.slice(1)) {
      const read = Result.match(Trigger.parseCron(value as never), {
        onSuccess: () => "read",
        onFailure: (error) => error._tag
      })
      assert.include(["read", "TriggerError"], read)
    }
    for (let i = 0; i < 2_000; i++) {
      const fields = Object.fromEntries(
        ["year", "month", "day", "week", "dayOfWeek", "hour", "minute", "second", "moon"]
          .filter(() => random.int(1, 10) <= 3).map((key) => [key, random.pick(values)])
      )
      const read = Trigger.parseCron(fields as never)
      if (Result.isFailure(read)) assert.instanceOf(read.failure, Trigger.TriggerError)
    }
  })
})
