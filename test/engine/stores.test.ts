import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import {
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  SchedulerEvent,
  Task,
  Trigger
} from "effect-scheduler"
import { TestClock } from "effect/testing"
import { handlers, turns, withVerbs, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 }

const memory = Layer.fresh(MemoryJobStore.layer)

/** A scheduler with a default store and one called audit. */
const two = (w = world(), options: { readonly concurrency?: number } = {}) =>
  Scheduler.layer({ tasks: [Work], stores: { audit: memory } }).pipe(
    Layer.provide([handlers(w), FiberExecutor.layer({ concurrency: options.concurrency ?? 10 })]),
    Layer.provide(MemoryJobStore.layer)
  )

describe("several stores", () => {
  it.effect("each keeps its own jobs, and what it keeps says so", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const audit = yield* scheduler.store("audit")
      assert.deepStrictEqual(scheduler.stores, ["default", "audit"])
      const here = yield* scheduler.schedule(Work, a)
      const there = yield* scheduler.schedule(Work, { ...a, payload: { name: "b" }, store: "audit" })
      assert.deepStrictEqual([here.store, there.store], ["default", "audit"])
      assert.notStrictEqual(here.incarnation, there.incarnation)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([...w.log].sort(), ["a 1 @10000", "b 1 @10000"])

      // The same id is a job in each of them, and a verb means that of its own store.
      yield* audit.pause("a", { reason: "inventory" })
      assert.strictEqual((yield* scheduler.get("a")).state, "active")
      assert.strictEqual((yield* audit.get("a")).pause?.reason, "inventory")
      assert.deepStrictEqual((yield* audit.runs()).map(({ job, store }) => [job, store]), [["a", "audit"]])
      yield* scheduler.remove("a")
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.deepStrictEqual((yield* audit.list()).map(({ id, store }) => [id, store]), [["a", "audit"]])
      const explained = yield* audit.explain("a", DateTime.makeUnsafe(10_000))
      assert.strictEqual(explained._tag === "Fired" ? explained.run.store : explained._tag, "audit")
    }).pipe(Effect.provide(two(w)))
  })

  it.effect("runs are asked for, awaited and cancelled where they are, and a handler knows where that is", () => {
    const w = world()
    const seen: Array<string> = []
    w.behave = () => Effect.map(Run.CurrentRun, (run) => (seen.push(run.store), "done"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const audit = yield* scheduler.store("audit")
      assert.strictEqual(yield* scheduler.run(Work, { payload: { name: "x" }, store: "audit" }), "done")
      assert.strictEqual(yield* audit.run(Work, { payload: { name: "x" }, store: "default" }), "done")
      const id = yield* audit.enqueue(Work, { payload: { name: "x" } })
      yield* turns
      assert.deepStrictEqual(seen, ["audit", "default", "audit"])
      assert.strictEqual((yield* audit.cancel(id)).store, "audit")
      assert.strictEqual((yield* Effect.flip(scheduler.cancel(id)))._tag, "RunNotFound")
      assert.strictEqual((yield* scheduler.runs()).length, 1)
    }).pipe(Effect.provide(two(w)))
  })

  it.effect("many jobs go each where it says, and come back in order", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const audit = yield* scheduler.store("audit")
      const jobs = ["1", "2", "3", "4"].map((id) => ({ ...a, id }))
      const mixed = jobs.map((job, i) => i % 2 === 0 ? job : { ...job, store: "default" })
      const made = yield* audit.scheduleAll(Work, mixed)
      assert.deepStrictEqual(made.map(({ id, store }) => `${id} ${store}`), [
        "1 audit",
        "2 default",
        "3 audit",
        "4 default"
      ])
      const ids = yield* audit.enqueueAll(Work, [
        { id: "r1", payload: { name: "r" }, store: "default" },
        { id: "r2", payload: { name: "r" } }
      ])
      assert.deepStrictEqual(ids, ["r1", "r2"])
      assert.deepStrictEqual((yield* audit.runs()).map(({ id }) => id), ["r2"])
      const error = yield* Effect.flip(scheduler.scheduleAll(Work, [{ ...a, id: "5" }, { ...a, store: "nowhere" }]))
      assert.strictEqual(error._tag === "InvalidOption" ? error.field : error._tag, "store")
      assert.strictEqual((yield* scheduler.list()).length, 2)
    }).pipe(Effect.provide(two())))

  it.effect("an unknown name is refused, with those that there are", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (
        const verb of [
          scheduler.store("nowhere"),
          scheduler.store("closures"),
          scheduler.schedule(Work, { ...a, store: "nowhere" }),
          scheduler.enqueue(Work, { payload: { name: "a" }, store: "nowhere" })
        ]
      ) {
        const error = yield* Effect.flip(verb as Effect.Effect<unknown, { readonly _tag: string }>)
        assert.include(String(error), `store: got "`)
        assert.include(String(error), `one of "default", "audit"`)
      }
    }).pipe(Effect.provide(two())))

  it.effect("one event hub tells of all, and which store it is", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const scheduler = Context.get(yield* Layer.buildWithScope(two(), scope), Scheduler.Scheduler)
      const seen: Array<SchedulerEvent.SchedulerEvent> = []
      const listener = yield* Effect.forkChild(
        Stream.runForEach(scheduler.events, (event) => Effect.sync(() => seen.push(event))),
        { startImmediately: true }
      )
      yield* turns
      yield* scheduler.schedule(Work, { ...a, store: "audit" })
      yield* scheduler.every("10 seconds", Effect.void, { id: "tick" })
      yield* TestClock.adjust("10 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(listener)
      const ended = seen.flatMap((event) => event._tag === "RunEnded" ? [`${event.job} ${event.store}`] : [])
      assert.deepStrictEqual(ended.sort(), ["a audit", "tick closures"])
      // Three engines have ended, and the scheduler once.
      const tags = seen.map(({ _tag }) => _tag)
      assert.deepStrictEqual(tags.filter((tag) => tag.startsWith("Scheduler")), [
        "SchedulerStopping",
        "SchedulerStopped"
      ])
    }))

  it.effect("pausing the node pauses all of them", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.scheduleAll(Work, [a, { ...a, payload: { name: "b" }, store: "audit" }])
      yield* scheduler.pauseNode
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log, [])
      yield* scheduler.resumeNode
      assert.deepStrictEqual([...w.log].sort(), ["a 1 @10000", "b 1 @10000"])
    }).pipe(Effect.provide(two(w)))
  })

  it.effect("closing ends all engines side by side, and the stores after them", () => {
    const w = world()
    const order: Array<string> = []
    const told = (name: string) =>
      Layer.effect(
        JobStore.JobStore,
        Effect.gen(function*() {
          yield* Effect.addFinalizer(() => Effect.sync(() => order.push(`${name} closed`)))
          const store = yield* MemoryJobStore.make()
          return withVerbs(store, ({ leave }) => ({
            leave: (request) => Effect.tap(leave(request), () => Effect.sync(() => order.push(`${name} left`)))
          }))
        })
      )
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const live = Scheduler.layer({
        tasks: [Work],
        stores: { default: told("one"), audit: told("two") },
        grace: "10 seconds"
      })
      const context = yield* Layer.buildWithScope(
        Layer.provide(live, [handlers(w), FiberExecutor.layer()]),
        scope
      )
      const scheduler = Context.get(context, Scheduler.Scheduler)
      yield* scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* scheduler.enqueue(Work, { payload: { name: "y" }, store: "audit" })
      yield* turns
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(order, [])
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([...order.slice(0, 2).sort(), ...order.slice(2)], [
        "one left",
        "two left",
        "two closed",
        "one closed"
      ])
      assert.deepStrictEqual([...w.log].sort(), ["x 1 @0", "x 1 failed @10000", "y 1 @0", "y 1 failed @10000"])
    })
  })

  it.effect("a run may remove its job's namesake in another store, and waits for its runs", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const audit = yield* scheduler.store("audit")
      w.behave = () =>
        Effect.flatMap(Run.CurrentRun, (run) =>
          run.store === "audit"
            ? Effect.never
            : Effect.as(Effect.orDie(audit.cancel("same")), "cancelled the other"))
      yield* audit.enqueue(Work, { id: "same", payload: { name: "there" } })
      yield* turns
      const answer = yield* scheduler.run(Work, { id: "same", payload: { name: "here" } })
      assert.strictEqual(answer, "cancelled the other")
      assert.deepStrictEqual(w.log, ["there 1 @0", "here 1 @0", "there 1 failed @0"])
      assert.strictEqual((yield* audit.runs())[0]?.outcome, "cancelled")
    }).pipe(Effect.provide(two(w)))
  })
})

