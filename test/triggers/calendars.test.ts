import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Trigger from "../../src/Trigger.ts"

const { Calendar } = Trigger

const at = (text: string): number => Date.parse(text)
const minute = 60_000

/** The stretches that a calendar covers in a window of whole minutes, as texts. */
const stretches = (calendar: Trigger.Calendar.Calendar, from: string, to: string): ReadonlyArray<string> => {
  const out: Array<string> = []
  let begun: number | undefined
  for (let instant = at(from); instant <= at(to); instant += minute) {
    const covered = instant < at(to) && Calendar.covers(calendar, instant)
    if (covered && begun === undefined) begun = instant
    if (!covered && begun !== undefined) {
      out.push(`${text(begun)}/${text(instant)}`)
      begun = undefined
    }
  }
  return out
}

const text = (instant: number) => new Date(instant).toISOString().slice(0, 16)

describe("days", () => {
  it("dates, dates of every year, days of the week; in a zone", () => {
    const calendar = Calendar.days(["2026-01-02", "01-05", "wed"], { timeZone: "Asia/Tokyo" })
    assert.deepStrictEqual(stretches(calendar, "2026-01-01", "2026-01-09"), [
      "2026-01-01T15:00/2026-01-02T15:00",
      "2026-01-04T15:00/2026-01-05T15:00",
      "2026-01-06T15:00/2026-01-07T15:00"
    ])
    assert.isTrue(Calendar.covers(calendar, "2031-01-05T12:00:00+09:00"))
    assert.isFalse(Calendar.covers(calendar, "2031-01-02T12:00:00+09:00"))
  })

  it("are as long as clock changes make them", () => {
    const warsaw = (date: string) => Calendar.days([date], { timeZone: "Europe/Warsaw" })
    assert.deepStrictEqual(stretches(warsaw("2026-03-29"), "2026-03-28", "2026-03-31"), [
      "2026-03-28T23:00/2026-03-29T22:00"
    ])
    assert.deepStrictEqual(stretches(warsaw("2026-10-25"), "2026-10-24", "2026-10-27"), [
      "2026-10-24T22:00/2026-10-25T23:00"
    ])
    // Samoa had no 30 December 2011, and Cairo's clocks go from midnight to one
    const apia = Calendar.days(["2011-12-30"], { timeZone: "Pacific/Apia" })
    assert.deepStrictEqual(stretches(apia, "2011-12-28", "2012-01-02"), [])
    const cairo = Calendar.days(["2026-04-24"], { timeZone: "Africa/Cairo" })
    assert.deepStrictEqual(stretches(cairo, "2026-04-23", "2026-04-26"), ["2026-04-23T22:00/2026-04-24T21:00"])
  })

  it("a leap day of every year comes when there is one", () => {
    const calendar = Calendar.days(["02-29"])
    assert.deepStrictEqual(stretches(calendar, "2027-02-27", "2027-03-02"), [])
    assert.deepStrictEqual(stretches(calendar, "2028-02-27", "2028-03-02"), ["2028-02-29T00:00/2028-03-01T00:00"])
  })
})

