import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Random from "../../../src/testing/trigger-laws/random.ts"
import * as Trigger from "../../../src/Trigger.ts"

const zoned = "DTSTART;TZID=America/New_York:19970902T090000\n"

const errorOf = (recurrence: unknown, options?: unknown): Trigger.TriggerError =>
  Result.getOrThrow(Result.flip(Trigger.parseRrule(recurrence as string, options as Trigger.RruleOptions)))

describe("what RFC 5545 forbids is refused, with part, position and value", () => {
  const cases: ReadonlyArray<readonly [text: string, field: string, value: string | undefined, reason?: string]> = [
    ["", "RRULE", `""`],
    [" ", "property", `" "`, "name"],
    ["DAILY", "property", `"DAILY"`, "name"],
    ["RRULE:", "RRULE", `""`],
    ["RRULE", "RRULE", `""`],
    ["INTERVAL=2", "FREQ", `"INTERVAL=2"`],
    ["FREQ=", "FREQ", `""`, "name"],
    ["FREQ=FORTNIGHTLY", "FREQ", `"FORTNIGHTLY"`, "name"],
    ["FREQ=DAILY;", "RRULE", `""`],
    ["FREQ=DAILY;;COUNT=1", "RRULE", `""`],
    ["FREQ=DAILY;COUNT", "RRULE", `"COUNT"`],
    ["FREQ=DAILY ", "FREQ", `"DAILY "`, "name"],
    ["FREQ=DAILY;COUNT=1 and then some", "COUNT", `"1 and then some"`],
    ["FREQ=DAILY\nnoon", "property", `"noon"`, "name"],
    ["FREQ=DAILY;FREQ=DAILY", "FREQ", `"FREQ=DAILY"`],
    ["FREQ=DAILY;BYHOUR=1;BYHOUR=2", "BYHOUR", `"BYHOUR=2"`],
    ["FREQ=DAILY;BYEASTER=0", "RRULE", `"BYEASTER"`, "name"],
    ["RRULE:FREQ=DAILY\nRRULE:FREQ=DAILY", "RRULE", `"RRULE:FREQ=DAILY"`],
    ["EXRULE:FREQ=DAILY", "property", `"EXRULE"`, "name"],
    ["BEGIN:VEVENT\nRRULE:FREQ=DAILY", "property", `"BEGIN"`, "name"],
    ["RRULE;X=1:FREQ=DAILY", "RRULE", `";X=1"`, "name"],
    ["FREQ=DAILY;COUNT=3;UNTIL=19971224T000000Z", "COUNT", `"3"`, "option"],
    ["FREQ=DAILY;COUNT=0", "COUNT", `"0"`, "range"],
    ["FREQ=DAILY;COUNT=-1", "COUNT", `"-1"`],
    ["FREQ=DAILY;COUNT=1e3", "COUNT", `"1e3"`],
    ["FREQ=DAILY;COUNT=9999999999", "COUNT", `"9999999999"`],
    ["FREQ=DAILY;INTERVAL=0", "INTERVAL", `"0"`, "range"],
    ["FREQ=DAILY;INTERVAL=1.5", "INTERVAL", `"1.5"`],
    ["FREQ=DAILY;BYHOUR=24", "BYHOUR", `"24"`, "range"],
    ["FREQ=DAILY;BYHOUR=1,,2", "BYHOUR", `""`],
    ["FREQ=DAILY;BYMINUTE=60", "BYMINUTE", `"60"`, "range"],
    ["FREQ=DAILY;BYSECOND=61", "BYSECOND", `"61"`, "range"],
    ["FREQ=DAILY;BYMONTH=13", "BYMONTH", `"13"`, "range"],
    ["FREQ=DAILY;BYMONTH=0", "BYMONTH", `"0"`, "range"],
    ["FREQ=DAILY;BYMONTH=-1", "BYMONTH", `"-1"`],
    ["FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY", `"32"`, "range"],
    ["FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY", `"0"`, "range"],
    ["FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY", `"367"`, "range"],
    ["FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO", `"54"`, "range"],
    ["FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS", `"0"`, "range"],
    ["FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "BYSETPOS", `"367"`, "range"],
    ["FREQ=MONTHLY;BYDAY=0MO", "BYDAY", `"0MO"`],
    ["FREQ=MONTHLY;BYDAY=54MO", "BYDAY", `"54MO"`],
    ["FREQ=MONTHLY;BYDAY=MON", "BYDAY", `"MON"`],
    ["FREQ=MONTHLY;BYDAY=XX", "BYDAY", `"XX"`],
    ["FREQ=WEEKLY;WKST=1", "WKST", `"1"`, "name"],
    ["FREQ=MONTHLY;BYWEEKNO=20", "BYWEEKNO", `"20"`, "option"],
    ["FREQ=WEEKLY;BYWEEKNO=20", "BYWEEKNO", `"20"`, "option"],
    ["FREQ=MONTHLY;BYYEARDAY=20", "BYYEARDAY", `"20"`, "option"],
    ["FREQ=WEEKLY;BYYEARDAY=20", "BYYEARDAY", `"20"`, "option"],
    ["FREQ=DAILY;BYYEARDAY=20", "BYYEARDAY", `"20"`, "option"],
    ["FREQ=WEEKLY;BYMONTHDAY=13", "BYMONTHDAY", `"13"`, "option"],
    ["FREQ=WEEKLY;BYDAY=2MO", "BYDAY", `"2MO"`, "option"],
    ["FREQ=DAILY;BYDAY=-1MO", "BYDAY", `"-1MO"`, "option"],
    ["FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "BYDAY", `"1MO"`, "option"],
    ["FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS", `"1"`, "option"],
    ["FREQ=DAILY;UNTIL=tomorrow", "UNTIL", `"tomorrow"`],
    ["FREQ=DAILY;UNTIL=19970230T000000Z", "UNTIL", `"19970230T000000Z"`],
    ["FREQ=DAILY;UNTIL=19971224", "UNTIL", `"19971224"`],
    [`${zoned}RRULE:FREQ=DAILY;UNTIL=19971224T000000`, "UNTIL", `"19971224T000000"`],
    [`${zoned}RRULE:FREQ=DAILY;UNTIL=19971224`, "UNTIL", `"19971224"`],
    ["DTSTART:19970902T090000\nRRULE:FREQ=DAILY;UNTIL=19971224T000000Z", "UNTIL", `"19971224T000000Z"`],
    ["DTSTART;VALUE=DATE:19970902\nRRULE:FREQ=DAILY;UNTIL=19971224T000000Z", "UNTIL", `"19971224T000000Z"`],
    ["DTSTART;VALUE=DATE:19970902\nRRULE:FREQ=HOURLY", "FREQ", `"HOURLY"`, "option"],
    ["DTSTART;VALUE=DATE:19970902\nRRULE:FREQ=DAILY;BYHOUR=9", "BYHOUR", `"9"`, "option"],
    ["DTSTART;VALUE=DATE:19970902\nRRULE:FREQ=DAILY\nEXDATE:19970903T000000", "EXDATE", `"19970903T000000"`],
    [`${zoned}RRULE:FREQ=DAILY\nRDATE;VALUE=DATE:19970903`, "RDATE", `"19970903"`],
    [`${zoned}${zoned}RRULE:FREQ=DAILY`, "DTSTART", `"DTSTART;TZID=America/New_York:19970902T090000"`],
    ["DTSTART:19970902\nRRULE:FREQ=DAILY", "DTSTART", `"19970902"`],
    ["DTSTART:19970931T090000\nRRULE:FREQ=DAILY", "DTSTART", `"19970931T090000"`],
    ["DTSTART:19970902T240000\nRRULE:FREQ=DAILY", "DTSTART", `"19970902T240000"`],
    ["DTSTART:1997-09-02T09:00:00\nRRULE:FREQ=DAILY", "DTSTART", `"1997-09-02T09:00:00"`],
    ["DTSTART;TZID=Mars/Olympus:19970902T090000\nRRULE:FREQ=DAILY", "TZID", `";TZID=Mars/Olympus"`, "timeZone"],
    ["DTSTART;TZID=:19970902T090000\nRRULE:FREQ=DAILY", "TZID", `";TZID="`, "timeZone"],
    ["DTSTART;TZID=Europe/Warsaw:19970902T090000Z\nRRULE:FREQ=DAILY", "DTSTART", `";TZID=Europe/Warsaw"`],
    ["DTSTART;VALUE=PERIOD:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", `";VALUE=PERIOD"`, "name"],
    ["DTSTART;X-A=1:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", `";X-A=1"`, "name"],
    ["DTSTART;TZID=\"UTC:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", `"\\"UTC:19970902T090000"`],
    ["FREQ=DAILY\u0000", "rrule", `"\\u0000"`],
    ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "RRULE", `"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"`, "neverFires"],
    ...[
      "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
      "FREQ=MONTHLY;BYMONTHDAY=1,2,3,4,5,6,7;BYDAY=MO;BYSETPOS=2",
      "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6;BYSETPOS=1",
      "FREQ=WEEKLY;BYHOUR=9,10;BYDAY=MO,TU;BYSETPOS=-5",
      "FREQ=HOURLY;BYMINUTE=1,2;BYSETPOS=3"
    ].map((text) => [text, "RRULE", undefined, "neverFires"] as const),
    [
      "DTSTART:20260505T090000Z\nRRULE:FREQ=DAILY;INTERVAL=7;BYDAY=MO",
      "RRULE",
      `"DTSTART:20260505T090000Z\\nRRULE:FREQ=DAILY;INTERVAL=7;BYDAY=MO"`,
      "neverFires"
    ]
  ]
  for (const [text, field, value, reason = "syntax"] of cases) {
    it(JSON.stringify(text), () => {
      const error = errorOf(text)
      assert.deepStrictEqual(
        { field: error.field, value: value === undefined ? undefined : error.value, reason: error.reason as string },
        { field, value, reason }
      )
      if (reason === "neverFires" || value === undefined) return
      const shown = JSON.parse(value) as string
      assert.strictEqual(text.slice(error.position!, error.position! + shown.length), shown)
      assert.isNotEmpty(error.expected)
    })
  }

  it("counts positions in the text as it was given, line folds included", () => {
    const text = "DTSTART;TZID=America/New_\r\n York:19970902T090000\r\nRRULE:FREQ=DAI\r\n LY;BYHOUR=25"
    assert.strictEqual(errorOf(text).position, text.indexOf("25"))
    assert.strictEqual(
      Trigger.rrule("DTSTART;TZID=America/New_\r\n York:19970902T090000\r\nRRULE:FREQ=DAI\r\n LY"),
      Trigger.rrule(`${zoned}RRULE:FREQ=DAILY`)
    )
  })

  it("what is no text, and what is absurdly long", () => {
    for (const given of [undefined, null, 5, true, Symbol.iterator, () => "FREQ=DAILY", 10n]) {
      assert.strictEqual(errorOf(given).field, "rrule")
    }
    for (const given of [{}, [], { freq: 5 }, { freq: "daily", count: Number.NaN }, { freq: "daily", every: 2 }]) {
      assert.strictEqual(errorOf(given)._tag, "TriggerError")
    }
    assert.include(errorOf(`FREQ=DAILY;BYHOUR=${"1,".repeat(50_000)}1`).value, "100019")
    assert.strictEqual(errorOf({ freq: "daily", byDay: "MO;COUNT=1" }).field, "byDay")
    assert.strictEqual(errorOf({ freq: "daily", byHour: 25 }).position, undefined)
  })

  it("options that are none, and a zone beside another", () => {
    assert.strictEqual(errorOf("FREQ=DAILY", { timeZone: "Nowhere" }).field, "timeZone")
    assert.strictEqual(errorOf("FREQ=DAILY", { gap: "jump" }).field, "gap")
    assert.strictEqual(errorOf("FREQ=DAILY", { overlap: "third" }).field, "overlap")
    assert.strictEqual(errorOf(`${zoned}RRULE:FREQ=DAILY`, { timeZone: "UTC" }).field, "timeZone")
  })

  it("a rule whose dates are all excluded", () => {
    const error = errorOf(
      "DTSTART:20260505T090000Z\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:20260505T090000Z,20260506T090000Z"
    )
    assert.strictEqual(error.reason, "neverFires")
  })
})

describe("fuzz", () => {
  const pieces = [
    "FREQ=",
    "DAILY",
    "SECONDLY",
    "YEARLY",
    "MONTHLY",
    "WEEKLY",
    ";",
    "COUNT=",
    "UNTIL=",
    "INTERVAL=",
    "BYDAY=",
    "BYSETPOS=",
    "BYMONTHDAY=",
    "BYWEEKNO=",
    "BYYEARDAY=",
    "BYHOUR=",
    "WKST=",
    "MO",
    "-1FR",
    "5",
    "-1",
    "999999999",
    "0",
    ",",
    "\n",
    "\r\n ",
    "RRULE:",
    "DTSTART",
    "DTSTART;TZID=Europe/Warsaw:20260301T020000",
    "DTSTART:20260301T020000Z",
    "EXDATE:",
    "RDATE;VALUE=DATE:",
    "20260301",
    "20260301T020000Z",
    ";TZID=\"",
    "VALUE=",
    ":",
    "=",
    " ",
    "\u0007",
    "ż",
    "😀"
  ]
  const valid = [
    "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1,2;COUNT=12",
    "DTSTART;TZID=Europe/Warsaw:20260301T020000\nRRULE:FREQ=HOURLY;INTERVAL=7;BYMINUTE=0,30\nEXDATE:20260301T010000Z",
    "DTSTART;VALUE=DATE:20260301\nRRULE:FREQ=YEARLY;BYWEEKNO=1,-1;UNTIL=20991231\nRDATE;VALUE=DATE:20260401"
  ]

  it("pieces in any order, and valid text with a few changes: a trigger that answers, or a TriggerError", () => {
    const random = Random.make(3_310)
    let read = 0
    for (let round = 0; round < 6000; round++) {
      let text = ""
      if (round % 3 === 0) {
        text = random.pick(valid).replaceAll(
          /\d/g,
          (digit) => random.int(0, 15) === 0 ? String(random.int(0, 9)) : digit
        )
      } else if (round % 3 === 1) {
        for (let n = random.int(1, 12); n > 0; n--) text += random.pick(pieces)
      } else {
        text = random.pick(valid)
        for (let n = random.int(1, 3); n > 0; n--) {
          const at = random.int(0, text.length)
          text = text.slice(0, at) + random.pick(pieces) + text.slice(at + random.int(0, 4))
        }
      }
      const parsed = Trigger.parseRrule(text)
      if (Result.isFailure(parsed)) {
        assert.instanceOf(parsed.failure, Trigger.TriggerError)
        continue
      }
      read++
      // what was read means the same when it is read again from its text
      const spec = parsed.success.spec as { readonly text: string }
      assert.strictEqual(Trigger.rrule(spec.text), parsed.success, text)
      const { next, previous } = Trigger.occurrences(parsed.success)
      const first = next(-Infinity, 0)
      if (first !== undefined) assert.strictEqual(previous(first + 1, 0), first, text)
    }
    assert.isAbove(read, 100)
  })
})
