import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Clock, Duration, Effect, Exit, Fiber, Logger, Random, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { delayAfter, type EndedAttempt } from "../../src/decisions/retry.ts"

interface Problem {
  readonly code: number
}

type Retry = Schedule.Schedule<unknown, Problem>

/** How long an attempt takes, and how it fails. */
interface Attempt {
  readonly millis: number
  readonly code: number
}

/** Schedules whose answers depend on nothing but the instants and errors they are given. */
const deterministic: { readonly [name: string]: Retry } = {
  exponential: Schedule.exponential("1 second"),
  "exponential, factor 3": Schedule.exponential("100 millis", 3),
  fibonacci: Schedule.fibonacci("1 second"),
  spaced: Schedule.spaced("5 seconds"),
  fixed: Schedule.fixed("10 seconds"),
  windowed: Schedule.windowed("10 seconds"),
  "at once": Schedule.spaced(0),
  "up to three times": Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 })),
  "up to a minute": Schedule.spaced("7 seconds").pipe(Schedule.upTo({ duration: "1 minute" })),
  recurs: Schedule.recurs(2),
  "while the error is small": Schedule.spaced("1 second").pipe(
    Schedule.setInputType<Problem>(),
    Schedule.while(({ input }) => input.code < 5)
  ),
  "while the attempt is early": Schedule.exponential("1 second").pipe(
    Schedule.while(({ attempt, elapsed }) => attempt < 5 && elapsed < 20_000)
  ),
  "the longer of two": Schedule.max([Schedule.exponential("1 second"), Schedule.spaced("4 seconds")]),
  "the shorter of two, capped": Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("10 seconds")]),
  "one after the other": Schedule.spaced("1 second").pipe(
    Schedule.upTo({ times: 2 }),
    Schedule.concat(Schedule.spaced("1 minute"))
  ),
  "longer for worse errors": Schedule.spaced("1 second").pipe(
    Schedule.setInputType<Problem>(),
    Schedule.addDelay(({ input }) => Effect.succeed(Duration.seconds(input.code)))
  )
}

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const attempts: Arbitrary.Arbitrary<Array<Attempt>> = Arbitrary.array(
  Arbitrary.all({ millis: int(0, 15_000), code: int(0, 6) }),
  { minLength: 1, maxLength: 8 }
)

/**
 * Retries with Effect's own driver, under the TestClock: the attempts that were made, and the delay after each (`undefined`: there was no
 * other). It succeeds when the given attempts are used up.
 */
const live = Effect.fnUntraced(function*(schedule: Retry, given: ReadonlyArray<Attempt>) {
  const ended: Array<EndedAttempt<Problem>> = []
  const delays: Array<number | undefined> = []
  const once = Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    if (ended.length > 0) delays.push(started - ended[ended.length - 1]!.at)
    const attempt = given[ended.length]
    if (attempt === undefined) return
    yield* Effect.sleep(attempt.millis)
    const error: Problem = { code: attempt.code }
    ended.push({ at: yield* Clock.currentTimeMillis, error })
    return yield* Effect.fail(error)
  })
  const fiber = yield* Effect.forkChild(Effect.exit(Effect.retry(once, schedule)), { startImmediately: true })
  yield* TestClock.adjust("30 days")
  yield* Fiber.interrupt(fiber)
  if (delays.length < ended.length) delays.push(undefined)
  return { ended, delays }
})

/** The delay after each attempt, each replayed from the beginning. */
const replayed = (schedule: Retry, ended: ReadonlyArray<EndedAttempt<Problem>>) =>
  Effect.forEach(ended, (_, last) => delayAfter(schedule, ended.slice(0, last + 1)))

describe("retry: replay", () => {
  for (const [name, schedule] of Object.entries(deterministic)) {
    it.effect.prop(
      `${name}: replay gives the delays of a live run`,
      { attempts },
      ({ attempts }) =>
        Effect.gen(function*() {
          const { delays, ended } = yield* live(schedule, attempts)
          assert.deepStrictEqual(yield* replayed(schedule, ended), delays)
        }),
      { arbitrary: { runs: 40, seed: name } }
    )

    it.effect.prop(`${name}: resumed from stored attempts, it goes on as if it had never been stopped`, {
      attempts,
      stopped: int(0, 7)
    }, ({ attempts, stopped }) =>
      Effect.gen(function*() {
        const { delays, ended } = yield* live(schedule, attempts)
        // what a store keeps is text; the rest comes after the restart
        const stored: ReadonlyArray<EndedAttempt<Problem>> = JSON.parse(JSON.stringify(ended.slice(0, stopped)))
        for (let last = stopped; last < ended.length; last++) {
          const all = [...stored, ...ended.slice(stopped, last + 1)]
          assert.strictEqual(yield* delayAfter(schedule, all), delays[last])
        }
      }), { arbitrary: { runs: 40, seed: `${name}, resumed` } })
  }

  it.effect("replaying leaves the Schedule as it was: the answer is the same each time", () =>
    Effect.gen(function*() {
      const schedule = deterministic["up to three times"]!
      const ended = [{ at: 0, error: { code: 0 } }, { at: 1_000, error: { code: 0 } }]
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* delayAfter(schedule, ended), 2_000)
    }))

  it.effect("it takes no time and reads no clock", () =>
    Effect.gen(function*() {
      const ended = [{ at: 5_000_000, error: { code: 0 } }, { at: 5_014_000, error: { code: 0 } }]
      const fiber = yield* Effect.forkChild(delayAfter(Schedule.fixed("10 seconds"), ended), { startImmediately: true })
      assert.strictEqual(yield* Fiber.join(fiber), 6_000)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  it.effect("without an attempt there is no delay", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* delayAfter(Schedule.spaced("1 second"), []))
    }))
})

