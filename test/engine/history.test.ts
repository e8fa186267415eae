/** What is remembered of runs and decisions beside their outcome: log lines, notes, versions. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer } from "effect"
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
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { inMemory, on, Refused, Retried, turns, withVerbs, Work, world } from "../support/world.ts"

const logging = (...messages: ReadonlyArray<string>) =>
  Effect.flatMap(Run.CurrentRun, (run) => Effect.forEach(messages, run.log, { discard: true }))

describe("log lines", () => {
  it.effect("are kept with the run, in all its attempts and with their instants", () => {
    const w = world()
    w.behave = ({ attempt }) =>
      attempt === 1
        ? Effect.andThen(logging("one", "two"), Effect.fail(new Refused({ why: "later" })))
        : Effect.as(logging("three"), "done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(Retried, { payload: { name: "a" } })
      yield* TestClock.adjust("1 second")
      const [run] = yield* scheduler.runs({ ids: [id] })
      assert.deepStrictEqual(
        run!.log.map(({ at, message }) => `${message} @${at.epochMilliseconds}`),
        ["one @0", "two @0", "three @1000"]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("written in one go are few writes, and all of them are there when the run has ended", () => {
    const w = world()
    w.behave = () => Effect.as(logging(...Array.from({ length: 250 }, (_, n) => `line ${n}`)), "done")
    let notes = 0
    return Effect.gen(function*() {
      const store = withVerbs(
        yield* MemoryJobStore.make(),
        (store) => ({
          note: (request) =>
            Effect.suspend(() => {
              notes++
              return Effect.andThen(Effect.yieldNow, store.note(request))
            })
        })
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* scheduler.run(Work, { id: "r", payload: { name: "a" } })
        const [run] = yield* scheduler.runs({ ids: ["r"] })
        assert.deepStrictEqual(
          run!.log.map(({ message }) => message),
          Array.from({ length: 100 }, (_, n) => `line ${n + 150}`)
        )
        assert.isAtMost(notes, 2)
      }).pipe(Effect.provide(on(store, w)))
    })
  })

  it.effect("are there while the run goes on, and a long one is cut", () => {
    const w = world()
    return Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      w.behave = () => logging("x".repeat(5_000)).pipe(Effect.andThen(Deferred.await(go)), Effect.as("done"))
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(Work, { payload: { name: "a" } })
      yield* turns
      const [run] = yield* scheduler.runs({ ids: [id] })
      assert.strictEqual(run!.state, "running")
      assert.deepStrictEqual(run!.log.map(({ message }) => message), [`${"x".repeat(999)}…`])
      yield* Deferred.succeed(go, undefined)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("that the store does not take are no reason for the handler to fail, nor are lines of an interrupted run lost", () => {
    const w = world()
    w.behave = ({ name }) => Effect.andThen(logging(name), name === "stuck" ? Effect.never : Effect.succeed("done"))
    return Effect.gen(function*() {
      let away = true
      const store = withVerbs(
        yield* MemoryJobStore.make(),
        (store) => ({
          note: (request) =>
            Effect.suspend(() =>
              away
                ? Effect.fail(new SchedulerError.StoreError({ verb: "note", retryable: true, message: "away" }))
                : store.note(request)
            )
        })
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        assert.strictEqual(yield* scheduler.run(Work, { id: "lost", payload: { name: "lost" } }), "done")
        assert.deepStrictEqual((yield* scheduler.runs({ ids: ["lost"] }))[0]!.log, [])
        away = false
        yield* scheduler.enqueue(Work, { id: "stuck", payload: { name: "stuck" } })
        yield* turns
        const ended = yield* scheduler.cancel("stuck")
        assert.deepStrictEqual(ended.log.map(({ message }) => message), ["stuck"])
      }).pipe(Effect.provide(on(store, w)))
    })
  })
})

describe("verdicts", () => {
  const everySecond = Trigger.interval("1 second")

  for (
    const [name, store] of [
      ["memory", MemoryJobStore.layer],
      ["SQLite", SqliteJobStore.layerFile(":memory:")]
    ] as const
  ) {
    it.effect(`say why and by whom a job was paused, and explain does too (${name})`, () => {
      const w = world()
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const jobs = yield* JobStore.JobStore
        yield* scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: everySecond })
        yield* scheduler.pause("a", { reason: "holidays", by: "me" })
        yield* TestClock.adjust("3 seconds")
        yield* scheduler.resume("a")
        yield* scheduler.pause("a", { reason: "audit", by: "you" })
        yield* TestClock.adjust("2 seconds")
        yield* scheduler.remove("a")
        yield* scheduler.schedule(Work, { id: "b", payload: { name: "b" }, trigger: everySecond })
        yield* scheduler.pauseNode
        yield* TestClock.adjust("1 second")
        yield* scheduler.remove("b", { reason: "no longer wanted", by: "them" })
        const at = (millis: number) => DateTime.makeUnsafe(millis)
        const noteAt = Effect.fnUntraced(function*(id: string, millis: number) {
          const found = yield* scheduler.explain(id, at(millis))
          return found._tag === "NotRun" ? [found.verdict.reason, found.verdict.note] : found._tag
        })
        assert.deepStrictEqual(yield* noteAt("a", 2_000), ["paused", { reason: "holidays", by: "me" }])
        assert.deepStrictEqual(yield* noteAt("a", 5_000), ["paused", { reason: "audit", by: "you" }])
        assert.deepStrictEqual(yield* noteAt("b", 6_000), ["removed", { reason: "no longer wanted", by: "them" }])
        assert.strictEqual((yield* jobs.verdicts({ job: "a", limit: 9 })).length, 2)
      }).pipe(
        Effect.provide(
          Layer.unwrap(Effect.map(JobStore.JobStore, (jobs) => on(jobs, w))).pipe(Layer.provideMerge(store))
        )
      )
    })
  }
})

describe("runs", () => {
  it.effect("are listed by how they ended", () => {
    const w = world()
    w.behave = ({ name }) => name === "bad" ? Effect.fail(new Refused({ why: "no" })) : Effect.succeed("done")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const name of ["good", "bad"]) {
        yield* Effect.exit(scheduler.run(Work, { id: name, payload: { name } }))
      }
      assert.deepStrictEqual((yield* scheduler.runs({ outcomes: ["failed", "died"] })).map(({ id }) => id), ["bad"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("of a task are remembered as many as it says, the newest", () => {
    const Few = Task.make("Few", { history: 2 })
    const Many = Task.make("Many")
    const live = Scheduler.layer({ tasks: [Few, Many], reap: "30 minutes" }).pipe(
      Layer.provide([Few.toLayer(() => Effect.void), Many.toLayer(() => Effect.void), FiberExecutor.layer()]),
      Layer.provideMerge(SqliteJobStore.layerFile(":memory:"))
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const id of ["1", "2", "3", "4"]) {
        yield* scheduler.run(Few, { id: `few${id}` })
        yield* scheduler.run(Many, { id: `many${id}` })
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("1 hour")
      const left = (yield* scheduler.runs()).map(({ id }) => id).toSorted()
      assert.deepStrictEqual(left, ["few3", "few4", "many1", "many2", "many3", "many4"])
    }).pipe(Effect.provide(live))
  })

  it.effect("a history that is no number of runs is refused", () => {
    const Wrong = Task.make("Wrong", { history: -1 })
    const live = Scheduler.layer({ tasks: [Wrong] }).pipe(
      Layer.provide([Wrong.toLayer(() => Effect.void), FiberExecutor.layer(), MemoryJobStore.layer])
    )
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(live))
      assert.include(error.message, "Wrong with history -1")
    })
  })

  it.effect("know the version of the task that encoded their payload", () => {
    const Old = Task.make("Versioned", { version: 2 })
    const New = Task.make("Versioned", { version: 3 })
    const live = Scheduler.layer({ tasks: [New] }).pipe(
      Layer.provide([New.toLayer(() => Effect.void), FiberExecutor.layer()]),
      Layer.provideMerge(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const store = yield* JobStore.JobStore
      const versions = Effect.map(store.runs({ job: "a", limit: 9 }), (rows) => rows.map((row) => row.taskVersion))
      yield* scheduler.schedule(Old, { id: "a", trigger: Trigger.interval("1 second") })
      yield* TestClock.adjust("1 second")
      yield* scheduler.schedule(New, { id: "a", trigger: Trigger.interval("1 second") })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* versions, [3, 2])
      yield* Fiber.join(yield* Effect.forkChild(scheduler.run(Old, { id: "r" })))
      assert.strictEqual((yield* store.runs({ ids: ["r"], limit: 1 }))[0]!.taskVersion, 2)
    }).pipe(Effect.provide(live))
  })
})
