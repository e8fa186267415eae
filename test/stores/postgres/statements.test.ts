import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { FiberExecutor, Scheduler, Task, Trigger } from "effect-scheduler"
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

/** What a statement is for, by what it begins with. */
const purposes: ReadonlyArray<readonly [beginning: string, purpose: string]> = [
  ["SELECT n.next", "due"],
  ["WITH k", "plan"],
  ["INSERT INTO", "add"],
  ["WITH n", "claim"],
  ["SELECT DISTINCT r.job", "families"],
  ["SELECT j.id, j.incarnation FROM", "lock"],
  ["UPDATE", "end"]
]

describe.runIf(isRunning)("a lone occurrence", () => {
  it.live(
    "costs eight statements: it is found due, planned in two, claimed, its end recorded in three, and what that lets in is claimed",
    () =>
      Effect.gen(function*() {
        const told: Array<string> = []
        const noted: Statement.Transformer = (statement) =>
          Effect.sync(() => {
            const [text] = statement.compile()
            const purpose = purposes.find(([beginning]) => text.startsWith(beginning))
            // leases are looked at from time to time
            if (!/scheduler_nodes|r\.node = |FROM pg_locks|clock_timestamp/.test(text)) told.push(purpose?.[1] ?? text)
            return statement
          })
        const schema = yield* temporarySchema
        const live = Scheduler.layer({ tasks: [Other] }).pipe(
          Layer.provide([Other.toLayer(() => Effect.void), FiberExecutor.layer()]),
          Layer.provide(PostgresJobStore.layer({ schema }).pipe(Layer.provide(client())))
        )
        yield* Effect.gen(function*() {
          const scheduler = yield* Scheduler.Scheduler
          yield* scheduler.schedule(Other, { id: "each second", trigger: Trigger.cron("* * * * * *") })
          const ended = scheduler.nextEvent({ kinds: ["RunEnded"] })
          yield* ended
          yield* ended
          yield* Effect.sleep("300 millis")
          told.length = 0
          yield* ended
          yield* Effect.sleep("300 millis")
          assert.deepStrictEqual(told, ["due", "plan", "add", "claim", "families", "lock", "end", "claim"])
        }).pipe(Effect.provide(live), Effect.provideService(Statement.CurrentTransformer, noted))
      }),
    20_000
  )
})
