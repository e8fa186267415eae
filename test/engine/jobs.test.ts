import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { handlers, inMemory, start, turns, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 }

describe("schedule", () => {
  it.effect("an equal definition writes nothing", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const first = yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("25 seconds")
      const again = yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("10 seconds") })
      assert.strictEqual(again.incarnation, first.incarnation)
      assert.strictEqual(again.anchor.epochMilliseconds, 0)
      assert.strictEqual(again.cursor?.epochMilliseconds, 20_000)
      assert.strictEqual(again.updated.epochMilliseconds, 20_000) // the planner's last visit
      assert.strictEqual(again.next?.epochMilliseconds, 30_000)
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("another payload keeps anchor and cursor", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("15 seconds")
      const changed = yield* scheduler.schedule(Work, { ...a, payload: { name: "b" } })
      assert.strictEqual(changed.anchor.epochMilliseconds, 0)
      assert.deepStrictEqual(changed.payload, { name: "b" })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "b 1 @20000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("another trigger counts from now", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("15 seconds")
      const changed = yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 minute") })
      assert.strictEqual(changed.anchor.epochMilliseconds, 15_000)
      assert.strictEqual(changed.next?.epochMilliseconds, 75_000)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @75000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("conflict: fail, keep and replace", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const first = yield* scheduler.schedule(Work, a)
      const error = yield* Effect.flip(scheduler.schedule(Work, { ...a, conflict: "fail" }))
      assert.strictEqual(error._tag, "JobConflict")
      const kept = yield* scheduler.schedule(Work, { ...a, payload: { name: "other" }, conflict: "keep" })
      assert.deepStrictEqual(kept.payload, { name: "a" })
      yield* TestClock.adjust("15 seconds")
      const replaced = yield* scheduler.schedule(Work, { ...a, conflict: "replace" })
      assert.notStrictEqual(replaced.incarnation, first.incarnation)
      assert.strictEqual(replaced.anchor.epochMilliseconds, 15_000)
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("a past date runs at once, and declaring it again does not run it again", () => {
    const w = world()
    return Effect.gen(function*() {
      yield* TestClock.setTime(60_000)
      const scheduler = yield* Scheduler.Scheduler
      const past = { id: "past", payload: { name: "past" }, trigger: Trigger.date(50_000) }
      yield* scheduler.schedule(Work, past)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(w.log, ["past 1 @60000"])
      const again = yield* scheduler.schedule(Work, past)
      assert.strictEqual(again.state, "done")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(w.log.length, 1)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a job without an id gets one, and is removed when its trigger is exhausted", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.schedule(Work, { payload: { name: "x" }, trigger: Trigger.after("1 minute") })
      assert.strictEqual((yield* scheduler.get(job.id)).id, job.id)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.strictEqual((yield* scheduler.runs({ job: job.id }))[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("many at once", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const jobs = yield* scheduler.scheduleAll(
        Work,
        Array.from({ length: 2_500 }, (_, i) => ({ ...a, id: `job/${String(i).padStart(4, "0")}` }))
      )
      assert.strictEqual(jobs.length, 2_500)
      const listed = yield* scheduler.list()
      assert.strictEqual(listed.length, 2_500)
      assert.deepStrictEqual(listed.map((job) => job.id), jobs.map((job) => job.id))
      const page = yield* scheduler.list({ after: "job/0009", limit: 2 })
      assert.deepStrictEqual(page.map((job) => job.id), ["job/0010", "job/0011"])
      assert.strictEqual((yield* scheduler.list({ prefix: "job/00" })).length, 100)
      // Again: an equal definition writes nothing here either.
      yield* TestClock.adjust("1 second")
      const again = yield* scheduler.scheduleAll(Work, [{ ...a, id: "job/0000" }, { ...a, id: "job/new" }])
      assert.deepStrictEqual(again.map((job) => job.updated.epochMilliseconds), [0, 1_000])
    }).pipe(Effect.provide(inMemory(world()))))
})

describe("bad input is refused at the door, and nothing is written", () => {
  const refuses = (name: string, options: object, field: string, value: string) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const error = yield* Effect.flip(scheduler.schedule(Work, { ...a, ...options }))
        assert.strictEqual(error._tag, "InvalidOption")
        if (error._tag !== "InvalidOption") return
        assert.strictEqual(error.field, field)
        assert.include(error.value, value)
        assert.isAbove(error.expected.length, 3)
        assert.deepStrictEqual(yield* scheduler.list(), [])
      }).pipe(Effect.provide(inMemory(world()))))

  refuses("a payload that does not fit its Schema", { payload: { name: 5 } }, "payload", "5")
  refuses("an empty id", { id: "" }, "id", `""`)
  refuses("an id with control characters", { id: "a\nb" }, "id", "a\\nb")
  refuses("an id of absurd length", { id: "x".repeat(256) }, "id", "xxx")
  refuses("an unknown overlap policy", { overlap: "sometimes" }, "overlap", "sometimes")
  refuses("allow(0)", { overlap: { allow: 0 } }, "overlap", "0")
  refuses("a negative timeout", { timeout: -5 }, "timeout", "-5")
  refuses("a duration that is none", { misfireGrace: "soon" }, "misfireGrace", "soon")
  refuses("an endless retention", { retention: Infinity }, "retention", "")
  refuses("half an occurrence to catch up", { catchUpLimit: 0.5 }, "catchUpLimit", "0.5")
  refuses("a Schedule that is no Trigger", { trigger: "0 9 * * *" }, "trigger", "0 9 * * *")

  it.effect("a trigger without an occurrence after now", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000_000)
      const scheduler = yield* Scheduler.Scheduler
      const trigger = Trigger.interval("10 seconds", { end: DateTime.makeUnsafe(1_000) })
      const error = yield* Effect.flip(scheduler.schedule(Work, { ...a, trigger }))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : "", "trigger")
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("unknown ids", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const verbs: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        scheduler.get("nobody"),
        scheduler.pause("nobody"),
        scheduler.resume("nobody"),
        scheduler.reschedule("nobody", every10),
        scheduler.remove("nobody"),
        scheduler.explain("nobody", DateTime.makeUnsafe(0))
      ]
      for (const verb of verbs) {
        const error = yield* Effect.flip(verb)
        assert.strictEqual(error._tag, "JobNotFound")
        assert.include(String(error), "nobody")
      }
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("two tasks of one name", () =>
    Effect.gen(function*() {
      const twin = Task.make("Work", { payload: { name: Schema.String }, success: Schema.String })
      const live = Scheduler.layer({ tasks: [Work, twin] }).pipe(
        Layer.provide([handlers(world()), FiberExecutor.layer(), MemoryJobStore.layer])
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(live)))
      assert.strictEqual(error._tag, "InvalidOption")
      assert.strictEqual(error.value, "Work")
    }))
})

