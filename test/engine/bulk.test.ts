import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Deferred, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { Job, MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { matches } from "../../src/engine/selection.ts"
import { inMemory, on, start, turns, withVerbs, Work, world } from "../support/world.ts"

const hourly = Trigger.interval("1 hour")
const payload = { name: "x" }

/** Jobs 0000 to n: every second one is red, every third one big, and each knows its number modulo five. */
const plant = Effect.fnUntraced(function*(n: number) {
  const scheduler = yield* Scheduler.Scheduler
  yield* scheduler.scheduleAll(
    Work,
    Array.from({ length: n }, (_, i) => ({
      id: `job/${String(i).padStart(4, "0")}`,
      payload,
      trigger: hourly,
      tags: [...(i % 2 === 0 ? ["red"] : []), ...(i % 3 === 0 ? ["big"] : [])],
      metadata: { owner: { team: i % 5 }, active: true }
    }))
  )
})

const numbers = (ids: ReadonlyArray<string>) => ids.map((id) => Number(id.slice(4)))
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

describe("list", () => {
  it.effect("by tags and metadata: all that is given is true of a job, in pages and up to a limit", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(2_500)
      const listed = (options: Scheduler.ListOptions) =>
        Effect.map(scheduler.list(options), (jobs) => numbers(jobs.map(({ id }) => id)))
      const all = upTo(2_500)
      assert.deepStrictEqual(yield* listed({ tags: ["red"] }), all.filter((i) => i % 2 === 0))
      assert.deepStrictEqual(yield* listed({ tags: ["big", "red"] }), all.filter((i) => i % 6 === 0))
      assert.deepStrictEqual(yield* listed({ tags: [] }), all)
      assert.deepStrictEqual(yield* listed({ metadata: { owner: { team: 3 } } }), all.filter((i) => i % 5 === 3))
      assert.deepStrictEqual(
        yield* listed({ tags: ["red"], metadata: { active: true, owner: { team: 0 } }, prefix: "job/1" }),
        all.filter((i) => i % 10 === 0 && i >= 1_000 && i < 2_000)
      )
      assert.deepStrictEqual(yield* listed({ metadata: { owner: 3 } }), [])
      assert.deepStrictEqual(yield* listed({ metadata: { nobody: undefined, active: true }, limit: 2 }), [0, 1])
      assert.deepStrictEqual(yield* listed({ tags: ["big"], after: "job/1998", limit: 2 }), [2_001, 2_004])
      assert.deepStrictEqual(yield* listed({ limit: 0 }), [])
    }).pipe(Effect.provide(inMemory(world()))))

  const strings = Arbitrary.schema(Schema.Array(Schema.Literals(["a", "b", "c"])))
  it.prop("a job matches when it has all the tags", { own: strings, wanted: strings }, ({ own, wanted }) => {
    assert.strictEqual(
      matches({ tags: JSON.stringify(own), metadata: "{}" }, { tags: wanted }),
      wanted.every((tag) => own.includes(tag))
    )
  }, { arbitrary: { runs: 200, seed: "tags" } })

  const data = Arbitrary.schema(Schema.Record(Schema.Literals(["a", "b"]), Schema.Json))
  it.prop("and when it has equal metadata, whatever it has besides", { own: data, more: data }, ({ more, own }) => {
    const row = { tags: "[]", metadata: JSON.stringify({ ...own, z: 1 }) }
    assert.isTrue(matches(row, { metadata: JSON.parse(JSON.stringify(own)) }))
    const differs = Object.entries(more).some(([key, value]) =>
      JSON.stringify((own as Record<string, unknown>)[key]) !== JSON.stringify(value)
    )
    if (!differs) assert.isTrue(matches(row, { metadata: more }))
    assert.isFalse(matches(row, { metadata: { ...own, z: 2 } }))
  }, { arbitrary: { runs: 200, seed: "metadata" } })
})

