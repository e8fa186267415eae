import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Schema, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Scheduler, Task, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { turns, withVerbs } from "../support/world.ts"

/** The task in the releases of a program. */
const Greet1 = Task.make("Greet", { payload: { name: Schema.String } })
const Greet2 = Task.make("Greet", {
  payload: { first: Schema.String, last: Schema.String },
  version: 2,
  upgrade: {
    1: ({ name }) => {
      const [first, last] = name.split(" ")
      if (last === undefined) throw new Error(`no last name in ${name}`)
      return { first, last }
    }
  }
})
const Greet3 = Task.make("Greet", {
  payload: { first: Schema.String, last: Schema.String, language: Schema.String },
  version: 3,
  upgrade: (encoded, version) =>
    version === 1 ? { first: encoded.name, last: "", language: "?" } : { ...encoded, language: "en" }
})
/** A release that supports what the one before it stored, and nothing older. */
const Greet3Only2 = Task.make("Greet", {
  payload: Greet3.payloadSchema,
  version: 3,
  upgrade: { 2: (encoded) => ({ ...encoded, language: "en" }) }
})

const node = <P extends Task.PureSchema>(
  task: Task.Task<"Greet", P, typeof Schema.Void, typeof Schema.Never>,
  log: Array<unknown>,
  options: Scheduler.Options<readonly []> = {}
) =>
  Scheduler.layer({ ...options, tasks: [task] }).pipe(
    Layer.provide([
      task.toLayer((payload: P["Type"]) => Effect.sync(() => void log.push(payload))),
      FiberExecutor.layer()
    ])
  )

const start = Effect.fnUntraced(function*<P extends Task.PureSchema>(
  store: JobStore.Service,
  task: Task.Task<"Greet", P, typeof Schema.Void, typeof Schema.Never>,
  log: Array<unknown>,
  options: Scheduler.Options<readonly []> = {}
) {
  const scope = yield* Scope.make()
  const live = Layer.provide(node(task, log, options), Layer.succeed(JobStore.JobStore, store))
  const context = yield* Layer.buildWithScope(live, scope)
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
  return { scheduler, close: Scope.close(scope, Exit.void) }
})

const ada = { payload: { name: "Ada Lovelace" } }
const hourly = Trigger.interval("1 hour")

describe("payloads of older versions", () => {
  it.effect("become today's: jobs, queued runs, and after a restart on the same SQLite file", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* fs.makeTempDirectoryScoped({ prefix: "effect-scheduler-" })) + "/jobs.db"
      const log: Array<unknown> = []
      const session = <A, E>(
        live: Layer.Layer<Scheduler.Scheduler, E, JobStore.JobStore>,
        program: (scheduler: Scheduler.Scheduler["Service"]) => Effect.Effect<A, unknown>
      ) =>
        Effect.flatMap(Scheduler.Scheduler, program).pipe(
          Effect.provide(Layer.fresh(Layer.provide(live, SqliteJobStore.layerFile(file))))
        )
      yield* session(node(Greet1, log, { paused: true }), (scheduler) =>
        Effect.andThen(
          scheduler.schedule(Greet1, { id: "a", ...ada, trigger: hourly }),
          scheduler.enqueue(Greet1, { id: "r", ...ada })
        ))
      yield* session(node(Greet2, log), (scheduler) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 hour")
          const split = { first: "Ada", last: "Lovelace" }
          assert.deepStrictEqual(log.splice(0), [split, split])
          // Nothing is rewritten: what is stored stays what it was.
          assert.deepStrictEqual((yield* scheduler.get("a")).payload, { name: "Ada Lovelace" })
          yield* scheduler.schedule(Greet2, { id: "b", payload: split, trigger: hourly })
        }))
      yield* session(node(Greet3, log), () => TestClock.adjust("1 hour"))
      assert.deepStrictEqual(log, [
        { first: "Ada Lovelace", last: "", language: "?" },
        { first: "Ada", last: "Lovelace", language: "en" }
      ])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("from which no way leads to today's quarantine their job, and end a run as undecodable", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, Greet1, log, { paused: true })
      yield* one.scheduler.schedule(Greet1, { id: "short", payload: { name: "Ada" }, trigger: hourly })
      yield* one.scheduler.schedule(Greet1, { id: "fine", ...ada, trigger: hourly })
      yield* one.scheduler.enqueue(Greet1, { id: "r", payload: { name: "Ada" } })
      yield* one.close
      const two = yield* start(store, Greet2, log)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* two.scheduler.get("fine")).state, "active")
      const short = yield* two.scheduler.get("short")
      assert.strictEqual(short.state, "quarantined")
      // what is kept says what is wrong, and not where in the code that was found
      const why = "PayloadNotUpgraded: the upgrade of task Greet from version 1 threw: no last name in Ada"
      assert.strictEqual(short.problem, `payload: ${why}`)
      const [run] = yield* two.scheduler.runs({ ids: ["r"] })
      assert.deepStrictEqual([run?.outcome, run?.result], ["undecodable", { message: why }])
      yield* two.close
      const three = yield* start(store, Greet3Only2, log)
      yield* TestClock.adjust("1 hour")
      assert.include((yield* three.scheduler.get("fine")).problem, "task Greet has no upgrade from version 1")
      yield* three.close
    })
  })
})

