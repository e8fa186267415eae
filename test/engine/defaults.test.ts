import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Option, Schema, Scope } from "effect"
import {
  Continuation,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Policy,
  Scheduler,
  Task,
  Trigger
} from "effect-scheduler"
import { turns } from "../support/world.ts"

/** For each policy, what the scheduler, the task and the job say; no two of them the same, nor what applies when nobody says anything. */
const said: {
  readonly [K in keyof Required<Policy.Options>]: readonly [Policy.Policy[K], Policy.Policy[K], Policy.Policy[K]]
} = {
  overlap: ["queue", { queueAll: 2 }, { allow: 3 }],
  catchUp: ["earliest", "all", "none"],
  catchUpLimit: [2, 3, 4],
  misfireGrace: [2_000, 3_000, 4_000],
  delivery: ["atMostOnce", "atLeastOnce", "atMostOnce"],
  timeout: [2_000, 3_000, 4_000],
  retention: [2_000, 3_000, 4_000],
  maxAttempts: [2, 3, 4],
  pauseAfter: [2, 3, 4],
  whenDone: ["remove", "keep", "remove"],
  concurrency: [{ task: 2 }, { task: 3 }, { task: 4 }],
  rate: [{ limit: 2, per: 1_000 }, { limit: 3, per: 1_000 }, { limit: 4, per: 1_000 }],
  priority: [2_000, 3_000, 4_000],
  key: ["scheduler", "task", "job"]
}
const keys = Object.keys(said) as ReadonlyArray<keyof typeof said>

type Chosen = { readonly [K in keyof typeof said]: boolean }
const subsets = Arbitrary.schema(
  Schema.Struct(Object.fromEntries(keys.map((key) => [key, Schema.Boolean])))
) as Arbitrary.Arbitrary<Chosen>

/** The options of one of the three, as far as it says anything. */
const optionsOf = (who: 0 | 1 | 2, chosen: Chosen): Policy.Options =>
  Object.fromEntries(keys.filter((key) => chosen[key]).map((key) => [key, said[key][who]]))

const expected = (scheduler: Chosen, task: Chosen, job: Chosen): Partial<Policy.Policy> =>
  Object.fromEntries(keys.map((key) => [
    key,
    job[key] ? said[key][2] : task[key] ? said[key][1] : scheduler[key] ? said[key][0] : Policy.defaults[key]
  ]))

const only = (policy: Policy.Policy | undefined) =>
  Object.fromEntries(Object.entries(policy ?? {}).filter(([key]) => keys.includes(key as keyof typeof said)))

/** A scheduler with a task, on a store that can be looked into; the task does nothing. */
const open = Effect.fnUntraced(function*(defaults: Policy.Options, ofTask: Policy.Options) {
  const Thing = Task.make("Thing", ofTask as {})
  const store = yield* MemoryJobStore.make()
  const layer = Scheduler.layer({ tasks: [Thing], defaults }).pipe(
    Layer.provide([Thing.toLayer(() => Effect.void), FiberExecutor.layer()]),
    Layer.provide(Layer.succeed(JobStore.JobStore, store))
  )
  const context = yield* Layer.buildWithScope(layer, yield* Scope.make())
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
  const runPolicy = (id: string) =>
    Effect.map(store.runs({ ids: [id], limit: 1 }), ([row]) => only(Option.getOrUndefined(Policy.decode(row!.policy))))
  return { Thing, scheduler, store, runPolicy }
})

describe("precedence", () => {
  it("is tested for every policy that can be given", () => {
    assert.deepStrictEqual([...keys].sort(), Object.keys(Policy.defaults).filter((key) => key !== "followedBy").sort())
    for (const key of keys) {
      const [scheduler, task, job] = said[key]
      assert.notDeepEqual<unknown>(scheduler, Policy.defaults[key], key)
      assert.notDeepEqual<unknown>(task, scheduler, key)
      assert.notDeepEqual<unknown>(job, task, key)
    }
  })

  it.effect.prop("policy by policy: the job, then its task, then the scheduler, then what nobody needs to say", {
    scheduler: subsets,
    task: subsets,
    job: subsets
  }, ({ job, scheduler: ofScheduler, task }) =>
    Effect.gen(function*() {
      const { Thing, runPolicy, scheduler } = yield* open(optionsOf(0, ofScheduler), optionsOf(1, task))
      const options = optionsOf(2, job)
      const kept = yield* scheduler.schedule(Thing, { ...options, id: "a", trigger: Trigger.interval("1 hour") })
      assert.deepStrictEqual(only(kept.policy), expected(ofScheduler, task, job))
      // An ad-hoc run and what follows it, likewise.
      const run = yield* scheduler.enqueue(Thing, {
        ...options,
        followedBy: [Continuation.onSuccess(Thing)]
      })
      assert.deepStrictEqual(yield* runPolicy(run), expected(ofScheduler, task, job))
      yield* turns
      const nothing = Object.fromEntries(keys.map((key) => [key, false])) as Chosen
      assert.deepStrictEqual(yield* runPolicy(`${run}:then:0`), expected(ofScheduler, task, nothing))
    }), { arbitrary: { runs: 60, seed: "precedence" } })

  it.effect("closures have the scheduler's defaults too", () =>
    Effect.gen(function*() {
      const { scheduler } = yield* open({ overlap: { allow: 2 }, catchUp: "all" }, {})
      const closure = yield* scheduler.every("1 minute", Effect.void, { catchUp: "none" })
      const { policy } = yield* closure.job
      assert.deepStrictEqual([policy?.overlap, policy?.catchUp], [{ allow: 2 }, "none"])
    }))

  it.effect("a job without an id is removed when it is done, unless anybody says otherwise", () =>
    Effect.gen(function*() {
      const job = { trigger: Trigger.interval("1 hour") }
      for (
        const [defaults, ofTask, whenDone] of [
          [{}, {}, "remove"],
          [{ whenDone: "keep" }, {}, "keep"],
          [{}, { whenDone: "keep" }, "keep"]
        ] as const
      ) {
        const { Thing, scheduler } = yield* open(defaults, ofTask)
        assert.strictEqual((yield* scheduler.schedule(Thing, job)).policy?.whenDone, whenDone)
      }
    }))

  it.effect("a default that is none is refused when the scheduler starts, by its name", () =>
    Effect.gen(function*() {
      for (const [defaults, field] of [[{ timeout: "soon" }, "timeout"], [{ overlap: "byTask" }, "overlap"]] as const) {
        const error = yield* Effect.flip(open(defaults as Policy.Options, {}))
        assert.strictEqual(error.field, `defaults.${field}`)
      }
    }))

  it.effect("two schedulers with other defaults may have the same task", () =>
    Effect.gen(function*() {
      const Shared = Task.make("Shared")
      const on = (timeout: number) =>
        Effect.gen(function*() {
          const layer = Scheduler.layer({ defaults: { timeout } }).pipe(Layer.provide(MemoryJobStore.layer))
          const context = yield* Layer.buildWithScope(layer, yield* Scope.make())
          const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
          return (yield* scheduler.schedule(Shared, { id: "a", trigger: Trigger.interval("1 hour") })).policy?.timeout
        })
      assert.deepStrictEqual([yield* on(1_000), yield* on(2_000)], [1_000, 2_000])
    }))
})