describe("what is refused at the start", () => {
  const refusal = <R>(layer: Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption, R>) =>
    Effect.map(
      Effect.flip(Effect.scoped(Layer.build(layer as Layer.Layer<Scheduler.Scheduler, SchedulerError.InvalidOption>))),
      ({ expected, field, value }) => `${field}: ${value} | ${expected}`
    )

  it.effect("one store under two names", () =>
    Effect.gen(function*() {
      const same = Scheduler.layer({ stores: { b: MemoryJobStore.layer } }).pipe(Layer.provide(MemoryJobStore.layer))
      assert.include(yield* refusal(same), `stores.b: the very one that is "default"`)
      const shared = Layer.succeed(JobStore.JobStore, yield* MemoryJobStore.make())
      const twice = Scheduler.layer({ stores: { default: shared, b: shared } })
      assert.include(yield* refusal(twice), "Layer.fresh")
    }))

  it.effect("no default store, bad names, the scheduler's own name", () =>
    Effect.gen(function*() {
      const stores: Record<string, Layer.Layer<JobStore.JobStore>> = { audit: memory }
      assert.include(yield* refusal(Scheduler.layer({ stores })), "one called default")
      assert.include(yield* refusal(Scheduler.layer({ stores: { default: memory, "a b": memory } })), `stores: "a b"`)
      assert.include(yield* refusal(Scheduler.layer({ stores: { default: memory, closures: memory } })), "own")
    }))

  it.effect("a task for an executor that nobody provides", () =>
    Effect.gen(function*() {
      const Heavy = Task.make("Heavy", { executor: "heavy" })
      const layer = Scheduler.layer({ tasks: [Heavy], executors: { cpu: FiberExecutor.layer() } }).pipe(
        Layer.provide([Heavy.toLayer(() => Effect.void), FiberExecutor.layer(), memory])
      )
      const text = yield* refusal(layer)
      assert.include(text, `Heavy, which names the executor "heavy"`)
      assert.include(text, `"default", "cpu"`)
    }))
})