it.effect("what a node cannot read came due, and is not lost when that node gives the job another trigger", () =>
  Effect.gen(function*() {
    const store = yield* MemoryJobStore.make()
    const one = yield* start(store, Greet1, [], { paused: true })
    yield* one.scheduler.schedule(Greet1, { id: "short", payload: { name: "Ada" }, trigger: hourly })
    yield* one.close
    yield* TestClock.adjust("3 hours")
    const two = yield* start(store, Greet2, [], { paused: true })
    const trigger = Trigger.interval("2 hours")
    yield* two.scheduler.schedule(Greet2, { id: "short", payload: { first: "Ada", last: "L" }, trigger })
    const [verdict, ...others] = yield* store.verdicts({ job: "short", limit: 9 })
    assert.deepStrictEqual(others, [])
    const { count, from, kind, note, reason, to } = verdict!
    assert.deepStrictEqual([kind, reason, from, to, count], ["skipped", "quarantined", null, 3 * 3_600_000, 3])
    assert.include(note, "no last name in Ada")
    assert.strictEqual((yield* two.scheduler.get("short")).next?.epochMilliseconds, 5 * 3_600_000)
    yield* two.close
  }))

describe("payloads of newer versions", () => {
  it.effect("are left to a node that knows them: planned on time, not run, not quarantined, no attempt lost", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const fresh = yield* start(store, Greet2, log, { paused: true })
      const grace = { first: "Grace", last: "Hopper" }
      yield* fresh.scheduler.schedule(Greet2, { id: "a", payload: grace, trigger: hourly })
      yield* fresh.scheduler.enqueue(Greet2, { id: "r", payload: grace })
      const old = yield* start(store, Greet1, log)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, [])
      const job = yield* old.scheduler.get("a")
      assert.deepStrictEqual([job.state, job.cursor?.epochMilliseconds], ["active", 3_600_000])
      assert.strictEqual((yield* old.scheduler.runs({ going: true })).length, 2)
      // The old program declares its own form at its start: a newer node reads that too.
      yield* old.scheduler.schedule(Greet1, { id: "b", ...ada, trigger: Trigger.after("1 second") })
      yield* old.close
      yield* fresh.scheduler.resumeNode
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(log, [grace, grace, { first: "Ada", last: "Lovelace" }])
      const [run] = yield* fresh.scheduler.runs({ ids: ["r"] })
      assert.deepStrictEqual([run?.outcome, run?.attempts], ["succeeded", 1])
      yield* fresh.close
    })
  })

  const grace = { first: "Grace", last: "Hopper" }

  /** Older nodes, which look first whenever something is ready, and a newer one. */
  const among = Effect.fnUntraced(function*(store: JobStore.Service, log: Array<unknown>) {
    const older = yield* Effect.forEach([1, 2, 3], () => start(store, Greet1, log))
    const fresh = yield* start(store, Greet2, log)
    return { older, fresh, close: Effect.forEach([...older, fresh], ({ close }) => close, { discard: true }) }
  })

  it.effect("are run at once by an idle node that knows them, whoever looks first", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const { close, fresh } = yield* among(yield* MemoryJobStore.make(), log)
      yield* fresh.scheduler.schedule(Greet2, { id: "a", payload: grace, trigger: Trigger.interval("1 second") })
      for (let n = 1; n <= 30; n++) {
        yield* TestClock.adjust("1 second")
        assert.strictEqual(log.length, n)
      }
      yield* close
    })
  })

  it.effect("wait in their place for a node that knows them, and do not miss a deadline by being looked at", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, fresh, older } = yield* among(store, log)
      yield* fresh.scheduler.pauseNode
      yield* fresh.scheduler.enqueue(Greet2, { id: "r", payload: grace, misfireGrace: "20 seconds" })
      yield* TestClock.adjust("4 seconds")
      const [left] = yield* store.runs({ ids: ["r"], limit: 1 })
      assert.deepStrictEqual([left?.state, left?.orderAt, left?.attempt], ["ready", 0, 0])
      yield* TestClock.adjust("2 seconds")
      const [away] = yield* store.runs({ ids: ["r"], limit: 1 })
      assert.deepStrictEqual([away?.state, away?.readyAt, away?.attempt], ["waiting", 10_000, 0])
      yield* fresh.scheduler.resumeNode
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(log, [grace])
      // One that nobody takes for too long is too late, however often it was claimed meanwhile.
      yield* fresh.scheduler.pauseNode
      yield* fresh.scheduler.enqueue(Greet2, { id: "late", payload: grace, misfireGrace: "12 seconds" })
      yield* TestClock.adjust("1 minute")
      const [late] = yield* older[0]!.scheduler.runs({ ids: ["late"] })
      assert.strictEqual(late?.outcome, "deadlineMissed")
      yield* close
    })
  })

  it.effect("stand in nobody's way for long: neither in the queue nor under a limit, and cost little", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const memory = yield* MemoryJobStore.make()
      let claims = 0
      const store = withVerbs(memory, ({ claim }) => ({ claim: (request) => (claims++, claim(request)) }))
      const fresh = yield* start(store, Greet2, log, { paused: true })
      for (let n = 0; n < 30; n++) yield* fresh.scheduler.enqueue(Greet2, { payload: grace, concurrency: { task: 2 } })
      yield* fresh.close
      const old = yield* start(store, Greet1, log)
      yield* turns
      yield* old.scheduler.enqueue(Greet1, { ...ada, id: "free" })
      yield* old.scheduler.enqueue(Greet1, { ...ada, id: "limited", concurrency: { task: 2 } })
      yield* turns
      assert.deepStrictEqual(log.splice(0), [ada.payload])
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(log.splice(0), [ada.payload])
      claims = 0
      yield* TestClock.adjust("1 hour")
      assert.isBelow(claims, 3 * 3_600)
      assert.strictEqual((yield* old.scheduler.runs({ going: true })).length, 30)
      yield* old.close
    })
  })

  it.effect("are put off as well where a store hands them out all the same", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      let claims = 0
      const store = withVerbs(yield* MemoryJobStore.make(), ({ claim }) => ({
        claim: (request) => (claims++, claim({ ...request, upTo: undefined }))
      }))
      const fresh = yield* start(store, Greet2, log, { paused: true })
      yield* fresh.scheduler.enqueue(Greet2, { payload: grace })
      const old = yield* start(store, Greet1, log)
      yield* TestClock.adjust("1 minute")
      assert.isBelow(claims, 60)
      yield* old.close
      yield* fresh.scheduler.resumeNode
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(log, [grace])
      yield* fresh.close
    })
  })

  it.effect("with an overlap function the job is left as well: the function takes a payload", () => {
    const asked: Array<unknown> = []
    const overlap = ({ payload }: { readonly payload: unknown }) => (asked.push(payload), "skip" as const)
    const Before = Task.make("Greet", { payload: Greet1.payloadSchema, overlap })
    const After = Task.make("Greet", { payload: Greet2.payloadSchema, version: 2, upgrade: Greet2.upgrade, overlap })
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const fresh = yield* start(store, After, [], { paused: true })
      const grace = { first: "Grace", last: "Hopper" }
      yield* fresh.scheduler.schedule(After, { id: "a", payload: grace, trigger: hourly })
      const old = yield* start(store, Before, [])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(asked, [])
      assert.strictEqual((yield* old.scheduler.get("a")).cursor, undefined)
      yield* old.close
      yield* fresh.scheduler.resumeNode
      yield* turns
      assert.deepStrictEqual(asked, [grace])
      yield* fresh.close
    })
  })
})

