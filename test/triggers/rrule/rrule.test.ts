import { assert, describe, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as Trigger from "../../../src/Trigger.ts"

/** All instants until `to`, in UTC, to the minute; the job was added at `anchor`. */
const firesOf = (trigger: Trigger.Trigger, anchor: string, to: string): Array<string> => {
  const { count, next } = Trigger.occurrences(trigger)
  const added = Date.parse(`${anchor}Z`)
  const end = Date.parse(`${to}Z`)
  const out: Array<string> = []
  for (let at = next(-Infinity, added); at !== undefined && at <= end; at = next(at, added)) {
    out.push(new Date(at).toISOString().slice(0, 16))
  }
  assert.strictEqual(count(-Infinity, end, added), out.length)
  return out
}

const daily = (start: string, rule = "FREQ=DAILY;COUNT=3"): string => `DTSTART;TZID=${start}\nRRULE:${rule}`

describe("clock changes: shifted out of a gap, the first of two (RFC 5545, erratum 4271), unless told otherwise", () => {
  const cases: ReadonlyArray<
    readonly [name: string, text: string, options: Trigger.RruleOptions, fires: ReadonlyArray<string>]
  > = [
    ["New York, gap", daily("America/New_York:20260307T023000"), {}, [
      "2026-03-07T07:30",
      "2026-03-08T07:30",
      "2026-03-09T06:30"
    ]],
    ["first-valid", daily("America/New_York:20260307T023000"), { gap: "first-valid" }, [
      "2026-03-07T07:30",
      "2026-03-08T07:00",
      "2026-03-09T06:30"
    ]],
    ["skip, which does not count", daily("America/New_York:20260307T023000"), { gap: "skip" }, [
      "2026-03-07T07:30",
      "2026-03-09T06:30",
      "2026-03-10T06:30"
    ]],
    ["New York, overlap", daily("America/New_York:20261031T013000"), {}, [
      "2026-10-31T05:30",
      "2026-11-01T05:30",
      "2026-11-02T06:30"
    ]],
    ["second", daily("America/New_York:20261031T013000"), { overlap: "second" }, [
      "2026-10-31T05:30",
      "2026-11-01T06:30",
      "2026-11-02T06:30"
    ]],
    ["both, which count once", daily("America/New_York:20261031T013000"), { overlap: "both" }, [
      "2026-10-31T05:30",
      "2026-11-01T05:30",
      "2026-11-01T06:30",
      "2026-11-02T06:30"
    ]],
    [
      "hourly over a gap: two at one instant fire and count once",
      daily("America/New_York:20260308T003000", "FREQ=HOURLY;COUNT=4"),
      {},
      ["2026-03-08T05:30", "2026-03-08T06:30", "2026-03-08T07:30", "2026-03-08T08:30"]
    ],
    [
      "hourly over a repeated hour: the first pass",
      daily("America/New_York:20261101T003000", "FREQ=HOURLY;COUNT=3"),
      {},
      ["2026-11-01T04:30", "2026-11-01T05:30", "2026-11-01T07:30"]
    ],
    ["Warsaw", daily("Europe/Warsaw:20260328T023000"), {}, [
      "2026-03-28T01:30",
      "2026-03-29T01:30",
      "2026-03-30T00:30"
    ]],
    ["Lord Howe, half an hour", daily("Australia/Lord_Howe:20261003T021500"), {}, [
      "2026-10-02T15:45",
      "2026-10-03T15:45",
      "2026-10-04T15:15"
    ]],
    ["Apia, a skipped day", daily("Pacific/Apia:20111229T090000"), {}, [
      "2011-12-29T19:00",
      "2011-12-30T19:00",
      "2011-12-31T19:00"
    ]],
    ["Dublin, whose winter time is the exception", daily("Europe/Dublin:20261024T013000"), {}, [
      "2026-10-24T00:30",
      "2026-10-25T00:30",
      "2026-10-26T01:30"
    ]],
    ["Cairo, no midnight", daily("Africa/Cairo:20260423T000000"), {}, [
      "2026-04-22T22:00",
      "2026-04-23T22:00",
      "2026-04-24T21:00"
    ]],
    ["Havana, no midnight", daily("America/Havana:20260307T000000"), {}, [
      "2026-03-07T05:00",
      "2026-03-08T05:00",
      "2026-03-09T04:00"
    ]]
  ]
  for (const [name, text, options, fires] of cases) {
    it(name, () => assert.deepStrictEqual(firesOf(Trigger.rrule(text, options), "1970-01-01", "2030-01-01"), fires))
  }
})

describe("start and anchor", () => {
  it("with DTSTART, instants at or after the anchor; COUNT is counted from DTSTART", () => {
    const trigger = Trigger.rrule("DTSTART:20260301T090000Z\nRRULE:FREQ=DAILY;COUNT=4")
    assert.deepStrictEqual(firesOf(trigger, "2026-03-03T09:00", "2027-01-01"), ["2026-03-03T09:00", "2026-03-04T09:00"])
  })

  it("without DTSTART the anchor is the start: strictly after it, and COUNT is counted from there", () => {
    const trigger = Trigger.rrule("FREQ=DAILY;COUNT=2")
    assert.deepStrictEqual(firesOf(trigger, "2026-03-03T09:00", "2027-01-01"), ["2026-03-04T09:00", "2026-03-05T09:00"])
    assert.deepStrictEqual(firesOf(trigger, "2020-01-01T10:30", "2027-01-01"), ["2020-01-02T10:30", "2020-01-03T10:30"])
  })

  it("an anchor in the second pass of a repeated hour still gets its count", () => {
    const trigger = Trigger.rrule("FREQ=MINUTELY;COUNT=2", { timeZone: "America/New_York" })
    assert.deepStrictEqual(firesOf(trigger, "2026-11-01T06:30", "2027-01-01"), ["2026-11-01T07:00", "2026-11-01T07:01"])
  })

  it("a start before 1970 keeps its grid and its count", () => {
    const trigger = Trigger.rrule("DTSTART:19560412T000000Z\nRRULE:FREQ=YEARLY;INTERVAL=10;COUNT=4")
    assert.deepStrictEqual(firesOf(trigger, "1970-01-01", "2030-01-01"), ["1976-04-12T00:00", "1986-04-12T00:00"])
  })

  it("a DTSTART that the rule does not match is no instance", () => {
    const trigger = Trigger.rrule("DTSTART:20260303T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=1")
    assert.deepStrictEqual(firesOf(trigger, "2026-03-01", "2027-01-01"), ["2026-03-06T09:00"])
  })

  it("dates are midnights in the zone, UNTIL included", () => {
    const text = "DTSTART;VALUE=DATE:20260301\nRRULE:FREQ=DAILY;UNTIL=20260302\nRDATE;VALUE=DATE:20260310"
    assert.deepStrictEqual(firesOf(Trigger.rrule(text, { timeZone: "Europe/Warsaw" }), "2026-01-01", "2027-01-01"), [
      "2026-02-28T23:00",
      "2026-03-01T23:00",
      "2026-03-09T23:00"
    ])
  })

  it("RDATE and EXDATE in other zones; what is excluded does not fire, added or not", () => {
    const text = "DTSTART:20260301T090000Z\nRRULE:FREQ=DAILY;COUNT=3\n" +
      "RDATE;TZID=Asia/Tokyo:20260310T090000,20260311T090000\nRDATE:20260302T090000Z\n" +
      "EXDATE;TZID=Europe/Warsaw:20260301T100000\nEXDATE:20260311T000000Z"
    assert.deepStrictEqual(firesOf(Trigger.rrule(text), "2026-01-01", "2027-01-01"), [
      "2026-03-02T09:00",
      "2026-03-03T09:00",
      "2026-03-10T00:00"
    ])
  })
})

describe("text", () => {
  it("equal recurrences are equal triggers, however they are written", () => {
    const trigger = Trigger.rrule("DTSTART:20260301T090000\nRRULE:FREQ=MONTHLY;BYDAY=MO,-1FR;BYHOUR=9,17", {
      timeZone: "Europe/Warsaw"
    })
    const others = [
      Trigger.rrule(
        "rrule:byhour=17,09,9;byday=-1fr,mo;interval=1;wkst=mo;freq=monthly\r\ndtstart:20260301T090000\r\n",
        {
          timeZone: "Europe/Warsaw",
          gap: "shift"
        }
      ),
      Trigger.rrule({ freq: "monthly", byDay: ["MO", "-1FR"], byHour: [9, 17], dtstart: "2026-03-01T09:00:00" }, {
        timeZone: "Europe/Warsaw",
        overlap: "first"
      })
    ]
    for (const other of others) assert.isTrue(Equal.equals(other, trigger))
    assert.deepStrictEqual(trigger.spec, {
      _tag: "rrule",
      text: "DTSTART:20260301T090000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR,MO;BYHOUR=9,17",
      timeZone: "Europe/Warsaw"
    })
  })

  it("an object with everything", () => {
    const trigger = Trigger.rrule({
      freq: "yearly",
      interval: 2,
      until: "2040-01-01",
      wkst: "su",
      byWeekNo: [1, -1],
      byDay: "TU",
      dtstart: "2026-01-01",
      rdate: ["2027-02-03"],
      exdate: "20280104"
    })
    assert.strictEqual(
      (trigger.spec as { readonly text: string }).text,
      "DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;UNTIL=20400101;INTERVAL=2;WKST=SU;BYWEEKNO=-1,1;BYDAY=TU\n" +
        "RDATE;VALUE=DATE:20270203\nEXDATE;VALUE=DATE:20280104"
    )
  })

  it("second 60 is read as 59 (RFC 5545, section 3.3.12)", () => {
    assert.strictEqual(Trigger.rrule("FREQ=DAILY;BYSECOND=60"), Trigger.rrule("FREQ=DAILY;BYSECOND=59"))
  })
})

describe("what costs the same at any age", () => {
  it("a minutely rule of 1970, asked a hundred thousand times over the centuries, answers at once", () => {
    const { next } = Trigger.occurrences(Trigger.rrule("DTSTART:19700101T000000Z\nRRULE:FREQ=MINUTELY;INTERVAL=7"))
    const cpu = process.cpuUsage()
    let at = 0
    for (let i = 0; i < 100_000; i++) at = next(at + 2_000_000_000, 0)!
    const { system, user } = process.cpuUsage(cpu)
    // a microsecond each on a quiet machine
    assert.isBelow(user + system, 2_000_000)
  })
})
