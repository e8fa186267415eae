/**
 * Nodes go by the store's clock: whatever their own say, they agree on what is due and whose lease is over.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Deferred, Effect, Fiber, Layer, Option, References, Stream } from "effect"
import {
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"
import * as StoreTime from "../../src/engine/storeTime.ts"

const second = 1_000

/** A machine whose clocks a test moves, and a store whose clock is right. */
const machine = Effect.gen(function*() {
  const memory = yield* MemoryJobStore.make()
  const state = {
    /** What the wall clock is ahead of the time. */
    ahead: 0,
    /** The time. */
    now: 1_000_000,
    /** How long the way to the store takes, and the way back. */
    there: 1,
    back: 1,
    asked: 0,
    isAway: false
  }
  const told: Array<number> = []
  const clock: Clock.Clock = {
    ...Clock.Clock.defaultValue(),
    currentTimeMillisUnsafe: () => state.now + state.ahead,
    currentTimeMillis: Effect.sync(() => state.now + state.ahead),
    monotonicTimeNanosUnsafe: () => BigInt(state.now) * 1_000_000n
  }
  const store: JobStore.Service = {
    ...memory,
    clock: Effect.suspend(() => {
      state.asked++
      if (state.isAway) {
        return Effect.fail(new SchedulerError.StoreError({ verb: "clock", retryable: true, message: "away" }))
      }
      const time = state.now += state.there
      state.now += state.back
      return Effect.succeed(time)
    })
  }
  const time = StoreTime.make(clock, store, {
    heard: () => true,
    publish: (_at, event) => void (event._tag === "ClockSkewed" && told.push(event.offset))
  })
  /** What the engine takes for the time, less what it is. */
  const off = () => time.clock.currentTimeMillisUnsafe() - state.now
  return { state, time, told, off }
})

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

describe("the store's time", () => {
  it.effect("is told from a clock that is ahead, and from one that is behind", () =>
    Effect.gen(function*() {
      for (const ahead of [40 * second, -40 * second, 37]) {
        const { off, state, time, told } = yield* machine
        state.ahead = ahead
        yield* time.keep
        assert.strictEqual(off(), 0)
        assert.deepStrictEqual(told, Math.abs(ahead) >= second ? [-ahead] : [])
      }
    }).pipe(quietly))

  it.effect("is the machine's where the two cannot be told apart", () =>
    Effect.gen(function*() {
      const { off, state, time } = yield* machine
      state.ahead = 4
      state.there = state.back = 10
      yield* time.keep
      assert.strictEqual(off(), 4)
    }))

  it.effect("the smallest round trip tells it best, however long the others take", () =>
    Effect.gen(function*() {
      const { off, state, time } = yield* machine
      state.ahead = 5 * second
      state.back = 900
      yield* time.keep
      assert.isAbove(Math.abs(off()), 300)
      state.back = 1
      state.now += 30 * second
      yield* time.keep
      assert.strictEqual(off(), 0)
      state.back = 900
      state.now += 30 * second
      yield* time.keep
      assert.strictEqual(off(), 0)
    }).pipe(quietly))

  it.effect("is asked for again after half a minute, and at once when the machine's clock was moved", () =>
    Effect.gen(function*() {
      const { off, state, time, told } = yield* machine
      yield* time.keep
      const before = state.asked
      state.now += 29 * second
      yield* time.keep
      assert.strictEqual(state.asked, before)
      state.now += 2 * second
      yield* time.keep
      assert.strictEqual(state.asked, before + 1)
      for (const [i, step] of [-3_600 * second, 60 * second, 3_540 * second].entries()) {
        state.ahead += step
        yield* time.keep
        assert.strictEqual(state.asked, before + 2 + i)
        assert.strictEqual(off(), 0)
      }
      assert.deepStrictEqual(told, [3_600 * second, 3_540 * second, 0])
    }).pipe(quietly))

  it.effect("stays what it was while the store does not answer, and is asked for until it does", () =>
    Effect.gen(function*() {
      const { off, state, time } = yield* machine
      state.ahead = 40 * second
      state.isAway = true
      assert.strictEqual((yield* Effect.flip(time.keep)).message, "away")
      assert.strictEqual(off(), 40 * second)
      state.isAway = false
      yield* time.keep
      assert.strictEqual(off(), 0)
      state.isAway = true
      state.now += 60 * second
      assert.strictEqual((yield* Effect.flip(time.keep)).message, "away")
      assert.strictEqual(off(), 0)
    }).pipe(quietly))
})

