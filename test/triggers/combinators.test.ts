import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Trigger from "../../src/Trigger.ts"

const { Calendar } = Trigger

const at = (text: string): number => Date.parse(text)
const iso = (instant: number) => new Date(instant).toISOString()
const minute = 60_000
const day = 1440 * minute
const anchor = at("2026-01-01T00:00:00Z")

/** The instants of a trigger after the anchor, as many as given. */
const first = (trigger: Trigger.Trigger, count: number, from = anchor): ReadonlyArray<string> => {
  const instants: Array<string> = []
  let instant = Trigger.occurrences(trigger).next(-Infinity, from)
  while (instant !== undefined && instants.length < count) {
    instants.push(iso(instant))
    instant = Trigger.occurrences(trigger).next(instant, from)
  }
  return instants
}

/** All instants up to an instant. */
const upTo = (trigger: Trigger.Trigger, to: number, from = anchor): ReadonlyArray<number> => {
  const instants: Array<number> = []
  let instant = Trigger.occurrences(trigger).next(-Infinity, from)
  while (instant !== undefined && instant <= to) {
    instants.push(instant)
    instant = Trigger.occurrences(trigger).next(instant, from)
  }
  return instants
}

const fails = (make: () => Trigger.Trigger): Trigger.TriggerError => {
  try {
    make()
  } catch (error) {
    if (error instanceof Trigger.TriggerError) return error
    throw error
  }
  return assert.fail("it should have been refused")
}

describe("intersection", () => {
  it("fires where all agree", () => {
    const friday13 = Trigger.intersection(Trigger.cron("0 9 13 * *"), Trigger.cron("0 9 * * fri"))
    assert.deepStrictEqual(first(friday13, 3), [
      "2026-02-13T09:00:00.000Z",
      "2026-03-13T09:00:00.000Z",
      "2026-11-13T09:00:00.000Z"
    ])
  })

  it("of triggers that count from the anchor", () => {
    const trigger = Trigger.intersection(Trigger.interval("6 minutes"), Trigger.interval("10 minutes"))
    assert.deepStrictEqual(first(trigger, 2), ["2026-01-01T00:30:00.000Z", "2026-01-01T01:00:00.000Z"])
  })

  it("in different zones: nine o'clock in Berlin and in Warsaw, and never in New York", () => {
    const nine = (timeZone: string) => Trigger.cron("0 9 * * *", { timeZone })
    assert.deepStrictEqual(first(Trigger.intersection(nine("Europe/Berlin"), nine("Europe/Warsaw")), 1), [
      "2026-01-01T08:00:00.000Z"
    ])
    assert.strictEqual(
      fails(() => Trigger.intersection(nine("Europe/Berlin"), nine("America/New_York"))).reason,
      "neverFires"
    )
  })

  it("within a threshold: once for each group, at its beginning", () => {
    const trigger = Trigger.intersection(Trigger.cron("0 */6 * * *"), Trigger.cron("2 */12 * * *"), {
      threshold: "2 minutes"
    })
    assert.deepStrictEqual(first(trigger, 2), ["2026-01-01T12:00:00.000Z", "2026-01-02T00:00:00.000Z"])
    // an exact agreement is not anticipated by a member that fires often
    const dense = Trigger.intersection(Trigger.cron("* * * * * *"), Trigger.cron("0 12 * * *"), {
      threshold: "5 seconds"
    })
    assert.deepStrictEqual(first(dense, 2), ["2026-01-01T12:00:00.000Z", "2026-01-02T12:00:00.000Z"])
  })

  it("means the same in any order, and any nesting", () => {
    const [a, b, c] = [Trigger.cron("*/4 * * * *"), Trigger.cron("*/6 * * * *"), Trigger.cron("*/5 * * * *")] as const
    const expected = first(Trigger.intersection(a, b, c), 20)
    assert.deepStrictEqual(first(Trigger.intersection(c, a, b), 20), expected)
    assert.deepStrictEqual(Trigger.intersection(a, Trigger.intersection(b, c)).spec, Trigger.intersection(a, b, c).spec)
  })

  it("against a naive one, with thresholds", () => {
    const random = TriggerLaws.random(5)
    const to = anchor + day / 3
    for (let round = 0; round < 100; round++) {
      const members = Array.from(
        { length: random.int(2, 3) },
        () => Trigger.interval(random.int(2, 40) * minute, { start: anchor - random.int(0, 600) * minute })
      )
      const threshold = random.pick([0, 0, 1, 3, 10]) * minute
      const sets = members.map((member) => upTo(member, to + 60 * minute))
      // every stretch between an instant of one and an instant of another, and of those the ones without a shorter one within
      const ends = sets.flat()
      const stretches = ends.flatMap((start) =>
        ends.filter((end) => end >= start && end - start <= threshold).map((end) => [start, end] as const)
      ).filter(([start, end]) => sets.every((set) => set.some((instant) => instant >= start && instant <= end)))
      const shortest = stretches.filter(([start, end]) =>
        !stretches.some(([from, until]) => from >= start && until <= end && until - from < end - start)
      )
      const expected = Array.from(new Set(shortest.map(([start]) => start))).filter((start) => start <= to).toSorted((
        a,
        b
      ) => a - b)
      if (expected.length === 0) continue
      const trigger = Trigger.intersection(...members, { threshold })
      const label = Trigger.encode(trigger)
      assert.deepStrictEqual(upTo(trigger, to).map(iso), expected.map(iso), label)
      const backward: Array<number> = []
      for (let instant = to + 1;;) {
        const earlier = Trigger.occurrences(trigger).previous(instant, anchor)
        if (earlier === undefined) break
        backward.unshift(instant = earlier)
      }
      assert.deepStrictEqual(backward.map(iso), expected.map(iso), label)
    }
  })

  it("that never happens is refused within 5 ms", () => {
    const pairs: ReadonlyArray<readonly [string, string]> = [
      ["0 9 * * *", "30 9 * * *"],
      ["* * * * * *", "0 0 30 2 *"],
      ["0 0 1 * *", "0 0 2 * *"],
      ["0 * * * *", "30 * * * *"],
      ["*/2 * * * * *", "1-59/2 * * * * *"]
    ]
    for (const [one, other] of pairs) {
      let best = Infinity
      for (let i = 0; i < 50 && best >= 5; i++) {
        const begun = performance.now()
        assert.strictEqual(
          fails(() => Trigger.intersection(Trigger.cron(one), Trigger.cron(other))).reason,
          "neverFires"
        )
        best = Math.min(best, performance.now() - begun)
      }
      assert.isBelow(best, 5, `${one} and ${other}`)
    }
  })

  it("nested searches share one purse of steps", () => {
    const grid = (seconds: number, start: number) => Trigger.interval(`${seconds} seconds`, { start })
    const rare = () =>
      Trigger.intersection(grid(61, 0), Trigger.union(grid(59, 30_000), Trigger.date("2100-01-01T00:00:30Z")))
    const begun = performance.now()
    const error = fails(() =>
      Trigger.intersection(rare(), Trigger.except(grid(60, 1), grid(60, 1)), Trigger.except(grid(2, 1), rare()))
    )
    assert.strictEqual(error.reason, "neverFires")
    assert.isBelow(performance.now() - begun, 500)
  })
})

