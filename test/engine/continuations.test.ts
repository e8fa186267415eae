import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Layer, Schedule, Schema, Scope } from "effect"
import {
  Continuation,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  Run,
  Scheduler,
  SchedulerError,
  Task,
  Trigger
} from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { turns, withVerbs } from "../support/world.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

const Imported = Schema.Struct({ rows: Schema.Int })
const Import = Task.make("Import", {
  payload: { how: Schema.String },
  success: Imported,
  error: Refused,
  retry: Schedule.recurs(1)
})
const Report = Task.make("Report", { payload: Imported, success: Schema.String })
const Mail = Task.make("Mail", { payload: { text: Schema.String } })
const Letter = Task.make("Letter", { payload: Schema.String })
const Alert = Task.make("Alert", { payload: Continuation.Ended })
const Tidy = Task.make("Tidy")

/** What the handlers did, and were given. */
const office = (log: Array<string>) =>
  Layer.mergeAll(
    Import.toLayer(({ how }) => {
      switch (how) {
        case "refuse":
          return Effect.fail(new Refused({ why: "no" }))
        case "die":
          return Effect.die(new Error("oops"))
        case "wait":
          return Effect.never
        default:
          return Effect.succeed({ rows: Number(how) })
      }
    }),
    Report.toLayer(({ rows }) => Effect.sync(() => (log.push(`report ${rows}`), `${rows} rows`))),
    Mail.toLayer(({ text }) => Effect.sync(() => void log.push(`mail ${text}`))),
    Letter.toLayer((text) => Effect.sync(() => void log.push(`letter ${text}`))),
    Alert.toLayer((ended) =>
      Effect.sync(() => void log.push(`alert ${ended.outcome} ${JSON.stringify(ended.result)}`))
    ),
    Tidy.toLayer(() => Effect.sync(() => void log.push("tidy")))
  )

const tasks = [Import, Report, Mail, Letter, Alert, Tidy] as const

const on = (store: JobStore.Service, log: Array<string>, options: Scheduler.Options<readonly []> = {}) =>
  Scheduler.layer({ ...options, tasks }).pipe(
    Layer.provide([office(log), FiberExecutor.layer({ concurrency: 10 })]),
    Layer.provide(Layer.succeed(JobStore.JobStore, store))
  )

const inMemory = (log: Array<string>) => Layer.unwrap(Effect.map(MemoryJobStore.make(), (store) => on(store, log)))

const start = Effect.fnUntraced(function*(
  store: JobStore.Service,
  log: Array<string>,
  options: Scheduler.Options<readonly []> = {}
) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(on(store, log, options), scope)
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
  return { scheduler, close: Scope.close(scope, Exit.void) }
})

const all = [Continuation.onSuccess(Report), Continuation.onFailure(Alert), Continuation.onEnd(Tidy)]

const shown = (runs: ReadonlyArray<Run.Run>) => runs.map((run) => `${run.id} ${run.task} ${run.outcome}`).toSorted()

