/**
 * Testing a program that schedules: the program as it is, the store in memory, and a clock that the test moves.
 *
 * A year passes in milliseconds, and each instant is exact.
 *
 *     npx vitest run test/examples/03-testing.test.ts
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Schedule, Schema } from "effect"
import { FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"

// ---------------------------------------------------------------------------------------------------------------------
// The program. It knows nothing of tests.
// ---------------------------------------------------------------------------------------------------------------------

class BankClosed extends Schema.TaggedError<BankClosed>()("BankClosed", {}) {}

class Bank extends Context.Service<Bank, {
  readonly transfer: (account: string) => Effect.Effect<void, BankClosed>
}>()("examples/Bank") {}

const Rent = Task.make("Rent", {
  payload: { account: Schema.String },
  error: BankClosed,
  retry: Schedule.exponential("1 minute").pipe(Schedule.upTo({ times: 5 }))
})

const RentLive = Rent.toLayer(
  Effect.fn("Rent")(function*({ account }) {
    const bank = yield* Bank
    yield* bank.transfer(account)
  })
)

const program = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  yield* scheduler.schedule(Rent, {
    id: "rent",
    payload: { account: "landlord" },
    trigger: Trigger.cron("0 9 1 * *"), // the first of each month at nine
    overlap: "skip",
    catchUp: "latest"
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// The tests. Only the bank is another one.
// ---------------------------------------------------------------------------------------------------------------------

/** A bank that writes down when it was asked, and then does as it is told. */
const bankThat = (answer: (asked: number) => Effect.Effect<void, BankClosed>) => {
  const asked: Array<string> = []
  const transfer = () =>
    Effect.flatMap(DateTime.now, (now) => {
      asked.push(DateTime.formatIso(now).slice(0, 16))
      return answer(asked.length)
    })
  const live = Scheduler.layer({ tasks: [Rent] }).pipe(
    Layer.provide([RentLive, FiberExecutor.layer()]),
    Layer.provide([Layer.succeed(Bank, { transfer }), MemoryJobStore.layer])
  )
  return { asked, live }
}

const newYear = DateTime.makeUnsafe("2026-01-01T00:00:00Z")

describe("the rent", () => {
  it.effect("is paid twelve times a year", () => {
    const { asked, live } = bankThat(() => Effect.void)
    return Effect.gen(function*() {
      yield* TestClock.setTime(newYear.epochMilliseconds)
      yield* program
      yield* TestClock.adjust("365 days")
      assert.deepStrictEqual(asked.slice(0, 3), ["2026-01-01T09:00", "2026-02-01T09:00", "2026-03-01T09:00"])
      assert.strictEqual(asked.length, 12)

      const scheduler = yield* Scheduler.Scheduler
      const { next } = yield* scheduler.get("rent")
      assert.deepStrictEqual(next, DateTime.makeUnsafe("2027-01-01T09:00:00Z"))
    }).pipe(Effect.provide(live))
  })

  it.effect("is paid once when three months were missed", () => {
    const { asked, live } = bankThat(() => Effect.void)
    return Effect.gen(function*() {
      yield* TestClock.setTime(newYear.epochMilliseconds)
      yield* program
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.pauseNode // as if the machine were off
      yield* TestClock.adjust("80 days")
      assert.deepStrictEqual(asked, [])

      yield* scheduler.resumeNode
      yield* TestClock.adjust("0 millis") // lets the woken fibers do their work
      assert.deepStrictEqual(asked, ["2026-03-22T00:00"])

      // The history says which month was paid, and what became of the others.
      const [run] = yield* scheduler.runs({ job: "rent" })
      assert.deepStrictEqual(run?.nominal, DateTime.makeUnsafe("2026-03-01T09:00:00Z"))
      const february = yield* scheduler.explain("rent", DateTime.makeUnsafe("2026-02-01T09:00:00Z"))
      assert(february._tag === "NotRun")
      assert.strictEqual(february.verdict.kind, "coalesced")
      assert.strictEqual(february.verdict.run, run?.id)
    }).pipe(Effect.provide(live))
  })

  it.effect("is not paid while the last transfer is still going", () => {
    const { asked, live } = bankThat(() => Effect.sleep("40 days"))
    return Effect.gen(function*() {
      yield* TestClock.setTime(newYear.epochMilliseconds)
      yield* program
      yield* TestClock.adjust("75 days")
      assert.deepStrictEqual(asked, ["2026-01-01T09:00", "2026-03-01T09:00"])

      const scheduler = yield* Scheduler.Scheduler
      const february = yield* scheduler.explain("rent", DateTime.makeUnsafe("2026-02-01T09:00:00Z"))
      assert(february._tag === "NotRun")
      assert.strictEqual(`${february.verdict.kind}: ${february.verdict.reason}`, "skipped: overlap")
    }).pipe(Effect.provide(live))
  })

  it.effect("is tried again, and again later, while the bank is closed", () => {
    const { asked, live } = bankThat((n) => n <= 2 ? Effect.fail(new BankClosed()) : Effect.void)
    return Effect.gen(function*() {
      yield* TestClock.setTime(newYear.epochMilliseconds)
      yield* program
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(asked, ["2026-01-01T09:00", "2026-01-01T09:01", "2026-01-01T09:03"])

      // Three attempts, one run, one verdict.
      const scheduler = yield* Scheduler.Scheduler
      const runs = yield* scheduler.runs({ job: "rent" })
      assert.deepStrictEqual(runs.map((run) => [run.outcome, run.attempts]), [["succeeded", 3]])
    }).pipe(Effect.provide(live))
  })
})
