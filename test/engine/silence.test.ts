/**
 * A store that neither answers nor fails: the call is given up, and all is as in any other outage.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, References, Scope, Stream } from "effect"
import {
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"
import { SqliteClient, SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import * as Settings from "../../src/engine/settings.ts"
import { within } from "../../src/engine/silence.ts"
import { shared, times } from "../support/cluster.ts"
import { counting } from "../support/counting.ts"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

type Verb = Exclude<keyof JobStore.Service, "capabilities" | "transaction" | "signals">

/** What of a call is lost: it, or the answer to it. And whether the client lets go of it when it is interrupted. */
interface Silence {
  readonly lost: "call" | "answer"
  readonly isDeaf: boolean
}

/** A store whose next call of a verb, when it is told, is never answered, as on a connection whose other end is gone. */
const silenced = (store: JobStore.Service) => {
  const state: { next: Verb | undefined; silent: number } & Silence = {
    next: undefined,
    silent: 0,
    lost: "call",
    isDeaf: false
  }
  const patched = Object.fromEntries(
    Object.entries(store).map(([name, verb]) => [
      name,
      typeof verb !== "function" ? verb : (...request: Array<never>) =>
        Effect.suspend(() => {
          const call = (verb as (...request: Array<never>) => Effect.Effect<unknown>)(...request)
          if (state.next !== name) return call
          state.next = undefined
          state.silent++
          const silence = Effect.andThen(state.lost === "call" ? Effect.void : call, Effect.never)
          return state.isDeaf ? Effect.uninterruptible(silence) : silence
        })
    ])
  ) as unknown as JobStore.Service
  return { state, store: patched }
}

const Paced = Task.make("Paced", { rate: { limit: 2, per: "1 minute" } })

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

/** A job that ticks every ten seconds, and single runs that come later, on a store one call of which is never answered. */
const surviving = Effect.fnUntraced(function*(verb: Verb, silence: Silence) {
  const inner = yield* shared
  const { state, store } = silenced(inner)
  Object.assign(state, silence)
  const slots = 3
  const { executor, free } = counting(yield* FiberExecutor.make({ concurrency: slots }), slots)
  const ran: Array<string> = []
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    Scheduler.layer({ ...times, storeTimeout: "10 seconds", tasks: [Work, Paced] }).pipe(
      Layer.provide([
        Work.toLayer(({ name }) =>
          Effect.gen(function*() {
            const run = yield* Run.CurrentRun
            ran.push(run.id)
            yield* run.progress(name)
            yield* Effect.sleep("1 second")
            return name
          })
        ),
        Paced.toLayer(Effect.fnUntraced(function*() {
          ran.push((yield* Run.CurrentRun).id)
        })),
        Layer.succeed(Executor.Executor, executor)
      ]),
      Layer.provide(Layer.succeed(JobStore.JobStore, store))
    ),
    scope
  )
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
  const told: Array<string> = []
  yield* Effect.forkIn(
    Stream.runForEach(scheduler.events, ({ _tag }) =>
      Effect.sync(() => {
        if (_tag.startsWith("Store") || _tag === "RoleRestarted") told.push(_tag)
      })),
    scope,
    { startImmediately: true }
  )
  yield* scheduler.schedule(Work, {
    id: "tick",
    payload: { name: "tick" },
    trigger: Trigger.interval("10 seconds"),
    catchUp: "all",
    overlap: "queue"
  })
  yield* TestClock.adjust("25 seconds")
  state.next = verb
  const asked: Array<string> = []
  for (let n = 0; n < 6; n++) {
    yield* TestClock.adjust("7 seconds")
    const task = n % 2 === 0 ? Paced : Work
    // Whoever asks does not wait for ever either; he asks again.
    const ask: Effect.Effect<string, SchedulerError.InvalidOption | SchedulerError.StoreError> = n % 2 === 0
      ? scheduler.enqueue(Paced, { id: `one${n}` })
      : scheduler.enqueue(Work, { id: `one${n}`, payload: { name: task.name } })
    const asking = yield* Effect.forkChild(Effect.retry(ask, { while: ({ _tag }) => _tag === "StoreError" }))
    yield* TestClock.adjust("11 seconds")
    asked.push(yield* Fiber.join(asking))
  }
  yield* TestClock.adjust("5 minutes")
  yield* scheduler.pause("tick")
  yield* TestClock.adjust("1 minute")
  assert.strictEqual(state.silent, 1, "nobody was left without an answer")

  const runs = yield* inner.runs({ limit: 1_000 })
  assert.deepStrictEqual(runs.filter(({ outcome }) => outcome !== "succeeded").map(({ id }) => id), [])
  const [job] = yield* inner.jobs({ ids: ["tick"], limit: 1 })
  const occurrences = Math.floor((job!.cursor! - job!.anchor) / 10_000)
  assert.isAtLeast(occurrences, 40)
  assert.deepStrictEqual(
    runs.flatMap(({ nominal }) => nominal ?? []).toSorted((a, b) => a - b),
    Array.from({ length: occurrences }, (_, n) => job!.anchor + (n + 1) * 10_000)
  )
  assert.deepStrictEqual(runs.filter(({ job }) => job === null).map(({ id }) => id).toSorted(), asked.toSorted())
  // each once, and no claim is left behind
  assert.deepStrictEqual(ran.toSorted(), runs.map(({ id }) => id).toSorted())
  assert.strictEqual(free(), slots)
  yield* Scope.close(scope, Exit.void)
  return told
})