describe("pauseAll and resumeAll", () => {
  it.effect("pause what is active and matches, resume what is paused and matches, and say which", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(40)
      yield* scheduler.pause("job/0000", { reason: "of its own" })
      const paused = yield* scheduler.pauseAll({ tags: ["red"] }, { reason: "flood", by: "ops", until: 7_200_000 })
      assert.deepStrictEqual(numbers(paused), upTo(40).filter((i) => i % 2 === 0 && i > 0))
      const jobs = yield* scheduler.list({ state: "paused" })
      assert.deepStrictEqual(jobs.map(({ pause }) => pause?.reason), [
        "of its own",
        ...upTo(19).map(() => "flood")
      ])
      assert.deepStrictEqual(yield* scheduler.pauseAll({ tags: ["red"] }), [])
      assert.deepStrictEqual(yield* scheduler.pauseAll({ state: "done" }), [])
      const resumed = yield* scheduler.resumeAll({ tags: ["big"] })
      assert.deepStrictEqual(numbers(resumed), upTo(40).filter((i) => i % 6 === 0))
      assert.deepStrictEqual(yield* scheduler.resumeAll({ state: "active" }), [])
      assert.lengthOf(yield* scheduler.resumeAll({}), 13)
      const error = yield* Effect.flip(scheduler.pauseAll({}, { until: 0 }))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "until")
    }).pipe(Effect.provide(inMemory(world()))))

  it.effect("change a bounded number of jobs in one commit", () => {
    const commits: Array<number> = []
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const watched = withVerbs(store, ({ commit }) => ({
        commit: (request) => Effect.andThen(Effect.sync(() => commits.push(request.changes.length)), commit(request))
      }))
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* plant(1_200)
        for (const verb of ["pauseAll", "resumeAll"] as const) assert.lengthOf(yield* scheduler[verb]({}), 1_200)
        assert.lengthOf((yield* scheduler.removeAll({})).removed, 1_200)
        assert.deepStrictEqual(commits, [512, 488, 200, 512, 488, 200, 512, 488, 200])
        assert.deepStrictEqual(yield* scheduler.list({ limit: 1 }), [])
      }).pipe(Effect.provide(on(watched, world())))
    })
  })

  it.effect("change those by themselves that somebody else has changed meanwhile", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      let interfere = Effect.void
      const racing = withVerbs(store, ({ commit }) => ({
        commit: (request) =>
          Effect.suspend(() => {
            const first = interfere
            interfere = Effect.void
            return request.changes.length > 1 ? Effect.andThen(first, commit(request)) : commit(request)
          })
      }))
      const { close, scheduler: other } = yield* start(store, world())
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* plant(5)
        const meanwhile = (verb: Effect.Effect<unknown, unknown>) => {
          interfere = Effect.asVoid(Effect.orDie(verb))
        }
        meanwhile(Effect.andThen(other.skipNext("job/0001"), other.remove("job/0002")))
        assert.deepStrictEqual(numbers(yield* scheduler.pauseAll({}, { reason: "flood" })), [0, 1, 3, 4])
        assert.deepStrictEqual((yield* scheduler.list()).map(({ pause }) => pause?.reason), upTo(4).map(() => "flood"))
        meanwhile(Effect.andThen(other.pause("job/0001", { reason: "other" }), other.resume("job/0003")))
        assert.deepStrictEqual(numbers(yield* scheduler.resumeAll({})), [0, 1, 3, 4])
        assert.deepStrictEqual((yield* scheduler.list()).map(({ state }) => state), upTo(4).map(() => "active"))
        meanwhile(Effect.andThen(other.pause("job/0000"), other.remove("job/0004")))
        assert.deepStrictEqual(numbers((yield* scheduler.removeAll({})).removed), [0, 1, 3])
        assert.deepStrictEqual(yield* scheduler.list(), [])
      }).pipe(Effect.provide(on(racing, world())))
      yield* close
    }))

  it.effect("pass over a job that is gone before its turn comes", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      let isFirst = false
      const racing = withVerbs(store, ({ jobs }) => ({
        jobs: (query) =>
          Effect.tap(jobs(query), () => {
            if (query.ids !== undefined || !isFirst) return Effect.void
            isFirst = false
            return Effect.orDie(other.remove("job/0001"))
          })
      }))
      const { close, scheduler: other } = yield* start(store, world())
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* plant(3)
        isFirst = true
        assert.deepStrictEqual(numbers(yield* scheduler.pauseAll({})), [0, 2])
        isFirst = true
        yield* plant(3)
        assert.deepStrictEqual(numbers((yield* scheduler.removeAll({})).removed), [0, 2])
      }).pipe(Effect.provide(on(racing, world())))
      yield* close
    }))

  it.effect("join the caller's transaction", () => {
    const live = Scheduler.layer().pipe(Layer.provideMerge(SqliteJobStore.layerFile(":memory:")))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const sql = yield* SqlClient
      yield* plant(40)
      yield* Effect.exit(sql.withTransaction(Effect.andThen(scheduler.pauseAll({}), Effect.fail("no"))))
      assert.lengthOf(yield* scheduler.list({ state: "paused" }), 0)
      yield* sql.withTransaction(scheduler.pauseAll({ tags: ["red"] }))
      assert.lengthOf(yield* scheduler.list({ state: "paused" }), 20)
      const waiting = yield* Effect.flip(sql.withTransaction(scheduler.removeAll({})))
      assert.strictEqual(waiting._tag, "WaitInTransaction")
      yield* sql.withTransaction(scheduler.removeAll({}, { running: "leave" }))
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(live))
  })
})

