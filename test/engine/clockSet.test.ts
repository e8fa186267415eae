/**
 * Somebody sets the clock of the machine on which all nodes are, where no store has a clock of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { SchedulerError } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { link, shared, times } from "../support/cluster.ts"
import { type Wall, wall } from "../support/wall.ts"
import { start, withVerbs, Work, world } from "../support/world.ts"

const minute = 60_000
const away = new SchedulerError.StoreError({ verb: "test", retryable: true, message: "the store is away" })

/** Everything in it goes by the clock on the wall. */
const onTheWall = <A, E, R>(body: (wall: Wall) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Clock.Clock, (time) => {
    const made = wall(time)
    return Effect.provideService(body(made), Clock.Clock, made.clock)
  })

describe("the clock of the machine is set", () => {
  const idle = { "to before it held one": 30_000, "to an instant at which it held one": 61_000 }
  for (const [name, to] of Object.entries(idle)) {
    it.effect(`back while a node is idle, ${name}: it renews its lease before it claims`, () =>
      onTheWall(Effect.fnUntraced(function*(wall) {
        const store = yield* shared
        const w = world()
        w.behave = () => Effect.as(Effect.sleep("1 minute"), "done")
        const { scheduler } = yield* start(store, w, times)
        yield* scheduler.enqueue(Work, { payload: { name: "first" } })
        yield* TestClock.adjust("5 minutes")
        yield* store.reap({ now: wall.now(), includeExpired: true, limit: 10 }) // forgets the lease that is over
        wall.set(to - wall.now())
        yield* scheduler.enqueue(Work, { payload: { name: "second" } })
        const taken = yield* store.reap({ now: wall.now(), includeExpired: true, limit: 10 })
        assert.deepStrictEqual(taken, { released: [], abandoned: [] })
      })))
  }

  it.effect("back: the lease that a node goes by is the one that it has", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const way = link(store)
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("1 hour"), "done")
      const { scheduler } = yield* start(way.store, w, times)
      yield* scheduler.enqueue(Work, { payload: { name: "once" }, delivery: "atMostOnce" })
      yield* TestClock.adjust("30 seconds")
      wall.set(-10 * minute)
      yield* TestClock.adjust("10 seconds")
      way.state.cut = true
      yield* TestClock.adjust("21 seconds")
      assert.strictEqual(w.log.length, 2, "it has stopped itself")
    })))

  it.effect("back while the reply to a claim is under way: what was claimed is not begun", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const w = world()
      let replies = 0
      const slow = withVerbs(store, (store) => ({
        claim: (request) =>
          Effect.tap(
            store.claim(request),
            ({ runs }) => runs.length > 0 && replies++ === 0 ? Effect.sleep("25 seconds") : Effect.void
          )
      }))
      const { scheduler } = yield* start(slow, w, times)
      yield* scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("1 second")
      wall.set(-1 * minute)
      yield* TestClock.adjust("23 seconds")
      yield* store.reap({ now: wall.now() + 2 * minute, includeExpired: true, limit: 10 }) // another node has it now
      yield* store.beat({ id: "another", host: "another", pid: 1, expiresAt: wall.now() + minute })
      yield* store.claim({ node: "another", lanes: ["default/Work"], limit: 1, now: wall.now() })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(w.log, [])
    })))

  it.effect("back after the reply to a claim was lost: the claim is handed back no later for that", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const w = world()
      let replies = 0
      const lossy = withVerbs(store, (store) => ({
        claim: (request) =>
          Effect.flatMap(
            store.claim(request),
            (answer) => answer.runs.length > 0 && replies++ === 0 ? Effect.fail(away) : Effect.succeed(answer)
          )
      }))
      const { scheduler } = yield* start(lossy, w, times)
      yield* scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("6 seconds")
      wall.set(-10 * minute)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(w.log.length, 1)
    })))

  it.effect("ahead, by less than a lease: nobody is taken for lost", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const w = world()
      w.behave = () => Effect.as(Effect.sleep("1 minute"), "done")
      const a = yield* start(store, w, times)
      yield* start(store, world(), { ...times, reap: "1 second", paused: true })
      yield* TestClock.adjust("30 seconds")
      yield* a.scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("8500 millis")
      wall.set(17_000) // the next beat is due in a moment, and the lease is over
      yield* TestClock.adjust("30 seconds")
      const [row] = yield* store.runs({ ids: ["x"], limit: 1 })
      assert.strictEqual(row?.fence, 1)
    })))

  it.effect("back: who is lost since is found all the same", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const way = link(store)
      const lost = world()
      lost.behave = () => Effect.as(Effect.sleep("1 hour"), "done")
      const w = world()
      const a = yield* start(way.store, lost, times)
      const b = yield* start(store, w, { ...times, paused: true })
      wall.set(60 * minute)
      yield* TestClock.adjust("1 minute")
      wall.set(-60 * minute)
      yield* a.scheduler.enqueue(Work, { id: "x", payload: { name: "x" } })
      yield* TestClock.adjust("1 minute")
      way.state.cut = true
      yield* b.scheduler.resumeNode
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(w.log.length, 1)
    })))

  it.effect("back while lost nodes cannot be looked for: they are looked for by the new time, and not at once", () =>
    onTheWall(Effect.fnUntraced(function*(wall) {
      const store = yield* shared
      const asked: Array<{ readonly now: number; readonly includeExpired: boolean; readonly wall: number }> = []
      let isAway = false
      const gone = withVerbs(store, (store) => ({
        reap: (request) =>
          Effect.suspend(() => {
            if (isAway) return Effect.fail(away)
            asked.push({ now: request.now, includeExpired: request.includeExpired, wall: wall.now() })
            return store.reap(request)
          })
      }))
      yield* start(gone, world(), times)
      yield* TestClock.adjust("1 minute")
      assert.isTrue(asked.at(-1)?.includeExpired)
      isAway = true
      yield* TestClock.adjust("30 seconds")
      wall.set(-10 * minute)
      isAway = false
      asked.length = 0
      yield* TestClock.adjust("15 seconds")
      assert.isNotEmpty(asked)
      assert.isTrue(asked.every(({ includeExpired, now, wall }) => !includeExpired && now === wall))
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(asked.at(-1)?.includeExpired)
    })))
})
