import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { TriggerLaws } from "../src/testing/index.ts"
import * as Trigger from "../src/Trigger.ts"

const at = (text: string): number => Date.parse(text)

const kinds: ReadonlyArray<readonly [name: string, trigger: Trigger.Trigger]> = [
  ["date", Trigger.date("2026-03-01T12:00:00Z")],
  ["dates", Trigger.dates(["2026-03-02", "2026-03-01", new Date(at("2026-03-05T00:00:00Z"))])],
  ["after", Trigger.after("90 minutes")],
  ["interval", Trigger.interval("7 hours")],
  ["interval from the anchor on", Trigger.interval("7 hours", { immediate: true })],
  ["interval with bounds", Trigger.interval("1 day", { start: "2026-02-20T03:00:00Z", end: "2026-03-20" })],
  ["cron", Trigger.cron("*/20 9-17 * * mon-fri", { timeZone: "Europe/Warsaw" })],
  [
    "cron with every option",
    Trigger.cron("0 30 2 ? 3/2 FRI#2", {
      timeZone: "America/New_York",
      gap: "shift",
      overlap: "second",
      dialect: "quartz",
      start: "2026-01-01",
      end: "2030-01-01"
    })
  ],
  ["cron fields", Trigger.cron({ day: "last fri", hour: "8-18/2" }, { timeZone: "Asia/Kathmandu" })],
  ["union", Trigger.union(Trigger.interval("5 hours"), Trigger.cron("0 9 * * *"), Trigger.date("2026-03-03"))],
  ["between", Trigger.between(Trigger.cron("0 * * * *"), { start: "2026-03-01T10:00:00Z", end: "2026-03-02" })]
]

/** The first instants of a trigger from an anchor on. */
const enumerate = (trigger: Trigger.Trigger, anchor: number, count: number): Array<number> => {
  const out: Array<number> = []
  let instant: number | undefined = anchor - 1
  while (out.length < count) {
    instant = Trigger.occurrences(trigger).next(instant, anchor)
    if (instant === undefined) break
    out.push(instant)
  }
  return out
}

describe("a Trigger is data", () => {
  it("has one enumerable key, and is JSON", () => {
    const trigger = Trigger.interval("10 minutes")
    assert.deepStrictEqual(Object.keys(trigger), ["spec"])
    assert.strictEqual(JSON.stringify(trigger), `{"_tag":"interval","millis":600000}`)
    assert.strictEqual(String(trigger), `Trigger({"_tag":"interval","millis":600000})`)
  })

  it("is told from other values", () => {
    assert.isTrue(Trigger.isTrigger(Trigger.after(1)))
    for (const other of [Schedule.forever, { spec: {} }, null, "0 9 * * *"]) assert.isFalse(Trigger.isTrigger(other))
  })

  it("differs from a trigger that means something else", () => {
    assert.isFalse(Equal.equals(Trigger.interval("1 hour"), Trigger.interval("1 hour", { immediate: true })))
    assert.isTrue(Equal.equals(Trigger.interval("1 hour"), Trigger.interval("60 minutes")))
  })

  it("cannot be changed, because equal triggers share it", () => {
    const { spec } = Trigger.dates([1, 2])
    assert.throws(() => (spec as unknown as { at: Array<number> }).at.push(3), TypeError)
    assert.throws(() => Object.assign(spec, { at: [] }), TypeError)
  })

  it("leaves out what says nothing", () => {
    assert.deepStrictEqual(
      Trigger.cron("0 9 * * *", { timeZone: undefined, gap: undefined, dialect: "crontab" }).spec,
      { _tag: "cron", expression: "0 9 * * *", timeZone: "UTC" }
    )
    const hourly = Trigger.interval("1 hour")
    assert.isTrue(Equal.equals(Trigger.union(hourly), hourly))
    assert.isTrue(Equal.equals(Trigger.between(hourly, {}), hourly))
    assert.isTrue(Equal.equals(
      Trigger.union(hourly, Trigger.union(Trigger.after(1), Trigger.after(2))),
      Trigger.union(hourly, Trigger.after(1), Trigger.after(2))
    ))
  })

  it.effect("has a codec to JSON", () =>
    Effect.gen(function*() {
      const Request = Schema.Struct({ when: Trigger.TriggerFromJson })
      for (const [name, trigger] of kinds) {
        const json = yield* Schema.encodeEffect(Request)({ when: trigger })
        assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), { when: trigger.spec }, name)
        const decoded = yield* Schema.decodeUnknownEffect(Request)(JSON.parse(JSON.stringify(json)))
        assert.isTrue(Equal.equals(decoded.when, trigger), name)
      }
      const refused = yield* Effect.flip(
        Schema.decodeEffect(Request)({ when: { _tag: "interval", millis: 0 } })
      )
      assert.include(refused.message, "period")
    }))
})

