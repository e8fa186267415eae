/** Limits of all nodes together: places of tasks and keys, rates, priority, and requests that mean the same. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Layer, Schema, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite } from "effect-scheduler/testing"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, turns, Work, world } from "../support/world.ts"

interface Options extends Omit<Task.Options<any, any, any>, "payload" | "success" | "error" | "key" | "retry"> {
  readonly keyed?: boolean
}

/** A task whose handlers say who they are and end when told to. */
const limited = (options: Options) => {
  const { keyed = true, ...rest } = options
  const running = new Set<string>()
  const started: Array<string> = []
  const ends = new Map<string, Deferred.Deferred<void>>()
  let most = 0
  const task = Task.make("Limited", {
    payload: { customer: Schema.String, name: Schema.String },
    ...(keyed ? { key: ({ customer }: { readonly customer: string }) => customer } : {}),
    ...rest
  })
  const live = task.toLayer(Effect.fnUntraced(function*({ customer, name }) {
    const at = yield* Clock.currentTimeMillis
    const id = `${customer}${name}`
    started.push(`${id} @${at}`)
    running.add(id)
    most = Math.max(most, running.size)
    const end = yield* Deferred.make<void>()
    ends.set(id, end)
    yield* Effect.ensuring(Deferred.await(end), Effect.sync(() => running.delete(id)))
  }))
  const end = (id: string) => Effect.andThen(Deferred.succeed(ends.get(id)!, undefined), turns)
  return { task, live, running, started, end, most: () => most }
}

type Limited = ReturnType<typeof limited>

const on = (store: JobStore.Service, { live, task }: Limited, concurrency = 20) =>
  Scheduler.layer({ tasks: [task] }).pipe(
    Layer.provide([live, FiberExecutor.layer({ concurrency })]),
    Layer.provideMerge(Layer.succeed(JobStore.JobStore, store))
  )

const alone = (known: Limited, concurrency?: number) =>
  Layer.unwrap(Effect.map(MemoryJobStore.make(), (store) => on(store, known, concurrency)))

const enqueue = (known: Limited, ...ids: ReadonlyArray<string>) =>
  Effect.flatMap(
    Scheduler.Scheduler,
    (scheduler) =>
      Effect.forEach(
        ids,
        (id) => scheduler.enqueue(known.task, { id, payload: { customer: id[0]!, name: id.slice(1) } })
      )
  )

const sorted = (ids: Iterable<string>) => Array.from(ids).toSorted()

