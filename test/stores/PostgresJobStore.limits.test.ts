/** Limits on two nodes that share a PostgreSQL, under the live clock. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { FiberExecutor, Scheduler, Task } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { client, isRunning, temporarySchema } from "./postgres/server.ts"

describe.runIf(isRunning)("two nodes on one PostgreSQL", () => {
  it.live("keep the limits of a task and of its keys together, and leave nothing behind", () =>
    Effect.gen(function*() {
      const running = new Map<string, number>()
      let all = 0
      let most = 0
      const broken: Array<string> = []
      const Work = Task.make("Work", {
        payload: { customer: Schema.String },
        key: ({ customer }) => customer,
        concurrency: { task: 5, key: 2 }
      })
      const WorkLive = Work.toLayer(({ customer }) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            const n = (running.get(customer) ?? 0) + 1
            running.set(customer, n)
            most = Math.max(most, ++all)
            if (n > 2 || all > 5) broken.push(`${customer}: ${n} of the key, ${all} of the task`)
          }),
          () => Effect.sleep("2 millis"),
          () =>
            Effect.sync(() => {
              running.set(customer, running.get(customer)! - 1)
              all--
            })
        )
      )
      const schema = yield* temporarySchema
      const node = Layer.fresh(
        Scheduler.layer({ tasks: [Work] }).pipe(
          Layer.provide([WorkLive, FiberExecutor.layer({ concurrency: 8 }), PostgresJobStore.layer({ schema })]),
          Layer.provide(client({ maxConnections: 3 }))
        )
      )
      const nodes = yield* Effect.forEach([node, node], (node) => Layer.build(node))
      const schedulers = nodes.map((context) => Context.get(context, Scheduler.Scheduler))
      const customers = Array.from({ length: 40 }, (_, n) => `c${n % 4}`)
      yield* Effect.forEach(
        customers,
        (customer, n) => schedulers[n % 2]!.run(Work, { payload: { customer } }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(broken, [])
      assert.isAbove(most, 1)
      assert.deepStrictEqual(yield* schedulers[0]!.runs({ going: true }), [])
      assert.strictEqual((yield* schedulers[0]!.runs({ outcomes: ["succeeded"] })).length, 40)
    }).pipe(Effect.scoped), 60_000)
})
