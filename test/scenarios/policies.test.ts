/**
 * The same program of pauses, exceptions, backfills and snoozes, on memory and on SQLite.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { JobStore, MemoryJobStore, Run, type Scheduler, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { Refused, start, turns, Work, world } from "../support/world.ts"

const atSecond = (seconds: number) => DateTime.makeUnsafe(seconds * 1_000)

const program = Effect.fnUntraced(function*(scheduler: Scheduler.Service) {
  const job = { payload: { name: "x" }, trigger: Trigger.interval("10 seconds") }
  yield* scheduler.schedule(Work, { ...job, id: "paused", tags: ["ours"] })
  yield* scheduler.schedule(Work, { ...job, id: "moved", overlap: "queue", metadata: { team: 1 } })
  yield* scheduler.schedule(Work, { ...job, id: "failing", payload: { name: "fail" }, pauseAfter: 2 })
  yield* scheduler.schedule(Work, { ...job, id: "snoozing", payload: { name: "snooze" }, overlap: { allow: 2 } })
  yield* TestClock.adjust("25 seconds")
  yield* scheduler.pauseAll({ tags: ["ours"] }, { reason: "flood", by: "ops", until: atSecond(50) })
  yield* scheduler.move("moved", { to: atSecond(38) })
  yield* scheduler.move("moved", { from: atSecond(60), to: atSecond(51) })
  yield* scheduler.skipNext("moved")
  yield* TestClock.adjust("50 seconds")
  yield* scheduler.backfill("moved", { from: atSecond(0), to: atSecond(40), overlap: { allow: 2 }, pace: "3 seconds" })
  yield* TestClock.adjust("7 seconds")
  yield* scheduler.backfill("paused", { from: atSecond(10), to: atSecond(60) })
  yield* turns
  const { removed } = yield* scheduler.removeAll({ metadata: { team: 1 } })
  assert.deepStrictEqual(removed, ["moved"])
  const jobs = yield* scheduler.list()
  const runs = yield* scheduler.runs({ limit: 1_000 })
  const explained = yield* Effect.forEach(
    [20, 30, 40, 50, 60, 70],
    (seconds) =>
      Effect.forEach(
        ["paused", "moved"],
        (id) =>
          Effect.map(scheduler.explain(id, atSecond(seconds)), (why) =>
            why._tag === "NotRun" ? why.verdict.reason : why._tag)
      )
  )
  return {
    jobs: jobs.map(({ id, pause, state }) => [id, state, pause?.by].join(" ")),
    runs: runs.map((run) =>
      [
        run.job,
        run.origin,
        ...[run.nominal, run.planned, run.started, run.finished].map((at) => at?.epochMilliseconds),
        run.outcome ?? run.state,
        run.attempts
      ].join(" ")
    ).toSorted(),
    explained
  }
})

const on = (store: JobStore.Service) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(0)
    const w = world()
    w.behave = ({ at, name }) =>
      name === "fail"
        ? Effect.fail(new Refused({ why: "no" }))
        : name === "snooze" && at % 20_000 === 0
        ? Effect.flatMap(Run.CurrentRun, (run) => run.snooze("5 seconds"))
        : Effect.as(Effect.sleep("4 seconds"), "done")
    const { close, scheduler } = yield* start(store, w)
    const seen = yield* program(scheduler)
    yield* close
    return seen
  })

describe("pauses, exceptions, backfills and snoozes", () => {
  it.effect("leave the same history on memory and on SQLite", () =>
    Effect.gen(function*() {
      const memory = yield* on(yield* MemoryJobStore.make())
      const sqlite = yield* JobStore.JobStore.pipe(
        Effect.flatMap(on),
        Effect.provide(Layer.fresh(SqliteJobStore.layerFile(":memory:")))
      )
      assert.deepStrictEqual(sqlite, memory)
      assert.deepStrictEqual(memory.jobs, [
        "failing paused effect-scheduler",
        "paused active ",
        "snoozing active "
      ])
      assert.deepStrictEqual(memory.explained, [
        ["Fired", "Fired"],
        ["paused", "requested"],
        ["paused", "Fired"],
        ["Fired", "Fired"],
        ["Fired", "Fired"],
        ["Fired", "Fired"]
      ])
      assert.isAbove(memory.runs.filter((line) => line.includes("backfill")).length, 7)
    }))
})