describe("laws of every kind", () => {
  for (const [name, trigger] of kinds) {
    for (const { name: law, run } of TriggerLaws.cases(trigger)) it.effect(`${name}: ${law}`, () => run)
  }
})

describe("a Trigger is a Schedule", () => {
  it.effect("fires to the millisecond, and hands over the planned instant", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(at("2026-01-01T00:01:30.250Z"))
      const fired: Array<string> = []
      const job = Effect.gen(function*() {
        const { output } = yield* Schedule.CurrentMetadata
        assert.isTrue(DateTime.isDateTime(output))
        assert.strictEqual(DateTime.toEpochMillis(output as DateTime.Utc), yield* Clock.currentTimeMillis)
        fired.push(DateTime.formatIso(output as DateTime.Utc))
        yield* Effect.sleep("90 seconds") // a slow job does not make it drift
      })
      const fiber = yield* Effect.forkChild(Effect.schedule(job, Trigger.cron("*/5 * * * *")))
      yield* TestClock.adjust("16 minutes")
      assert.deepStrictEqual(fired, [
        "2026-01-01T00:05:00.000Z",
        "2026-01-01T00:10:00.000Z",
        "2026-01-01T00:15:00.000Z"
      ])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("never fires an instant twice when a timer wakes early", () =>
    Effect.gen(function*() {
      const step = yield* Schedule.toStep(Trigger.cron("* * * * * *"))
      const outputs: Array<number> = []
      let now = at("2026-01-01T00:00:00.500Z")
      for (let i = 0; i < 5; i++) {
        const [output] = yield* Effect.catchCause(step(now, undefined), () => Effect.die("done"))
        outputs.push(DateTime.toEpochMillis(output))
        now = DateTime.toEpochMillis(output) - 2 // woken two milliseconds before its time
      }
      assert.deepStrictEqual(outputs, [1, 2, 3, 4, 5].map((s) => at("2026-01-01T00:00:00Z") + s * 1000))
    }))

  it.effect("has fresh state for each use, and ends when nothing is left", () =>
    Effect.gen(function*() {
      const trigger = Trigger.interval("1 second", { immediate: true, end: 2500 })
      let runs = 0
      const use = Effect.schedule(Effect.sync(() => runs++), trigger)
      const first = yield* Effect.forkChild(use)
      yield* TestClock.adjust("1500 millis")
      const second = yield* Effect.forkChild(use)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(first), DateTime.makeUnsafe(2000))
      assert.deepStrictEqual(yield* Fiber.join(second), DateTime.makeUnsafe(2500))
      assert.strictEqual(runs, 5) // 0, 1000, 2000, and 1500, 2500
    }))

  it.effect("works with the combinators of Schedule", () =>
    Effect.gen(function*() {
      let runs = 0
      const fiber = yield* Effect.forkChild(
        Effect.schedule(Effect.sync(() => runs++), Trigger.interval("1 minute").pipe(Schedule.upTo({ times: 3 })))
      )
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.strictEqual(runs, 3)
    }))
})