describe("retry: jitter", () => {
  const jittered = Schedule.exponential("1 second").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))
  const ended = (n: number) => Array.from({ length: n }, (_, i) => ({ at: i * 60_000, error: { code: 0 } }))

  it.effect.prop("only the last delay is random: its base and its end are those of the Schedule", {
    n: int(1, 6),
    seed: int(0, 1_000_000)
  }, ({ n, seed }) =>
    Effect.gen(function*() {
      const delay = yield* Random.withSeed(delayAfter(jittered, ended(n)), seed)
      if (n > 4) return assert.isUndefined(delay)
      const base = 1_000 * 2 ** (n - 1)
      assert.isDefined(delay)
      assert.isAtLeast(delay, base * 0.8)
      assert.isAtMost(delay, base * 1.2)
      assert.isTrue(Number.isInteger(delay))
    }), { arbitrary: { runs: 200, seed: "jitter" } })

  it.effect("the randomness is Effect's: the same seed gives the same delay, another another", () =>
    Effect.gen(function*() {
      const at = (seed: string) => Random.withSeed(delayAfter(jittered, ended(3)), seed)
      assert.strictEqual(yield* at("a"), yield* at("a"))
      assert.notStrictEqual(yield* at("a"), yield* at("b"))
    }))
})

/** Keeps what is logged, instead of printing it. */
const logs = () => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message }) => {
    logged.push(String(message))
  })
  return { logged, layer: Logger.layer([logger]) }
}

describe("retry: schedules that go wrong", () => {
  const ended = [{ at: 0, error: { code: 0 } }]
  const broken: { readonly [name: string]: Schedule.Schedule<unknown, Problem, any> } = {
    "fails in a step": Schedule.fromStep(Effect.succeed(() => Effect.fail("no"))),
    "dies in a step": Schedule.fromStep(Effect.succeed(() => Effect.die("no"))),
    "throws in a step": Schedule.fromStep(Effect.succeed(() => {
      throw new Error("no")
    })),
    "interrupts itself in a step": Schedule.fromStep(Effect.succeed(() => Effect.interrupt)),
    "fails before its first step": Schedule.fromStep(Effect.fail("no")),
    "dies before its first step": Schedule.fromStep(Effect.die("no")),
    "has a predicate that throws": Schedule.spaced("1 second").pipe(Schedule.while(() => {
      throw new Error("no")
    }))
  }
  for (const [name, schedule] of Object.entries(broken)) {
    it.effect(`a Schedule that ${name} gives no further attempt, never a defect, and says so`, () => {
      const { layer, logged } = logs()
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(delayAfter(schedule as Retry, ended))
        assert.deepStrictEqual(exit, Exit.succeed(undefined))
        assert.lengthOf(logged, 1)
        assert.include(logged[0], "retry Schedule failed")
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("a Schedule that is merely exhausted is nothing to speak of", () => {
    const { layer, logged } = logs()
    return Effect.gen(function*() {
      for (const schedule of [Schedule.recurs(0), Schedule.fromStep(Effect.succeed(() => Cause.done(0)))]) {
        assert.isUndefined(yield* delayAfter(schedule, ended))
      }
      assert.deepStrictEqual(logged, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a delay that no clock will reach is no further attempt", () =>
    Effect.gen(function*() {
      for (const delay of [Duration.infinity, Duration.days(1e9), Duration.millis(Number.MAX_SAFE_INTEGER)]) {
        assert.isUndefined(yield* delayAfter(Schedule.spaced(delay), ended), Duration.format(delay))
      }
      assert.strictEqual(yield* delayAfter(Schedule.spaced("36500 days"), ended), 36_500 * 86_400_000)
    }))

  it.effect("an attempt may still be made on the last instant of all, and none after it", () =>
    Effect.gen(function*() {
      const late = [{ at: 8.64e15 - 1_000, error: { code: 0 } }]
      assert.strictEqual(yield* delayAfter(Schedule.spaced("1 second"), late), 1_000)
      assert.isUndefined(yield* delayAfter(Schedule.spaced("1001 millis"), late))
    }))

  it.effect("a delay is whole milliseconds, never shorter than asked for and never negative", () =>
    Effect.gen(function*() {
      const of = (delay: Duration.Duration) =>
        delayAfter(Schedule.fromStep(Effect.succeed(() => Effect.succeed([0, delay]))), ended)
      assert.strictEqual(yield* of(Duration.micros(1n)), 1)
      assert.strictEqual(yield* of(Duration.micros(1_500n)), 2)
      assert.strictEqual(yield* of(Duration.zero), 0)
      assert.strictEqual(yield* of(Duration.seconds(-5)), 0)
    }))
})