describe("hours of the week", () => {
  it("go on after midnight, and from Saturday into Sunday", () => {
    const calendar = Calendar.weekly({ mon: ["09:00-12:00", "11:00-17:30"], sat: ["22:00-02:00"] }, {
      timeZone: "+02:00"
    })
    assert.deepStrictEqual(stretches(calendar, "2026-01-03", "2026-01-11T12:00Z"), [
      "2026-01-03T20:00/2026-01-04T00:00",
      "2026-01-05T07:00/2026-01-05T15:30",
      "2026-01-10T20:00/2026-01-11T00:00"
    ])
  })

  it("are what the clock shows, when it changes", () => {
    const calendar = Calendar.weekly({ sun: ["01:00-03:00"] }, { timeZone: "Europe/Warsaw" })
    // the clocks go from two to three, and from three to two
    assert.deepStrictEqual(stretches(calendar, "2026-03-28T12:00Z", "2026-03-29T12:00Z"), [
      "2026-03-29T00:00/2026-03-29T01:00"
    ])
    assert.deepStrictEqual(stretches(calendar, "2026-10-24T12:00Z", "2026-10-25T12:00Z"), [
      "2026-10-24T23:00/2026-10-25T02:00"
    ])
  })

  it("a whole week is covered without an end", () => {
    const all = ["00:00-24:00"]
    const calendar = Calendar.weekly({ mon: all, tue: all, wed: all, thu: all, fri: all, sat: all, sun: all })
    const begun = performance.now()
    assert.throws(() => Trigger.except(Trigger.cron("0 * * * *"), calendar), Trigger.TriggerError)
    assert.isBelow(performance.now() - begun, 500)
    const nothing = Trigger.except(Trigger.interval("1 hour"), calendar, { inside: "defer" })
    assert.isUndefined(Trigger.occurrences(nothing).next(0, 0))
  })
})

describe("other calendars", () => {
  it("each: a while from each instant of a trigger on", () => {
    const calendar = Calendar.each(Trigger.cron("0 */6 * * *"), "90 minutes")
    assert.deepStrictEqual(stretches(calendar, "2026-01-01", "2026-01-01T12:00Z"), [
      "2026-01-01T00:00/2026-01-01T01:30",
      "2026-01-01T06:00/2026-01-01T07:30"
    ])
    for (const trigger of [Trigger.interval("1 hour"), Trigger.after("1 hour"), Trigger.rrule("FREQ=DAILY")]) {
      assert.throws(() => Calendar.each(trigger, "1 minute"), /same for every job/)
    }
  })

  it("business days, and during", () => {
    const days = Calendar.businessDays({ holidays: ["2026-04-06"], timeZone: "Europe/London" })
    const trigger = Trigger.cron("0 9 * * *", { timeZone: "Europe/London" }).pipe(Trigger.during(days))
    const fires = Trigger.preview(trigger, { from: "2026-04-02T00:00:00Z", count: 4 }).map(({ wall }) =>
      wall.slice(0, 10)
    )
    assert.deepStrictEqual(fires, ["2026-04-02", "2026-04-03", "2026-04-07", "2026-04-08"])
  })

  it("any of several, and the opposite", () => {
    const calendar = Calendar.anyOf(Calendar.days(["sat"]), Calendar.days(["sun"]))
    assert.deepStrictEqual(stretches(calendar, "2026-01-01", "2026-01-08"), ["2026-01-03T00:00/2026-01-05T00:00"])
    assert.deepStrictEqual(stretches(Calendar.not(calendar), "2026-01-02", "2026-01-06"), [
      "2026-01-02T00:00/2026-01-03T00:00",
      "2026-01-05T00:00/2026-01-06T00:00"
    ])
    assert.deepStrictEqual(Calendar.not(Calendar.not(calendar)).spec, calendar.spec)
  })
})

