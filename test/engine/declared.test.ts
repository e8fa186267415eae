import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Schema } from "effect"
import { DeclaredJobs, FiberExecutor, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { handlers, inMemory, on, start, turns, withVerbs, Work, world } from "../support/world.ts"

const hourly = Trigger.interval("1 hour")
const work = (id: string, options: Partial<Parameters<typeof DeclaredJobs.job<typeof Work>>[1]> = {}) =>
  DeclaredJobs.job(Work, { id, payload: { name: id }, trigger: hourly, ...options })
const office = (jobs: ReadonlyArray<DeclaredJobs.Declaration>, options: Partial<DeclaredJobs.DeclaredSet> = {}) =>
  DeclaredJobs.make({ name: "office", jobs, ...options })

const tagsOf = (plan: DeclaredJobs.Plan) => plan.changes.map(({ _tag, id }) => `${_tag} ${id}`)

describe("declared jobs", () => {
  it.effect("are added, changed and removed as the code says, and an equal set writes nothing", () =>
    Effect.gen(function*() {
      const writes: Array<string> = []
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        insertJobs: (rows) => Effect.tap(inner.insertJobs(rows), () => Effect.sync(() => writes.push("insert"))),
        commit: (request) => Effect.tap(inner.commit(request), () => Effect.sync(() => writes.push("commit")))
      }))
      const { close, scheduler } = yield* start(store, world())
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([work("a"), work("b")]))), ["Add a", "Add b"])
      yield* scheduler.schedule(Work, { id: "mine", payload: { name: "mine" }, trigger: hourly })
      const before = yield* scheduler.get("a")
      writes.length = 0
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([work("a"), work("b")]))), ["Same a", "Same b"])
      assert.deepStrictEqual(writes, [])
      yield* TestClock.adjust("90 minutes")
      const plan = yield* scheduler.declare(
        office([work("a", { overlap: "queue", payload: { name: "A" } }), work("c")])
      )
      assert.deepStrictEqual(tagsOf(plan), ["Update a", "Add c", "Remove b"])
      const a = yield* scheduler.get("a")
      // The cursor and the anchor are kept, and what nobody declares is left alone.
      assert.deepStrictEqual([a.incarnation, a.anchor], [before.incarnation, before.anchor])
      assert.strictEqual(a.cursor?.epochMilliseconds, 3_600_000)
      assert.deepStrictEqual(a.payload, { name: "A" })
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id }) => id), ["a", "c", "mine"])
      yield* close
    }))

  it.effect("a rehearsal says field by field what would change, and changes nothing", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.declare(office([work("a", { tags: ["x"] }), work("old"), work("same")]))
      const before = yield* scheduler.list()
      const next = office([
        work("a", {
          trigger: Trigger.interval("2 hours"),
          timeout: "1 minute",
          payload: { name: "A" },
          metadata: { m: 1 }
        }),
        work("new"),
        work("same")
      ], { version: 3 })
      const plan = yield* DeclaredJobs.plan(next)
      assert.deepStrictEqual(yield* scheduler.list(), before)
      assert.deepStrictEqual(tagsOf(plan), ["Update a", "Add new", "Same same", "Remove old"])
      const [a] = plan.changes
      assert.deepStrictEqual(a?._tag === "Update" ? a.fields : [], [
        { field: "trigger", before: "every hour", after: "every 2 hours" },
        { field: "payload", before: { name: "a" }, after: { name: "A" } },
        { field: "timeout", before: null, after: 60_000 },
        { field: "tags", before: ["x"], after: [] },
        { field: "metadata", before: {}, after: { m: 1 } }
      ])
      assert.deepStrictEqual(a?._tag === "Update" ? [a.fires?.added.length, a.fires?.removed.length] : [], [0, 84])
      assert.strictEqual(
        DeclaredJobs.show(plan),
        `declared jobs office version 3: 1 to add, 1 to change, 1 to remove, 1 the same
~ a  Work
    trigger: every hour → every 2 hours
    payload: {"name":"a"} → {"name":"A"}
    timeout: null → 60000
    tags: ["x"] → []
    metadata: {} → {"m":1}
    gone in the next days: 1970-01-01T01:00:00.000Z, 1970-01-01T03:00:00.000Z, 1970-01-01T05:00:00.000Z and 81 more
+ new  Work, every hour
- old  Work`
      )
      // What was planned is what is done.
      assert.deepStrictEqual(yield* scheduler.declare(next), plan)
      assert.deepStrictEqual(tagsOf(yield* DeclaredJobs.plan(next)), ["Same a", "Same new", "Same same"])
      assert.strictEqual(
        DeclaredJobs.show(yield* DeclaredJobs.plan(office([], { name: "empty" }))),
        "declared jobs empty: nothing"
      )
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("what is not declared any more may be paused, and goes on when it is declared again; or be kept", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.declare(office([work("a"), work("b")]))
      yield* scheduler.pause("b", { reason: "ops", by: "me" })
      const pausing = { undeclared: "pause" } as const
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([], pausing))), ["Pause a", "Keep b"])
      assert.strictEqual((yield* scheduler.get("a")).pause?.reason, "no longer declared by office")
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([], pausing))), ["Keep a", "Keep b"])
      const plan = yield* scheduler.declare(office([work("a"), work("b")], pausing))
      assert.deepStrictEqual(tagsOf(plan), ["Update a", "Same b"])
      // Whom somebody paused stays paused.
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id, state }) => [id, state]), [["a", "active"], [
        "b",
        "paused"
      ]])
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([], { undeclared: "keep" }))), ["Keep a", "Keep b"])
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      // It is still the set's, so that another choice later finds it.
      assert.deepStrictEqual(tagsOf(yield* scheduler.declare(office([]))), ["Remove a", "Remove b"])
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("removal interrupts the runs of a job, and does not wait for them", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.declare(office([work("a")]))
      yield* TestClock.adjust("1 hour")
      yield* scheduler.declare(office([]))
      yield* turns
      assert.deepStrictEqual((yield* scheduler.runs({ job: "a" })).map((run) => run.outcome), ["cancelled"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("several sets live side by side, take in what nobody declares, and do not take from each other", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { id: "byHand", payload: { name: "byHand" }, trigger: hourly, tags: ["t"] })
      yield* scheduler.declare(office([work("a"), work("byHand", { tags: ["t"] })]))
      yield* scheduler.declare(office([work("b")], { name: "shop" }))
      yield* scheduler.declare(office([], { name: "office2" }))
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id, tags }) => [id, ...tags]), [
        ["a", "declared:office"],
        ["b", "declared:shop"],
        ["byHand", "declared:office", "t"]
      ])
      const taken = yield* Effect.flip(scheduler.declare(office([work("new"), work("b")])))
      assert.match(String(taken), /jobs: got "b".* belongs to shop/)
      assert.strictEqual((yield* scheduler.list()).length, 3)
      yield* scheduler.declare(office([]))
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id }) => id), ["b"])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("in a rolling deploy an older version leaves alone what a newer one has declared", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const old = yield* start(store, world())
      const fresh = yield* start(store, world())
      const before = office([work("a"), work("b")], { version: 1 })
      const after = office([work("a", { timeout: "1 minute" }), work("c")], { version: 2 })
      // Several nodes of one version start at once.
      yield* Effect.all([old.scheduler.declare(before), fresh.scheduler.declare(before)], { concurrency: 2 })
      yield* fresh.scheduler.declare(after)
      const settled = yield* fresh.scheduler.list()
      const again = yield* old.scheduler.declare(before)
      assert.deepStrictEqual([again.superseded, again.changes], [2, []])
      assert.strictEqual(
        DeclaredJobs.show(again),
        "declared jobs office version 1: left alone, version 2 has been here"
      )
      assert.deepStrictEqual(yield* fresh.scheduler.list(), settled)
      assert.deepStrictEqual(settled.map(({ id }) => id), ["a", "c"])
      yield* old.close
      yield* fresh.close
    }))

  for (const undeclared of ["remove", "pause"] as const) {
    it.effect(`… also what it declares while the older one has compared and not yet written (${undeclared})`, () =>
      Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const fresh = yield* start(store, world())
        const newer = office([work("a", { timeout: "1 minute" }), work("b", { timeout: "1 minute" })], { version: 3 })
        let comparisons = 0
        const late = withVerbs(store, (store) => ({
          jobs: (query) =>
            Effect.tap(store.jobs(query), () =>
              query.ids === undefined && comparisons++ === 0
                ? Effect.orDie(fresh.scheduler.declare(newer))
                : Effect.void)
        }))
        yield* fresh.scheduler.declare(office([work("a"), work("b")], { version: 1 }))
        const old = yield* start(late, world())
        comparisons = 0
        yield* old.scheduler.declare(office([work("a", { timeout: "2 minutes" })], { version: 2, undeclared }))
        assert.strictEqual(comparisons, 1)
        const plan = yield* fresh.scheduler.declare(newer, { dryRun: true })
        assert.deepStrictEqual(tagsOf(plan), ["Same a", "Same b"])
        assert.deepStrictEqual((yield* fresh.scheduler.list()).map(({ state }) => state), ["active", "active"])
      }))
  }

  it.effect("two nodes that start at once do not trip over each other's changes and removals", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, world())
      const two = yield* start(store, world())
      yield* one.scheduler.declare(office([work("a"), work("gone")]))
      yield* Effect.all([
        one.scheduler.declare(office([work("a")])),
        two.scheduler.declare(office([work("a", { timeout: "1 minute" })]))
      ], { concurrency: 2 })
      assert.deepStrictEqual((yield* one.scheduler.list()).map(({ id }) => id), ["a"])
      yield* one.close
      yield* two.close
    }))

  it.effect("a bad set is refused before anything is written, with the way to the field", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const refused = (set: DeclaredJobs.DeclaredSet) =>
        Effect.map(Effect.flip(scheduler.declare(set)), (error) =>
          error._tag === "InvalidOption" ? error.field : error._tag)
      assert.strictEqual(yield* refused(office([work("a"), work("a")])), "jobs[1].id")
      assert.strictEqual(yield* refused(office([work("a", { tags: ["declared:shop"] })])), "jobs[0].tags")
      assert.strictEqual(yield* refused(office([work("a"), work("b", { timeout: -1 })])), "jobs[1].timeout")
      assert.strictEqual(
        yield* refused(office([work("a"), work("b", { payload: { name: 1 as never } })])),
        "jobs[1].payload"
      )
      assert.strictEqual(yield* refused(office([], { name: "no@good" })), "name")
      assert.strictEqual(yield* refused(office([], { version: 1.5 })), "version")
      yield* TestClock.adjust("1 second")
      const limited = Trigger.interval("1 hour", { start: "1960-01-01T00:00:00Z", end: "1961-01-01T00:00:00Z" })
      assert.strictEqual(yield* refused(office([work("a"), work("over", { trigger: limited })])), "trigger")
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("a quarantined job is repaired by its declaration, and the plan says so", () =>
    Effect.gen(function*() {
      const memory = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(memory, world())
      yield* scheduler.declare(office([work("a")]))
      const [row] = yield* memory.jobs({ limit: 1 })
      const broken = { ...row!, payload: `{"name":1}`, nextNominal: 0, nextDue: 0 }
      yield* memory.commit({
        changes: [{
          job: "a",
          incarnation: row!.incarnation,
          revision: row!.revision,
          update: { _tag: "Replace", row: broken },
          runs: [],
          verdicts: [],
          cancel: null
        }],
        now: 0
      })
      yield* turns
      assert.strictEqual((yield* scheduler.get("a")).state, "quarantined")
      const plan = yield* scheduler.declare(office([work("a")]))
      assert.deepStrictEqual(plan.changes.map((change) => change._tag === "Update" ? change.fields : []), [[
        { field: "payload", before: { name: 1 }, after: { name: "a" } },
        { field: "state", before: "quarantined", after: "active" }
      ]])
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      yield* close
    }))

  it.effect("the layer declares when it is built, over any store", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const live = DeclaredJobs.layer(office([work("a")])).pipe(Layer.provideMerge(on(store, world())))
      const jobs = yield* Effect.flatMap(Scheduler.Scheduler, (scheduler) => scheduler.list()).pipe(
        Effect.provide(live)
      )
      assert.deepStrictEqual(jobs.map(({ id }) => id), ["a"])
      assert.strictEqual((yield* store.jobs({ limit: 10 })).length, 1)
    }))

  it.effect("a program that starts again on its SQLite file, with other jobs in it, goes on with those that stayed", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/jobs.db"
      const w = world()
      const session = (jobs: ReadonlyArray<DeclaredJobs.Declaration>) => {
        const node = Scheduler.layer({ tasks: [Work] }).pipe(
          Layer.provide([handlers(w), FiberExecutor.layer(), SqliteJobStore.layerFile(file)])
        )
        return Effect.gen(function*() {
          const scheduler = yield* Scheduler.Scheduler
          yield* TestClock.adjust("90 minutes")
          return (yield* scheduler.list()).map(({ cursor, id }) => [id, cursor?.epochMilliseconds])
        }).pipe(
          Effect.provide(Layer.fresh(DeclaredJobs.layer(office(jobs)).pipe(Layer.provideMerge(Layer.fresh(node)))))
        )
      }
      assert.deepStrictEqual(yield* session([work("a"), work("b")]), [["a", 3_600_000], ["b", 3_600_000]])
      assert.deepStrictEqual(yield* session([work("a"), work("c")]), [["a", 10_800_000], ["c", 9_000_000]])
      assert.deepStrictEqual([...w.log].sort(), [
        "a 1 @10800000",
        "a 1 @3600000",
        "a 1 @7200000",
        "b 1 @3600000",
        "c 1 @9000000"
      ])
    }).pipe(Effect.provide(NodeServices.layer)))
})

it("the options of a declared job are those of its task", () => {
  const Plain = Task.make("Plain")
  const Counted = Task.make("Counted", { payload: Schema.Int })
  const compiled = () => [
    DeclaredJobs.job(Plain, { id: "p", trigger: hourly }),
    DeclaredJobs.job(Counted, { id: "c", trigger: hourly, payload: 1 }),
    // @ts-expect-error a task with a payload needs it
    DeclaredJobs.job(Counted, { id: "c", trigger: hourly }),
    // @ts-expect-error the payload has another shape
    DeclaredJobs.job(Counted, { id: "c", trigger: hourly, payload: "1" }),
    // @ts-expect-error a declared job has an id
    DeclaredJobs.job(Plain, { trigger: hourly })
  ]
  assert.strictEqual(compiled().length, 5)
})
