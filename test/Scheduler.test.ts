import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Schema } from "effect"
import { FiberExecutor, MemoryJobStore, Run, Scheduler, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"

const Note = Task.make("Note", { payload: { text: Schema.String }, success: Schema.Int })

const fixture = () => {
  const log: Array<string> = []
  const handler = Note.toLayer(Effect.fnUntraced(function*({ text }) {
    const run = yield* Run.CurrentRun
    const now = yield* Clock.currentTimeMillis
    log.push(`${text}@${now}/${run.scheduledAt.epochMilliseconds}`)
    return text.length
  }))
  const live = Scheduler.layer({ tasks: [Note] }).pipe(
    Layer.provide([handler, FiberExecutor.layer({ concurrency: 4 })]),
    Layer.provideMerge(MemoryJobStore.layer)
  )
  return { log, live }
}

describe("Scheduler", () => {
  it.effect("fires to the millisecond", () => {
    const { live, log } = fixture()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Note, { id: "a", payload: { text: "a" }, trigger: Trigger.interval("10 seconds") })
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["a@10000/10000"])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(log, ["a@10000/10000", "a@20000/20000", "a@30000/30000"])
      const runs = yield* scheduler.runs({ job: "a" })
      assert.strictEqual(runs.length, 3)
      assert.strictEqual(runs[0]?.outcome, "succeeded")
      assert.strictEqual(yield* scheduler.run(Note, { payload: { text: "four" } }), 4)
      yield* scheduler.remove("a")
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(live))
  })
})
