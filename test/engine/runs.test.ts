import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer, Schedule, Schema } from "effect"
import { FiberExecutor, MemoryJobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, turns, Work, world } from "../support/world.ts"

describe("run and enqueue", () => {
  it.effect("run returns the handler's success, its typed error, or how else it ended", () => {
    const w = world()
    w.behave = ({ name }) =>
      name === "refuse"
        ? Effect.fail(new Refused({ why: "no" }))
        : name === "bug"
        ? Effect.die(new Error("oops"))
        : Effect.succeed(name.toUpperCase())
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      assert.strictEqual(yield* scheduler.run(Work, { payload: { name: "hello" } }), "HELLO")
      const refused = yield* Effect.flip(scheduler.run(Work, { payload: { name: "refuse" } }))
      assert.instanceOf(refused, Refused)
      const died = yield* Effect.flip(scheduler.run(Work, { payload: { name: "bug" } }))
      assert.strictEqual(died._tag === "RunFailed" ? died.outcome : died._tag, "died")
      assert.include(String(died), "oops")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("asking twice under one id makes one run", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const [one, two] = yield* Effect.all([
        scheduler.run(Work, { id: "once", payload: { name: "x" } }),
        scheduler.run(Work, { id: "once", payload: { name: "x" } })
      ], { concurrency: 2 })
      assert.deepStrictEqual([one, two], ["done", "done"])
      assert.strictEqual(w.log.length, 1)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a task without payload needs no options", () => {
    const Ping = Task.make("Ping", { success: Schema.Literal("pong") })
    const live = Scheduler.layer({ tasks: [Ping] }).pipe(
      Layer.provide([Ping.toLayer(() => Effect.succeed("pong" as const)), FiberExecutor.layer()]),
      Layer.provide(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const pong: "pong" = yield* scheduler.run(Ping)
      assert.strictEqual(pong, "pong")
    }).pipe(Effect.provide(live))
  })

  it.effect("a payload that does not fit is refused, and no run is made", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const error = yield* Effect.flip(scheduler.enqueue(Work, { payload: { name: 1 as never } }))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "payload")
      assert.deepStrictEqual(yield* scheduler.runs(), [])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("many at once: in their order, all or none", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const error = yield* Effect.flip(
        scheduler.enqueueAll(Work, [{ payload: { name: "a" } }, { payload: { name: 1 as never } }])
      )
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "payload")
      assert.deepStrictEqual(yield* scheduler.runs(), [])
      const ids = yield* scheduler.enqueueAll(
        Work,
        ["a", "b", "a"].map((name) => ({ id: `run/${name}`, payload: { name } }))
      )
      assert.deepStrictEqual(ids, ["run/a", "run/b", "run/a"])
      yield* turns
      assert.deepStrictEqual((yield* scheduler.runs()).map(({ id, outcome }) => [id, outcome]).sort(), [
        ["run/a", "succeeded"],
        ["run/b", "succeeded"]
      ])
      assert.deepStrictEqual(yield* scheduler.enqueueAll(Work, []), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("inside a handler: the run, its instant, the attempt, the idempotency key", () => {
    const w = world()
    const seen: Array<Run.CurrentRun["Service"]> = []
    w.behave = () => Effect.map(Run.CurrentRun, (run) => (seen.push(run), "ok"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.schedule(Work, {
        id: "a",
        payload: { name: "a" },
        trigger: Trigger.cron("*/5 * * * *")
      })
      yield* TestClock.adjust("5 minutes")
      const [run] = seen
      assert.strictEqual(run?.job, "a")
      assert.strictEqual(run?.scheduledAt.epochMilliseconds, 300_000)
      assert.strictEqual(run?.attempt, 1)
      assert.strictEqual(run?.idempotencyKey, `a:${job.incarnation}:300000`)
      assert.strictEqual(run?.fence, 1)
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("retry", () => {
  it.effect("follows the Task's Schedule, with stored attempts, until it is exhausted", () => {
    const w = world()
    w.behave = ({ attempt }) => Effect.fail(new Refused({ why: String(attempt) }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const result = yield* Effect.forkChild(Effect.flip(scheduler.run(Retried, { payload: { name: "r" } })))
      yield* turns
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(result)
      assert.deepStrictEqual(error._tag === "Refused" ? error.why : error._tag, "4")
      assert.deepStrictEqual(w.log.filter((line) => !line.includes("failed")), [
        "r 1 @0",
        "r 2 @1000",
        "r 3 @3000",
        "r 4 @7000"
      ])
      const [run] = yield* scheduler.runs()
      assert.deepStrictEqual([run?.outcome, run?.attempts, run?.fence], ["failed", 4, 4])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("success in a later attempt", () => {
    const w = world()
    w.behave = ({ attempt }) => attempt < 3 ? Effect.fail(new Refused({ why: "" })) : Effect.succeed("third")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const result = yield* Effect.forkChild(scheduler.run(Retried, { payload: { name: "r" } }))
      yield* turns
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(result), "third")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("maxAttempts bounds it, and defects are not retried", () => {
    const w = world()
    w.behave = ({ name }) => name === "bug" ? Effect.die("bug") : Effect.fail(new Refused({ why: "" }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Retried, { id: "two", payload: { name: "r" }, maxAttempts: 2 })
      yield* scheduler.enqueue(Retried, { id: "bug", payload: { name: "bug" } })
      yield* TestClock.adjust("1 minute")
      const runs = yield* scheduler.runs({ ids: ["two", "bug"] })
      assert.deepStrictEqual(
        runs.map((run) => `${run.id} ${run.outcome} ${run.attempts}`).toSorted(),
        ["bug died 1", "two failed 2"]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("timeout", () => {
  it.effect("really stops the attempt, finalizers included, and is retried by the Schedule", () => {
    const finalized: Array<number> = []
    const Slow = Task.make("Slow", { timeout: "5 seconds", retry: Schedule.recurs(1) })
    const live = Scheduler.layer({ tasks: [Slow] }).pipe(
      Layer.provide([
        Slow.toLayer(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => finalized.push(1)))),
        FiberExecutor.layer()
      ]),
      Layer.provide(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const result = yield* Effect.forkChild(Effect.flip(scheduler.run(Slow)))
      yield* turns
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(finalized.length, 1)
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(result)
      assert.strictEqual(error._tag === "RunFailed" ? error.outcome : error._tag, "timedOut")
      assert.strictEqual(finalized.length, 2)
    }).pipe(Effect.provide(live))
  })
})

describe("back-pressure", () => {
  it.effect("nothing is claimed that has no slot", () => {
    const w = world()
    const gate = Deferred.makeUnsafe<void>()
    w.behave = () => Effect.as(Deferred.await(gate), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (let i = 0; i < 7; i++) yield* scheduler.enqueue(Work, { payload: { name: `n${i}` } })
      yield* turns
      const states = (yield* scheduler.runs()).map((run) => run.state)
      assert.strictEqual(states.filter((state) => state === "running").length, 2)
      assert.strictEqual(states.filter((state) => state === "ready").length, 5)
      yield* Deferred.succeed(gate, void 0)
      yield* turns
      assert.strictEqual((yield* scheduler.runs({ going: true })).length, 0)
      assert.strictEqual(w.log.length, 7)
    }).pipe(Effect.provide(inMemory(w, { concurrency: 2 })))
  })
})

describe("overlap", () => {
  const slow = (millis: number) => () => Effect.as(Effect.sleep(millis), "ok")
  const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }

  it.effect("skip: what comes due while a run is going is skipped, and says which run stood in the way", () => {
    const w = world()
    w.behave = slow(25_000)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const { incarnation } = yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @40000"])
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(30_000))
      assert.strictEqual(why._tag, "NotRun")
      if (why._tag !== "NotRun") return
      assert.deepStrictEqual(
        [why.verdict.kind, why.verdict.reason, why.verdict.run, why.verdict.count, why.verdict.from?.epochMilliseconds],
        ["skipped", "overlap", `a:${incarnation}:10000`, 2, 10_000]
      )
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("queue: one waits, more are skipped as full", () => {
    const w = world()
    w.behave = slow(25_000)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...job, overlap: "queue" })
      yield* TestClock.adjust("69 seconds")
      // 10 runs, 20 waits, 30 finds it full; at 35 that of 20 runs, 40 waits, 50 and 60 find it full; at 60 that of 40 runs
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @35000", "a 1 @60000"])
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(30_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "full")
      const fired = yield* scheduler.explain("a", DateTime.makeUnsafe(20_000))
      assert.strictEqual(fired._tag === "Fired" ? fired.run.started?.epochMilliseconds : 0, 35_000)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("cancelRunning: the new run starts when the old one's finalizers have run", () => {
    const w = world()
    w.behave = ({ at }) =>
      Effect.never.pipe(
        // Only the first takes its time: nobody moves the clock when the test closes.
        Effect.onInterrupt(() =>
          at > 10_000
            ? Effect.void
            : Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => w.log.push("finalized")))
        )
      )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...job, overlap: "cancelRunning" })
      yield* TestClock.adjust("24 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "finalized", "a 1 failed @23000", "a 1 @23000"])
      const [first] = yield* scheduler.runs({ job: "a", going: false })
      assert.strictEqual(first?.outcome, "cancelled")
      assert.include(first?.cancel?.reason, "cancelRunning")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("allow(2): two side by side", () => {
    const w = world()
    w.behave = slow(25_000)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...job, overlap: { allow: 2 } })
      yield* TestClock.adjust("49 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @20000", "a 1 @40000"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("catch-up after an absence", () => {
  const job = { id: "a", payload: { name: "a" }, trigger: Trigger.interval("10 seconds") }
  const absent = (options: object) => {
    const w = world()
    const fired = Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...job, ...options })
      yield* scheduler.pauseNode
      yield* TestClock.adjust("95 seconds")
      yield* scheduler.resumeNode
      yield* turns
      const runs = yield* scheduler.runs({ job: "a" })
      const nominal = runs.map((run) => run.nominal!.epochMilliseconds / 1000).toSorted((x, y) => x - y)
      const verdict = yield* scheduler.explain("a", DateTime.makeUnsafe(20_000))
      return [nominal, verdict._tag === "NotRun" ? `${verdict.verdict.kind} ${verdict.verdict.reason}` : verdict._tag]
    })
    return Effect.provide(fired, inMemory(w))
  }
  it.effect("latest", () => Effect.map(absent({}), (seen) => assert.deepStrictEqual(seen, [[90], "coalesced catchUp"])))
  it.effect("earliest", () =>
    Effect.map(
      absent({ catchUp: "earliest" }),
      (seen) => assert.deepStrictEqual(seen, [[10], "coalesced catchUp"])
    ))
  it.effect("all, with a cap", () =>
    Effect.map(
      absent({ catchUp: "all", catchUpLimit: 3 }),
      (seen) => assert.deepStrictEqual(seen, [[70, 80, 90], "missed cap"])
    ))
  it.effect("all, with a misfire grace", () =>
    Effect.map(
      absent({ catchUp: "all", misfireGrace: "30 seconds" }),
      (seen) => assert.deepStrictEqual(seen, [[70, 80, 90], "missed age"])
    ))
  it.effect("none", () =>
    Effect.map(absent({ catchUp: "none" }), (seen) => assert.deepStrictEqual(seen, [[90], "missed policy"])))
  it.effect("latest, but too old", () =>
    Effect.map(absent({ misfireGrace: "4 seconds" }), (seen) => assert.deepStrictEqual(seen, [[], "missed age"])))

  it.effect("a run that could not start within the grace ends as deadlineMissed", () => {
    const w = world()
    w.behave = ({ name }) => name === "blocker" ? Effect.as(Effect.sleep("1 minute"), "ok") : Effect.succeed("ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Work, { payload: { name: "blocker" } })
      yield* scheduler.schedule(Work, { ...job, trigger: Trigger.after("10 seconds"), misfireGrace: "5 seconds" })
      yield* TestClock.adjust("2 minutes")
      const [run] = yield* scheduler.runs({ job: "a" })
      assert.strictEqual(run?.outcome, "deadlineMissed")
      assert.deepStrictEqual(w.log, ["blocker 1 @0"])
    }).pipe(Effect.provide(inMemory(w, { concurrency: 1 })))
  })
})
