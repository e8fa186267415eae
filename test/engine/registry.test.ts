import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem, Layer, Schema } from "effect"
import { JobStore, MemoryJobStore, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { start, turns, Work, world } from "../support/world.ts"

const Beat = Trigger.custom("test/beat", {
  parameters: Schema.Struct({ millis: Schema.Int }),
  occurrences: ({ millis }) => ({
    next: (after, anchor) =>
      after === Infinity ? undefined : anchor + millis * Math.max(1, Math.floor((after - anchor) / millis) + 1),
    previous: (before, anchor) => {
      if (before === Infinity) return undefined
      const n = Math.ceil((before - anchor) / millis) - 1
      return n < 1 ? undefined : anchor + n * millis
    }
  })
})
const knowing = Trigger.layerRegistry({ kinds: [Beat] })
const job = { id: "beat", payload: { name: "beat" }, trigger: Beat.make({ millis: 10_000 }) }

describe("custom kinds of triggers", () => {
  it.effect("run like any other where the registry knows them", () => {
    const w = world()
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, w)
      yield* scheduler.schedule(Work, job)
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(w.log, ["beat 1 @10000", "beat 1 @20000"])
      const shown = yield* scheduler.get("beat")
      assert.deepStrictEqual([shown.state, shown.problem, shown.next?.epochMilliseconds], ["active", undefined, 30_000])
      yield* close
    }).pipe(Effect.provide(knowing))
  })

  it.effect("are refused where nobody could read them back", () =>
    Effect.gen(function*() {
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), world())
      const error = yield* Effect.flip(scheduler.schedule(Work, job))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "trigger")
      assert.include(String(error), "layerRegistry")
      yield* close
    }))

  it.effect("are left by a node that does not know them to one that does, and are in nobody's way", () => {
    const [ignorant, wise] = [world(), world()]
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const scheduled = yield* Effect.provide(start(store, wise), knowing)
      yield* scheduled.scheduler.schedule(Work, job)
      yield* scheduled.close
      const other = yield* start(store, ignorant)
      yield* other.scheduler.schedule(Work, {
        ...job,
        id: "plain",
        payload: { name: "plain" },
        trigger: Trigger.interval("10 seconds")
      })
      yield* TestClock.adjust("35 seconds")
      assert.deepStrictEqual(ignorant.log.map((line) => line.split(" ")[0]), ["plain", "plain", "plain"])
      assert.strictEqual((yield* store.jobs({ ids: ["beat"], limit: 1 }))[0]?.state, "active")
      const shown = yield* other.scheduler.get("beat")
      assert.deepStrictEqual([shown.state, shown.trigger], ["active", undefined])
      assert.include(shown.problem, "test/beat")
      yield* other.close

      const knows = yield* Effect.provide(start(store, wise), knowing)
      yield* turns
      assert.include(wise.log, "beat 1 @35000")
      yield* knows.close
    })
  })

  it.effect("that throw put their own job in quarantine, and nobody else's", () => {
    const w = world()
    const Broken = Trigger.custom("test/broken", {
      parameters: Schema.Struct({}),
      occurrences: () => ({
        next: (after, anchor) => {
          if (after >= anchor + 10_000) throw new Error("no idea")
          return anchor + 10_000
        },
        previous: (before, anchor) => before > anchor + 10_000 ? anchor + 10_000 : undefined
      })
    })
    return Effect.gen(function*() {
      const { close, scheduler } = yield* start(yield* MemoryJobStore.make(), w)
      yield* scheduler.schedule(Work, { id: "broken", payload: { name: "broken" }, trigger: Broken.make({}) })
      yield* scheduler.schedule(Work, {
        id: "fine",
        payload: { name: "fine" },
        trigger: Trigger.interval("10 seconds")
      })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(w.log, ["fine 1 @10000", "fine 1 @20000", "fine 1 @30000"])
      const broken = yield* scheduler.get("broken")
      assert.strictEqual(broken.state, "quarantined")
      assert.include(broken.problem, "no idea")
      yield* close
    }).pipe(Effect.provide(Trigger.layerRegistry({ kinds: [Broken] })))
  })
})