describe("continuations", () => {
  it.effect("a success is the payload of what follows it, which is given its own success to hand on", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Import, {
        id: "i",
        payload: { how: "3" },
        followedBy: [
          Continuation.onSuccess(Report, {
            followedBy: [Continuation.onSuccess(Mail, { payload: { text: "hello" } }), Continuation.onSuccess(Letter)]
          }),
          Continuation.onFailure(Alert),
          Continuation.onEnd(Tidy)
        ]
      })
      yield* turns
      assert.deepStrictEqual(log.toSorted(), ["letter 3 rows", "mail hello", "report 3", "tidy"])
      const runs = yield* scheduler.runs()
      assert.deepStrictEqual(shown(runs), [
        "i Import succeeded",
        "i:then:0 Report succeeded",
        "i:then:0.0 Mail succeeded",
        "i:then:0.1 Letter succeeded",
        "i:then:2 Tidy succeeded"
      ])
      assert.deepStrictEqual(runs.map((run) => `${run.parent} < ${run.id} ${run.origin}`).toSorted(), [
        "i < i:then:0 continuation",
        "i < i:then:2 continuation",
        "i:then:0 < i:then:0.0 continuation",
        "i:then:0 < i:then:0.1 continuation",
        "undefined < i adhoc"
      ])
    }).pipe(Effect.provide(inMemory(log)))
  })

  it.effect("each run of a job is followed; what follows is no run of the job", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = yield* scheduler.schedule(Import, {
        id: "nightly",
        payload: { how: "7" },
        trigger: Trigger.interval("10 seconds"),
        followedBy: [Continuation.onSuccess(Report)]
      })
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(log, ["report 7", "report 7"])
      assert.strictEqual((yield* scheduler.runs({ job: "nightly" })).length, 2)
      const ids = (yield* scheduler.runs({ task: "Report" })).map((run) => run.id)
      assert.deepStrictEqual(ids.toSorted(), [
        `nightly:${job.incarnation}:10000:then:0`,
        `nightly:${job.incarnation}:20000:then:0`
      ])
      // Declaring the same again changes nothing, and what is stored can be looked at.
      const before = yield* scheduler.get("nightly")
      const again = yield* scheduler.schedule(Import, {
        id: "nightly",
        payload: { how: "7" },
        trigger: Trigger.interval("10 seconds"),
        followedBy: [Continuation.onSuccess(Report)]
      })
      assert.deepStrictEqual(again, before)
      assert.deepStrictEqual(again.policy?.followedBy.map(({ on, payload, task }) => [on, task, payload]), [
        ["success", "Report", null]
      ])
    }).pipe(Effect.provide(inMemory(log)))
  })

  it.effect("a failure is what no further attempt follows; it comes with its outcome and the encoded error", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Import, { id: "refused", payload: { how: "refuse" }, followedBy: all })
      yield* turns
      assert.deepStrictEqual(log.splice(0).toSorted(), [`alert failed {"_tag":"Refused","why":"no"}`, "tidy"])
      assert.strictEqual((yield* scheduler.runs({ ids: ["refused"] }))[0]?.attempts, 2)
      yield* scheduler.enqueue(Import, { id: "dead", payload: { how: "die" }, followedBy: all })
      yield* turns
      const [died, tidied] = log.splice(0).toSorted()
      assert.match(died!, /^alert died \{"message":".*oops/)
      assert.strictEqual(tidied, "tidy")
      yield* scheduler.enqueue(Import, {
        payload: { how: "wait" },
        timeout: "1 second",
        maxAttempts: 1,
        followedBy: all
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log.splice(0).toSorted(), [`alert timedOut {"timedOut":1000}`, "tidy"])
    }).pipe(Effect.provide(inMemory(log)))
  })

  it.effect("an undecodable run and one that missed its deadline have failed", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const memory = yield* MemoryJobStore.make()
      const store = withVerbs(memory, (inner) => ({
        enqueue: ({ now, runs }) =>
          inner.enqueue({ now, runs: runs.map((run) => run.id === "broken" ? { ...run, payload: `{"how":1}` } : run) })
      }))
      const { close, scheduler } = yield* start(store, log, { paused: true })
      yield* scheduler.enqueue(Import, { id: "broken", payload: { how: "1" }, followedBy: all })
      yield* scheduler.enqueue(Import, {
        id: "late",
        payload: { how: "1" },
        misfireGrace: "1 second",
        followedBy: [Continuation.onFailure(Alert)]
      })
      yield* TestClock.adjust("2 seconds")
      yield* scheduler.resumeNode
      yield* turns
      const [late, broken, tidied] = log.toSorted()
      assert.strictEqual(late, "alert deadlineMissed null")
      assert.match(broken!, /^alert undecodable \{"message":/)
      assert.strictEqual(tidied, "tidy")
      yield* close
    })
  })

  it.effect("a cancelled run, queued or running, is followed by what follows any end, and by nothing else", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Import, { id: "running", payload: { how: "wait" }, followedBy: all })
      yield* turns
      yield* scheduler.cancel("running")
      yield* turns
      assert.deepStrictEqual(log.splice(0), ["tidy"])
      yield* scheduler.pauseNode
      yield* scheduler.enqueue(Import, { id: "queued", payload: { how: "1" }, followedBy: all })
      yield* scheduler.cancel("queued")
      yield* scheduler.resumeNode
      yield* turns
      assert.deepStrictEqual(log.splice(0), ["tidy"])
      // Asking again finds it done.
      yield* scheduler.cancel("queued")
      yield* turns
      assert.deepStrictEqual(log, [])
    }).pipe(Effect.provide(inMemory(log)))
  })

  it.effect("queued runs that a removal, or the policy cancelRunning, ends are followed too", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const job = {
        id: "a",
        payload: { how: "wait" },
        trigger: Trigger.interval("10 seconds"),
        followedBy: [Continuation.onEnd(Tidy)]
      }
      yield* scheduler.schedule(Import, { ...job, overlap: "queue" })
      yield* TestClock.adjust("20 seconds") // one runs, one waits for its turn
      assert.deepStrictEqual(log, [])
      yield* scheduler.remove("a")
      yield* turns
      assert.deepStrictEqual(log.splice(0), ["tidy", "tidy"])
      yield* scheduler.schedule(Import, { ...job, overlap: "cancelRunning" })
      yield* scheduler.runNow("a", { overlap: "ignore" })
      yield* scheduler.runNow("a") // waits for its turn
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log.splice(0), ["tidy", "tidy"])
    }).pipe(Effect.provide(inMemory(log)))
  })

  it.effect("a settlement that is repeated because its reply was lost adds nothing", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      let lose = true
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        settle: (request) =>
          Effect.tap(inner.settle(request), () => {
            if (!lose) return Effect.void
            lose = false
            return Effect.fail(new SchedulerError.StoreError({ verb: "settle", retryable: true, message: "lost" }))
          })
      }))
      const { close, scheduler } = yield* start(store, log)
      yield* scheduler.enqueue(Import, { id: "i", payload: { how: "1" }, followedBy: all })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log.toSorted(), ["report 1", "tidy"])
      assert.isFalse(lose)
      yield* close
    })
  })

  it.effect("what the store ended while nobody could say what follows is followed at the next start, once", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const memory = { ...(yield* MemoryJobStore.make()) }
      const store: JobStore.Service = { ...memory, capabilities: { ...memory.capabilities, durability: "process" } }
      let lost = false
      const dead = withVerbs(store, (inner) => ({
        enqueue: (request) => Effect.suspend(() => lost ? Effect.never : inner.enqueue(request)),
        leave: (request) => Effect.suspend(() => lost ? Effect.void : inner.leave(request))
      }))
      const one = yield* start(dead, log, { paused: true })
      yield* one.scheduler.enqueue(Import, { id: "i", payload: { how: "1" }, followedBy: all })
      lost = true
      const cancelling = yield* Effect.forkChild(one.scheduler.cancel("i"))
      yield* turns
      assert.deepStrictEqual(shown(yield* one.scheduler.runs()), ["i Import cancelled"])
      yield* Fiber.interrupt(cancelling)
      const two = yield* start(store, log)
      yield* turns
      assert.deepStrictEqual(log, ["tidy"])
      yield* two.close
      const three = yield* start(store, log)
      yield* turns
      assert.deepStrictEqual(log, ["tidy"])
      yield* three.close
      yield* one.close
    })
  })

  it.effect("a run abandoned with its node is a failure, whoever finds it", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const memory = yield* MemoryJobStore.make()
      const store: JobStore.Service = { ...memory, capabilities: { ...memory.capabilities, shared: true } }
      let lost = false
      const dead = withVerbs(store, (inner) => ({
        settle: (request) => Effect.suspend(() => lost ? Effect.never : inner.settle(request)),
        beat: (request) => Effect.suspend(() => lost ? Effect.never : inner.beat(request)),
        leave: (request) => Effect.suspend(() => lost ? Effect.void : inner.leave(request))
      }))
      const one = yield* start(dead, log)
      yield* one.scheduler.enqueue(Import, {
        id: "once",
        payload: { how: "wait" },
        delivery: "atMostOnce",
        followedBy: all
      })
      yield* turns
      lost = true
      const two = yield* start(store, log, { reap: "5 seconds" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log.toSorted(), ["alert abandoned null", "tidy"])
      yield* two.close
    })
  })

  it.effect("a chain goes on after restarts on the same SQLite file, each with a node that knows one task only", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/jobs.db"
      const log: Array<string> = []
      const services = Layer.mergeAll(office(log), FiberExecutor.layer()).pipe(
        Layer.provideMerge(SqliteJobStore.layerFile(file))
      )
      const session = (live: Layer.Layer<Scheduler.Scheduler, unknown, Layer.Success<typeof services>>) =>
        Effect.gen(function*() {
          const scheduler = yield* Scheduler.Scheduler
          yield* scheduler.enqueue(Import, {
            id: "i",
            payload: { how: "5" },
            followedBy: [Continuation.onSuccess(Report, { followedBy: [Continuation.onSuccess(Letter)] })]
          })
          yield* turns
          return shown(yield* scheduler.runs())
        }).pipe(Effect.provide(Layer.provide(Layer.fresh(live), Layer.fresh(services))), Effect.scoped)
      assert.deepStrictEqual(yield* session(Scheduler.layer({ tasks: [Import] })), [
        "i Import succeeded",
        "i:then:0 Report undefined"
      ])
      assert.deepStrictEqual(yield* session(Scheduler.layer({ tasks: [Report] })), [
        "i Import succeeded",
        "i:then:0 Report succeeded",
        "i:then:0.0 Letter undefined"
      ])
      assert.deepStrictEqual(log, ["report 5"])
      assert.strictEqual((yield* session(Scheduler.layer({ tasks: [Letter] })))[2], "i:then:0.0 Letter succeeded")
      assert.deepStrictEqual(log, ["report 5", "letter 5 rows"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("what follows counts for the limits of its task, by the key of its payload or one of its own", () =>
    Effect.gen(function*() {
      const Keyed = Task.make("Keyed", {
        payload: Schema.String,
        key: (name) => name,
        concurrency: { key: 2 }
      })
      const store = yield* MemoryJobStore.make()
      const scheduler = yield* Scheduler.Scheduler.pipe(
        Effect.provide(Layer.provide(Scheduler.layer(), Layer.succeed(JobStore.JobStore, store)))
      )
      yield* scheduler.enqueue(Import, {
        id: "i",
        payload: { how: "1" },
        followedBy: [
          Continuation.onEnd(Keyed, { payload: "acme" }),
          Continuation.onEnd(Keyed, { payload: "acme", key: "other", priority: 60_000 })
        ]
      })
      yield* scheduler.cancel("i")
      const rows = yield* store.runs({ task: "Keyed", limit: 9 })
      assert.deepStrictEqual(rows.map(({ boost, limits }) => [boost, limits]).toSorted(), [
        [0, [{ key: "key:Keyed:acme", max: 2 }]],
        [60_000, [{ key: "key:Keyed:other", max: 2 }]]
      ])
      // The key of a result is known to nobody before it is there.
      const Named = Task.make("Named", { success: Schema.String })
      const refused = yield* Effect.flip(scheduler.enqueue(Named, { followedBy: [Continuation.onSuccess(Keyed)] }))
      assert.strictEqual(
        refused._tag === "InvalidOption" ? refused.field : refused._tag,
        "followedBy[0].concurrency.key"
      )
      yield* scheduler.enqueue(Named, { followedBy: [Continuation.onSuccess(Keyed, { key: "results" })] })
    }))

  it.effect("what cannot be stored is refused, with the way to the field", () =>
    Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const refused = (followedBy: unknown) =>
        Effect.map(
          Effect.flip(scheduler.enqueue(Import, { payload: { how: "1" }, followedBy: followedBy as never })),
          (error) => error._tag === "InvalidOption" ? error.field : error._tag
        )
      assert.strictEqual(yield* refused("Report"), "followedBy")
      assert.strictEqual(yield* refused([Report]), "followedBy[0]")
      const badPayload = Continuation.onSuccess(Report, { payload: { rows: "1" as never } })
      assert.strictEqual(yield* refused([badPayload]), "followedBy[0].payload")
      const badTimeout = Continuation.onSuccess(Report, { timeout: -1 })
      const nested = Continuation.onEnd(Tidy, { followedBy: [Continuation.onEnd(Tidy), badTimeout as never] })
      assert.strictEqual(yield* refused([nested]), "followedBy[0].followedBy[1].timeout")
      let chain = Continuation.onEnd(Tidy)
      for (let i = 1; i < 17; i++) chain = Continuation.onEnd(Tidy, { followedBy: [chain] })
      assert.match(yield* refused([chain]), /^(followedBy\[0\]\.){16}followedBy$/)
      assert.strictEqual(yield* refused(Array.from({ length: 101 }, () => Continuation.onEnd(Tidy))), "followedBy[100]")
      assert.deepStrictEqual(yield* scheduler.runs(), [])
    }).pipe(Effect.provide(inMemory([]))))
})