describe("check", () => {
  it.effect("says what this code makes of all that is stored, and writes nothing", () =>
    Effect.gen(function*() {
      const memory = yield* MemoryJobStore.make()
      const one = yield* start(memory, Greet1, [], { paused: true })
      for (const [id, name] of [["fine", "Ada Lovelace"], ["short", "Ada"]] as const) {
        yield* one.scheduler.schedule(Greet1, { id, payload: { name }, trigger: hourly })
        yield* one.scheduler.enqueue(Greet1, { id: `run ${id}`, payload: { name } })
      }
      const Other = Task.make("Other")
      yield* one.scheduler.schedule(Other, { id: "other", trigger: hourly })
      const NewerGreet = Task.make("Greet", { version: 9 })
      yield* one.scheduler.schedule(NewerGreet, { id: "newer", trigger: hourly })
      yield* one.scheduler.enqueue(NewerGreet, { id: "run newer" })
      const [fine] = yield* memory.jobs({ ids: ["fine"], limit: 1 })
      const custom = JSON.stringify({
        version: JSON.parse(fine!.trigger).version,
        _tag: "custom",
        name: "x/y",
        parameters: {}
      })
      yield* memory.insertJobs([
        { ...fine!, id: "custom", trigger: custom },
        { ...fine!, id: "broken", trigger: "{}" },
        { ...fine!, id: "policy", policy: "[]" }
      ])
      yield* one.close

      const writes: Array<string> = []
      const guarded = withVerbs(memory, () =>
        Object.fromEntries(
          ["insertJobs", "commit", "enqueue", "claim", "settle", "cancel", "beat", "reap", "sweep", "leave"]
            .map((verb) => [verb, () => Effect.sync(() => void writes.push(verb))])
        ) as Partial<JobStore.Service>)
      const report = yield* Scheduler.check({ tasks: [Greet2] }).pipe(Effect.provideService(JobStore.JobStore, guarded))
      assert.deepStrictEqual(writes, [])
      assert.deepStrictEqual([report.jobs, report.runs], [7, 3])
      assert.deepStrictEqual(report.problems.map(({ id, kind, verdict }) => `${kind} ${id} ${verdict}`).toSorted(), [
        "job broken unreadable",
        "job custom left",
        "job newer left",
        "job other unknownTask",
        "job policy unreadable",
        "job short unreadable",
        "run run newer left",
        "run run short unreadable"
      ])
      const reason = (id: string) => report.problems.find((problem) => problem.id === id)?.reason
      assert.include(reason("short"), "no last name in Ada")
      assert.strictEqual(reason("newer"), "payload: of version 9 of task Greet, newer than version 2 here")
      // What it foretells is what comes true.
      const two = yield* start(memory, Greet2, [])
      yield* TestClock.adjust("1 hour")
      const quarantined = (yield* two.scheduler.list({ state: "quarantined" })).map(({ id }) => id)
      assert.deepStrictEqual(quarantined, ["broken", "policy", "short"])
      const later = yield* two.scheduler.check
      assert.deepStrictEqual(
        later.problems.filter(({ verdict }) => verdict === "quarantined").map(({ id }) => id),
        quarantined
      )
      yield* two.close
      const next = yield* Scheduler.check({ tasks: [Greet3] }).pipe(Effect.provideService(JobStore.JobStore, memory))
      assert.deepStrictEqual(next.problems.filter(({ verdict }) => verdict === "readable").map(({ id }) => id), [
        "short"
      ])
    }))
})

