import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryJobStore, Scheduler, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, start, Work, world } from "../support/world.ts"

const minutely = Trigger.jitter(Trigger.interval("1 minute"), "30 seconds")

describe("a jittered job", () => {
  it.effect("runs at its planned instants, keeps the nominal ones, and is the same on every node and after a restart", () =>
    Effect.gen(function*() {
      const history = Effect.gen(function*() {
        yield* TestClock.setTime(0)
        const store = yield* MemoryJobStore.make()
        const w = world()
        const first = yield* start(store, w)
        yield* first.scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: minutely })
        yield* TestClock.adjust("10 minutes")
        yield* first.close
        const second = yield* start(store, w)
        yield* TestClock.adjust("10 minutes")
        const runs = yield* second.scheduler.runs({ job: "a" })
        yield* second.close
        return runs.map((run) => ({
          nominal: run.nominal!.epochMilliseconds,
          planned: run.planned.epochMilliseconds,
          started: run.started!.epochMilliseconds
        })).toSorted((x, y) => x.nominal - y.nominal)
      })
      const runs = yield* history
      assert.isAtLeast(runs.length, 19)
      for (const [i, run] of runs.entries()) {
        assert.strictEqual(run.nominal, (i + 1) * 60_000)
        assert.strictEqual(run.started, run.planned)
        assert.isAtLeast(run.planned, run.nominal)
        assert.isBelow(run.planned, run.nominal + 30_001)
      }
      assert.isAbove(new Set(runs.map((run) => run.planned - run.nominal)).size, 10)
      assert.deepStrictEqual(yield* history, runs)
    }))

  it.effect("differs from job to job, and a misfire grace counts from the planned instant", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (let i = 0; i < 20; i++) {
        yield* scheduler.schedule(Work, {
          id: `job/${i}`,
          payload: { name: `job/${i}` },
          trigger: minutely,
          misfireGrace: "1 second"
        })
      }
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(w.log.length, 20)
      assert.isAbove(new Set(w.log.map((line) => line.split("@")[1])).size, 15)
    }).pipe(Effect.provide(inMemory(w)))
  })
})