const Look = Task.make("Look")

describe("a scheduler whose store has a clock", () => {
  const behind = 3_600 * second

  /** A store whose clock is an hour ahead of this machine's. */
  const ahead = Effect.map(MemoryJobStore.make(), (memory): JobStore.Service => ({
    ...memory,
    clock: Effect.sync(() => Clock.Clock.defaultValue().currentTimeMillisUnsafe() + behind)
  }))

  const hosted = <A, E>(
    use: (
      seen: Deferred.Deferred<{ readonly at: number; readonly run: Run.CurrentRun["Service"] }>
    ) => Effect.Effect<A, E, Scheduler.Scheduler | JobStore.JobStore>
  ) =>
    Effect.gen(function*() {
      const seen = yield* Deferred.make<{ readonly at: number; readonly run: Run.CurrentRun["Service"] }>()
      const LookLive = Look.toLayer(() =>
        Effect.gen(function*() {
          yield* Deferred.succeed(seen, { at: yield* Clock.currentTimeMillis, run: yield* Run.CurrentRun })
        })
      )
      const Main = Scheduler.layer({ tasks: [Look] }).pipe(
        Layer.provide([LookLive, FiberExecutor.layer()]),
        Layer.provideMerge(Layer.effect(JobStore.JobStore, ahead))
      )
      return yield* Effect.provide(use(seen), Main)
    }).pipe(quietly)

  it.live("runs jobs by it; handlers have their machine's", () =>
    hosted((seen) =>
      Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const here = yield* Clock.currentTimeMillis
        const due = here + behind + 100
        const job = yield* scheduler.schedule(Look, { id: "look", trigger: Trigger.date(DateTime.makeUnsafe(due)) })
        assert.isAtLeast(job.created.epochMilliseconds, here + behind)
        const { at, run } = yield* Effect.timeout(Deferred.await(seen), "10 seconds")
        assert.isAtLeast(run.startedAt.epochMilliseconds, due)
        assert.isBelow(run.startedAt.epochMilliseconds, due + 10 * second)
        assert.isBelow(at, here + 20 * second)
      })
    ))

  it.live("says so", () =>
    Effect.gen(function*() {
      const store = yield* ahead
      let away = true
      const late: JobStore.Service = {
        ...store,
        clock: Effect.suspend(() =>
          away
            ? Effect.fail(new SchedulerError.StoreError({ verb: "clock", retryable: true, message: "not yet" }))
            : store.clock!
        )
      }
      yield* Effect.gen(function*() {
        const { events } = yield* Scheduler.Scheduler
        const told = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "ClockSkewed")),
          { startImmediately: true }
        )
        away = false
        const event = Option.getOrThrow(yield* Effect.timeout(Fiber.join(told), "10 seconds"))
        assert.isTrue(event._tag === "ClockSkewed" && Math.abs(event.offset - behind) < second)
      }).pipe(
        Effect.provide(
          Scheduler.layer({ tasks: [] }).pipe(
            Layer.provide([FiberExecutor.layer(), Layer.succeed(JobStore.JobStore, late)])
          )
        )
      )
    }).pipe(quietly))

  it.effect("goes by a test's clock where there is one", () =>
    hosted(() =>
      Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const job = yield* scheduler.schedule(Look, { id: "look", trigger: Trigger.interval("1 minute") })
        assert.strictEqual(job.created.epochMilliseconds, yield* Clock.currentTimeMillis)
      })
    ))
})