describe("concurrency", () => {
  it.effect("of a task: no more run at once, and the next starts when one ends", () => {
    const known = limited({ keyed: false, concurrency: { task: 2 } })
    return Effect.gen(function*() {
      yield* enqueue(known, "a1", "a2", "a3", "a4")
      yield* turns
      assert.deepStrictEqual(sorted(known.running), ["a1", "a2"])
      yield* known.end("a2")
      assert.deepStrictEqual(sorted(known.running), ["a1", "a3"])
      yield* known.end("a1")
      yield* known.end("a3")
      assert.deepStrictEqual(sorted(known.running), ["a4"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("of each key: a key with many runs does not stand in the way of another's single run", () => {
    const known = limited({ concurrency: { task: 3, key: 1 } })
    return Effect.gen(function*() {
      yield* enqueue(known, ...Array.from({ length: 50 }, (_, n) => `a${n}`), "b1")
      yield* turns
      assert.deepStrictEqual(sorted(known.running), ["a0", "b1"])
      yield* known.end("a0")
      assert.deepStrictEqual(sorted(known.running), ["a1", "b1"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("keys take turns where there are few slots", () => {
    const known = limited({ concurrency: { key: 1 } })
    return Effect.gen(function*() {
      yield* enqueue(known, "a1", "a2", "a3", "a4")
      yield* TestClock.adjust(10)
      yield* enqueue(known, "b1", "b2")
      yield* turns
      const order: Array<string> = []
      for (let n = 0; n < 6; n++) {
        const [id] = known.running
        order.push(id!)
        yield* TestClock.adjust(1)
        yield* known.end(id!)
      }
      assert.deepStrictEqual(order, ["a1", "b1", "a2", "b2", "a3", "a4"])
    }).pipe(Effect.provide(alone(known, 1)))
  })

  it.prop("however many runs a key has in wait, another's next run waits for no more than one of each key", {
    runs: Schema.Array(Schema.Literals(["a", "b", "c"])).check(Schema.isMinLength(5), Schema.isMaxLength(40))
  }, ({ runs }) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const lane = "default/T"
        const { at, done, run } = JobStoreSuite
        yield* store.enqueue({
          runs: runs.map((key, n) => run(`${key}${n}`, { lane, planned: at(n), limits: [{ key, max: 1 }] })),
          now: at(100)
        })
        const left = new Map<string, number>()
        for (const key of runs) left.set(key, (left.get(key) ?? 0) + 1)
        const since = new Map<string, number>()
        for (let turn = 0; turn < runs.length; turn++) {
          const now = at(101 + turn)
          const [row] = (yield* store.claim({ node: "n", lanes: [lane], limit: 1, now })).runs
          const key = row!.limits[0]!.key
          left.set(key, left.get(key)! - 1)
          since.delete(key)
          for (const [other, n] of left) if (other !== key && n > 0) since.set(other, (since.get(other) ?? 0) + 1)
          for (const [other, n] of since) assert.isAtMost(n, 2, `${other} waits too long`)
          yield* store.settle({ settlements: [done(row!, now)], now })
        }
      })
    ), { arbitrary: { runs: 50, seed: "turns" } })

  it.effect("of jobs too: an occurrence whose job is not going waits for a place under its task's limit", () => {
    const known = limited({ concurrency: { task: 1 } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const customer of ["a", "b"]) {
        yield* scheduler.schedule(known.task, {
          id: customer,
          payload: { customer, name: "" },
          trigger: Trigger.interval("1 second")
        })
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sorted(known.running), ["a"])
      assert.strictEqual((yield* scheduler.runs({ job: "b" }))[0]!.state, "blocked")
      yield* known.end("a")
      assert.deepStrictEqual(sorted(known.running), ["b"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("a job that is paused while its run waits for a place: the run goes on; what comes due is skipped", () => {
    const known = limited({ concurrency: { task: 1 } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* enqueue(known, "x1")
      yield* scheduler.schedule(known.task, {
        id: "job",
        payload: { customer: "j", name: "" },
        trigger: Trigger.interval("1 second")
      })
      yield* TestClock.adjust("1 second")
      yield* scheduler.pause("job", { reason: "later", by: "me" })
      yield* TestClock.adjust("2 seconds")
      yield* known.end("x1")
      assert.deepStrictEqual(sorted(known.running), ["j"])
      assert.strictEqual((yield* scheduler.runs({ job: "job" })).length, 1)
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("a run that waits for a place ends when its job is removed, and leaves no place behind", () => {
    const known = limited({ concurrency: { task: 1 } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* enqueue(known, "x1")
      yield* scheduler.schedule(known.task, {
        id: "job",
        payload: { customer: "j", name: "" },
        trigger: Trigger.interval("1 second")
      })
      yield* TestClock.adjust("1 second")
      yield* enqueue(known, "x2")
      yield* scheduler.remove("job")
      assert.strictEqual((yield* scheduler.runs({ job: "job" }))[0]!.outcome, "cancelled")
      yield* known.end("x1")
      assert.deepStrictEqual(sorted(known.running), ["x2"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("a run that waits for a retry holds no place", () => {
    const w = world()
    w.behave = ({ attempt, name }) =>
      name === "a" && attempt === 1 ? Effect.fail(new Refused({ why: "later" })) : Effect.succeed(name)
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const concurrency = { task: 1 }
      yield* scheduler.enqueue(Retried, { id: "a", payload: { name: "a" }, concurrency })
      yield* scheduler.enqueue(Retried, { id: "b", payload: { name: "b" }, concurrency })
      yield* turns
      const states = Effect.map(
        scheduler.runs({ ids: ["a", "b"] }),
        (runs) => runs.map(({ id, state }) => `${id} ${state}`)
      )
      assert.deepStrictEqual(yield* states, ["a waiting", "b done"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sorted(yield* states), ["a done", "b done"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("runNow counts, unless told not to", () => {
    const known = limited({ concurrency: { task: 1 } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(known.task, {
        id: "job",
        payload: { customer: "j", name: "" },
        trigger: Trigger.interval("1 hour")
      })
      yield* enqueue(known, "x1")
      yield* turns
      const held = yield* scheduler.runNow("job", { overlap: "ignore" })
      assert.strictEqual((yield* scheduler.runs({ ids: [held] }))[0]!.state, "blocked")
      yield* scheduler.runNow("job", { overlap: "ignore", limits: "ignore" })
      yield* turns
      assert.deepStrictEqual(sorted(known.running), ["j", "x1"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("holds for two nodes on one SQLite file together", () => {
    const known = limited({ concurrency: { task: 3, key: 2 } })
    return Effect.gen(function*() {
      const store = yield* JobStore.JobStore
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const nodes = yield* Effect.forEach(scopes, (scope) => Layer.buildWithScope(Layer.fresh(on(store, known)), scope))
      yield* Effect.provideContext(enqueue(known, "a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2"), nodes[0]!)
      for (let n = 0; n < 8; n++) {
        yield* turns
        const [id] = known.running
        assert.isDefined(id)
        assert.isAtMost(Array.from(known.running).filter((other) => other[0] === id![0]).length, 2)
        yield* known.end(id!)
      }
      assert.strictEqual(known.most(), 3)
      assert.strictEqual(known.started.length, 8)
      for (const scope of scopes) yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.provide(SqliteJobStore.layerFile(":memory:")))
  })

  it.effect("of keys needs a key, and a key function that throws is told about", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const fieldOf = <A, E, R>(verb: Effect.Effect<A, E, R>) =>
        Effect.map(Effect.flip(verb), (error) => (error as { readonly field?: string }).field)
      const payload = { name: "a" }
      assert.strictEqual(
        yield* fieldOf(scheduler.enqueue(Work, { payload, concurrency: { key: 1 } })),
        "concurrency.key"
      )
      assert.strictEqual(
        yield* fieldOf(scheduler.enqueue(Work, { payload, rate: { limit: 1, per: 1, key: true } })),
        "rate.key"
      )
      assert.strictEqual(yield* fieldOf(scheduler.enqueue(Work, { payload, key: "" })), "key")
      const Broken = Task.make("Broken", {
        key: () => {
          throw new Error("oops")
        }
      })
      assert.strictEqual(yield* fieldOf(scheduler.enqueue(Broken)), "key")
      yield* scheduler.enqueue(Work, { payload, key: "mine", concurrency: { key: 1 } })
    }).pipe(Effect.provide(inMemory(world()))))
})

describe("rate", () => {
  const times = (known: Limited) => known.started.map((line) => Number(line.split("@")[1]))

  it.effect("as many start at once as it says, and then one after another; waiting is no attempt", () => {
    const known = limited({ rate: { limit: 2, per: "1 second" } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* enqueue(known, "a1", "a2", "a3", "a4", "a5")
      yield* turns
      assert.strictEqual(known.running.size, 2)
      const [waiting] = yield* scheduler.runs({ ids: ["a3"] })
      assert.deepStrictEqual([waiting!.state, waiting!.attempts, waiting!.started], ["waiting", 0, undefined])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(times(known), [0, 0, 500, 1000, 1500])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("of each key: one key's runs do not use up another's", () => {
    const known = limited({ rate: { limit: 1, per: "1 second", key: true } })
    return Effect.gen(function*() {
      yield* enqueue(known, "a1", "a2", "b1")
      yield* turns
      assert.deepStrictEqual(sorted(known.running), ["a1", "b1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sorted(known.running), ["a1", "a2", "b1"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("burst says how many start at once after a rest", () => {
    const known = limited({ rate: { limit: 10, per: "1 second", burst: 1 } })
    return Effect.gen(function*() {
      yield* enqueue(known, "a1", "a2", "a3")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(times(known), [0, 100, 200])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("a run that its rate made wait beyond its misfire grace ends as deadlineMissed", () => {
    const known = limited({ rate: { limit: 1, per: "10 seconds" } })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      for (const name of ["1", "2"]) {
        yield* scheduler.enqueue(known.task, {
          id: name,
          payload: { customer: "a", name },
          misfireGrace: "5 seconds"
        })
      }
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* scheduler.runs({ ids: ["2"] }))[0]!.outcome, "deadlineMissed")
      assert.deepStrictEqual(times(known), [0])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("holds for two nodes together", () => {
    const known = limited({ rate: { limit: 4, per: "1 second" } })
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const nodes = yield* Effect.forEach(
        scopes,
        (scope) => Layer.buildWithScope(Layer.fresh(on(store, known, 3)), scope)
      )
      yield* Effect.provideContext(enqueue(known, ..."123456".split("").map((n) => `a${n}`)), nodes[0]!)
      yield* turns
      assert.strictEqual(known.started.length, 4)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(known.started.length, 6)
      assert.isAtLeast(Math.min(...times(known).slice(4)), 250)
      for (const scope of scopes) yield* Scope.close(scope, Exit.void)
    })
  })

  it.effect("of one task, where runs differ in it: each is held to its own", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const loose = { limit: 3, per: "1 minute" } as const
      const strict = { limit: 1, per: "1 minute" } as const
      yield* scheduler.enqueueAll(Work, [
        { id: "a", payload: { name: "loose" }, rate: loose },
        { id: "b", payload: { name: "strict" }, rate: strict },
        { id: "c", payload: { name: "strict" }, rate: strict }
      ])
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(w.log, ["loose 1 @0", "strict 1 @20000", "strict 1 @80000"])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("priority", () => {
  it.effect("moves a run past those that came up to so much earlier, and no further", () => {
    const known = limited({ keyed: false })
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* enqueue(known, "x0", "a1")
      yield* TestClock.adjust("1 minute")
      yield* enqueue(known, "a2")
      yield* TestClock.adjust("1 second")
      yield* scheduler.enqueue(known.task, { payload: { customer: "p", name: "" }, priority: "30 seconds" })
      const order: Array<string> = []
      for (let n = 0; n < 4; n++) {
        yield* turns
        const [id] = known.running
        order.push(id!)
        yield* known.end(id!)
      }
      assert.deepStrictEqual(order, ["x0", "a1", "p", "a2"])
    }).pipe(Effect.provide(alone(known, 1)))
  })
})

describe("requests that mean the same", () => {
  const payload = (name: string) => ({ customer: "a", name })

  it.effect("unique: while one is going, others are answered with its id", () => {
    const known = limited({})
    return Effect.gen(function*() {
      const { enqueue } = yield* Scheduler.Scheduler
      const first = yield* enqueue(known.task, { payload: payload("1"), unique: true })
      yield* turns
      assert.strictEqual(yield* enqueue(known.task, { payload: payload("2"), unique: true }), first)
      const other = yield* enqueue(known.task, { payload: { customer: "b", name: "" }, unique: true })
      assert.notStrictEqual(other, first)
      yield* turns
      yield* known.end("a1")
      assert.notStrictEqual(yield* enqueue(known.task, { payload: payload("3"), unique: true }), first)
      yield* turns
      assert.deepStrictEqual(sorted(known.running), ["a3", "b"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("debounce: the newest payload, when nobody has asked for so long", () => {
    const known = limited({})
    return Effect.gen(function*() {
      const { enqueue } = yield* Scheduler.Scheduler
      const ask = (name: string) => enqueue(known.task, { payload: payload(name), debounce: "10 seconds" })
      const first = yield* ask("1")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* ask("2"), first)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(known.started, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(known.started, ["a2 @16000"])
      // the one that runs is not touched any more
      const next = yield* ask("3")
      assert.notStrictEqual(next, first)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(known.started, ["a2 @16000", "a3 @26000"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("throttle: one in each window, and its id for whoever asks again", () => {
    const known = limited({})
    return Effect.gen(function*() {
      const { enqueue } = yield* Scheduler.Scheduler
      const ask = (name: string) => enqueue(known.task, { payload: payload(name), throttle: "1 minute" })
      const first = yield* ask("1")
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* ask("2"), first)
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual(yield* ask("3"), first)
      yield* turns
      assert.deepStrictEqual(known.started, ["a1 @0", "a3 @60000"])
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("delay and at: it starts later, and that is what it counts from", () => {
    const known = limited({})
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(known.task, { id: "r1", payload: payload("1"), delay: "5 seconds" })
      yield* scheduler.enqueue(known.task, { payload: payload("2"), at: 7_000 })
      yield* scheduler.enqueue(known.task, { payload: payload("3"), at: -7_000 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(known.started, ["a3 @0", "a1 @5000", "a2 @7000"])
      const [run] = yield* scheduler.runs({ ids: ["r1"] })
      assert.strictEqual(run!.planned.epochMilliseconds, 5_000)
    }).pipe(Effect.provide(alone(known)))
  })

  it.effect("what contradicts itself, or means nothing, is refused and names the field", () => {
    const known = limited({})
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const refused = (options: object) =>
        Effect.map(
          Effect.flip(scheduler.enqueue(known.task, { payload: payload("1"), ...options })),
          (error) => error._tag === "InvalidOption" ? error.field : error._tag
        )
      assert.strictEqual(yield* refused({ unique: true, debounce: "1 second" }), "debounce")
      assert.strictEqual(yield* refused({ id: "a", throttle: "1 second" }), "throttle")
      assert.strictEqual(yield* refused({ delay: "1 second", at: 5 }), "at")
      assert.strictEqual(yield* refused({ delay: "soon" }), "delay")
      assert.strictEqual(yield* refused({ at: "soon" }), "at")
      assert.strictEqual(yield* refused({ debounce: 0 }), "debounce")
      assert.strictEqual(yield* refused({ throttle: Infinity }), "throttle")
      assert.strictEqual(yield* refused({ unique: "yes" }), "unique")
      assert.deepStrictEqual(yield* scheduler.runs(), [])
    }).pipe(Effect.provide(alone(known)))
  })
})
