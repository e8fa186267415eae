import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { FiberExecutor, Scheduler, Task } from "effect-scheduler"
import { PostgresJobStore } from "effect-scheduler/postgres"
import * as Statement from "effect/sql/Statement"
import { client, isRunning, temporarySchema } from "./server.ts"

const Work = Task.make("Work", { payload: { n: Schema.Int } })
const Other = Task.make("Other", {})
const Another = Task.make("Another", {})

describe.runIf(isRunning)("a lone run", () => {
  const handlers = Layer.mergeAll(
    Work.toLayer(() => Effect.void),
    Other.toLayer(() => Effect.void),
    Another.toLayer(() => Effect.void)
  )
  const nodes = {
    "of one task": Scheduler.layer({ tasks: [Work] }).pipe(Layer.provide(handlers)),
    "of several tasks": Scheduler.layer({ tasks: [Work, Other, Another] }).pipe(Layer.provide(handlers))
  }

  it.live.each(Object.entries(nodes))("costs three statements in a node %s that has a lease", ([, node]) => {
    const texts: Array<string> = []
    const noted: Statement.Transformer = (statement) =>
      Effect.sync(() => {
        const [text] = statement.compile()
        // leases and what is due are looked at from time to time, whether or not there are runs
        if (text.includes("scheduler_runs") && !text.includes("r.node = ")) texts.push(text)
        return statement
      })
    return Effect.gen(function*() {
      const schema = yield* temporarySchema
      const live = node.pipe(
        Layer.provide(FiberExecutor.layer()),
        Layer.provide(PostgresJobStore.layer({ schema }).pipe(Layer.provide(client())))
      )
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const one = Effect.gen(function*() {
          const ended = yield* scheduler.nextEvent({ kinds: ["RunEnded"] }).pipe(
            Effect.forkChild({ startImmediately: true })
          )
          yield* scheduler.enqueue(Work, { payload: { n: 1 } })
          yield* Fiber.join(ended)
        })
        yield* one
        // a claim was made right after the first one's, and finds nothing
        yield* Effect.sleep("200 millis")
        texts.length = 0
        yield* one
        assert.deepStrictEqual(
          // it is added, and others are told; claimed; and its end recorded
          texts.map((text) => text.split(" AS ")[0]),
          ["WITH added", "WITH n", `UPDATE ${schema}.scheduler_runs`]
        )
        assert.include(texts[0], "pg_notify(")
      }).pipe(Effect.provide(live))
    }).pipe(Effect.provideService(Statement.CurrentTransformer, noted))
  }, 20_000)
})