describe("which tasks a node carries out", () => {
  it.effect("a task that names an executor which is not provided is refused", () =>
    Effect.gen(function*() {
      const Cpu = Task.make("Cpu", { executor: "cpu" })
      const live = Scheduler.layer({ tasks: [Cpu] }).pipe(
        Layer.provide([Cpu.toLayer(() => Effect.void), FiberExecutor.layer(), MemoryJobStore.layer])
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(live)))
      assert.strictEqual(error.field, "tasks")
      assert.include(error.value, "cpu")
    }))

  it.effect("a node that only schedules needs no executor, and another carries the task out", () =>
    Effect.gen(function*() {
      const w = world()
      const store = yield* MemoryJobStore.make()
      const client = Scheduler.layer().pipe(Layer.provide(Layer.succeed(JobStore.JobStore, store)))
      const worker = yield* start(store, w)
      const context = yield* Layer.build(client)
      const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
      yield* scheduler.schedule(Work, a)
      assert.strictEqual(yield* scheduler.run(Work, { payload: { name: "b" } }), "done")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["b 1 @0", "a 1 @10000"])
      yield* worker.close
    }))
})

describe("pause, resume and reschedule", () => {
  it.effect("what comes due while paused is skipped, and nothing piles up", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const paused = yield* scheduler.pause("a", { reason: "flood", by: "ops" })
      assert.deepStrictEqual([paused.state, paused.pause, paused.next], [
        "paused",
        { reason: "flood", by: "ops", until: undefined },
        undefined
      ])
      yield* TestClock.adjust("35 seconds")
      const resumed = yield* scheduler.resume("a")
      assert.strictEqual(resumed.next?.epochMilliseconds, 50_000)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @50000"])
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(30_000))
      assert.strictEqual(
        why._tag === "NotRun" ? `${why.verdict.kind} ${why.verdict.reason}` : why._tag,
        "skipped paused"
      )
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.count : 0, 3)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("resume can catch up from where the pause began", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, catchUp: "all" })
      yield* scheduler.pause("a")
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.resume("a", { catchUp: true })
      yield* turns
      assert.strictEqual(w.log.length, 3)
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.nominal?.epochMilliseconds).toSorted(), [10_000, 20_000, 30_000])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("added paused, it waits for resume; rescheduling does not wake it", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, paused: true })
      yield* TestClock.adjust("1 minute")
      const still = yield* scheduler.reschedule("a", Trigger.interval("1 hour"))
      assert.strictEqual(still.state, "paused")
      yield* TestClock.adjust("3 hours")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.resume("a")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(w.log.length, 1)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("reschedule revives a job that was done", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.after("1 second") })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* scheduler.get("a")).state, "done")
      yield* scheduler.reschedule("a", Trigger.after("1 second"))
      // an equal trigger is no change; another one is
      assert.strictEqual((yield* scheduler.get("a")).state, "done")
      yield* scheduler.reschedule("a", Trigger.after("2 seconds"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @1000", "a 1 @62000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a change decides what is due under the old definition first", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pauseNode
      yield* TestClock.adjust("25 seconds")
      yield* scheduler.schedule(Work, { ...a, payload: { name: "new" }, trigger: Trigger.interval("1 minute") })
      yield* scheduler.resumeNode
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @25000", "new 1 @85000"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})
