/**
 * Many runs in one scheduler: what each of them takes it gives back.
 */
import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Latch, References, Scope, Stream } from "effect"
import { FiberExecutor, MemoryJobStore, Run, Task, Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import type { Core, Served } from "../../src/engine/core.ts"
import * as Defaults from "../../src/engine/defaults.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as Events from "../../src/engine/events.ts"
import * as Jobs from "../../src/engine/jobs.ts"
import { remove } from "../../src/engine/removal.ts"
import { awaitDone } from "../../src/engine/results.ts"
import * as Runs from "../../src/engine/runs.ts"
import { counting } from "../support/counting.ts"
import { turns } from "../support/world.ts"
import { random } from "./random.ts"

const concurrency = 50
const many = 20_000

it.effect("after 20,000 runs nothing is left behind", () =>
  Effect.gen(function*() {
    const moods = random("soak")
    const store = yield* MemoryJobStore.make()
    const { executor, free } = counting(yield* FiberExecutor.make({ concurrency }), concurrency)
    const Soaked = Task.make("Soaked")
    const counts = { started: 0 }
    const handler = Effect.gen(function*() {
      counts.started++
      if (moods.chance(0.3)) yield* Effect.sleep(moods.int(1, 2_000))
      if (moods.chance(0.05)) return yield* Effect.die(new Error("a bug"))
      if (moods.chance(0.02)) return yield* Effect.interrupt
    })
    const served: Served = {
      task: Soaked,
      context: Context.empty(),
      run: () => handler as Effect.Effect<void, never, Run.CurrentRun>
    }
    const scope = yield* Scope.make()
    const events = yield* Scope.provide(Events.make, scope)
    const core: Core = yield* Scope.provide(
      Engine.make({
        name: "default",
        store,
        executors: new Map([["default", executor]]),
        served: new Map([[Soaked.name, served]]),
        events: Events.ofStore(events, "default"),
        gate: Latch.makeUnsafe(true),
        defaults: yield* Defaults.make({}),
        times: {}
      }),
      scope
    )

    for (let round = 0; counts.started < many; round++) {
      // Somebody listens for a while, and leaves.
      const left = Deferred.makeUnsafe<void>()
      yield* Effect.forkChild(Stream.runDrain(Stream.interruptWhen(events.subscribe(), Deferred.await(left))), {
        startImmediately: true
      })
      const ids = [`often ${round % 3}`, `side by side ${round % 3}`]
      const overlaps = ["cancelRunning", { allow: 5 }] as const
      for (const [i, id] of ids.entries()) {
        yield* Jobs.schedule(core, Soaked, { id, trigger: Trigger.interval(500), overlap: overlaps[i] })
      }
      for (let n = 0; n < 300; n++) {
        const id = yield* Runs.enqueue(core, Soaked, {})
        // Some wait to the end, some lose patience.
        const waiting: Effect.Effect<unknown, unknown> = moods.chance(0.1)
          ? Effect.timeoutOption(awaitDone(core, id), moods.int(1, 3_000))
          : awaitDone(core, id)
        if (moods.chance(0.3)) yield* Effect.forkChild(Effect.exit(waiting), { startImmediately: true })
      }
      yield* TestClock.adjust("20 seconds")
      for (const id of ids) yield* Effect.forkChild(Effect.exit(remove(core, id, {})), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Deferred.succeed(left, undefined)
      yield* turns
    }
    yield* TestClock.adjust("1 minute")

    assert.isAtLeast(counts.started, many)
    assert.deepStrictEqual(
      { running: core.running.size, waiters: core.waiters.size, free: free(), heard: events.heard() },
      { running: 0, waiters: 0, free: concurrency, heard: false }
    )
    assert.deepStrictEqual(yield* store.runs({ going: true, limit: 1 }), [])
    assert.deepStrictEqual(yield* store.jobs({ limit: 1 }), [])
    yield* Scope.close(scope, Exit.void)
    assert.strictEqual(free(), concurrency)
  }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
