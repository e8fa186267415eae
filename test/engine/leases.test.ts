import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope } from "effect"
import { Trigger } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { link, shared, times } from "../support/cluster.ts"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

describe("leases", () => {
  it.effect("a node that is cut off loses its run after one lease; its late outcome is refused; it ends what was taken", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const first = world()
      first.behave = ({ name }) => Effect.as(Effect.sleep(name === "long" ? "40 seconds" : 0), "first")
      const second = world()
      second.behave = () => Effect.succeed("second")
      const cutOff = link(store)
      const a = yield* start(cutOff.store, first, times)
      yield* a.scheduler.enqueue(Work, { id: "long", payload: { name: "long" } })
      assert.deepStrictEqual(first.log, ["long 1 @0"])
      const b = yield* start(store, second, times)
      yield* TestClock.adjust("30 seconds") // b has been in good health for a whole lease
      assert.deepStrictEqual(second.log, [])
      cutOff.state.cut = true
      yield* TestClock.adjust("25 seconds")
      const taken = second.log[0]?.split("@")[1]
      assert.isAtMost(Number(taken), 55_000)
      assert.isAtLeast(Number(taken), 45_000)
      yield* TestClock.adjust("10 seconds")
      cutOff.state.cut = false
      yield* TestClock.adjust("20 seconds")
      const [row] = yield* store.runs({ ids: ["long"], limit: 1 })
      // Taking a claim over raises the fence, and claiming again does.
      assert.deepStrictEqual([row?.outcome, row?.result, row?.fence], ["succeeded", `"second"`, 3])
      yield* a.close
      yield* b.close
    }))

  it.effect("handlers go on through an outage of everybody's, and nobody's runs are taken after it", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const first = world()
      first.behave = () => Effect.as(Effect.sleep("3 minutes"), "done")
      const second = world()
      const [linkA, linkB] = [link(store), link(store)]
      const a = yield* start(linkA.store, first, times)
      yield* a.scheduler.enqueue(Work, { id: "long", payload: { name: "long" } })
      const b = yield* start(linkB.store, second, times)
      yield* TestClock.adjust("30 seconds")
      linkA.state.cut = linkB.state.cut = true
      yield* TestClock.adjust("60 seconds")
      linkB.state.cut = false // the other node comes back first
      yield* TestClock.adjust("4 seconds")
      linkA.state.cut = false
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(second.log, [])
      const [row] = yield* store.runs({ ids: ["long"], limit: 1 })
      assert.deepStrictEqual([row?.outcome, row?.fence], ["succeeded", 1])
      yield* a.close
      yield* b.close
    }))

  it.effect("an atMostOnce run stops itself when its node's lease has run out, and is abandoned", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const first = world()
      first.behave = () => Effect.never
      const second = world()
      const cutOff = link(store)
      const a = yield* start(cutOff.store, first, times)
      yield* a.scheduler.enqueue(Work, { id: "once", payload: { name: "once" }, delivery: "atMostOnce" })
      const b = yield* start(store, second, times)
      yield* TestClock.adjust("30 seconds")
      cutOff.state.cut = true
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(second.log, [])
      const stopped = Number(first.log[1]?.split("@")[1])
      assert.isAbove(stopped, 30_000)
      assert.isAtMost(stopped, 50_000) // never later than the lease that began with the last beat
      const [row] = yield* store.runs({ ids: ["once"], limit: 1 })
      assert.strictEqual(row?.outcome, "abandoned")
      cutOff.state.cut = false
      yield* TestClock.adjust("10 seconds")
      yield* a.close
      yield* b.close
    }))

  it.effect("a node that crashed without leaving: its runs run again on another, exactly those", () =>
    Effect.gen(function*() {
      const store = yield* shared
      const first = world()
      first.behave = ({ name }) => name === "quick" ? Effect.succeed("ok") : Effect.never
      const crash = link(store)
      const a = yield* start(crash.store, first, times)
      for (const name of ["quick", "slow"]) yield* a.scheduler.enqueue(Work, { id: name, payload: { name } })
      // From here on nothing that a does reaches the store: as good as dead.
      crash.state.cut = true
      const second = world()
      const b = yield* start(store, second, times)
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(second.log.map((line) => line.split(" ")[0]), ["slow"])
      yield* Scope.close(a.scope, Exit.void)
      yield* b.close
      const rows = yield* store.runs({ limit: 10 })
      assert.deepStrictEqual(
        rows.map((row) => `${row.id} ${row.outcome} ${row.fence}`).toSorted(),
        ["quick succeeded 1", "slow succeeded 3"]
      )
    }))

  it.effect("an idle node writes nothing, however often it looks; one that holds a run beats", () =>
    Effect.gen(function*() {
      let beats = 0
      const store = withVerbs(yield* shared, (inner) => ({
        beat: (node) => Effect.suspend(() => (beats++, inner.beat(node)))
      }))
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("1 minute"), "ok")
      const a = yield* start(store, w, { ...times, poll: "1 second" })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(beats, 0)
      yield* a.scheduler.enqueue(Work, { payload: { name: "x" } })
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(beats, 12)
      yield* TestClock.adjust("1 minute")
      const then = beats
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(beats, then)
      yield* a.close
    }))

  it.effect("is not renewed any more by a node that has left, whatever was on its way", () =>
    Effect.gen(function*() {
      const verbs: Array<string> = []
      const closing = yield* Deferred.make<void>()
      let isOnItsWay = false
      const store = withVerbs(yield* shared, ({ beat, commit, leave }) => ({
        // whoever stops waiting for it does not take it back
        beat: (node) =>
          Effect.uninterruptible(Effect.gen(function*() {
            if (isOnItsWay) {
              yield* Deferred.await(closing)
              yield* turns
            }
            verbs.push("beat")
            return yield* beat(node)
          })),
        commit: (request) => isOnItsWay ? Effect.never : commit(request),
        leave: (request) => (verbs.push("leave"), leave(request))
      }))
      const a = yield* start(store, world(), times)
      yield* a.scheduler.schedule(Work, { id: "a", payload: { name: "a" }, trigger: Trigger.interval("1 minute") })
      isOnItsWay = true
      yield* TestClock.adjust("1 minute")
      yield* Deferred.succeed(closing, undefined)
      yield* a.close
      yield* turns
      assert.deepStrictEqual(verbs, ["beat", "leave"])
    }))
})