describe("several executors", () => {
  const Heavy = Task.make("Heavy", { executor: "heavy" })

  it.effect("carry out the tasks that name them, each with its own slots", () => {
    const w = world()
    let heavy = 0
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      w.behave = () => Effect.as(Deferred.await(gate), "done")
      const live = Scheduler.layer({
        tasks: [Work, Heavy],
        executors: { heavy: FiberExecutor.layer({ concurrency: 2 }) }
      }).pipe(Layer.provide([
        handlers(w),
        Heavy.toLayer(() => Effect.andThen(Effect.sync(() => heavy++), Deferred.await(gate))),
        FiberExecutor.layer({ concurrency: 3 }),
        memory
      ]))
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        for (let i = 0; i < 5; i++) {
          yield* scheduler.enqueue(Heavy)
          yield* scheduler.enqueue(Work, { payload: { name: "w" } })
        }
        yield* turns
        assert.deepStrictEqual([heavy, w.log.length], [2, 3])
        yield* Deferred.succeed(gate, undefined)
        yield* turns
        assert.deepStrictEqual([heavy, w.log.length], [5, 5])
      }).pipe(Effect.provide(live))
    })
  })

  it.effect("share their slots among all stores", () => {
    const w = world()
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      w.behave = () => Effect.as(Deferred.await(gate), "done")
      yield* Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        for (let i = 0; i < 6; i++) {
          yield* scheduler.enqueue(Work, { payload: { name: "w" }, store: i % 2 === 0 ? "default" : "audit" })
        }
        yield* turns
        assert.strictEqual(w.log.length, 3)
        yield* Deferred.succeed(gate, undefined)
        yield* turns
        assert.strictEqual(w.log.length, 6)
      }).pipe(Effect.provide(two(w, { concurrency: 3 })))
    })
  })
})

/** Equal types, not merely assignable ones. */
const same = <A, B>(_equal: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false) => {}
class Disk extends Context.Service<Disk, {}>()("test/Disk") {}

