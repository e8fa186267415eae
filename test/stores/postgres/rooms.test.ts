/**
 * A client reads no message that is larger than its `maxMessageSize`, and ends the connection on which it comes. What was written all the same
 * would be claimed in vain for ever, and what stands behind it with it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { FiberExecutor, JobStore, Scheduler, type SchedulerError, Task, Trigger } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import { client, isRunning, temporarySchema, url } from "./server.ts"

const { at, job, run } = Suite

const maxMessageSize = 1024 * 1024
const Text = Task.make("Text", { payload: { letters: Schema.Int, text: Schema.String }, success: Schema.String })
const TextLive = Text.toLayer(({ letters }) => Effect.succeed("x".repeat(letters)))

/** As JSON: two quotes and so many letters of two bytes. */
const textOf = (bytes: number) => `"${"é".repeat((bytes - 2) / 2)}"`
/** Beside a payload a run has a policy, and beside a result its attempts, of two characters each. */
const part = (share: number) => Math.floor((maxMessageSize - 64 * 1024) * share / 2) * 2 - 2

describe.runIf(isRunning)("the room of a row on PostgreSQL", () => {
  const store = Effect.flatMap(temporarySchema, (schema) =>
    Effect.map(
      Layer.build(PostgresJobStore.layer({ schema }).pipe(Layer.provide(client({ maxMessageSize })))),
      (context) => Effect.provideContext(JobStore.JobStore, context)
    )).pipe(Effect.flatten)

  it.live("what is let in can be read, all of it together", () =>
    Effect.gen(function*() {
      const { claim, commit, enqueue, insertJobs, jobs, note, runs, settle } = yield* store
      const [half, quarter, eighth] = [textOf(part(1 / 2)), textOf(part(1 / 4)), textOf(part(1 / 8))]
      const row = job("j", { payload: textOf(part(1 / 2) - 1_000) })
      yield* insertJobs([row])
      assert.strictEqual((yield* jobs({ limit: 1 }))[0]!.payload, row.payload)
      const update = { _tag: "Replace", row: { ...row, tags: "[1]" } } as const
      const change = {
        job: "j",
        incarnation: row.incarnation,
        revision: row.revision,
        update,
        verdicts: [],
        runs: [],
        cancel: null
      }
      assert.deepStrictEqual(yield* commit({ changes: [change], now: at(0) }), ["ok"])

      yield* enqueue({ runs: [run("r", { payload: half, policy: "{}" })], now: at(0) })
      const claimed = yield* claim({ node: "n", lanes: ["default/Task"], limit: 1, now: at(0) })
      const { fence } = claimed.runs[0]!
      yield* note({ run: "r", fence, progress: eighth })
      yield* note({ run: "r", fence, log: eighth })
      const [settlement] = claimed.runs.map((one) => Suite.done(one, at(1)))
      const next = { ...settlement!.next, result: quarter, attempts: "[]" } as JobStore.Settlement["next"]
      assert.deepStrictEqual(yield* settle({ settlements: [{ ...settlement!, next }], now: at(1) }), ["ok"])
      const [read] = yield* runs({ limit: 1 })
      assert.deepStrictEqual([read!.payload, read!.result, read!.progress, read!.log], [half, quarter, eighth, eighth])
    }))

  it.live("what is not says so, and leaves the rest as it is", () =>
    Effect.gen(function*() {
      const { claim, commit, enqueue, insertJobs, note, runs, settle } = yield* store
      const refusedBy = <A>(call: Effect.Effect<A, SchedulerError.StoreError>, what: string) =>
        Effect.map(Effect.flip(call), (error) => {
          assert.isFalse(error.retryable)
          assert.match(
            error.message,
            new RegExp(`^${what}.* bytes, and \\d+ fit .*maxMessageSize is ${maxMessageSize}`)
          )
        })
      const large = textOf(part(1 / 2) + 1_000)
      yield* refusedBy(insertJobs([job("small"), job("j", { payload: large })]), "Job j")
      yield* insertJobs([job("small")])
      const row = job("small")
      const change = { job: "small", incarnation: row.incarnation, revision: row.revision, verdicts: [], cancel: null }
      const replace = { ...change, update: { _tag: "Replace", row: { ...row, metadata: large } }, runs: [] } as const
      yield* refusedBy(commit({ changes: [replace], now: at(0) }), "Job small")
      const adding = { ...change, update: { _tag: "Delete" }, runs: [run("r", { payload: large })] } as const
      yield* refusedBy(commit({ changes: [adding], now: at(0) }), "The payload of run r, with its policy,")
      yield* refusedBy(enqueue({ runs: [run("r", { policy: large })], now: at(0) }), "The payload of run r")

      yield* enqueue({ runs: [run("small")], now: at(0) })
      const [claimed] = (yield* claim({ node: "n", lanes: ["default/Task"], limit: 1, now: at(0) })).runs
      const { fence } = claimed!
      yield* refusedBy(
        note({ run: "small", fence, progress: textOf(part(1 / 8) + 1_000) }),
        "The progress of run small"
      )
      yield* refusedBy(note({ run: "small", fence, log: textOf(part(1 / 8) + 1_000) }), "The log of run small")
      const done = Suite.done(claimed!, at(1))
      const ends = (settlement: Partial<JobStore.Settlement>) =>
        settle({ settlements: [{ ...done, ...settlement }], now: at(1) })
      const result = textOf(part(1 / 4) + 1_000)
      yield* refusedBy(ends({ next: { ...done.next, result } as JobStore.Settlement["next"] }), "How run small ended")
      yield* refusedBy(ends({ follow: [run("f", { payload: large })] }), "The payload of run f")
      assert.deepStrictEqual((yield* runs({ limit: 10 })).map(({ id, state }) => `${id} ${state}`), ["small running"])
      assert.deepStrictEqual(yield* ends({}), ["ok"])
    }))

  it.live("a scheduler goes on beside it", () =>
    Effect.gen(function*() {
      const schema = yield* temporarySchema
      const Live = Scheduler.layer({ tasks: [Text] }).pipe(
        Layer.provide([TextLive, FiberExecutor.layer()]),
        Layer.provide(PostgresJobStore.layer({ schema })),
        Layer.provide(client({ maxMessageSize }))
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const text = "x".repeat(maxMessageSize)
        const trigger = Trigger.interval("1 hour")
        const refusals = [
          yield* Effect.flip(scheduler.enqueue(Text, { payload: { text, letters: 1 } })),
          yield* Effect.flip(scheduler.schedule(Text, { id: "j", payload: { text, letters: 1 }, trigger }))
        ]
        assert.deepStrictEqual(refusals.map(({ _tag }) => _tag), ["StoreError", "StoreError"])
        const letters = maxMessageSize
        const large = yield* Effect.flip(scheduler.run(Text, { payload: { text: "", letters } }))
        assert.propertyVal(large, "outcome", "died")
        assert.strictEqual(yield* scheduler.run(Text, { payload: { text: "", letters: 2 } }), "xx")
      }).pipe(Effect.provide(Live))
    }), 30_000)

  it.live("a store that connects itself has more of it", () =>
    Effect.gen(function*() {
      const schema = yield* temporarySchema
      const Live = Scheduler.layer({ tasks: [Text] }).pipe(
        Layer.provide([TextLive, FiberExecutor.layer()]),
        Layer.provide(PostgresJobStore.layerUrl(url, { schema }))
      )
      const letters = 18 * 1024 * 1024
      const run = Effect.flatMap(Scheduler.Scheduler, (scheduler) =>
        scheduler.run(Text, { payload: { text: "x".repeat(letters), letters } }))
      assert.strictEqual((yield* Effect.provide(run, Live)).length, letters)
    }), 60_000)
})
