import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Schema } from "effect"
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

  /** The statements about runs, when one is enqueued and a node with a lease waits for work. */
  const statements = Effect.fnUntraced(function*(node: (typeof nodes)[keyof typeof nodes], by: "another" | "itself") {
    const texts: Array<string> = []
    const noted: Statement.Transformer = (statement) =>
      Effect.sync(() => {
        const [text] = statement.compile()
        // leases and what is due are looked at from time to time, whether or not there are runs
        if (text.includes("scheduler_runs") && !text.includes("r.node = ")) texts.push(text)
        return statement
      })
    const schema = yield* temporarySchema
    const store = Layer.fresh(PostgresJobStore.layer({ schema }).pipe(Layer.provide(client())))
    yield* Effect.gen(function*() {
      const worker = Context.get(
        yield* Layer.build(node.pipe(Layer.provide(FiberExecutor.layer()), Layer.provide(store))),
        Scheduler.Scheduler
      )
      const other = Context.get(
        yield* Layer.build(Scheduler.layer({ planning: false }).pipe(Layer.provide(store))),
        Scheduler.Scheduler
      )
      const one = (scheduler: Scheduler.Service) =>
        Effect.gen(function*() {
          const ended = yield* worker.nextEvent({ kinds: ["RunEnded"] }).pipe(
            Effect.forkChild({ startImmediately: true })
          )
          yield* scheduler.enqueue(Work, { payload: { n: 1 } })
          yield* Fiber.join(ended)
        })
      yield* one(other)
      // a claim was made right after the first one's, and finds nothing
      yield* Effect.sleep("200 millis")
      texts.length = 0
      yield* one(by === "itself" ? worker : other)
      yield* Effect.sleep("100 millis")
    }).pipe(Effect.scoped, Effect.provideService(Statement.CurrentTransformer, noted))
    return texts.map((text) => text.replaceAll(`${schema}.scheduler_`, ""))
  })

  it.live.each(Object.entries(nodes))(
    "costs three statements in a node %s that has a lease",
    ([, node]) =>
      Effect.gen(function*() {
        const [added, claimed, ended, ...others] = yield* statements(node, "another")
        // it is added, and others are told; claimed; and its end recorded
        assert.match(added!, /^WITH added AS \(INSERT INTO runs .*pg_notify\(/s)
        assert.match(claimed!, /^WITH n AS/)
        assert.match(ended!, /^UPDATE runs AS t SET state = 'done'/)
        assert.deepStrictEqual(others, [])
      }),
    20_000
  )

  it.live.each(Object.entries(nodes))(
    "that it asks for itself costs two in a node %s",
    ([, node]) =>
      Effect.gen(function*() {
        const [added, ended, ...others] = yield* statements(node, "itself")
        // it is claimed by the statement that adds it
        assert.match(added!, /^INSERT INTO runs .* is_first/s)
        assert.match(ended!, /^UPDATE runs AS t SET state = 'done'/)
        assert.deepStrictEqual(others, [])
      }),
    20_000
  )
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