describe("a calendar is data", () => {
  it.effect("with equality and a codec", () =>
    Effect.gen(function*() {
      const calendar = Calendar.anyOf(
        Calendar.weekly({ mon: ["09:00-17:00"] }, { timeZone: "Europe/Warsaw" }),
        Calendar.days(["sun", "SAT", "12-25"]),
        Calendar.each(Trigger.cron("0 0 * * *"), "1 hour"),
        Calendar.named("holidays"),
        Calendar.windows([{ start: 2, end: 3 }, { start: 0, end: 1 }])
      )
      assert.deepStrictEqual(Object.keys(calendar), ["spec"])
      const json = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(Calendar.CalendarFromJson)(calendar)))
      const decoded = yield* Schema.decodeUnknownEffect(Calendar.CalendarFromJson)(json)
      assert.isTrue(Equal.equals(decoded, calendar))
      assert.strictEqual(Hash.hash(decoded), Hash.hash(calendar))
      assert.isTrue(Equal.equals(Calendar.days(["sat", "sun"]), Calendar.days(["SUN", "sat", "sat"])))
      const refused = yield* Effect.flip(
        Schema.decodeUnknownEffect(Calendar.CalendarFromJson)({ _tag: "days", days: ["someday"], timeZone: "UTC" })
      )
      assert.include(refused.message, "someday")
    }))

  it("that cannot be read is refused", () => {
    const cases: ReadonlyArray<readonly [() => unknown, string]> = [
      [() => Calendar.days(["2026-02-30"]), "days"],
      [() => Calendar.days(["13-01"]), "days"],
      [() => Calendar.days(["saturday"]), "days"],
      [() => Calendar.days(["sat"], { timeZone: "Mars/Olympus" }), "timeZone"],
      [() => Calendar.weekly({ mon: ["9-17"] }), "mon"],
      [() => Calendar.weekly({ tue: ["09:00-24:01"] }), "tue"],
      [() => Calendar.weekly({ wed: ["24:00-25:00"] }), "wed"],
      [() => Calendar.windows([{ start: 5, end: 5 }]), "end"],
      [() => Calendar.windows([{ start: "soon", end: 5 }]), "start"],
      [() => Calendar.each(Trigger.cron("0 0 * * *"), 0), "duration"]
    ]
    for (const [make, field] of cases) {
      try {
        make()
        assert.fail(field)
      } catch (error) {
        assert.instanceOf(error, Trigger.TriggerError)
        assert.strictEqual((error as Trigger.TriggerError).field, field)
      }
    }
  })
})