describe("except", () => {
  it("leaves out the instants of another trigger", () => {
    const trigger = Trigger.cron("0 */8 * * *").pipe(Trigger.except(Trigger.cron("0 16 * * *")))
    assert.deepStrictEqual(first(trigger, 3), [
      "2026-01-01T08:00:00.000Z",
      "2026-01-02T00:00:00.000Z",
      "2026-01-02T08:00:00.000Z"
    ])
  })

  it("that leaves nothing is refused", () => {
    for (const all of ["* * * * * *", "0 9 * * *"]) {
      const begun = performance.now()
      assert.strictEqual(
        fails(() => Trigger.except(Trigger.cron(all), Trigger.cron("* * * * * *"))).reason,
        "neverFires"
      )
      assert.isBelow(performance.now() - begun, 100)
    }
    const weekend = Calendar.days(["sat", "sun"])
    assert.strictEqual(fails(() => Trigger.except(Trigger.cron("0 9 * * sat"), weekend)).reason, "neverFires")
    assert.strictEqual(
      fails(() => Trigger.except(Trigger.cron("0 9 * * *"), Calendar.not(Calendar.anyOf()))).reason,
      "neverFires"
    )
  })

  it("drops, defers or advances what a calendar covers", () => {
    const windows = Calendar.windows([{ start: "2026-01-01T02:30:00Z", end: "2026-01-01T05:15:00Z" }])
    const hourly = Trigger.cron("0 * * * *")
    const hours = (inside: "drop" | "defer" | "advance") =>
      first(Trigger.except(hourly, windows, { inside }), 4).map((text) => text.slice(11, 16))
    assert.deepStrictEqual(hours("drop"), ["01:00", "02:00", "06:00", "07:00"])
    assert.deepStrictEqual(hours("defer"), ["01:00", "02:00", "05:15", "06:00"])
    assert.deepStrictEqual(hours("advance"), ["01:00", "02:00", "02:30", "06:00"])
  })

  it("the end of a window is free, its beginning is not", () => {
    const window = Calendar.windows([{ start: "2026-01-01T02:00:00Z", end: "2026-01-01T03:00:00Z" }])
    assert.deepStrictEqual(
      first(Trigger.except(Trigger.cron("0 * * * *"), window), 3).map((text) => text.slice(11, 16)),
      [
        "01:00",
        "03:00",
        "04:00"
      ]
    )
  })

  it("nothing is advanced to before the anchor", () => {
    const window = Calendar.windows([{ start: "2025-12-31T22:00:00Z", end: "2026-01-01T03:00:00Z" }])
    const trigger = Trigger.except(Trigger.cron("0 * * * *"), window, { inside: "advance" })
    assert.deepStrictEqual(first(trigger, 1), ["2026-01-01T03:00:00.000Z"])
  })

  it("against a naive one, for every rule", () => {
    const random = TriggerLaws.random(6)
    const to = anchor + 10 * day
    for (let round = 0; round < 100; round++) {
      const windows = Array.from({ length: random.int(1, 8) }, () => {
        const start = anchor + random.int(0, 9 * 1440) * minute
        return { start, end: start + random.int(1, 900) * minute }
      })
      const inner = Trigger.interval(random.int(1, 300) * minute, { start: anchor + random.int(0, 60) * minute })
      const covered = (instant: number) => windows.some(({ end, start }) => instant >= start && instant < end)
      const inside = random.pick(["drop", "defer", "advance"] as const)
      const expected = new Set<number>()
      for (const instant of upTo(inner, to + 10 * day)) {
        let moved = instant
        if (inside === "defer") { while (covered(moved)) moved += minute }
        if (inside === "advance") { while (covered(moved) && covered(moved - minute)) moved -= minute }
        if (moved >= anchor && (inside !== "drop" || !covered(moved))) expected.add(moved)
      }
      const sorted = Array.from(expected).filter((instant) => instant <= to).toSorted((a, b) => a - b)
      const trigger = Trigger.except(inner, Calendar.windows(windows), { inside })
      assert.deepStrictEqual(upTo(trigger, to).map(iso), sorted.map(iso), Trigger.encode(trigger))
    }
  })
})