describe("release", () => {
  it.effect("lets a job out of quarantine once the code, or another payload, makes it readable", () => {
    const log: Array<unknown> = []
    return Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, Greet1, log, { paused: true })
      for (const id of ["a", "b"]) {
        yield* one.scheduler.schedule(Greet1, { id, payload: { name: "Ada" }, trigger: hourly })
      }
      yield* one.close
      const two = yield* start(store, Greet2, log)
      yield* TestClock.adjust("1 hour")
      const refusal = (options?: Scheduler.ReleaseOptions) =>
        Effect.map(
          Effect.flip(two.scheduler.release("b", options)),
          (error) => error._tag === "InvalidOption" ? `${error.field}: ${error.expected}` : error._tag
        )
      assert.match(yield* refusal(), /^id: a job that can be read \(payload: .*no last name/)
      assert.match(yield* refusal({ payload: { first: 1 } }), /^payload: what makes the job readable/)
      assert.strictEqual((yield* two.scheduler.get("b")).state, "quarantined")
      const released = yield* two.scheduler.release("b", { payload: { first: "Ada", last: "L" } })
      assert.deepStrictEqual([released.state, released.problem], ["active", undefined])
      yield* turns
      // What came due in quarantine is made up for as the catch-up policy has it.
      assert.deepStrictEqual(log.splice(0), [{ first: "Ada", last: "L" }])
      assert.strictEqual((yield* two.scheduler.get("b")).anchor.epochMilliseconds, 0)
      yield* two.close
      const three = yield* start(store, Greet3, log)
      assert.strictEqual((yield* three.scheduler.get("a")).state, "quarantined")
      yield* three.scheduler.release("a")
      yield* turns
      assert.deepStrictEqual(log, [{ first: "Ada", last: "", language: "?" }])
      const active = yield* three.scheduler.get("a")
      assert.deepStrictEqual(yield* three.scheduler.release("a", { payload: 5 }), active)
      assert.strictEqual((yield* Effect.flip(three.scheduler.release("nobody")))._tag, "JobNotFound")
      yield* three.close
    })
  })

  it.effect("is for nodes that carry out the task", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const one = yield* start(store, Greet1, [], { paused: true })
      yield* one.scheduler.schedule(Greet1, { id: "a", payload: { name: "Ada" }, trigger: hourly })
      yield* one.close
      const two = yield* start(store, Greet2, [])
      yield* TestClock.adjust("1 hour")
      yield* two.close
      const refused = yield* Effect.flatMap(Scheduler.Scheduler, (scheduler) => Effect.flip(scheduler.release("a")))
        .pipe(
          Effect.provide(Layer.provide(Scheduler.layer(), Layer.succeed(JobStore.JobStore, store)))
        )
      assert.match(String(refused), /a job of a task that this node carries out; Greet is none/)
    }))
})

it.effect("a version that is none, or an upgrade from a version that is not older, is refused at the start", () =>
  Effect.gen(function*() {
    const store = yield* MemoryJobStore.make()
    for (
      const [options, said] of [
        [{ version: 0 }, /Greet with version 0/],
        [{ version: 1.5 }, /whole number/],
        [
          { version: 2, upgrade: { 2: () => null } },
          /with an upgrade from 2, expected upgrades from the versions 1 to 1/
        ]
      ] as const
    ) {
      assert.match(String(yield* Effect.flip(start(store, Task.make("Greet", options), []))), said)
    }
  }))