/** A tree of runs, each with how it ends. */
interface Tree {
  readonly how: "1" | "refuse" | "die"
  readonly next: ReadonlyArray<readonly [Continuation.On, Tree]>
}

const Node = Schema.Struct({
  on: Continuation.On,
  parent: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  how: Schema.Literals(["1", "refuse", "die"])
})

/** Hangs each node under one of those before it, so that any list is a tree. */
const grow = (how: Tree["how"], nodes: ReadonlyArray<typeof Node.Type>): Tree => {
  type Growing = { how: Tree["how"]; next: Array<readonly [Continuation.On, Growing]> }
  const grown: Array<Growing> = [{ how, next: [] }]
  for (const node of nodes) {
    const child: Growing = { how: node.how, next: [] }
    grown[node.parent % grown.length]!.next.push([node.on, child])
    grown.push(child)
  }
  return grown[0]!
}

/** What must have run, by a rule that knows nothing of stores. */
const expected = (tree: Tree, id: string, parent?: string): ReadonlyArray<string> => {
  const met = tree.how === "1" ? ["success", "end"] : ["failure", "end"]
  return [
    `${parent} < ${id}`,
    ...tree.next.flatMap(([on, child], i) =>
      met.includes(on) ? expected(child, parent === undefined ? `${id}:then:${i}` : `${id}.${i}`, id) : []
    )
  ]
}