describe("limit", () => {
  it("counts from the anchor", () => {
    const trigger = Trigger.cron("0 9 * * *").pipe(Trigger.limit(2))
    assert.deepStrictEqual(first(trigger, 9), ["2026-01-01T09:00:00.000Z", "2026-01-02T09:00:00.000Z"])
    assert.deepStrictEqual(first(trigger, 9, at("2026-06-01T09:00:00Z")), [
      "2026-06-02T09:00:00.000Z",
      "2026-06-03T09:00:00.000Z"
    ])
  })

  it("finds its end in closed form, however far it is", () => {
    const begun = performance.now()
    const end = (trigger: Trigger.Trigger) => Trigger.occurrences(trigger).previous(Infinity, anchor)!
    assert.strictEqual(end(Trigger.interval("1 second").pipe(Trigger.limit(10_000_000_000))), anchor + 1e13)
    assert.strictEqual(iso(end(Trigger.cron("* * * * *").pipe(Trigger.limit(1440 * 365)))), "2027-01-01T00:00:00.000Z")
    assert.isBelow(performance.now() - begun, 100)
  })

  it("is refused where it could only be counted one by one for long", () => {
    const union = Trigger.union(Trigger.interval("1 second"), Trigger.cron("* * * * *"))
    assert.strictEqual(first(Trigger.limit(union, 10_000), 20_000).length, 10_000)
    for (const times of [10_001, 0, -1, 1.5, NaN]) {
      assert.strictEqual(fails(() => Trigger.limit(union, times)).field, "times")
    }
  })

  it("of a limit is the smaller one", () => {
    const hourly = Trigger.interval("1 hour")
    assert.deepStrictEqual(Trigger.limit(Trigger.limit(hourly, 3), 5).spec, Trigger.limit(hourly, 3).spec)
  })
})

describe("offset", () => {
  it("moves fixed triggers across the anchor", () => {
    const trigger = (duration: "1 hour" | "-1 hours") => Trigger.cron("0 8 * * *").pipe(Trigger.offset(duration))
    const from = at("2026-01-01T08:30:00Z")
    assert.strictEqual(first(trigger("1 hour"), 1, from)[0], "2026-01-01T09:00:00.000Z")
    assert.strictEqual(first(trigger("-1 hours"), 1, from)[0], "2026-01-02T07:00:00.000Z")
  })

  it("moves what is counted from the anchor, and nothing to before it", () => {
    const hourly = Trigger.interval("1 hour")
    assert.strictEqual(first(Trigger.offset(hourly, "5 minutes"), 1)[0], "2026-01-01T01:05:00.000Z")
    assert.strictEqual(first(Trigger.offset(hourly, "-150 minutes"), 1)[0], "2026-01-01T00:30:00.000Z")
  })

  it("adds up, and disappears at zero", () => {
    const daily = Trigger.cron("0 8 * * *")
    assert.deepStrictEqual(daily.pipe(Trigger.offset("1 hour"), Trigger.offset("-1 hours")).spec, daily.spec)
    assert.deepStrictEqual(
      daily.pipe(Trigger.offset("1 hour"), Trigger.offset("1 hour")).spec,
      daily.pipe(Trigger.offset("2 hours")).spec
    )
  })
})

