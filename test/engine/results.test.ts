import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Scope } from "effect"
import { Continuation, JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { isRunning } from "../stores/postgres/server.ts"
import { opener } from "../stores/postgres/stores.ts"
import { inMemory, on, Refused, start, turns, Work, world } from "../support/world.ts"

/** A node that carries out nothing. */
const client = (store: JobStore.Service, options: Scheduler.Options<readonly []> = {}) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      Scheduler.layer(options).pipe(
        Layer.provide(Layer.succeed(JobStore.JobStore, store))
      )
    )
    return yield* Effect.provideContext(Scheduler.Scheduler, context)
  })

const payload = { name: "a" }

describe("result", () => {
  it.effect("gives a run's success, its typed error or how else it ended, as often as one asks", () => {
    const w = world()
    w.behave = ({ name }) =>
      name === "refuse"
        ? Effect.fail(new Refused({ why: "no" }))
        : name === "bug"
        ? Effect.die(new Error("oops"))
        : Effect.succeed(name.toUpperCase())
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const name of ["hello", "refuse", "bug"]) yield* scheduler.enqueue(Work, { id: name, payload: { name } })
      for (const _ of [1, 2, 3]) {
        assert.strictEqual(yield* scheduler.result(Work, "hello"), "HELLO")
        assert.deepStrictEqual(yield* Effect.flip(scheduler.result(Work, "refuse")), new Refused({ why: "no" }))
        const died = yield* Effect.flip(scheduler.result(Work, "bug"))
        assert.strictEqual(died._tag === "RunFailed" ? died.outcome : died._tag, "died")
      }
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("waits for a run that is going, be it a job's or a continuation", () => {
    const w = world()
    w.behave = ({ at }) => Effect.as(Effect.sleep("5 seconds"), `at ${at}`)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, {
        id: "a",
        payload,
        trigger: Trigger.after("10 seconds"),
        followedBy: [Continuation.onEnd(Work, { payload: { name: "b" } })]
      })
      yield* TestClock.adjust("11 seconds")
      const [run] = yield* scheduler.runs({ job: "a" })
      const fiber = yield* Effect.forkChild(scheduler.result(Work, run!.id))
      yield* turns
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "at 10000")
      const follower = yield* Effect.forkChild(scheduler.result(Work, `${run!.id}:then:0`))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(follower), "at 15000")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("of an unknown run is RunNotFound, under another task it is refused, and what does not decode is shown", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const unknown = yield* Effect.flip(scheduler.result(Work, "nobody"))
      assert.strictEqual(unknown._tag === "RunNotFound" ? unknown.id : unknown._tag, "nobody")
      yield* scheduler.enqueue(Work, { id: "a", payload })
      const other = yield* Effect.flip(scheduler.result(Task.make("Other"), "a"))
      assert.strictEqual(
        other._tag === "InvalidOption" ? `${other.field} ${other.expected}` : other._tag,
        "task the task of run a, which is Work"
      )
      const Changed = Task.make("Work", { success: Work.errorSchema })
      const changed = yield* Effect.flip(scheduler.result(Changed, "a"))
      assert.match(String(changed), /Run a ended as succeeded: its success "done" does not fit/)
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("is there until it expires", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, world())
      yield* scheduler.enqueue(Work, { id: "a", payload, retention: "1 hour" })
      yield* turns
      yield* TestClock.adjust("59 minutes")
      yield* store.sweep({ now: 59 * 60_000, before: 0, limit: 10 })
      assert.strictEqual(yield* scheduler.result(Work, "a"), "done")
      yield* TestClock.adjust("1 minute")
      yield* store.sweep({ now: 60 * 60_000, before: 0, limit: 10 })
      assert.strictEqual((yield* Effect.flip(scheduler.result(Work, "a")))._tag, "RunNotFound")
      yield* close
    }))
})

describe("a result from another node", () => {
  it.effect("comes through an SQLite file by polling; if it is forgotten before that, the waiter is told so", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/jobs.db"
      const open = Effect.map(
        Layer.build(Layer.fresh(SqliteJobStore.layerFile(file))),
        (context) => Effect.provideContext(JobStore.JobStore, context)
      )
      const [mine, theirs] = [yield* Effect.flatten(open), yield* Effect.flatten(open)]
      const asking = yield* client(mine, { poll: "1 second" })
      const w = world()
      const gate = yield* Deferred.make<void>()
      w.behave = ({ name }) =>
        name === "refuse" ? Effect.fail(new Refused({ why: "no" })) : Effect.as(Deferred.await(gate), name)
      yield* Layer.build(on(theirs, w, { poll: "1 second" }))
      const run = yield* Effect.forkChild(asking.run(Work, { id: "a", payload }))
      const result = yield* Effect.forkChild(asking.result(Work, "a"))
      const refused = yield* Effect.forkChild(Effect.flip(asking.run(Work, { payload: { name: "refuse" } })))
      const forgotten = yield* Effect.forkChild(
        Effect.flip(asking.run(Work, { id: "short", payload: { name: "short" }, retention: 0 }))
      )
      const missing = yield* Effect.forkChild(Effect.flip(asking.result(Work, "short")))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(refused), new Refused({ why: "no" }))
      assert.isUndefined(run.pollUnsafe())
      yield* Deferred.succeed(gate, void 0)
      yield* turns
      yield* theirs.sweep({ now: 3_000, before: 0, limit: 10 })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([yield* Fiber.join(run), yield* Fiber.join(result)], ["a", "a"])
      const error = yield* Fiber.join(forgotten)
      assert.strictEqual(error._tag === "RunFailed" ? error.outcome : error._tag, "unknown")
      assert.strictEqual((yield* Fiber.join(missing))._tag, "RunNotFound")
    }).pipe(Effect.provide(NodeServices.layer)))

  // Live: a real server. It awaits what LISTEN brings, with polling off.
  it.live.runIf(isRunning)("comes from PostgreSQL by its notification", () =>
    Effect.gen(function*() {
      const { open } = yield* opener
      const [mine, theirs] = yield* Effect.all([open(), open()])
      const asking = yield* client(mine.store, { poll: Infinity, reread: Infinity })
      const w = world()
      w.behave = ({ name }) => name === "refuse" ? Effect.fail(new Refused({ why: "no" })) : Effect.succeed(name)
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(on(theirs.store, w, { poll: Infinity, reread: Infinity }), scope)
      assert.strictEqual(yield* asking.run(Work, { id: "a", payload }), "a")
      assert.deepStrictEqual(
        yield* Effect.flip(asking.run(Work, { payload: { name: "refuse" } })),
        new Refused({ why: "no" })
      )
      assert.strictEqual(yield* asking.result(Work, "a"), "a")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* asking.result(Work, "a"), "a")
    }).pipe(Effect.timeout("15 seconds")), 30_000)
})