describe("kinds", () => {
  const anchor = at("2026-01-01T00:00:00Z")
  const iso = (trigger: Trigger.Trigger, count: number) =>
    enumerate(trigger, anchor, count).map((instant) => new Date(instant).toISOString())

  it("a date in the past stays, whatever the anchor", () => {
    const { next } = Trigger.occurrences(Trigger.date("2020-01-01"))
    assert.strictEqual(next(-Infinity, anchor), at("2020-01-01"))
  })

  it("dates come in order, and once", () => {
    assert.deepStrictEqual(
      Trigger.dates(["2026-02-01", "2026-01-01", DateTime.makeUnsafe("2026-02-01"), 1]).spec,
      { _tag: "dates", at: [1, at("2026-01-01"), at("2026-02-01")] }
    )
  })

  it("text without an offset is UTC", () => {
    assert.strictEqual(enumerate(Trigger.date("2026-07-01T09:00"), 0, 1)[0], at("2026-07-01T09:00:00Z"))
  })

  it("an interval is counted from the anchor, or from its start", () => {
    assert.deepStrictEqual(iso(Trigger.interval("8 hours"), 2), [
      "2026-01-01T08:00:00.000Z",
      "2026-01-01T16:00:00.000Z"
    ])
    assert.deepStrictEqual(iso(Trigger.interval("8 hours", { immediate: true }), 2), [
      "2026-01-01T00:00:00.000Z",
      "2026-01-01T08:00:00.000Z"
    ])
    assert.deepStrictEqual(iso(Trigger.interval("8 hours", { start: anchor }), 1), ["2026-01-01T00:00:00.000Z"])
    assert.deepStrictEqual(iso(Trigger.interval("8 hours", { start: "2025-12-30T03:00:00Z" }), 1), [
      "2026-01-01T03:00:00.000Z"
    ])
    assert.deepStrictEqual(iso(Trigger.interval("8 hours", { start: "2026-02-01", end: "2026-02-01T08:00Z" }), 9), [
      "2026-02-01T00:00:00.000Z",
      "2026-02-01T08:00:00.000Z"
    ])
  })

  it("cron has no instant at its anchor or before", () => {
    const { next, previous } = Trigger.occurrences(Trigger.cron("0 0 * * *"))
    assert.strictEqual(next(-Infinity, anchor), at("2026-01-02"))
    assert.isUndefined(previous(at("2026-01-02"), anchor))
  })

  it("next and previous take their trigger first or last", () => {
    const trigger = Trigger.cron("0 9 * * *")
    const expected = Option.some(DateTime.makeUnsafe("2026-01-02T09:00:00Z"))
    assert.deepStrictEqual(Trigger.next(trigger, { after: "2026-01-01T09:00:00Z" }), expected)
    assert.deepStrictEqual(trigger.pipe(Trigger.next({ after: "2026-01-01T09:00:00Z" })), expected)
    assert.deepStrictEqual(Trigger.previous(trigger, { before: "2026-01-03", anchor: "2026-01-01" }), expected)
    assert.deepStrictEqual(trigger.pipe(Trigger.previous({ before: "2026-01-03", anchor: "2026-01-01" })), expected)
    assert.deepStrictEqual(
      trigger.pipe(Trigger.next({ after: "2026-01-01", anchor: "2027-01-01" })),
      Option.some(DateTime.makeUnsafe("2027-01-01T09:00:00Z"))
    )
  })

  it("between is inclusive at both ends and moves nothing", () => {
    const trigger = Trigger.interval("8 hours").pipe(Trigger.between({ start: "2026-01-01T16:00Z", end: "2026-01-02" }))
    assert.deepStrictEqual(iso(trigger, 9), ["2026-01-01T16:00:00.000Z", "2026-01-02T00:00:00.000Z"])
  })

  it("a union fires once where its members agree", () => {
    const trigger = Trigger.union(Trigger.cron("0 */2 * * *"), Trigger.cron("0 */3 * * *"))
    assert.deepStrictEqual(enumerate(trigger, anchor, 5).map((instant) => new Date(instant).getUTCHours()), [
      2,
      3,
      4,
      6,
      8
    ])
  })
})