describe("andThen", () => {
  it("begins when the first is exhausted, and counts from there", () => {
    const trigger = Trigger.interval("1 minute").pipe(Trigger.limit(2), Trigger.andThen(Trigger.interval("1 hour")))
    assert.deepStrictEqual(first(trigger, 4), [
      "2026-01-01T00:01:00.000Z",
      "2026-01-01T00:02:00.000Z",
      "2026-01-01T01:02:00.000Z",
      "2026-01-01T02:02:00.000Z"
    ])
  })

  it("begins at once when the first is over already", () => {
    const trigger = Trigger.cron("0 9 * * *").pipe(
      Trigger.between({ end: "2025-01-01" }),
      Trigger.andThen(Trigger.interval("1 hour", { immediate: true }))
    )
    assert.deepStrictEqual(first(trigger, 1), ["2026-01-01T00:00:00.000Z"])
  })

  it("is refused when the first never ends", () => {
    const hourly = Trigger.interval("1 hour")
    for (const endless of [hourly, Trigger.cron("0 9 * * *"), Trigger.union(Trigger.after(1), hourly)]) {
      const error = fails(() => Trigger.andThen(endless, hourly))
      assert.deepStrictEqual([error.reason, error.field], ["neverFires", "second"])
    }
  })
})

describe("bad input", () => {
  const hourly = Trigger.interval("1 hour")
  const cases: ReadonlyArray<readonly [string, () => Trigger.Trigger, Trigger.TriggerError["reason"], string]> = [
    ["an intersection of nothing", () => Trigger.intersection(), "neverFires", "of"],
    [
      "a negative threshold",
      () => Trigger.intersection(hourly, Trigger.after(1), { threshold: -1 }),
      "option",
      "threshold"
    ],
    ["an endless offset", () => Trigger.offset(hourly, "Infinity"), "option", "duration"],
    ["half a millisecond", () => Trigger.offset(hourly, 0.5), "option", "duration"],
    [
      "an unknown rule",
      () => Trigger.except(hourly, Calendar.days(["sat"]), { inside: "later" as never }),
      "option",
      "inside"
    ]
  ]
  for (const [name, make, reason, field] of cases) {
    it(name, () => {
      const error = fails(make)
      assert.deepStrictEqual([error.reason, error.field], [reason, field])
    })
  }
})

describe("a search is bounded", () => {
  let asked = 0
  const Odd = Trigger.custom("odd", {
    parameters: Schema.Struct({}),
    occurrences: () => ({
      next(after, anchor) {
        asked++
        return Math.floor((Math.max(after, anchor) + 1) / 2) * 2 + 1
      },
      previous(before) {
        asked++
        return Math.ceil((before - 1) / 2) * 2 - 1
      }
    })
  })
  const odd = Odd.make({})
  const even = Trigger.offset(odd, 1)
  const calls = (trigger: Trigger.Trigger) => {
    asked = 0
    assert.isUndefined(Trigger.occurrences(trigger).next(anchor, anchor))
    const forward = asked
    asked = 0
    assert.isUndefined(Trigger.occurrences(trigger).previous(anchor + day, anchor))
    return Math.max(forward, asked)
  }

  const cases: ReadonlyArray<readonly [string, () => Trigger.Trigger]> = [
    ["intersection", () => Trigger.intersection(odd, even)],
    ["except", () => Trigger.except(odd, odd)],
    [
      "nested",
      () =>
        Trigger.except(
          Trigger.union(odd, Trigger.intersection(odd, even)),
          Trigger.union(odd, Trigger.except(odd, even))
        )
    ],
    [
      "a calendar",
      () =>
        Trigger.except(
          Trigger.offset(odd, 0),
          Calendar.not(Calendar.windows([{ start: 0, end: 1 }, { start: 4, end: 5 }]))
        )
    ]
  ]
  for (const [name, make] of cases) {
    it(`${name}: some ten thousand questions and no more`, () => assert.isAtMost(calls(make()), 50_000))
  }
})
