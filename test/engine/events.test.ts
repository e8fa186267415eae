import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import type { SchedulerEvent } from "effect-scheduler"
import * as Events from "../../src/engine/events.ts"
import { turns } from "../support/world.ts"

const jobOf = (event: SchedulerEvent.SchedulerEvent) => event._tag === "JobUpdated" ? Number(event.job) : event._tag

describe("events", () => {
  it.effect("a slow subscriber loses the oldest, and still hears of the end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hub = yield* Scope.provide(Events.make, scope)
      const gate = Deferred.makeUnsafe<void>()
      const seen: Array<SchedulerEvent.SchedulerEvent> = []
      const slow = Stream.runForEach(hub.stream, (event) =>
        Effect.andThen(Deferred.await(gate), Effect.sync(() => seen.push(event))))
      yield* Effect.forkChild(slow, { startImmediately: true })
      yield* turns
      const many = 50_000
      for (let n = 0; n < many; n++) {
        hub.publish(0, { _tag: "JobUpdated", store: "default", job: String(n) })
      }
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      yield* Effect.repeat(turns, {
        times: 600,
        until: () =>
          seen.at(-1)?._tag === "SchedulerStopped"
      })
      const told = seen.map(jobOf)
      assert.deepStrictEqual(told.slice(-2), [many - 1, "SchedulerStopped"])
      assert.isBelow(told.length, many)
      assert.isFalse(hub.heard())
    }))

  it.effect("are made for those who listen, and nobody is counted who has left", () =>
    Effect.scoped(Effect.gen(function*() {
      const hub = yield* Events.make
      assert.isFalse(hub.heard())
      for (let n = 0; n < 10; n++) {
        const left = Deferred.makeUnsafe<void>()
        const leaving = [
          Stream.runDrain(Stream.interruptWhen(hub.stream, Deferred.await(left))),
          Stream.runForEach(hub.stream, () => Effect.die(new Error("a bad listener"))),
          Stream.runHead(hub.stream)
        ]
        for (const listener of leaving) yield* Effect.forkChild(Effect.exit(listener), { startImmediately: true })
        yield* turns
        assert.isTrue(hub.heard())
        hub.publish(0, { _tag: "JobUpdated", store: "default", job: "0" })
        yield* Deferred.succeed(left, undefined)
        yield* turns
        assert.isFalse(hub.heard())
      }
    })))
})