describe("any tree of continuations", () => {
  it.effect.prop(
    "runs exactly what its ends call for",
    { nodes: Schema.Array(Node).check(Schema.isMaxLength(8)), how: Schema.Literals(["1", "refuse", "die"]) },
    ({ how, nodes }) =>
      Effect.gen(function*() {
        const scheduler = yield* Scheduler.Scheduler
        const tree = grow(how, nodes)
        const of = (next: Tree["next"]): ReadonlyArray<Continuation.After<typeof Import>> =>
          next.map(([on, child]) => {
            const options = { payload: { how: child.how }, maxAttempts: 1, followedBy: of(child.next) }
            return on === "success"
              ? Continuation.onSuccess(Import, options)
              : on === "failure"
              ? Continuation.onFailure(Import, options)
              : Continuation.onEnd(Import, options)
          })
        yield* scheduler.enqueue(Import, { id: "root", payload: { how }, maxAttempts: 1, followedBy: of(tree.next) })
        yield* turns
        const runs = yield* scheduler.runs()
        assert.deepStrictEqual(
          runs.map((run) => `${run.parent} < ${run.id}`).toSorted(),
          expected(tree, "root").toSorted()
        )
        assert.isTrue(runs.every((run) => run.state === "done"))
      }).pipe(Effect.provide(Layer.fresh(inMemory([])))),
    { arbitrary: { runs: 60, seed: "trees" } }
  )
})