describe("bad input", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      make: () => Trigger.Trigger,
      reason: Trigger.TriggerError["reason"],
      field: string,
      value: string
    ]
  > = [
    ["no instant", () => Trigger.date("tomorrow"), "option", "at", `"tomorrow"`],
    ["no dates", () => Trigger.dates([]), "neverFires", "at", "[]"],
    ["a negative delay", () => Trigger.after(-1), "option", "duration", "-1 ms"],
    ["an endless delay", () => Trigger.after("Infinity"), "option", "duration", "Infinity ms"],
    ["no duration", () => Trigger.interval("soon" as never), "option", "period", `"soon"`],
    ["a period of nothing", () => Trigger.interval(0), "option", "period", "0 ms"],
    ["a negative period", () => Trigger.interval("-1 hours" as never), "option", "period", "-3600000 ms"],
    ["half a millisecond", () => Trigger.interval(0.5), "option", "period", "0.5 ms"],
    [
      "an end before the start",
      () => Trigger.interval("1 hour", { start: "2026-02-01", end: "2026-01-01" }),
      "neverFires",
      "end",
      "2026-01-01T00:00:00.000Z"
    ],
    [
      "a start beside immediate",
      () => Trigger.interval("1 hour", { start: "2026-02-01", immediate: true }),
      "option",
      "immediate",
      "true"
    ],
    ["an empty union", () => Trigger.union(), "neverFires", "of", "[]"],
    [
      "between backwards",
      () => Trigger.between(Trigger.after(1), { start: 2, end: 1 }),
      "neverFires",
      "end",
      "1970-01-01T00:00:00.001Z"
    ],
    [
      "between that leaves nothing",
      () => Trigger.between(Trigger.cron("0 0 29 2 *"), { start: "2026-01-01", end: "2027-01-01" }),
      "neverFires",
      "between",
      `{"_tag":"between","of":{"_tag":"cron","expression":"0 0 29 2 *","timeZone":"U...`
    ]
  ]

  for (const [name, make, reason, field, value] of cases) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Trigger.attempt(make))
        assert.strictEqual(error._tag, "TriggerError")
        assert.deepStrictEqual([error.reason, error.field, error.value], [reason, field, value])
        assert.throws(make, error.message)
      }))
  }

  it("text that is no trigger", () => {
    const fail = (text: string) => {
      const result = Trigger.decode(text)
      assert.isTrue(Result.isFailure(result), text)
      return Result.isFailure(result) ? result.failure : undefined
    }
    for (
      const text of [
        "",
        "{",
        "null",
        "[]",
        `{"_tag":"moon"}`,
        `{"_tag":"interval"}`,
        `{"_tag":"interval","millis":"5"}`,
        `{"_tag":"interval","millis":5,"jitter":1}`,
        `{"_tag":"union","of":[{"_tag":"dates"}]}`
      ]
    ) assert.deepStrictEqual([fail(text)?.reason, fail(text)?.field], ["spec", "spec"], text)
    const nested = `{"_tag":"between","start":1,"of":`.repeat(20_000) + `{"_tag":"dates","at":[1]}` + "}".repeat(20_000)
    assert.strictEqual(fail(nested)?.reason, "spec")
    assert.strictEqual(fail(`{"_tag":"interval","millis":0}`)?.field, "period")
    assert.strictEqual(fail(`{"_tag":"cron","expression":"x","timeZone":"UTC"}`)?.reason, "syntax")
  })

  it.effect("attempt lets bugs through", () =>
    Effect.gen(function*() {
      const bug = new Error("a bug")
      const exit = yield* Effect.exit(Trigger.attempt(() => {
        throw bug
      }))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === bug)
    }))

  it("refuses to make what nobody could read back", () => {
    const nested = (levels: number) => {
      let trigger = Trigger.cron("*/5 * * * *")
      for (let i = 0; i < levels; i++) trigger = i % 2 === 0 ? Trigger.limit(trigger, 9) : Trigger.offset(trigger, 1)
      return trigger
    }
    const deepest = nested(60)
    assert.strictEqual(Result.getOrUndefined(Trigger.decode(Trigger.encode(deepest))), deepest)
    assert.throws(() => nested(70), /no deeper than 64 levels/)
  })
})

describe("types", () => {
  it("a trigger is a schedule of instants that cannot fail and needs nothing", () => {
    const schedule: Schedule.Schedule<DateTime.Utc> = Trigger.after(1)
    const attempted: Effect.Effect<Trigger.Trigger, Trigger.TriggerError> = Trigger.attempt(() => Trigger.after(1))
    const result: Result.Result<Trigger.Trigger, Trigger.TriggerError> = Trigger.parseCron("0 9 * * *")
    const codec: Schema.Codec<Trigger.Trigger, Trigger.TriggerSpec> = Trigger.TriggerFromJson
    // @ts-expect-error a Schedule that went through a combinator is no longer a Trigger
    const trigger: Trigger.Trigger = Trigger.after(1).pipe(Schedule.upTo({ times: 3 }))
    // @ts-expect-error previous needs to know the anchor
    const previous = () => Trigger.previous(Trigger.after(1), { before: 0 })
    // @ts-expect-error there is no such gap policy
    const cron = () => Trigger.cron("0 9 * * *", { gap: "later" })
    assert.isDefined([schedule, attempted, result, codec, trigger, previous, cron])
  })
})