describe("a call that is never answered", () => {
  const ofTheEngine: ReadonlyArray<Verb> = ["due", "commit", "claim", "take", "settle", "beat", "reap"]
  const ofCallers: ReadonlyArray<Verb> = ["enqueue", "note"]
  for (const lost of ["call", "answer"] as const) {
    for (const isDeaf of [false, true]) {
      const how = `the ${lost} is lost, and the client ${isDeaf ? "does not let go" : "can be interrupted"}`
      for (const verb of ofTheEngine) {
        it.effect(`${verb}: an outage is told once, and all is done once (${how})`, () =>
          Effect.gen(function*() {
            const told = yield* surviving(verb, { lost, isDeaf })
            assert.deepStrictEqual(told, ["StoreUnavailable", "StoreRecovered"])
          }).pipe(quietly))
      }
      for (const verb of ofCallers) {
        it.effect(`${verb}: whoever asked goes on when it is given up (${how})`, () =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* surviving(verb, { lost, isDeaf }), [])
          }).pipe(quietly))
      }
    }
  }

  it.effect("fails a caller's verb with a StoreError that says for how long it was waited", () =>
    Effect.gen(function*() {
      const { state, store } = silenced(yield* shared)
      const node = yield* start(store, world(), { ...times, storeTimeout: "3 seconds" })
      state.next = "insertJobs"
      const asking = yield* Effect.forkChild(Effect.flip(
        node.scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Trigger.interval("1 minute") })
      ))
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(asking)
      assert.strictEqual(error._tag, "StoreError")
      assert.isTrue((error as SchedulerError.StoreError).retryable)
      assert.strictEqual(error.message, "insertJobs was not answered within 3000 ms")
      yield* node.close
    }))

  it.effect("lets a node keep its lease: one silent beat leaves the time for another", () =>
    Effect.gen(function*() {
      const inner = yield* shared
      const { state, store } = silenced(inner)
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("1 minute"), "done")
      const node = yield* start(store, w, { ...times, storeTimeout: "10 seconds" })
      const other = yield* start(inner, world(), times)
      yield* TestClock.adjust("30 seconds")
      yield* node.scheduler.enqueue(Work, { id: "once", payload: { name: "once" }, delivery: "atMostOnce" })
      yield* node.scheduler.enqueue(Work, { id: "again", payload: { name: "again" } })
      yield* TestClock.adjust("3 seconds")
      state.next = "beat"
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(state.silent, 1)
      const rows = yield* inner.runs({ limit: 9 })
      assert.deepStrictEqual(rows.map(({ fence, outcome }) => [fence, outcome]), [[1, "succeeded"], [1, "succeeded"]])
      yield* node.close
      yield* other.close
    }).pipe(quietly))

  it.effect("does not stand in the way of closing", () =>
    Effect.gen(function*() {
      for (const verb of ["due", "claim", "leave"] as const) {
        const { state, store } = silenced(yield* shared)
        const node = yield* start(store, world(), { ...times, storeTimeout: "10 seconds" })
        Object.assign(state, { next: verb, isDeaf: true })
        yield* Effect.ignore(Effect.forkChild(
          node.scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Trigger.interval("1 second") })
        ))
        yield* TestClock.adjust("1 seconds")
        const closing = yield* Effect.forkChild(node.close)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(state.silent, 1, verb)
        assert.isDefined(closing.pollUnsafe(), verb)
      }
    }).pipe(quietly))
})