describe("a kind that takes parameters no longer", () => {
  const kind = (takes: boolean) =>
    Trigger.custom("test/picky", {
      parameters: Schema.Struct({}),
      occurrences: () => {
        if (!takes) throw new Error("no longer")
        return {
          next: (after, anchor) => after < anchor + 10_000 ? anchor + 10_000 : undefined,
          previous: () => undefined
        }
      }
    })

  it.effect("leaves its jobs to be shown, paused, given another trigger and removed", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const before = kind(true)
      const old = yield* Effect.provide(start(store, world()), Trigger.layerRegistry({ kinds: [before] }))
      for (const id of ["a", "b", "c"]) {
        yield* old.scheduler.schedule(Work, { id, payload: { name: id }, trigger: before.make({}) })
      }
      yield* old.close
      const registry = Trigger.layerRegistry({ kinds: [kind(false)] })
      const { close, scheduler } = yield* Effect.provide(start(store, world(), { paused: true }), registry)
      yield* TestClock.adjust("11 seconds")
      assert.include((yield* scheduler.get("a")).problem, "no longer")
      yield* scheduler.pause("a")
      assert.strictEqual((yield* store.jobs({ ids: ["a"], limit: 1 }))[0]?.state, "paused")
      yield* scheduler.reschedule("b", Trigger.interval("1 minute"))
      const [verdict] = yield* store.verdicts({ job: "b", limit: 10 })
      assert.deepStrictEqual([verdict?.to, verdict?.reason], [11_000, "quarantined"])
      yield* scheduler.remove("c")
      assert.deepStrictEqual((yield* scheduler.list()).map(({ id, state }) => `${id} ${state}`), [
        "a quarantined",
        "b active"
      ])
      yield* close
    }))
})

describe("shared calendars", () => {
  it.effect("a restart with an edited calendar plans the jobs that name it anew", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* fs.makeTempDirectoryScoped()) + "/jobs.db"
      const w = world()
      const trigger = Trigger.cron("0 9 * * *").pipe(Trigger.except(Trigger.Calendar.named("holidays")))
      const next = (days: ReadonlyArray<string>, declare: boolean) =>
        Effect.gen(function*() {
          const store = yield* JobStore.JobStore
          const { close, scheduler } = yield* start(store, w)
          if (declare) yield* scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger })
          yield* turns
          const job = yield* scheduler.get("a")
          yield* close
          return DateTime.formatIso(job.next!)
        }).pipe(
          Effect.provide([
            Trigger.layerRegistry({ calendars: { holidays: Trigger.Calendar.days(days as never) } }),
            Layer.fresh(SqliteJobStore.layerFile(file))
          ])
        )
      assert.strictEqual(yield* next(["01-01", "01-02"], true), "1970-01-03T09:00:00.000Z")
      assert.strictEqual(yield* next(["01-01"], false), "1970-01-02T09:00:00.000Z")
      assert.strictEqual(yield* next(["01-01", "01-02", "01-03"], false), "1970-01-04T09:00:00.000Z")
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("time-zone data", () => {
  it.effect.each<Partial<JobStore.Capabilities>>([
    { durability: "process" },
    // a server that promises nothing for its own end outlives this process all the same
    { shared: true }
  ])(
    "a job planned with newer data is left to newer nodes; one planned with older data is planned anew (%o)",
    (capabilities) =>
      Effect.gen(function*() {
        const w = world()
        const store = yield* MemoryJobStore.make()
        const durable: JobStore.Service = { ...store, capabilities: { ...store.capabilities, ...capabilities } }
        const first = yield* start(store, w)
        yield* first.scheduler.schedule(Work, {
          id: "a",
          payload: { name: "a" },
          trigger: Trigger.interval("10 seconds")
        })
        yield* first.close
        const [row] = yield* store.jobs({ limit: 1 })
        yield* store.insertJobs([{ ...row!, id: "newer", tz: "9999z" }, {
          ...row!,
          id: "older",
          tz: "1999a",
          nextDue: 99_000,
          nextNominal: 99_000
        }])
        const second = yield* start(durable, w)
        yield* turns
        assert.strictEqual((yield* second.scheduler.get("older")).next?.epochMilliseconds, 10_000)
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(w.log, ["a 1 @10000", "a 1 @10000"])
        assert.strictEqual((yield* second.scheduler.get("newer")).next?.epochMilliseconds, 10_000)
        yield* second.close
      })
  )
})
