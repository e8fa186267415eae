/**
 * What happens when things happen at the same time, or in an order that nobody thought of.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { type JobStore, MemoryJobStore, Scheduler, SchedulerError, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { inMemory, Refused, Retried, start, turns, withVerbs, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 }
const gone = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "gone" })

const shared = Effect.map(
  MemoryJobStore.make(),
  (store) => withVerbs(store, (inner) => ({ capabilities: { ...inner.capabilities, shared: true } }))
)

describe("claims", () => {
  it.effect("one whose reply was lost is handed back when two beats have seen it", () =>
    Effect.gen(function*() {
      let losses = 1
      const store = withVerbs(yield* shared, (inner) => ({
        claim: (request) =>
          Effect.tap(
            inner.claim(request),
            (answer) => answer.runs.length > 0 && losses-- > 0 ? Effect.fail(gone) : Effect.void
          )
      }))
      const w = world()
      const node = yield* start(store, w)
      yield* node.scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(w.log, ["x 1 @10000"])
      yield* node.close
    }))

  it.effect("one whose reply took longer than a beat is not begun: it may have been handed back", () =>
    Effect.gen(function*() {
      let slow = 1
      const store = withVerbs(yield* shared, (inner) => ({
        claim: (request) =>
          Effect.tap(
            inner.claim(request),
            ({ runs }) => runs.some((run) => run.id === "once") && slow-- > 0 ? Effect.sleep("17 seconds") : Effect.void
          )
      }))
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("30 seconds"), "ok")
      const node = yield* start(store, w)
      // Something else runs, so that the heart beats.
      yield* node.scheduler.enqueue(Work, { id: "other", payload: { name: "other" } })
      yield* node.scheduler.enqueue(Work, { id: "once", payload: { name: "once" }, delivery: "atMostOnce" })
      yield* TestClock.adjust("3 minutes")
      const starts = w.log.filter((line) => line.startsWith("once") && !line.includes("failed"))
      assert.strictEqual(starts.length, 1)
      const [run] = yield* node.scheduler.runs({ ids: ["once"] })
      assert.strictEqual(run?.outcome, "succeeded")
      yield* node.close
    }))

  it.effect("a run that its node lost and claims again waits until its earlier attempt has ended", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const w = world()
      let atOnce = 0
      let most = 0
      w.behave = ({ at }) =>
        Effect.suspend(() => {
          most = Math.max(most, ++atOnce)
          return Effect.as(Effect.sleep(at === 0 ? "10 minutes" : "1 minute"), "ok")
        }).pipe(
          Effect.onExit(() => Effect.andThen(Effect.sleep("7 seconds"), Effect.sync(() => atOnce--)))
        )
      const node = yield* start(store, w)
      yield* node.scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("2 seconds")
      // Somebody takes this node for lost, although it is not.
      yield* store.leave({ node: node.scheduler.node, now: 2_000 })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(most, 1)
      assert.strictEqual(atOnce, 0)
      const [run] = yield* node.scheduler.runs({ ids: ["x"] })
      assert.deepStrictEqual([run?.outcome, run?.fence], ["succeeded", 3])
      yield* node.close
    }))

  it.effect("an outage does not let a node claim without a lease", () =>
    Effect.gen(function*() {
      let down = false
      const leases = new Map<string, number>()
      const bare: Array<string> = []
      const store = withVerbs(yield* shared, (inner) => {
        const cut = <A>(verb: Effect.Effect<A, SchedulerError.StoreError>) =>
          Effect.suspend((): Effect.Effect<A, SchedulerError.StoreError> => down ? Effect.fail(gone) : verb)
        return {
          beat: (node) =>
            Effect.tap(cut(inner.beat(node)), () => Effect.sync(() => leases.set(node.id, node.expiresAt))),
          claim: (request) =>
            Effect.tap(cut(inner.claim(request)), ({ runs }) =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                if (runs.length > 0 && (leases.get(request.node) ?? 0) <= now) bare.push(`${now}`)
              }))
        }
      })
      const w = world()
      const node = yield* start(store, w)
      yield* node.scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* TestClock.adjust("1 second")
      down = true
      yield* node.scheduler.enqueue(Work, { payload: { name: "y" } })
      yield* TestClock.adjust("5 minutes")
      down = false
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w.log.map((line) => line.split(" ")[0]), ["x", "y"])
      assert.deepStrictEqual(bare, [])
      yield* node.close
    }))
})

describe("reap", () => {
  it.effect("asked for on a store of this process, it takes nothing from the only node", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("10 minutes"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.enqueue(Work, { payload: { name: "long" } })
      yield* TestClock.adjust("11 minutes")
      assert.deepStrictEqual(w.log, ["long 1 @0"])
    }).pipe(Effect.provide(inMemory(w, { reap: "5 seconds" })))
  })

  it.effect("a process that slept does not take its neighbours for lost", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const test = yield* Clock.Clock
      let slept = 0
      const asleep: Clock.Clock = {
        ...test,
        sleep: (duration) => test.sleep(duration),
        currentTimeMillisUnsafe: () => test.currentTimeMillisUnsafe() + slept,
        currentTimeMillis: Effect.sync(() => test.currentTimeMillisUnsafe() + slept)
      } as Clock.Clock
      const times = { lease: "20 seconds", beat: "5 seconds", reap: "5 seconds" } as const
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("10 minutes"), "ok")
      const two = yield* Effect.provideService(
        Effect.all([start(store, w, times), start(store, world(), { ...times, paused: true })]),
        Clock.Clock,
        asleep
      )
      yield* Effect.provideService(
        two[0].scheduler.enqueue(Work, { payload: { name: "long" } }),
        Clock.Clock,
        asleep
      )
      yield* TestClock.adjust("61 seconds")
      slept = 3_600_000 // the lid was closed for an hour: all clocks of this machine jump
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(w.log, ["long 1 @0"])
      for (const node of two) yield* Effect.provideService(node.close, Clock.Clock, asleep)
    }))
})

describe("an outage", () => {
  it.effect("of an hour is one absence: the policies are applied when it is over", () =>
    Effect.gen(function*() {
      let down = false
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        due: (request) =>
          Effect.suspend((): ReturnType<JobStore.Service["due"]> => down ? Effect.fail(gone) : inner.due(request))
      }))
      const w = world()
      const node = yield* start(store, w)
      yield* node.scheduler.schedule(Work, { ...a, catchUp: "latest", misfireGrace: "30 seconds" })
      yield* TestClock.adjust("15 seconds")
      down = true
      yield* TestClock.adjust("1 hour")
      down = false
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(w.log.length, 2)
      const why = yield* node.scheduler.explain("a", DateTime.makeUnsafe(20_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "age")
      yield* node.close
    }))
})

describe("removal", () => {
  it.effect("wait waits for the run's own end, its retries included", () => {
    const w = world()
    w.behave = ({ attempt }) => attempt < 3 ? Effect.fail(new Refused({ why: "not yet" })) : Effect.succeed("ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const gate = Deferred.makeUnsafe<void>()
      const inner = w.behave
      w.behave = (input) => input.attempt === 1 ? Effect.andThen(Deferred.await(gate), inner(input)) : inner(input)
      yield* scheduler.schedule(Retried, a)
      yield* TestClock.adjust("10 seconds")
      const removing = yield* Effect.forkChild(scheduler.remove("a", { running: "wait" }), { startImmediately: true })
      yield* turns
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      assert.isUndefined(removing.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(removing)
      assert.strictEqual((yield* scheduler.runs({ job: "a" }))[0]?.outcome, "succeeded")
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("twice at once: one removes, the other finds nothing", () => {
    const w = world()
    w.behave = () => Effect.never
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const both = yield* Effect.all([Effect.exit(scheduler.remove("a")), Effect.exit(scheduler.remove("a"))], {
        concurrency: 2
      })
      assert.deepStrictEqual(both.map(Exit.isSuccess).toSorted(), [false, true])
      assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a caller that is interrupted while it waits leaves the job removed and its runs ending", () => {
    const w = world()
    w.behave = () => Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      const removing = yield* Effect.forkChild(scheduler.remove("a"), { startImmediately: true })
      yield* turns
      yield* Fiber.interrupt(removing)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* scheduler.runs({ job: "a" })).map((run) => run.outcome), ["cancelled"])
      assert.deepStrictEqual(yield* scheduler.list(), [])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("a run whose own removal failed has no privilege left", () =>
    Effect.gen(function*() {
      let refusing = true
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        commit: (request) =>
          Effect.suspend((): ReturnType<JobStore.Service["commit"]> =>
            refusing && request.changes.some((change) => change.update._tag === "Delete")
              ? Effect.fail(gone)
              : inner.commit(request)
          )
      }))
      const w = world()
      const node = yield* start(store, w)
      w.behave = () => Effect.andThen(Effect.ignore(node.scheduler.remove("a")), Effect.never)
      yield* node.scheduler.schedule(Work, a)
      yield* TestClock.adjust("10 seconds")
      refusing = false
      const removing = yield* Effect.forkChild(node.scheduler.remove("a"), { startImmediately: true })
      yield* turns
      assert.isDefined(removing.pollUnsafe())
      yield* node.close
    }))

  it.effect("of a paused job decides what came due while it was paused", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a")
      yield* TestClock.adjust("25 seconds")
      yield* scheduler.remove("a")
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(20_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "paused")
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("changes", () => {
  it.effect("another trigger for a paused job decides the time before under the old one", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, a)
      yield* scheduler.pause("a")
      yield* TestClock.adjust("25 seconds")
      yield* scheduler.reschedule("a", Trigger.interval("1 minute"))
      yield* TestClock.adjust("5 seconds")
      yield* scheduler.resume("a", { catchUp: true })
      yield* TestClock.adjust("60 seconds")
      const why = yield* scheduler.explain("a", DateTime.makeUnsafe(20_000))
      assert.strictEqual(why._tag === "NotRun" ? why.verdict.reason : why._tag, "paused")
      assert.deepStrictEqual(w.log, ["a 1 @85000"])
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("replace from inside the job's own run: the run goes on, the new job is there", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const first = yield* scheduler.schedule(Work, a)
      w.behave = ({ at }) =>
        at > 10_000 ? Effect.succeed("second") : Effect.orDie(
          Effect.as(scheduler.schedule(Work, { ...a, conflict: "replace" }), "went on")
        )
      yield* TestClock.adjust("25 seconds")
      const runs = yield* scheduler.runs({ job: "a" })
      assert.deepStrictEqual(runs.map((run) => run.result), ["second", "went on"])
      assert.notStrictEqual((yield* scheduler.get("a")).incarnation, first.incarnation)
    }).pipe(Effect.provide(inMemory(w)))
  })

  it.effect("removals and declarations of one id from all sides leave one job or none, and nothing going twice", () => {
    const w = world()
    w.behave = () => Effect.as(Effect.sleep("3 seconds"), "ok")
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      const callers = Array.from({ length: 40 }, (_, n) =>
        Effect.andThen(
          Effect.sleep(n * 700),
          Effect.exit<unknown, unknown, never>(
            n % 2 === 0
              ? scheduler.schedule(Work, { ...a, conflict: n % 4 === 0 ? "replace" : "update" })
              : scheduler.remove("a")
          )
        ))
      const all = yield* Effect.forkChild(Effect.all(callers, { concurrency: "unbounded" }), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const exits = yield* Fiber.join(all)
      assert.isTrue(exits.every((exit) => Exit.isSuccess(exit) || !Exit.hasDies(exit)))
      assert.deepStrictEqual(yield* scheduler.list(), [])
      assert.deepStrictEqual(yield* scheduler.runs({ going: true }), [])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("a clock that steps back", () => {
  it.effect("decides nothing twice, and goes on when it comes to the cursor again", () => {
    const w = world()
    return Effect.gen(function*() {
      const scheduler = yield* Scheduler.Scheduler
      yield* scheduler.schedule(Work, { ...a, catchUp: "all" })
      yield* TestClock.adjust("35 seconds")
      yield* TestClock.setTime(5_000)
      yield* scheduler.pause("a")
      yield* scheduler.resume("a")
      yield* TestClock.adjust("40 seconds")
      const nominal = (yield* scheduler.runs({ job: "a" })).map((run) => run.nominal!.epochMilliseconds)
      assert.deepStrictEqual(nominal.toSorted((x, y) => x - y), [10_000, 20_000, 30_000, 40_000])
    }).pipe(Effect.provide(inMemory(w)))
  })
})

describe("a store that", () => {
  it.effect("interrupts one of its verbs does not end a role for good", () =>
    Effect.gen(function*() {
      let interrupts = 1
      const store = withVerbs(yield* MemoryJobStore.make(), (inner) => ({
        due: (request) =>
          Effect.suspend(() => request.now >= 10_000 && interrupts-- > 0 ? Effect.interrupt : inner.due(request))
      }))
      const w = world()
      const node = yield* start(store, w)
      yield* node.scheduler.schedule(Work, a)
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual(w.log.length, 2)
      yield* node.close
    }))

  it.effect("loses every hint is looked at again", () =>
    Effect.gen(function*() {
      const store = withVerbs(yield* shared, () => ({ signals: Stream.never }))
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("1 second"), "ok")
      const settings = { reread: "30 seconds" } as const
      const worker = yield* start(store, w, settings)
      const client = yield* start(store, world(), { ...settings, paused: true })
      const asked = yield* Effect.forkChild(client.scheduler.run(Work, { payload: { name: "x" } }), {
        startImmediately: true
      })
      yield* TestClock.adjust("2 minutes")
      assert.isDefined(asked.pollUnsafe())
      yield* client.close
      yield* worker.close
    }))
})

describe("closing", () => {
  it.effect("while everything is going on leaves nothing claimed", () =>
    Effect.forEach(Array.from({ length: 30 }, (_, n) => n), (n) =>
      Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const w = world()
        w.behave = () => Effect.as(Effect.sleep("2 seconds"), "ok")
        const node = yield* start(store, w, { concurrency: 3 })
        yield* node.scheduler.schedule(Work, { ...a, trigger: Trigger.interval("1 second"), overlap: { allow: 5 } })
        yield* TestClock.adjust(1_000 + n * 137)
        const asking = yield* Effect.forkChild(
          Effect.exit(node.scheduler.remove("a")),
          { startImmediately: true }
        )
        yield* Effect.repeat(Effect.yieldNow, { times: n })
        yield* Scope.close(node.scope, Exit.void)
        yield* turns
        assert.isDefined(asking.pollUnsafe())
        const going = yield* store.runs({ going: true, limit: 100 })
        assert.deepStrictEqual(going.filter((run) => run.state === "running"), [])
        yield* TestClock.setTime(0)
      }), { discard: true }))
})
