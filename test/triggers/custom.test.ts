import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TriggerLaws } from "../../src/testing/index.ts"
import * as Trigger from "../../src/Trigger.ts"

const { Calendar } = Trigger

const Grid = Trigger.custom("test/grid", {
  parameters: Schema.Struct({
    seconds: Schema.Int.check(Schema.isGreaterThan(0)),
    phase: Schema.optionalKey(Schema.Int)
  }),
  occurrences({ phase = 0, seconds }) {
    const period = seconds * 1000
    return {
      next(after, anchor) {
        const at = (Math.floor((Math.max(after, anchor) - phase) / period) + 1) * period + phase
        return at <= 8.64e15 ? at : undefined
      },
      previous(before, anchor) {
        const at = (Math.ceil((Math.min(before, 8.64e15 + 1) - phase) / period) - 1) * period + phase
        return at > anchor ? at : undefined
      }
    }
  },
  describe: ({ seconds }) => `on a grid of ${seconds} seconds`
})

const registry = Trigger.registry({ kinds: [Grid] })

describe("a kind of one's own", () => {
  for (const { name, run } of TriggerLaws.cases(Grid.make({ seconds: 77 }), { registry })) it.effect(name, () => run)

  it("is data, and combines with others", () => {
    const grid = Grid.make({ phase: 5, seconds: 60 })
    assert.strictEqual(
      Trigger.encode(grid),
      `{"_tag":"custom","name":"test/grid","parameters":{"phase":5,"seconds":60}}`
    )
    const trigger = Trigger.union(grid, Trigger.cron("0 * * * *")).pipe(Trigger.limit(3))
    assert.strictEqual(Trigger.occurrences(trigger).next(5, 0), 60_005)
    assert.strictEqual(Trigger.describe(grid), "on a grid of 60 seconds")
  })

  it("is found again in a registry, and shared", () => {
    const trigger = Trigger.between(Grid.make({ seconds: 60 }), { end: "2030-01-01" })
    const decoded = Result.getOrThrow(Trigger.decode(Trigger.encode(trigger), registry))
    assert.isTrue(Equal.equals(decoded, trigger))
    assert.strictEqual(Trigger.occurrences(decoded).next(0, 0), 60_000)
    assert.strictEqual(Result.getOrThrow(Trigger.decode(Trigger.encode(trigger), registry)), decoded)
  })

  it("that nobody knows is told from what is broken", () => {
    const reason = (text: string, registry?: Trigger.Registry) => {
      const result = Trigger.decode(text, registry)
      return Result.isFailure(result) ? result.failure.reason : undefined
    }
    const text = Trigger.encode(Grid.make({ seconds: 60 }))
    assert.strictEqual(reason(text, registry), undefined)
    assert.strictEqual(reason(text), "unknown")
    assert.strictEqual(reason(text.replace("test/grid", "test/other"), registry), "unknown")
    assert.strictEqual(reason(text.replace("60", "-60"), registry), "spec")
    assert.strictEqual(reason(text.replace("parameters", "params"), registry), "spec")
    assert.strictEqual(reason(`{"_tag":"union","of":[${text},{"_tag":"after","millis":1}]}`), "unknown")
  })

  it("refuses parameters that do not fit", () => {
    assert.throws(() => Grid.make({ seconds: 0 }), Trigger.TriggerError)
    const Picky = Trigger.custom("test/picky", {
      parameters: Schema.Struct({ n: Schema.Int }),
      occurrences: ({ n }) => {
        throw new Error(`not ${n}`)
      }
    })
    assert.throws(
      () => Picky.make({ n: 7 }),
      Trigger.TriggerError,
      `test/picky: got {"n":7}, expected parameters that its kind takes (it threw: not 7)`
    )
  })

  it.effect("passes through the codec where nobody knows it, but has no instants there", () =>
    Effect.gen(function*() {
      const json = JSON.parse(Trigger.encode(Grid.make({ seconds: 60 })))
      const decoded = yield* Schema.decodeUnknownEffect(Trigger.TriggerFromJson)(json)
      assert.strictEqual(Trigger.encode(decoded), JSON.stringify(json))
      assert.throws(() => Trigger.next(decoded, { after: 0 }), /test\/grid/)
      const known = Result.getOrThrow(Trigger.resolve(decoded, registry))
      assert.strictEqual(Trigger.occurrences(known).next(0, 0), 60_000)
      assert.isTrue(Equal.equals(known, decoded))
    }))
})

describe("calendars by name", () => {
  const daily = Trigger.cron("0 9 * * *")
  const trigger = Trigger.except(daily, Calendar.named("holidays"))
  const with25 = Trigger.registry({ calendars: { holidays: Calendar.days(["12-25"]) } })

  it("mean what the registry says, each its own", () => {
    const first = (registry: Trigger.Registry) =>
      Trigger.occurrences(Result.getOrThrow(Trigger.decode(Trigger.encode(trigger), registry)))
        .next(Date.parse("2026-12-24T12:00:00Z"), 0)
    const with26 = Trigger.registry({ calendars: { holidays: Calendar.days(["12-25", "12-26"]) } })
    assert.strictEqual(first(with25), Date.parse("2026-12-26T09:00:00Z"))
    assert.strictEqual(first(with26), Date.parse("2026-12-27T09:00:00Z"))
    assert.strictEqual(first(with25), Date.parse("2026-12-26T09:00:00Z"))
  })

  it("have versions, which say that one was edited", () => {
    assert.deepStrictEqual(Object.keys(Trigger.calendarVersions(trigger, with25)), ["holidays"])
    const again = Trigger.registry({ calendars: { holidays: Calendar.days(["12-25"]) } })
    const edited = Trigger.registry({
      calendars: { holidays: { calendar: Calendar.named("polish"), version: "2" }, polish: Calendar.days(["11-11"]) }
    })
    assert.deepStrictEqual(Trigger.calendarVersions(trigger, again), Trigger.calendarVersions(trigger, with25))
    assert.strictEqual(Trigger.calendarVersions(trigger, edited)["holidays"], "2")
    assert.isString(Trigger.calendarVersions(trigger, edited)["polish"])
    assert.deepStrictEqual(Trigger.calendarVersions(trigger), { holidays: undefined })
    assert.deepStrictEqual(Trigger.calendarVersions(daily, with25), {})
  })

  it("that nobody knows, or that lead to themselves", () => {
    const unknown = Trigger.resolve(trigger, registry)
    assert.isTrue(Result.isFailure(unknown) && unknown.failure.reason === "unknown")
    assert.throws(
      () => Trigger.registry({ calendars: { a: Calendar.not(Calendar.named("b")), b: Calendar.named("a") } }),
      /does not refer to itself/
    )
    assert.throws(() => Trigger.registry({ calendars: { a: Calendar.named("b") } }), /registry knows/)
  })

  it("inline ones need no registry", () => {
    const inline = Trigger.except(daily, Calendar.days(["12-25"]))
    assert.strictEqual(Result.getOrThrow(Trigger.decode(Trigger.encode(inline))), inline)
    assert.strictEqual(Result.getOrThrow(Trigger.decode(Trigger.encode(inline), with25)), inline)
  })

  it.effect("come as a Layer", () =>
    Effect.gen(function*() {
      const found = yield* Trigger.CurrentRegistry
      assert.isTrue(found.kinds.has("test/grid"))
      assert.isTrue(Result.isSuccess(Trigger.resolve(trigger, found)))
    }).pipe(
      Effect.provide(Trigger.layerRegistry({ kinds: [Grid], calendars: { holidays: Calendar.days(["12-25"]) } }))
    ))
})
