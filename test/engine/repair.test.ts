import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber } from "effect"
import { JobStore, MemoryJobStore, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 }
const at = (seconds: number) => DateTime.makeUnsafe(seconds * 1_000)

/** Breaks a stored job as a bad deploy would; the planner puts it into quarantine when it is due. */
const breaks = (store: JobStore.Service, fields: Partial<JobStore.JobRow>) =>
  Effect.gen(function*() {
    const [row] = yield* store.jobs({ ids: ["a"], limit: 1 })
    const update = { _tag: "Replace" as const, row: { ...row!, ...fields } }
    const { id, incarnation, revision } = row!
    const change = { job: id, incarnation, revision, update, runs: [], verdicts: [], cancel: null }
    assert.deepStrictEqual(yield* store.commit({ changes: [change], now: row!.updated }), ["ok"])
  })

/** A job that ran at 10 s, was broken then, and stands in quarantine at 35 s. */
const quarantined = Effect.fnUntraced(function*(fields: Partial<JobStore.JobRow>) {
  const w = world()
  const store = yield* MemoryJobStore.make()
  const { close, scheduler } = yield* start(store, w)
  yield* scheduler.schedule(Work, a)
  yield* TestClock.adjust("10 seconds")
  yield* breaks(store, fields)
  yield* TestClock.adjust("25 seconds")
  assert.strictEqual((yield* scheduler.get("a")).state, "quarantined")
  const explained = (seconds: number) =>
    Effect.map(
      scheduler.explain("a", at(seconds)),
      (it) => it._tag === "NotRun" ? `${it.verdict.kind}(${it.verdict.reason})` : it._tag
    )
  return { w, store, scheduler, close, explained }
})

describe("repairing a quarantined job", () => {
  it.effect("with the same trigger: what came due meanwhile is caught up by its policy", () =>
    Effect.gen(function*() {
      const { close, explained, scheduler, w } = yield* quarantined({ payload: `{"nome":"a"}` })
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @35000", "a 1 @40000"])
      const verdicts = yield* Effect.forEach([10, 20, 30, 40], explained)
      assert.deepStrictEqual(verdicts, ["Fired", "coalesced(catchUp)", "Fired", "Fired"])
      yield* close
    }))

  it.effect("a one-off whose instant passed in quarantine still runs", () =>
    Effect.gen(function*() {
      const w = world()
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w)
      const once = { ...a, trigger: Trigger.date(20_000) }
      yield* scheduler.schedule(Work, once)
      yield* breaks(store, { payload: "5" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.schedule(Work, once)
      yield* turns
      assert.deepStrictEqual(w.log, ["a 1 @60000"])
      yield* close
    }))

  it.effect("with another trigger: what came due under the old one is skipped, and says why", () =>
    Effect.gen(function*() {
      const { close, explained, scheduler } = yield* quarantined({ policy: "[]" })
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 minute") })
      assert.deepStrictEqual(yield* Effect.forEach([20, 30], explained), [
        "skipped(quarantined)",
        "skipped(quarantined)"
      ])
      const why = yield* scheduler.explain("a", at(30))
      assert.include(JSON.stringify(why), "policy: cannot read")
      yield* close
    }))

  it.effect("with a trigger that nobody could read: the stretch is skipped as a whole", () =>
    Effect.gen(function*() {
      const { close, explained, scheduler, store, w } = yield* quarantined({ trigger: `{"kind":"crom"}` })
      yield* scheduler.schedule(Work, { ...a, trigger: Trigger.dates([at(25), at(50)]), catchUp: "all" })
      yield* TestClock.adjust("15 seconds")
      // An instant that the new trigger has in the stretch is decided by policy, as any past date.
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @35000", "a 1 @50000"])
      const [row] = (yield* store.verdicts({ job: "a", limit: 10 })).filter(({ reason }) => reason === "quarantined")
      assert.deepStrictEqual([row!.from, row!.to, row!.count], [10_000, 24_999, null])
      assert.deepStrictEqual(yield* Effect.forEach([25, 50], explained), ["Fired", "Fired"])
      yield* close
    }))

  it.effect("or removing it: nothing stays undecided", () =>
    Effect.gen(function*() {
      const { close, explained, scheduler } = yield* quarantined({ payload: "5" })
      yield* scheduler.remove("a")
      assert.deepStrictEqual(yield* Effect.forEach([20, 30], explained), [
        "skipped(quarantined)",
        "skipped(quarantined)"
      ])
      yield* close
    }))
})

describe(`conflict "replace"`, () => {
  it.effect("is one step: whoever is interrupted while it waits has replaced the job", () =>
    Effect.gen(function*() {
      const w = world()
      const store = yield* MemoryJobStore.make()
      const finalizer = yield* Deferred.make<void>()
      w.behave = ({ name }) =>
        name === "a"
          ? Effect.onInterrupt(Effect.never, () => Deferred.await(finalizer))
          : Effect.succeed("done")
      const { close, scheduler } = yield* start(store, w)
      const before = yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const seen: Array<number> = []
      const replaced = yield* Effect.forkChild(
        scheduler.schedule(Work, { ...a, payload: { name: "b" }, conflict: "replace" }),
        { startImmediately: true }
      )
      yield* turns
      seen.push((yield* scheduler.list()).length)
      assert.isUndefined(replaced.pollUnsafe())
      yield* Effect.forkChild(Fiber.interrupt(replaced), { startImmediately: true })
      yield* turns
      const after = yield* scheduler.get("a")
      assert.notStrictEqual(after.incarnation, before.incarnation)
      assert.deepStrictEqual([after.payload, after.anchor.epochMilliseconds, seen], [{ name: "b" }, 10_000, [1]])
      yield* Deferred.succeed(finalizer, undefined)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 failed @10000", "b 1 @20000"])
      yield* close
    }))

  it.effect("is one call to the store", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      let calls = 0
      const counted = withVerbs(store, ({ commit, insertJobs }) => ({
        commit: (request) => Effect.andThen(Effect.sync(() => calls++), commit(request)),
        insertJobs: (rows) => Effect.andThen(Effect.sync(() => calls++), insertJobs(rows))
      }))
      const { close, scheduler } = yield* start(counted, world())
      yield* scheduler.schedule(Work, a)
      calls = 0
      yield* scheduler.schedule(Work, { ...a, conflict: "replace" })
      assert.strictEqual(calls, 2) // the try to add it, and the replacement
      yield* close
    }))

  it.effect("joins the caller's transaction, and does not wait in it", () =>
    Effect.gen(function*() {
      const w = world()
      w.behave = () => Effect.never
      const { close, scheduler } = yield* start(yield* JobStore.JobStore, w)
      const sql = yield* SqlClient.SqlClient
      const before = yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const replace = scheduler.schedule(Work, { ...a, conflict: "replace" })
      yield* Effect.exit(sql.withTransaction(Effect.andThen(replace, Effect.fail("changed my mind"))))
      assert.strictEqual((yield* scheduler.get("a")).incarnation, before.incarnation)
      const after = yield* sql.withTransaction(replace)
      assert.notStrictEqual(after.incarnation, before.incarnation)
      yield* close
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:"))))
})
