import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Trigger from "../../src/Trigger.ts"

const minute = 60_000
const hourly = Trigger.cron("0 * * * *")
const anchor = Date.parse("2026-01-01T00:00:00Z")
const nominal = anchor + 60 * minute

describe("planned instants", () => {
  it("are the same in every version of the library", () => {
    const trigger = Trigger.jitter(hourly, "30 minutes")
    const delays = ["a", "b", "digest/acme", "żółw", ""].map((seed) =>
      Trigger.planned(trigger, seed, nominal, anchor) - nominal
    )
    assert.deepStrictEqual(delays, [289007, 1001954, 442904, 886308, 725032])
    assert.notStrictEqual(
      Trigger.planned(trigger, "a", nominal + 60 * minute, anchor) - nominal - 60 * minute,
      delays[0]
    )
  })

  it("are spread evenly over jobs, and over instants", () => {
    const trigger = Trigger.jitter(hourly, "10 minutes")
    const minutes = (delay: (i: number) => number) => {
      const counts = Array.from({ length: 10 }, () => 0)
      for (let i = 0; i < 10_000; i++) counts[Math.floor(delay(i) / minute)]!++
      return counts
    }
    for (
      const counts of [
        minutes((i) => Trigger.planned(trigger, `job-${i}`, nominal, anchor) - nominal),
        minutes((i) => Trigger.planned(trigger, "job", nominal + i * 60 * minute, anchor) - nominal - i * 60 * minute)
      ]
    ) for (const count of counts) assert.closeTo(count, 1000, 130)
  })

  it("lie before the next nominal instant, however large the jitter", () => {
    const trigger = Trigger.jitter(hourly, "1000 days")
    for (let i = 0; i < 1000; i++) {
      const planned = Trigger.planned(trigger, `job-${i}`, nominal, anchor)
      assert.isTrue(planned >= nominal && planned < nominal + 60 * minute)
    }
    const last = Trigger.jitter(Trigger.date(nominal), "1000 days")
    const delays = Array.from({ length: 100 }, (_, i) => Trigger.planned(last, `job-${i}`, nominal, anchor) - nominal)
    assert.isAbove(Math.max(...delays), 900 * 1440 * minute)
  })

  it("are the nominal ones without jitter", () => {
    assert.strictEqual(Trigger.planned(hourly, "job", nominal, anchor), nominal)
    assert.strictEqual(Trigger.newestDue(hourly, "job", nominal, anchor), nominal)
    assert.deepStrictEqual(Trigger.jitter(hourly, 0).spec, hourly.spec)
  })

  it("say what is due", () => {
    const trigger = Trigger.jitter(hourly, "30 minutes")
    const planned = Trigger.planned(trigger, "job", nominal, anchor)
    assert.isUndefined(Trigger.newestDue(trigger, "job", planned - 1, anchor))
    assert.strictEqual(Trigger.newestDue(trigger, "job", planned, anchor), nominal)
    assert.strictEqual(Trigger.newestDue(trigger, "job", nominal + 60 * minute - 1, anchor), nominal)
  })
})

describe("jitter comes last", () => {
  // as one that comes from a store, of which the compiler knows nothing more
  const jittered: Trigger.Trigger = Trigger.jitter(hourly, "1 minute")
  const inside: ReadonlyArray<readonly [string, () => Trigger.Trigger]> = [
    ["union", () => Trigger.union(jittered, hourly)],
    ["intersection", () => Trigger.intersection(jittered, hourly)],
    ["except", () => Trigger.except(hourly, jittered)],
    ["except a calendar", () => Trigger.except(jittered, Trigger.Calendar.days(["sat"]))],
    ["between", () => Trigger.between(jittered, { start: anchor })],
    ["limit", () => Trigger.limit(jittered, 3)],
    ["offset", () => Trigger.offset(jittered, "1 hour")],
    ["andThen", () => Trigger.andThen(Trigger.after(1), jittered)],
    ["jitter", () => Trigger.jitter(jittered, "1 minute")],
    ["a calendar", () => Trigger.except(hourly, Trigger.Calendar.each(jittered, "1 minute"))]
  ]
  for (const [name, make] of inside) {
    it.effect(`and not within ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Trigger.attempt(make))
        assert.deepStrictEqual([error.reason, error.field], ["option", "jitter"])
      }))
  }
})

describe("types", () => {
  it("jitter within a combinator does not compile", () => {
    const jittered = Trigger.jitter(hourly, "1 minute")
    const trigger: Trigger.Trigger = jittered
    const refused = [
      // @ts-expect-error jitter comes last
      () => Trigger.union(hourly, jittered),
      // @ts-expect-error jitter comes last
      () => Trigger.limit(jittered, 3),
      // @ts-expect-error jitter comes last
      () => jittered.pipe(Trigger.between({ start: 0 }))
    ]
    assert.isDefined([trigger, refused])
  })
})

describe("as a Schedule", () => {
  it.effect("fires at the planned instants, each once", () =>
    Effect.gen(function*() {
      const trigger = Trigger.jitter(Trigger.interval("10 minutes"), "8 minutes")
      const fired: Array<number> = []
      yield* TestClock.setTime(anchor)
      const fiber = yield* Effect.forkChild(
        Effect.schedule(Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => fired.push(now))), trigger)
      )
      yield* TestClock.adjust("61 minutes")
      yield* Fiber.interrupt(fiber)
      const expected = [1, 2, 3, 4, 5].map((n) =>
        Trigger.planned(trigger, Trigger.encode(trigger), anchor + n * 10 * minute, anchor)
      )
      assert.deepStrictEqual(fired.slice(0, 5), expected)
      assert.isTrue(expected.some((instant) => instant % (10 * minute) !== 0))
    }))

  it.effect("a run that takes longer than the nominal period still gets the next planned instant", () =>
    Effect.gen(function*() {
      const trigger = Trigger.jitter(Trigger.interval("10 minutes"), "9 minutes")
      const planned = (n: number) => Trigger.planned(trigger, Trigger.encode(trigger), anchor + n * 10 * minute, anchor)
      const started: Array<number> = []
      yield* TestClock.setTime(anchor)
      const job = Effect.gen(function*() {
        started.push(yield* Clock.currentTimeMillis)
        // until the nominal instant of the next, which is planned for later
        if (started.length === 1) yield* Effect.sleep(anchor + 20 * minute - planned(1))
      })
      const fiber = yield* Effect.forkChild(Effect.schedule(job, trigger))
      yield* TestClock.adjust("40 minutes")
      yield* Fiber.interrupt(fiber)
      assert.isAbove(planned(2), anchor + 20 * minute)
      assert.deepStrictEqual(started.slice(0, 2), [planned(1), planned(2)])
    }))
})