describe("an iCalendar file", () => {
  const file = (...lines: ReadonlyArray<string>) =>
    Result.getOrThrow(
      Calendar.fromICalendar(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", ...lines, "END:VEVENT", "END:VCALENDAR", ""].join("\r\n"),
        { timeZone: "Europe/Warsaw" }
      )
    )

  it("whole days", () => {
    const calendar = file("SUMMARY:Easter, at\r\n  last", "DTSTART;VALUE=DATE:20260405", "DTEND;VALUE=DATE:20260407")
    assert.deepStrictEqual(stretches(calendar, "2026-04-03", "2026-04-09"), ["2026-04-04T22:00/2026-04-06T22:00"])
  })

  it("times in UTC, in a zone of their own, and in the calendar's", () => {
    assert.deepStrictEqual(
      stretches(file("DTSTART:20260101T100000Z", "DTEND:20260101T113000Z"), "2026-01-01", "2026-01-02"),
      ["2026-01-01T10:00/2026-01-01T11:30"]
    )
    assert.deepStrictEqual(
      stretches(
        file("DTSTART;TZID=\"America/New_York\":20260101T100000", "DURATION:PT90M"),
        "2026-01-01",
        "2026-01-02"
      ),
      ["2026-01-01T15:00/2026-01-01T16:30"]
    )
    assert.deepStrictEqual(
      stretches(file("DTSTART:20260701T100000", "DURATION:PT1H"), "2026-07-01", "2026-07-02"),
      ["2026-07-01T08:00/2026-07-01T09:00"]
    )
  })

  it("events that recur, on the wall", () => {
    const christmas = file("DTSTART;VALUE=DATE:20101225", "DTEND;VALUE=DATE:20101227", "RRULE:FREQ=YEARLY")
    assert.deepStrictEqual(stretches(christmas, "2026-12-23", "2026-12-29"), ["2026-12-24T23:00/2026-12-26T23:00"])
    const sundays = file("DTSTART;VALUE=DATE:20260301", "RRULE:FREQ=WEEKLY;COUNT=5", "EXDATE;VALUE=DATE:20260315")
    assert.deepStrictEqual(stretches(sundays, "2026-02-27", "2026-04-10"), [
      "2026-02-28T23:00/2026-03-01T23:00",
      "2026-03-07T23:00/2026-03-08T23:00",
      "2026-03-21T23:00/2026-03-22T23:00",
      "2026-03-28T23:00/2026-03-29T22:00"
    ])
    const zoned = file("DTSTART;TZID=America/New_York:20260301T100000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY")
    assert.deepStrictEqual(stretches(zoned, "2026-03-08", "2026-03-09"), ["2026-03-08T14:00/2026-03-08T15:00"])
  })

  it("keeps a trigger out of it", () => {
    const calendar = file("DTSTART;VALUE=DATE:20101225", "RRULE:FREQ=YEARLY")
    const trigger = Trigger.cron("0 9 * * *", { timeZone: "Europe/Warsaw" }).pipe(Trigger.except(calendar))
    const days = Trigger.preview(trigger, { from: "2026-12-24T00:00:00Z", count: 2 }).map(({ wall }) =>
      wall.slice(0, 10)
    )
    assert.deepStrictEqual(days, ["2026-12-24", "2026-12-26"])
  })

  it("leaves out what is cancelled, and what has no length", () => {
    assert.deepStrictEqual(file("DTSTART;VALUE=DATE:20260101", "STATUS:CANCELLED").spec, { _tag: "anyOf", of: [] })
    assert.deepStrictEqual(file("DTSTART:20260101T100000Z").spec, { _tag: "anyOf", of: [] })
  })

  it("that is none is refused", () => {
    const fails = (text: string) => {
      const result = Calendar.fromICalendar(text)
      assert.isTrue(Result.isFailure(result), text)
      return Result.isFailure(result) ? result.failure.reason : undefined
    }
    const event = (...lines: ReadonlyArray<string>) =>
      ["BEGIN:VCALENDAR", "BEGIN:VEVENT", ...lines, "END:VEVENT", "END:VCALENDAR"].join("\n")
    assert.strictEqual(fails(""), "syntax")
    assert.strictEqual(fails("hello"), "syntax")
    assert.strictEqual(fails(event("SUMMARY:no start")), "syntax")
    assert.strictEqual(fails(event("DTSTART:20260230")), "syntax")
    assert.strictEqual(fails(event("DTSTART:2026-02-03")), "syntax")
    assert.strictEqual(fails(event("DTSTART:20260101", "DTEND:20250101")), "syntax")
    assert.strictEqual(fails(event("DTSTART:20260101", "DURATION:one day")), "syntax")
    assert.strictEqual(fails(event("DTSTART:20260101T000000Z", "DTEND;TZID=Mars/Olympus:20260102T000000")), "timeZone")
    fails(event("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=SOMETIMES"))
  })

  it("with a few changes is a calendar or a TriggerError, and soon", () => {
    const random = TriggerLaws.random(99)
    const text = [
      "BEGIN:VCALENDAR",
      "BEGIN:VEVENT",
      "DTSTART;TZID=\"Europe/Warsaw\":20260301T100000",
      "DTEND;TZID=Europe/Warsaw:20260301T113000",
      "RRULE:FREQ=MONTHLY;BYDAY=1MO;COUNT=4",
      "EXDATE;TZID=Europe/Warsaw:20260504T100000,20260601T100000",
      "END:VEVENT",
      "BEGIN:VEVENT",
      "DTSTART;VALUE=DATE:20261225",
      "DURATION:P2D",
      "END:VEVENT",
      "END:VCALENDAR"
    ].join("\r\n")
    const begun = performance.now()
    for (let round = 0; round < 2000; round++) {
      let changed = text
      for (let n = random.int(1, 4); n > 0; n--) {
        const at = random.int(0, changed.length)
        const piece = random.pick([
          "",
          ",".repeat(30),
          ";",
          ":",
          "\"",
          "9",
          "\r\n ",
          "P",
          "Z",
          "RDATE:20260101",
          "\u0000"
        ])
        changed = changed.slice(0, at) + piece + changed.slice(at + random.int(0, 5))
      }
      const result = Calendar.fromICalendar(changed)
      if (Result.isSuccess(result)) Calendar.covers(result.success, "2026-06-01")
    }
    assert.isBelow(performance.now() - begun, 10_000)
  })
})
