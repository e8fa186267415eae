import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../src/testing/trigger-laws/random.ts"
import { fromIntl } from "../../src/triggers/zone/offsets.ts"
import * as Table from "../../src/triggers/zone/table.ts"
import * as Zone from "../../src/triggers/zone/zone.ts"
import * as Oracle from "./oracle.ts"

const iso = (epochSeconds: number) => new Date(epochSeconds * 1000).toISOString()

describe("zone tables", () => {
  it("agree with Intl at random instants of every zone, from 1970 to 2100, and later", () => {
    const random = Random.make(11)
    for (const zone of Intl.supportedValuesOf("timeZone")) {
      const table = Zone.table("timeZone", zone)
      const clock = Oracle.wallClock(zone)
      for (let i = 0; i < 12; i++) {
        const t = i < 10 ? random.int(0, 4_102_444_800) : random.int(4_102_444_800, 250_000_000_000)
        const segment = table.at(t)
        assert.isTrue(segment.start <= t && t < segment.end, `${zone} ${iso(t)}`)
        assert.strictEqual(segment.offset, clock(t * 1000) / 1000 - t, `${zone} ${iso(t)}`)
      }
    }
  }, 60_000)

  it("are exact to the second around each change, and join without a gap", () => {
    const zones = [
      "America/New_York",
      "Europe/Dublin",
      "Africa/Casablanca",
      "America/Recife",
      "Africa/Monrovia",
      "Pacific/Apia"
    ]
    for (const zone of zones) {
      const table = Zone.table("timeZone", zone)
      const clock = Oracle.wallClock(zone)
      const offsetAt = (t: number) => clock(t * 1000) / 1000 - t
      let segment = table.at(0)
      for (let n = 0; n < 200 && segment.end < 2_000_000_000; n++) {
        assert.strictEqual(offsetAt(segment.end - 1), segment.offset, `${zone} before ${iso(segment.end)}`)
        assert.strictEqual(offsetAt(segment.end), segment.after, `${zone} at ${iso(segment.end)}`)
        const following = table.at(segment.end)
        assert.isTrue(following.start <= segment.end && segment.end < following.end, `${zone} from ${iso(segment.end)}`)
        // a stretch that was looked at by itself may lie within a longer one, with the change before it long past
        if (following.start === segment.end) assert.strictEqual(following.before, segment.offset)
        else if (following.before !== following.offset) assert.isAtLeast(segment.end - following.start, 86_400)
        assert.strictEqual(following.offset, segment.after)
        segment = following
      }
    }
  })

  it("know the changes of the books", () => {
    const changes = (zone: string, from: string, to: string): Array<string> => {
      const table = Zone.table("timeZone", zone)
      const out: Array<string> = []
      for (let s = table.at(Date.parse(from) / 1000); s.end < Date.parse(to) / 1000; s = table.at(s.end)) {
        if (s.after !== s.offset) out.push(`${iso(s.end)} ${s.offset} ${s.after}`)
      }
      return out
    }
    assert.deepStrictEqual(changes("America/New_York", "2026-01-01", "2027-01-01"), [
      "2026-03-08T07:00:00.000Z -18000 -14400",
      "2026-11-01T06:00:00.000Z -14400 -18000"
    ])
    assert.deepStrictEqual(changes("Australia/Lord_Howe", "2026-01-01", "2027-01-01"), [
      "2026-04-04T15:00:00.000Z 39600 37800",
      "2026-10-03T15:30:00.000Z 37800 39600"
    ])
    assert.deepStrictEqual(changes("Pacific/Apia", "2011-10-01", "2012-01-01"), [
      "2011-12-30T10:00:00.000Z -36000 50400"
    ])
    assert.deepStrictEqual(changes("Africa/Monrovia", "1971-12-01", "1972-02-01"), ["1972-01-07T00:44:30.000Z -2670 0"])
    // two changes, a week apart
    assert.deepStrictEqual(changes("America/Recife", "2000-10-01", "2000-11-01"), [
      "2000-10-08T03:00:00.000Z -10800 -7200",
      "2000-10-15T02:00:00.000Z -7200 -10800"
    ])
  })

  it("are shared by the names of a zone, and found once", () => {
    assert.strictEqual(Zone.table("timeZone", "Asia/Kolkata"), Zone.table("timeZone", "Asia/Calcutta"))
    assert.strictEqual(Zone.table("timeZone", "Etc/UTC"), Zone.table("timeZone", "UTC"))
    let asked = 0
    const warsaw = fromIntl("Europe/Warsaw")!
    const table = Table.make((t) => {
      asked++
      return warsaw.offsetAt(t)
    })
    // two questions tell that nothing changes around an instant; whoever comes back has all changes of some years found
    table.at(1_700_000_000)
    assert.strictEqual(asked, 2)
    table.at(1_701_000_000)
    table.at(1_702_000_000)
    const once = asked
    for (let t = 1_700_000_000; t < 1_701_000_000; t += 999) table.at(t)
    assert.strictEqual(asked, once)
    assert.isBelow(once, 600)
  })

  it("of years after 2128 are those of years of the same kind, without asking", () => {
    let asked = 0
    const zone = fromIntl("Africa/Cairo")!
    const table = Table.make((t) => {
      asked++
      return zone.offsetAt(t)
    })
    for (let t = Date.UTC(2101, 0, 1) / 1000; t < Date.UTC(2129, 0, 1) / 1000; t += 86_400 * 3) table.at(t)
    const once = asked
    const random = Random.make(5)
    for (let i = 0; i < 2000; i++) {
      const t = random.int(5_017_680_000, 253_000_000_000)
      const { before, end, offset, start } = table.at(t)
      assert.isTrue(start <= t && t < end)
      assert.strictEqual(zone.offsetAt(t), offset)
      assert.strictEqual(zone.offsetAt(start), offset)
      assert.strictEqual(zone.offsetAt(start - 1), before)
      assert.strictEqual(zone.offsetAt(end - 1), offset)
    }
    assert.strictEqual(asked, once)
  })

  it("of fixed offsets never change", () => {
    for (
      const [name, offset] of [["+05:45", 20_700], ["-0330", -12_600], ["+14", 50_400], ["-00:44:30", -2670]] as const
    ) {
      const segment = Zone.table("timeZone", name).at(0)
      assert.deepStrictEqual([segment.start, segment.end, segment.offset], [-Infinity, Infinity, offset])
    }
  })
})
