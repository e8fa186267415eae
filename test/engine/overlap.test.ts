import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Policy, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"

type Situation = Policy.OverlapSituation<{ readonly name: string }>

/** A task whose runs take 25 seconds and whose overlap is decided by a function. */
const world = (overlap: (situation: Situation) => Policy.Overlap) => {
  const asked: Array<Situation> = []
  const Slow = Task.make("Slow", {
    payload: { name: Schema.String },
    overlap: (situation) => {
      asked.push(situation)
      return overlap(situation)
    }
  })
  const on = (store: JobStore.Service) =>
    Scheduler.layer({ tasks: [Slow] }).pipe(
      Layer.provide([Slow.toLayer(() => Effect.sleep("25 seconds")), FiberExecutor.layer()]),
      Layer.provide(Layer.succeed(JobStore.JobStore, store))
    )
  const client = (store: JobStore.Service) =>
    Scheduler.layer().pipe(Layer.provide(Layer.succeed(JobStore.JobStore, store)))
  const start = (layer: Layer.Layer<Scheduler.Scheduler, unknown>) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Effect.orDie(Layer.buildWithScope(layer, scope))
      return yield* Effect.provideContext(Scheduler.Scheduler, context)
    })
  return { Slow, asked, on, client, start }
}

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10, tags: ["x"] } as const
const secondsOf = (at: DateTime.Utc | undefined) => at === undefined ? undefined : at.epochMilliseconds / 1_000

describe("an overlap function", () => {
  it.effect("decides each time, and knows the job, its payload, what is due and what is going", () => {
    const { Slow, asked, on, start } = world(({ due }) => secondsOf(due)! <= 20 ? { allow: 2 } : "skip")
    return Effect.gen(function*() {
      const scheduler = yield* start(on(yield* MemoryJobStore.make()))
      const job = yield* scheduler.schedule(Slow, a)
      assert.strictEqual(job.policy?.overlap, "byTask")
      yield* TestClock.adjust("40 seconds")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map(({ nominal }) => secondsOf(nominal)).toSorted(), [10, 20])
      assert.deepStrictEqual(
        asked.map(({ due, going, job, latest, now, payload, tags }) => [
          job,
          payload.name,
          tags[0],
          secondsOf(due),
          secondsOf(now),
          going,
          latest?.split(":")[2]
        ]),
        [
          ["a", "a", "x", 10, 10, 0, undefined],
          ["a", "a", "x", 20, 20, 1, "10000"],
          ["a", "a", "x", 30, 30, 2, "20000"],
          ["a", "a", "x", 40, 40, 1, "20000"]
        ]
      )
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(30_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "overlap")
    })
  })

  it.effect("is the task's default: a job may say otherwise, and back again", () => {
    const { Slow, asked, on, start } = world(() => "skip")
    return Effect.gen(function*() {
      const scheduler = yield* start(on(yield* MemoryJobStore.make()))
      yield* scheduler.schedule(Slow, { ...a, overlap: "queue" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(asked, [])
      yield* scheduler.schedule(Slow, { ...a, overlap: "byTask" })
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(asked, 1)
      const Plain = Task.make("Plain")
      const error = yield* Effect.flip(scheduler.schedule(Plain, { trigger: every10, overlap: "byTask" }))
      assert.include(String(error), "overlap")
    })
  })

  it.effect("two occurrences due at once are one question, about the newest", () => {
    const { Slow, asked, on, start } = world(() => ({ queueAll: 1 }))
    return Effect.gen(function*() {
      const scheduler = yield* start(on(yield* MemoryJobStore.make()))
      yield* scheduler.schedule(Slow, { ...a, catchUp: "all" })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("35 seconds")
      yield* scheduler.resumeNode
      assert.deepStrictEqual(asked.map(({ due, now }) => [secondsOf(due), secondsOf(now)]), [[30, 35]])
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map(({ nominal }) => secondsOf(nominal)).toSorted(), [10, 20])
    })
  })

  it.effect("a node that does not carry out the task leaves the job to one that does", () => {
    const { Slow, asked, client, on, start } = world(() => "skip")
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const only = yield* start(client(store))
      yield* only.schedule(Slow, a)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* only.get("a")).state, "active")
      assert.isUndefined((yield* only.get("a")).cursor)
      const error = yield* Effect.flip(only.runNow("a"))
      assert.include(String(error), "Slow")
      const worker = yield* start(on(store))
      yield* TestClock.adjust("5 seconds")
      assert.lengthOf(yield* worker.runs({ job: "a" }), 1)
      assert.deepStrictEqual(asked.map(({ due }) => secondsOf(due)), [30])
    })
  })

  it.effect("what throws, or answers nonsense, puts its job in quarantine and no other", () => {
    const { Slow, on, start } = world(({ payload }) => {
      if (payload.name === "throws") throw new Error("oops")
      return payload.name as "skip"
    })
    return Effect.gen(function*() {
      const scheduler = yield* start(on(yield* MemoryJobStore.make()))
      for (const name of ["throws", "sometimes", "byTask", "skip"]) {
        yield* scheduler.schedule(Slow, { ...a, id: name, payload: { name } })
      }
      yield* TestClock.adjust("10 seconds")
      const jobs = yield* scheduler.list()
      assert.deepStrictEqual(jobs.map(({ id, state }) => [id, state]), [
        ["byTask", "quarantined"],
        ["skip", "active"],
        ["sometimes", "quarantined"],
        ["throws", "quarantined"]
      ])
      assert.include(jobs[3]?.problem, "oops")
      assert.include(jobs[2]?.problem, `"sometimes", expected "skip", "queue"`)
    })
  })

  it.effect("a run besides the occurrences asks it too, unless overlap is ignored", () => {
    const { Slow, asked, on, start } = world(() => ({ allow: 3 }))
    return Effect.gen(function*() {
      const scheduler = yield* start(on(yield* MemoryJobStore.make()))
      yield* scheduler.schedule(Slow, a)
      yield* scheduler.runNow("a", { overlap: "ignore" })
      assert.deepStrictEqual(asked, [])
      for (let n = 0; n < 3; n++) yield* scheduler.runNow("a")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map(({ state }) => state).toSorted(), ["blocked", "running", "running", "running"])
      assert.deepStrictEqual(asked.map(({ going }) => going), [1, 2, 3])
    })
  })
})
