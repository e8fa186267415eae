import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as Trigger from "../../../src/Trigger.ts"

const iso = (instants: ReadonlyArray<DateTime.Utc>) => instants.map(DateTime.formatIso)

describe("forecast", () => {
  const window = { from: "2026-01-01T00:00:00Z", to: "2026-01-01T04:00:00Z" }
  const jobs = [
    { id: "hourly", trigger: Trigger.cron("0 * * * *"), anchor: 0 },
    { id: "two", trigger: Trigger.cron("0 2 * * *") },
    { id: "also two", trigger: Trigger.date("2026-01-01T02:00:00Z") },
    { id: "three", trigger: Trigger.cron("0,30 3 * * *") }
  ]

  it("load and collisions", () => {
    const forecast = Trigger.forecast(jobs, window)
    assert.strictEqual(forecast.total, 8)
    assert.deepStrictEqual(forecast.buckets.map(({ count }) => count), [1, 1, 3, 3])
    assert.deepStrictEqual(
      forecast.collisions.map(({ at, ids }) => [DateTime.formatIso(at).slice(11, 16), ...ids]),
      [["02:00", "hourly", "two", "also two"], ["03:00", "hourly", "three"]]
    )
    assert.isTrue(forecast.complete)
  })

  it("in buckets of any length, the last one cut off", () => {
    const { buckets } = Trigger.forecast(jobs, { ...window, bucket: "90 minutes" })
    assert.deepStrictEqual(buckets.map(({ count }) => count), [2, 3, 3])
    assert.strictEqual(DateTime.formatIso(buckets[2]!.start), "2026-01-01T03:00:00.000Z")
  })

  it("has bounds, and says when it reached one", () => {
    const everySecond = [{ id: "a", trigger: Trigger.interval("1 second") }]
    const forecast = Trigger.forecast(everySecond, { ...window, limit: 100 })
    assert.deepStrictEqual([forecast.total, forecast.complete], [100, false])
    assert.throws(() => Trigger.forecast(jobs, { from: 0, to: "2026-01-01", bucket: "1 second" }), /bucket/)
    assert.throws(() => Trigger.forecast(jobs, { from: window.to, to: window.from }), /to: got/)
  })

  it("spreads jitter, also out of a window and into it", () => {
    const trigger = Trigger.jitter(Trigger.cron("0 * * * *"), "1 hour")
    const spread = Array.from({ length: 200 }, (_, i) => ({ id: `job-${i}`, trigger, anchor: 0 }))
    const { buckets, total } = Trigger.forecast(spread, { ...window, bucket: "15 minutes" })
    assert.strictEqual(buckets.reduce((sum, { count }) => sum + count, 0), total)
    for (const { count } of buckets) assert.closeTo(count, 50, 30)
  })
})

describe("diff", () => {
  it("added, removed and kept", () => {
    const diff = Trigger.diff(Trigger.cron("0 9,12 * * *"), Trigger.cron("0 10,12 * * *"), {
      from: "2026-01-01T00:00:00Z",
      to: "2026-01-02T00:00:00Z"
    })
    assert.deepStrictEqual(iso(diff.removed), ["2026-01-01T09:00:00.000Z"])
    assert.deepStrictEqual(iso(diff.added), ["2026-01-01T10:00:00.000Z"])
    assert.deepStrictEqual(iso(diff.kept), ["2026-01-01T12:00:00.000Z"])
    assert.strictEqual(DateTime.formatIso(diff.until), "2026-01-02T00:00:00.000Z")
  })

  it("ends where there are too many", () => {
    const diff = Trigger.diff(Trigger.cron("* * * * *"), Trigger.after("1 hour"), { from: 0, to: 864e5, limit: 5 })
    assert.strictEqual(diff.removed.length, 5)
    assert.strictEqual(DateTime.toEpochMillis(diff.until), 5 * 60_000)
  })
})

describe("time-zone data", () => {
  const window = { from: "2026-01-01", to: "2027-01-01" }
  const cairo = { id: "cairo", trigger: Trigger.cron("0 9 1 * *", { timeZone: "Africa/Cairo" }), anchor: 0 }
  const utc = { id: "utc", trigger: Trigger.cron("0 9 1 * *"), anchor: 0 }

  it("has a version", () => {
    assert.match(Trigger.zoneDataVersion, /^\d{4}[a-z]$/)
  })

  it("nothing moves while it stays the same", () => {
    const record = Trigger.recordZoneData([cairo, utc], window)
    assert.strictEqual(record.version, Trigger.zoneDataVersion)
    assert.deepStrictEqual(Trigger.diffZoneData(record, [cairo, utc]), {
      before: record.version,
      after: record.version,
      moved: [],
      unknown: []
    })
  })

  it("a country that gives up summer time moves the fires of half a year", () => {
    // what a database without Egypt's summer time of 2023 would have said: nine o'clock is seven in UTC all the year
    const winter = { ...cairo, trigger: Trigger.cron("0 9 1 * *", { timeZone: "+02:00" }) }
    const made = Trigger.recordZoneData([winter, utc], window)
    const record = Schema.decodeUnknownSync(Trigger.ZoneDataRecord)(
      JSON.parse(JSON.stringify({ ...made, version: "2022z" }))
    )
    const { before, moved, unknown } = Trigger.diffZoneData(record, [cairo, utc])
    assert.strictEqual(before, "2022z")
    assert.deepStrictEqual(unknown, [])
    assert.deepStrictEqual(moved.map(({ wall }) => wall.slice(0, 10)), [
      "2026-05-01",
      "2026-06-01",
      "2026-07-01",
      "2026-08-01",
      "2026-09-01",
      "2026-10-01"
    ])
    for (const { after, before, id } of moved) {
      assert.strictEqual(id, "cairo")
      assert.strictEqual(DateTime.toEpochMillis(before!) - DateTime.toEpochMillis(after!), 3_600_000)
    }
  })

  it("fires that are gone or new, and jobs that are not in both", () => {
    const daily = { id: "j", trigger: Trigger.dates(["2026-02-01", "2026-03-01"]) }
    const record = Trigger.recordZoneData([daily, utc], window)
    const { moved, unknown } = Trigger.diffZoneData(record, [
      { id: "j", trigger: Trigger.dates(["2026-02-01", "2026-04-01"]) },
      cairo
    ])
    assert.deepStrictEqual(
      moved.map(({ after, before, wall }) => [wall.slice(0, 10), before !== undefined, after !== undefined]),
      [["2026-03-01", true, false], ["2026-04-01", false, true]]
    )
    assert.deepStrictEqual(unknown, ["cairo", "utc"])
  })
})