describe("a store that is only slow", () => {
  const later = <A>(millis: number, answer: A) => Effect.as(Effect.sleep(millis), answer)
  const verb = Effect.fnUntraced(function*(
    call: (store: JobStore.Service) => Effect.Effect<unknown, SchedulerError.StoreError>,
    millis: number
  ) {
    const store = within(
      withVerbs(yield* MemoryJobStore.make(), () => ({
        enqueue: () => later(millis, []),
        sweep: () => later(millis, 0),
        jobs: () => later(millis, []),
        runs: () => later(millis, []),
        cancel: () => later(millis, { settled: [], flagged: [] }),
        commit: () => later(millis, [])
      })),
      1_000
    )
    const fiber = yield* Effect.forkChild(Effect.exit(call(store)))
    yield* TestClock.adjust(millis)
    yield* TestClock.adjust(0)
    return (yield* Fiber.join(fiber))._tag
  })
  const runs = (n: number) => Array.from({ length: n }, () => ({}) as JobStore.NewRun)
  const request = { reason: "", by: "" }

  it.effect("has its time anew for every 512 rows that are written", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* verb((store) => store.enqueue({ runs: runs(512), now: 0 }), 999), "Success")
      assert.strictEqual(yield* verb((store) => store.enqueue({ runs: runs(512), now: 0 }), 1_001), "Failure")
      assert.strictEqual(yield* verb((store) => store.enqueue({ runs: runs(513), now: 0 }), 1_999), "Success")
    }))

  it.effect("has six times as long for what may be of any size", () =>
    Effect.gen(function*() {
      const change = { runs: [], cancel: request } as unknown as JobStore.Change
      const large = [
        (store: JobStore.Service) => store.sweep({ now: 0, before: 0, limit: 500 }),
        (store: JobStore.Service) => store.jobs({ exceptTz: "2026a", limit: 500 }),
        (store: JobStore.Service) => store.runs({ task: "Work", limit: 500 }),
        (store: JobStore.Service) => store.cancel({ job: "a", request, now: 0 }),
        (store: JobStore.Service) => store.commit({ changes: [change], now: 0 })
      ]
      for (const call of large) {
        assert.strictEqual(yield* verb(call, 5_999), "Success")
        assert.strictEqual(yield* verb(call, 6_001), "Failure")
      }
      const jobs = Array.from({ length: 513 }, (_, n) => `${n}`)
      assert.strictEqual(yield* verb((store) => store.cancel({ jobs, request, now: 0 }), 11_999), "Success")
      assert.strictEqual(yield* verb((store) => store.cancel({ runs: ["r"], request, now: 0 }), 1_001), "Failure")
      assert.strictEqual(yield* verb((store) => store.runs({ ids: ["r"], limit: 1 }), 1_001), "Failure")
    }))
})

describe("in a caller's transaction", () => {
  it.effect("a call that is given up has ended before its caller goes on", () =>
    Effect.gen(function*() {
      const inner = yield* SqliteJobStore.make()
      const sql = yield* SqlClient
      const undo = yield* Deferred.make<void>()
      const store = within(
        withVerbs(inner, () => ({
          enqueue: () => Effect.onInterrupt(Effect.never, () => Deferred.await(undo))
        })),
        1_000
      )
      const outside = yield* Effect.forkChild(Effect.flip(store.enqueue({ runs: [], now: 0 })))
      const inside = yield* Effect.forkChild(
        sql.withTransaction(Effect.flip(store.enqueue({ runs: [], now: 0 })))
      )
      yield* TestClock.adjust("1 minute")
      yield* turns
      assert.isDefined(outside.pollUnsafe())
      assert.isUndefined(inside.pollUnsafe())
      yield* Deferred.succeed(undo, undefined)
      assert.strictEqual((yield* Fiber.join(inside))._tag, "StoreError")
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })), Effect.scoped))
})

describe("how long it may be silent", () => {
  const capabilities = { shared: true, push: false, transactions: false, durability: "none" } as const
  const resolved = (options: Settings.EngineOptions, live = true, isShared = true) =>
    Effect.map(
      Settings.resolve(options, { ...capabilities, shared: isShared }, live),
      ({ storeTimeout }) => storeTimeout
    )

  it.effect("is half the lease; for ever under a TestClock and in a store of one process, unless told", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* resolved({}), 10_000)
      assert.strictEqual(yield* resolved({ lease: "1 minute" }), 30_000)
      assert.strictEqual(yield* resolved({}, false), Infinity)
      assert.strictEqual(yield* resolved({}, true, false), Infinity)
      assert.strictEqual(yield* resolved({ storeTimeout: "3 seconds" }, false, false), 3_000)
      assert.strictEqual(yield* resolved({ storeTimeout: Infinity }), Infinity)
      const error = yield* Effect.flip(resolved({ storeTimeout: 0 }))
      assert.strictEqual(error.field, "storeTimeout")
    }))
})