describe("removeAll", () => {
  it.effect("removes all that matches, returns when their runs have run their finalizers, and leaves the rest", () => {
    const w = world()
    const finalizing = Deferred.makeUnsafe<void>()
    w.behave = () => Effect.onInterrupt(Effect.never, () => Deferred.await(finalizing))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(12)
      yield* TestClock.adjust("1 hour")
      const removing = yield* Effect.forkChild(scheduler.removeAll({ tags: ["big"] }), { startImmediately: true })
      yield* turns
      assert.lengthOf(yield* scheduler.list(), 8)
      assert.isUndefined(removing.pollUnsafe())
      yield* Deferred.succeed(finalizing, undefined)
      const { abandoned, removed, unfinished } = yield* Fiber.join(removing)
      assert.deepStrictEqual([numbers(removed), abandoned, unfinished], [[0, 3, 6, 9], [], []])
      const runs = yield* scheduler.runs()
      assert.lengthOf(runs.filter(({ outcome }) => outcome === "cancelled"), 4)
      assert.lengthOf(runs.filter(({ state }) => state === "running"), 8)
    }).pipe(Effect.provide(inMemory(w)))
  })

  for (const n of [100, 2_200]) {
    it.effect(`waits for the runs of ${n} jobs, and of no others`, () => {
      const w = world()
      const finalizing = Deferred.makeUnsafe<void>()
      w.behave = () => Effect.onInterrupt(Effect.never, () => Deferred.await(finalizing))
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        yield* plant(n)
        yield* TestClock.adjust("1 hour")
        yield* scheduler.enqueue(Work, { payload })
        const removing = yield* Effect.forkChild(scheduler.removeAll({}), { startImmediately: true })
        yield* turns
        assert.isUndefined(removing.pollUnsafe())
        yield* Deferred.succeed(finalizing, undefined)
        assert.lengthOf((yield* Fiber.join(removing)).removed, n)
        const runs = yield* scheduler.runs({ limit: n + 1 })
        assert.lengthOf(runs.filter(({ outcome }) => outcome === "cancelled"), n)
        assert.lengthOf(runs.filter(({ state }) => state !== "done"), 1)
      }).pipe(Effect.provide(inMemory(w)))
    })
  }

  it.effect("called from a run of one of them, lets that run go on, and waits for those of the others", () => {
    const w = world()
    let removed: Effect.Success<ReturnType<Scheduler.Service["removeAll"]>> | undefined
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      w.behave = ({ name }) =>
        name === "x" ? Effect.never : Effect.gen(function*() {
          yield* Effect.sleep("1 second")
          removed = yield* Effect.orDie(scheduler.removeAll({}))
          yield* Effect.sleep("1 second")
          return "done"
        })
      yield* plant(3)
      yield* scheduler.schedule(Work, { id: "own", payload: { name: "own" }, trigger: hourly })
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(removed?.removed.length, 4)
      const runs = yield* scheduler.runs()
      assert.deepStrictEqual(runs.map(({ job, outcome }) => [job, outcome]).toSorted(), [
        ["job/0000", "cancelled"],
        ["job/0001", "cancelled"],
        ["job/0002", "cancelled"],
        ["own", "succeeded"]
      ])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("ends backfills of what it removes, and tells of each job", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(3)
      yield* TestClock.adjust("2 hours")
      yield* scheduler.backfill("job/0001", { from: 0, to: 3_600_000 })
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(
          scheduler.subscribe({ kinds: ["JobRemoved"] }),
          (event) => Effect.sync(() => event._tag === "JobRemoved" && told.push(event.job))
        ),
        { startImmediately: true }
      )
      yield* turns
      assert.lengthOf((yield* scheduler.removeAll({})).removed, 3)
      yield* turns
      assert.deepStrictEqual(numbers(told).toSorted(), [0, 1, 2])
      assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("names the runs that had not ended in time; an empty filter means all", () => {
    const w = world()
    w.behave = () => Effect.uninterruptible(Effect.as(Effect.sleep("1 minute"), "done"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(3)
      yield* TestClock.adjust("1 hour")
      const removing = yield* Effect.forkChild(scheduler.removeAll({}, { timeout: "10 seconds" }))
      yield* TestClock.adjust("10 seconds")
      const { removed, unfinished } = yield* Fiber.join(removing)
      assert.deepStrictEqual([numbers(removed), unfinished.length], [[0, 1, 2], 3])
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.deepStrictEqual(yield* scheduler.removeAll({}), { removed: [], abandoned: [], unfinished: [] })
      yield* TestClock.adjust("1 minute")
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("cancelAll", () => {
  it.effect("ends what is going of the jobs that match, queued, running and backfilled; the jobs stay", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* plant(4)
      yield* TestClock.adjust("3 hours")
      yield* scheduler.runNow("job/0000")
      yield* scheduler.backfill("job/0002", { from: 0, to: 3_600_000 })
      yield* turns
      const adhoc = yield* scheduler.enqueue(Work, { payload })
      const cancelled = yield* scheduler.cancelAll({ tags: ["red"] }, { reason: "flood", by: "ops" })
      assert.lengthOf(cancelled, 4)
      const ended = yield* scheduler.runs({ going: false })
      assert.deepStrictEqual(ended.map(({ id }) => id).toSorted(), [...cancelled].sort())
      for (const run of ended) assert.deepStrictEqual([run.outcome, run.cancel?.by], ["cancelled", "ops"])
      const going = yield* scheduler.runs({ going: true })
      assert.deepStrictEqual(going.map(({ job }) => job).toSorted(), ["job/0001", "job/0003", undefined])
      assert.isTrue(going.some(({ id }) => id === adhoc))
      assert.lengthOf(yield* scheduler.list(), 4)
      assert.deepStrictEqual(yield* scheduler.cancelAll({ tags: ["red"] }), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("waits for finalizers on another node, no longer than its timeout", () => {
    const w = world()
    w.behave = () => Effect.uninterruptible(Effect.as(Effect.sleep("1 minute"), "done"))
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, w)
      const other = yield* start(store, w, { paused: true })
      yield* one.scheduler.schedule(Work, { id: "a", payload, trigger: hourly })
      yield* TestClock.adjust("1 hour")
      const cancelling = yield* Effect.forkChild(other.scheduler.cancelAll({}, { timeout: "10 seconds" }))
      yield* TestClock.adjust("10 seconds")
      const exit = yield* Fiber.await(cancelling)
      assert.isTrue(Exit.isSuccess(exit) && exit.value.length === 1)
      yield* TestClock.adjust("1 minute")
      yield* one.close
      yield* other.close
    })
  })
})

describe("cancelAll of many", () => {
  /** 600 jobs, of each of which a run is going on a node, and what another one asks of the store while it cancels them. */
  const cancelling = (queued: boolean) =>
    Effect.gen(function*() {
      const w = world()
      const tidied = yield* Deferred.make<void>()
      w.behave = () => Effect.onInterrupt(Effect.never, () => Deferred.await(tidied))
      const calls: Array<string> = []
      const store = yield* MemoryJobStore.make()
      const noted = withVerbs(store, ({ cancel, runs }) => ({
        cancel: (request) => Effect.suspend(() => (calls.push(`cancel ${request.jobs?.length}`), cancel(request))),
        runs: (query) => Effect.suspend(() => (calls.push(`runs ${query.ids?.length}`), runs(query)))
      }))
      const one = yield* start(store, w, { paused: queued, concurrency: 600 })
      const other = yield* start(noted, w, { paused: true })
      yield* Effect.provideService(plant(600), Scheduler.Scheduler, one.scheduler)
      yield* Effect.forEach(yield* one.scheduler.list(), ({ id }) => one.scheduler.runNow(id))
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* one.scheduler.runs({ going: true, limit: 1_000 }), 600)
      calls.length = 0
      const cancelled = yield* Effect.forkChild(other.scheduler.cancelAll({}))
      yield* turns
      yield* Deferred.succeed(tidied, undefined)
      assert.lengthOf(yield* Fiber.join(cancelled), 600)
      assert.lengthOf(yield* one.scheduler.runs({ going: true }), 0)
      yield* one.close
      yield* other.close
      return calls
    })

  it.effect("asks for the end of the runs of a bounded number of jobs at once", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* cancelling(true), ["cancel 512", "runs 512", "cancel 88", "runs 88"])
    }))

  it.effect("looks together at those that are waited for", () =>
    Effect.gen(function*() {
      const calls = yield* cancelling(false)
      assert.deepStrictEqual(calls.slice(0, 3), ["cancel 512", "cancel 88", "runs 600"])
      assert.isBelow(calls.length, 20)
    }))

  it.effect("called from a run of one of them, interrupts that run too, and waits for those of the others", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const answered = yield* Deferred.make<ReadonlyArray<string>>()
      w.behave = ({ name }) =>
        name === "own"
          ? Effect.uninterruptible(Effect.asVoid(
            Effect.flatMap(Effect.orDie(scheduler.cancelAll({})), (runs) => Deferred.succeed(answered, runs))
          )) as Effect.Effect<string>
          : Effect.onInterrupt(Effect.never, () => Effect.sleep("10 seconds"))
      yield* scheduler.schedule(Work, { id: "other", payload: { name: "other" }, trigger: hourly })
      const other = yield* scheduler.runNow("other")
      yield* turns
      yield* scheduler.schedule(Work, { id: "own", payload: { name: "own" }, trigger: hourly })
      const own = yield* scheduler.runNow("own")
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(yield* Deferred.isDone(answered))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* Deferred.await(answered)).toSorted(), [other, own].toSorted())
      yield* turns
      assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("Job.table", () => {
  it.effect("prints jobs with when they run, when next, and how they stand", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { id: "a", payload, trigger: Trigger.cron("0 9 * * mon-fri") })
      yield* scheduler.schedule(Work, { id: "bb", payload, trigger: Trigger.interval("10 seconds") })
      yield* scheduler.pause("bb", { reason: "flood", by: "ops", until: DateTime.makeUnsafe(60_000) })
      yield* scheduler.schedule(Work, { id: "once", payload, trigger: Trigger.date(0) })
      yield* turns
      const jobs = yield* scheduler.list()
      assert.deepStrictEqual(Job.table(jobs).split("\n"), [
        "id    task  when                                  next                      state",
        "----  ----  ------------------------------------  ------------------------  ---------------------------------------------------",
        "a     Work  at 09:00, Monday through Friday, UTC  1970-01-01T09:00:00.000Z  active",
        "bb    Work  every 10 seconds                                                paused until 1970-01-01T00:01:00.000Z by ops: flood",
        "once  Work  at 1970-01-01 00:00 UTC                                         done"
      ])
      assert.strictEqual(
        Job.show(jobs[1]!),
        "bb (Work): every 10 seconds; next never; paused until 1970-01-01T00:01:00.000Z by ops: flood"
      )
    }).pipe(Effect.provide(inMemory(world()))))

  it("of no jobs is its head", () => assert.lengthOf(Job.table([]).split("\n"), 2))
})
