import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Continuation, FiberExecutor, MemoryJobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, start, turns, Work, world } from "../support/world.ts"

describe("redrive", () => {
  it.effect("a dead letter goes again as the same run, from its first attempt, with its retries before it", () => {
    const w = world()
    w.behave = () => Effect.fail(new Refused({ why: "down" }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const events = yield* scheduler.events.pipe(
        Stream.filter((event) => event._tag === "RunRedriven"),
        Stream.take(1),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const id = yield* scheduler.enqueue(Retried, { id: "letter", payload: { name: "a" } })
      yield* TestClock.adjust("10 seconds")
      const [dead] = yield* scheduler.runs({ outcomes: Run.dead })
      assert.deepStrictEqual([dead!.id, dead!.outcome, dead!.attempts], [id, "failed", 4])
      const again = yield* scheduler.redrive(id)
      assert.deepStrictEqual([again.id, again.outcome, again.result], [id, undefined, undefined])
      yield* TestClock.adjust("2 seconds")
      w.behave = () => Effect.succeed("sent")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log.filter((line) => !line.includes("failed")), [
        "a 1 @0",
        "a 2 @1000",
        "a 3 @3000",
        "a 4 @7000",
        "a 1 @10000",
        "a 2 @11000",
        "a 3 @13000"
      ])
      const [done] = yield* scheduler.runs({ ids: [id] })
      assert.deepStrictEqual([done!.outcome, done!.result, done!.attempts], ["succeeded", "sent", 3])
      assert.deepStrictEqual((yield* Fiber.join(events)).map((event) => event._tag), ["RunRedriven"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("the run of an occurrence: no verdict is added, and it takes its turn among the job's other runs", () => {
    const w = world()
    w.behave = ({ at }) => at < 90_000 ? Effect.die("bug") : Effect.as(Effect.sleep("30 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { id: "job", payload: { name: "job" }, trigger: Trigger.interval("1 minute") })
      yield* TestClock.adjust("1 minute")
      const [first] = yield* scheduler.runs({ job: "job" })
      assert.strictEqual(first!.outcome, "died")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* scheduler.redrive(first!.id)).state, "blocked")
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(w.log, ["job 1 @60000", "job 1 failed @60000", "job 1 @120000", "job 1 @150000"])
      const explained = yield* scheduler.explain("job", first!.nominal!)
      assert.strictEqual(explained._tag, "Fired")
      assert.strictEqual(explained._tag === "Fired" ? explained.run.state : "", "running")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("what is refused: a run that nobody knows, one that succeeded; one that is going stays as it is", () => {
    const w = world()
    w.behave = ({ name }) => name === "slow" ? Effect.never : Effect.succeed("ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      assert.strictEqual((yield* Effect.flip(scheduler.redrive("nobody")))._tag, "RunNotFound")
      yield* scheduler.run(Work, { id: "good", payload: { name: "good" } })
      const refused = yield* Effect.flip(scheduler.redrive("good"))
      assert.include(refused._tag === "InvalidOption" ? refused.expected : "", "has not succeeded")
      yield* scheduler.enqueue(Work, { id: "slow", payload: { name: "slow" } })
      yield* turns
      assert.strictEqual((yield* scheduler.redrive("slow")).state, "running")
      yield* scheduler.cancel("slow")
      assert.strictEqual((yield* scheduler.runs({ ids: ["slow"] }))[0]!.outcome, "cancelled")
      w.behave = () => Effect.succeed("ok")
      yield* scheduler.redrive("slow")
      yield* turns
      assert.strictEqual((yield* scheduler.runs({ ids: ["slow"] }))[0]!.outcome, "succeeded")
      const all = yield* Effect.flip(scheduler.redriveAll({ outcomes: ["failed", "succeeded"] }))
      assert.strictEqual(all._tag === "InvalidOption" ? all.field : all._tag, "outcomes")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("all that match, across pages; cancelled and succeeded runs stay", () => {
    const w = world()
    w.behave = ({ name }) => name === "good" ? Effect.succeed("ok") : Effect.fail(new Refused({ why: "down" }))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const bad = Array.from({ length: 1200 }, (_, i) => ({ id: `bad/${i}`, payload: { name: "bad" } }))
      yield* scheduler.enqueueAll(Work, bad)
      yield* scheduler.enqueueAll(Work, [{ id: "good", payload: { name: "good" } }])
      yield* scheduler.enqueue(Retried, { id: "other", payload: { name: "bad" }, maxAttempts: 1 })
      const idle = Effect.gen(function*() {
        while ((yield* scheduler.runs({ going: true, limit: 1 })).length > 0) yield* turns
      })
      yield* idle
      w.behave = () => Effect.succeed("ok")
      assert.deepStrictEqual(yield* scheduler.redriveAll({ task: "Work", outcomes: ["died"] }), [])
      const ids = yield* scheduler.redriveAll({ task: "Work" })
      assert.deepStrictEqual([...ids].sort(), bad.map(({ id }) => id).sort())
      yield* idle
      const dead = yield* scheduler.runs({ outcomes: Run.dead })
      assert.deepStrictEqual(dead.map(({ id }) => id), ["other"])
      assert.deepStrictEqual(yield* scheduler.redriveAll({}), ["other"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("whoever ended it died before it could say what follows: that is said before the run goes again", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { scheduler } = yield* start(store, w)
      const followedBy = [Continuation.onFailure(Work, { payload: { name: "alert" } })]
      yield* scheduler.pauseNode
      yield* scheduler.enqueue(Work, { id: "letter", payload: { name: "letter" }, delivery: "atMostOnce", followedBy })
      yield* store.claim({ node: "another", lanes: ["default/Work"], limit: 1, now: 0 })
      yield* store.leave({ node: "another", now: 0 })
      yield* scheduler.resumeNode
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.redrive("letter")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(w.log.toSorted(), ["alert 1 @1000", "letter 1 @1000"])
      const follows = yield* scheduler.runs({ ids: ["letter:then:0"] })
      assert.deepStrictEqual(follows.map(({ outcome }) => outcome), ["succeeded"])
    })
  })

  it.effect("what followed the failure is not repeated; what follows the success comes then", () => {
    const log: Array<string> = []
    let works = false
    const Import = Task.make("Import", { success: Schema.Int, error: Schema.String })
    const Alert = Task.make("Alert", { payload: Continuation.Ended })
    const Report = Task.make("Report", { payload: Schema.Int })
    const live = Scheduler.layer({ tasks: [Import, Alert, Report] }).pipe(
      Layer.provide([
        Import.toLayer(() => Effect.suspend(() => works ? Effect.succeed(7) : Effect.fail("no file"))),
        Alert.toLayer(({ result }) => Effect.sync(() => void log.push(`alert ${String(result)}`))),
        Report.toLayer((rows) => Effect.sync(() => void log.push(`report ${rows}`))),
        FiberExecutor.layer()
      ]),
      Layer.provide(MemoryJobStore.layer)
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const id = yield* scheduler.enqueue(Import, {
        followedBy: [Continuation.onFailure(Alert), Continuation.onSuccess(Report)]
      })
      yield* TestClock.adjust("1 second")
      yield* scheduler.redrive(id)
      yield* TestClock.adjust("1 second")
      works = true
      yield* scheduler.redrive(id)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["alert no file", "report 7"])
    }).pipe(Effect.provide(live))
  })
})