it("the layer's type says what stores and executors need and fail with", () => {
  const onDisk = null as unknown as Layer.Layer<JobStore.JobStore | Scope.Scope, "full", Disk>
  const cpus = null as unknown as Layer.Layer<Executor.Executor, "hot", never>
  const compiles = () => {
    const audited = Scheduler.layer({ tasks: [Work], stores: { audit: onDisk }, executors: { cpu: cpus } })
    same<
      Layer.Services<typeof audited>,
      Disk | JobStore.JobStore | Executor.Executor | Task.Handler<"Work">
    >(true)
    same<Layer.Error<typeof audited>, SchedulerError.InvalidOption | "full" | "hot">(true)
    const whole = Scheduler.layer({ tasks: [Work], stores: { default: onDisk }, executors: { default: cpus } })
    same<Layer.Services<typeof whole>, Disk | Task.Handler<"Work">>(true)
    // @ts-expect-error an executor is no store
    Scheduler.layer({ stores: { audit: cpus } })
  }
  assert.isFunction(compiles)
})

describe("a store that does not answer", () => {
  /** A default store that works, another that is away while it is told to be, and one slot for both. */
  const outage = (w: ReturnType<typeof world>) => {
    const state = { away: false, claims: 0 }
    const failing = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
      Effect.suspend(() =>
        state.away
          ? Effect.fail(new SchedulerError.StoreError({ verb: "any", retryable: true, message: "away" }))
          : verb
      )
    const flaky = Layer.effect(
      JobStore.JobStore,
      Effect.map(MemoryJobStore.make(), (store) =>
        withVerbs(store, ({ claim, settle }) => ({
          claim: (request) => {
            state.claims++
            return failing(claim(request))
          },
          settle: (request) => failing(settle(request))
        })))
    )
    const live = Scheduler.layer({ tasks: [Work], stores: { flaky } }).pipe(
      Layer.provide([handlers(w), FiberExecutor.layer({ concurrency: 1 }), memory])
    )
    return { state, live }
  }
  const run = (name: string, store: string) => ({ id: name, payload: { name }, store })

  it.effect("keeps no slots from the engines of others while it cannot be asked for work", () => {
    const w = world()
    const { live, state } = outage(w)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const flaky = yield* scheduler.store("flaky")
      yield* turns
      state.away = true
      yield* scheduler.enqueue(Work, run("x", "flaky"))
      yield* turns
      yield* scheduler.enqueue(Work, run("y", "default"))
      yield* turns
      assert.deepStrictEqual(w.log, ["y 1 @0"])
      yield* TestClock.adjust("30 seconds")
      assert.isAbove(state.claims, 5)
      yield* scheduler.enqueue(Work, run("z", "default"))
      yield* turns
      assert.deepStrictEqual(w.log, ["y 1 @0", "z 1 @30000"])
      state.away = false
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* flaky.runs())[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(live))
  })

  it.effect("nor while it cannot be told how runs ended; those outcomes are kept, and nothing more is claimed there", () => {
    const w = world()
    const { live, state } = outage(w)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const flaky = yield* scheduler.store("flaky")
      w.behave = ({ name }) => Effect.sync(() => (state.away ||= name === "x", "done"))
      yield* flaky.enqueueAll(Work, [{ id: "x", payload: { name: "x" } }, { id: "xx", payload: { name: "later" } }])
      yield* turns
      assert.deepStrictEqual([w.log, state.away], [["x 1 @0"], true])
      yield* scheduler.enqueue(Work, run("y", "default"))
      yield* turns
      assert.deepStrictEqual(w.log, ["x 1 @0", "y 1 @0"])
      const claims = state.claims
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(state.claims, claims)
      state.away = false
      w.behave = () => Effect.succeed("done")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* flaky.runs()).map(({ id, outcome }) => [id, outcome]).sort(), [
        ["x", "succeeded"],
        ["xx", "succeeded"]
      ])
      // The slot was given back once: two runs still cannot go side by side.
      let most = 0
      let now = 0
      w.behave = () =>
        Effect.gen(function*() {
          most = Math.max(most, ++now)
          yield* turns
          now--
          return "done"
        })
      for (let i = 0; i < 6; i++) yield* scheduler.enqueue(Work, run(`n${i}`, i % 2 === 0 ? "flaky" : "default"))
      yield* Effect.repeat(turns, { times: 30 })
      assert.deepStrictEqual([most, w.log.length], [1, 9])
    }).pipe(Effect.provide(live))
  })

  it.effect("one that answers gets its turn, although its lease is over whenever it gets a slot", () => {
    const w = world()
    w.behave = ({ name }) => Effect.as(Effect.sleep(name === "x" ? 0 : "10 seconds"), "done")
    /** Others take meanwhile what is given back. */
    const journey = Effect.repeat(Effect.yieldNow, { times: 5 })
    const remote = (shared: boolean) =>
      Layer.effect(
        JobStore.JobStore,
        Effect.map(MemoryJobStore.make(), (store) =>
          withVerbs({ ...store, capabilities: { ...store.capabilities, shared } }, ({ beat, claim }) => ({
            beat: (node) =>
              Effect.andThen(journey, beat(node)),
            claim: (request) => Effect.andThen(journey, claim(request))
          })))
      )
    const live = Scheduler.layer({ tasks: [Work], stores: { other: remote(true) } }).pipe(
      Layer.provide([handlers(w), FiberExecutor.layer({ concurrency: 1 }), remote(false)])
    )
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueueAll(Work, ["a", "b", "c", "d"].map((name) => ({ id: name, payload: { name } })))
      yield* turns
      yield* scheduler.enqueue(Work, run("x", "other"))
      yield* turns
      for (let i = 0; i < 5; i++) yield* Effect.andThen(TestClock.adjust("5 seconds"), turns)
      assert.deepStrictEqual(w.log.map((line) => line.split(" ")[0]), ["a", "b", "x", "c"])
    }).pipe(Effect.provide(live))
  })

  /** Whether a verb fails from the moment on at which an outage begins, in the middle of a renewal of the lease. */
  const falls: Record<string, (verb: "beat" | "commit" | "other") => Effect.Effect<boolean>> = {
    "when a plan was committed and the lease is not renewed": (verb) => Effect.succeed(verb !== "commit"),
    "when neither comes through": () => Effect.succeed(true),
    "when a renewal fails only after a while": (verb) =>
      verb === "beat" ? Effect.as(Effect.sleep("2 seconds"), true) : Effect.succeed(false)
  }
  for (const [how, fails] of Object.entries(falls)) {
    it.effect(`nor while its lease is not renewed, ${how}`, () => {
      const w = world()
      let hasFallen = false
      const failing = <A>(verb: "beat" | "commit" | "other", call: Effect.Effect<A, SchedulerError.StoreError>) =>
        Effect.flatMap(Effect.suspend(() => hasFallen ? fails(verb) : Effect.succeed(false)), (fails) =>
          fails
            ? Effect.fail(new SchedulerError.StoreError({ verb: "any", retryable: true, message: "away" }))
            : call)
      const flaky = Layer.effect(
        JobStore.JobStore,
        Effect.map(MemoryJobStore.make(), (store) =>
          withVerbs(
            { ...store, capabilities: { ...store.capabilities, shared: true } },
            ({ beat, claim, commit, due, settle }) => ({
              beat: (node) => failing("beat", beat(node)),
              claim: (request) => failing("other", claim(request)),
              commit: (request) => failing("commit", commit(request)),
              due: (request) => failing("other", due(request)),
              settle: (request) => failing("other", settle(request))
            })
          ))
      )
      const live = Scheduler.layer({ tasks: [Work], stores: { flaky } }).pipe(
        Layer.provide([handlers(w), FiberExecutor.layer({ concurrency: 1 }), memory])
      )
      return Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const flaky = yield* scheduler.store("flaky")
        yield* flaky.schedule(Work, { ...a, trigger: Trigger.interval("1 minute") })
        yield* TestClock.adjust("59 seconds")
        yield* Effect.forkChild(Effect.sync(() => hasFallen = true).pipe(Effect.delay("999 millis")), {
          startImmediately: true
        })
        yield* TestClock.adjust("1 second")
        // somebody else's run is hinted at meanwhile
        yield* Effect.exit(flaky.enqueue(Work, run("x", "flaky")))
        yield* TestClock.adjust("3 seconds")
        yield* scheduler.enqueue(Work, run("y", "default"))
        yield* turns
        assert.include(w.log, "y 1 @63000")
        yield* TestClock.adjust("30 seconds")
        yield* scheduler.enqueue(Work, run("z", "default"))
        yield* turns
        assert.deepStrictEqual(w.log, ["y 1 @63000", "z 1 @93000"])
        hasFallen = false
        yield* TestClock.adjust("10 seconds")
        assert.sameMembers((yield* flaky.runs()).map(({ outcome }) => outcome), ["succeeded", "succeeded"])
      }).pipe(Effect.provide(live))
    })
  }
})
