/**
 * The role *worker*, one for each executor: claims what has a free slot and gives each claimed run a fiber.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import { announceEnded, ofRun } from "./announce.ts"
import { startAttempt } from "./attempt.ts"
import { whenPostponed } from "./begun.ts"
import { type Core, lanesOf, now, waitFor } from "./core.ts"
import { followEnded } from "./following.ts"
import type { Lease } from "./heartbeat.ts"
import { moment } from "./moment.ts"
import * as Newer from "./newer.ts"
import * as Rationing from "./rationing.ts"

export const worker = (
  core: Core,
  [name, executor]: readonly [name: string, executor: Executor.Service],
  wake: Latch.Latch,
  lease: Lease
): Effect.Effect<never> => {
  const lanes = lanesOf(core.served, name)
  const { settings, store } = core
  const ration = Rationing.make(core)
  const newer = Newer.make(core)

  /** Each try asks anew: what held before an outage does not hold after it. */
  const claim = Effect.fnUntraced(function*(limit: number) {
    yield* core.keepTime
    let asked = moment(core.clock)
    const upTo = newer.upTo(asked)
    const request = { node: core.node, lanes, upTo }
    if (!lease.holds(asked)) {
      // An idle node renews no lease only to find nothing to do.
      const { next } = yield* store.claim({ ...request, limit: 0, now: asked.at })
      if (next === null || next > asked.at) return { asked, upTo, runs: [], next }
      yield* lease.secure
      asked = moment(core.clock)
    }
    const answer = yield* Effect.tapError(store.claim({ ...request, limit, now: asked.at }), () => lease.doubt)
    return { asked, upTo, ...answer }
  })

  /** Claims up to so many runs, starts them, and answers when to look again. */
  const fill = Effect.fnUntraced(function*(
    slots: number,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    used: (n: number) => void
  ) {
    wake.closeUnsafe() // before claiming, or what becomes ready meanwhile is missed
    const { asked, next, runs, upTo } = yield* restore(core.outage.observe(claim(slots)))
    used(runs.length)
    if (runs.length === 0) return next
    core.holdWake.openUnsafe()
    const received = moment(core.clock)
    if (!lease.covers(asked, received)) {
      for (const row of runs) handBack(row, received.at)
      return next
    }
    const known: Array<JobStore.RunRow> = []
    for (const row of runs) {
      if (newer.isLeft(row, upTo, received)) leave(row, received.at)
      else known.push(row)
    }
    const giveUp = (at: number): void => {
      for (const row of known) handBack(row, at)
    }
    const rationed = yield* Effect.onInterrupt(restore(ration(known)), () => Effect.sync(() => giveUp(received.at)))
    // The store may have taken its time to say what the rates have left, too.
    const answered = moment(core.clock)
    const { at } = answered
    if (!lease.covers(asked, answered)) giveUp(at)
    else rationed.forEach(({ row, startAt }) => startAt === undefined ? start(row) : postpone(row, startAt, at))
    return runs.length === slots ? at : next
  })

  const start = (row: JobStore.RunRow): void => {
    const served = core.served.get(row.task)!
    startAttempt(core, {
      row,
      executor,
      served,
      fiber: undefined,
      stop: undefined,
      snoozedUntil: undefined,
      exempt: false,
      completion: undefined,
      ended: undefined
    })
  }

  /** It goes back until an instant: an attempt that does not count, and none that has started. */
  const putBack = (row: JobStore.RunRow, readyAt: number, recorded: () => void): void => {
    const { attempt, fence, id, started } = row
    const attempts = whenPostponed(row)
    core.settler.submit({
      executor,
      settlement: { run: id, fence, next: { _tag: "Retry", readyAt, started, attempt, attempts }, follow: [] },
      recorded: (answer) => {
        if (answer === "cancelled") tellEnded(row)
        else recorded()
        // It has given back its places.
        wake.openUnsafe()
      }
    })
  }

  const postpone = (row: JobStore.RunRow, readyAt: number, at: number): void =>
    putBack(row, readyAt, () => {
      core.events.publish(at, { _tag: "RunPostponed", ...ofRun(row), readyAt: DateTime.makeUnsafe(readyAt) })
    })

  /** To the place in the queue where it stood. */
  const leave = (row: JobStore.RunRow, at: number): void =>
    putBack(row, Math.min(at, row.readyAt ?? row.planned), () => {
      core.events.publish(at, { _tag: "RunReleased", ...ofRun(row) })
    })

  const handBack = (row: JobStore.RunRow, at: number): void =>
    core.settler.submit({
      executor,
      settlement: { run: row.id, fence: row.fence, next: { _tag: "Release" }, follow: [] },
      recorded: (answer) => {
        if (answer === "cancelled") tellEnded(row)
        else core.events.publish(at, { _tag: "RunReleased", ...ofRun(row) })
      }
    })

  const tellEnded = ({ id }: JobStore.RunRow): void => core.background(core.outage.rideOut(toldOfEnd(core, id)))

  /**
   * One look for work. What is taken is given back, and what is claimed is started: an interruption in between would lose slots, or leave
   * runs that nobody carries out. Nothing is taken while outcomes cannot be recorded, and nothing is kept while the store does not answer:
   * other stores' engines have the same executor.
   */
  const round = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      while (true) {
        yield* restore(Effect.andThen(core.gate.await, core.settler.flowing))
        const slots = yield* restore(executor.take(settings.claimBatch))
        let free = slots
        const release = Effect.suspend(() => free === 0 ? Effect.void : executor.release(free))
        // The scheduler may have been paused, or the store lost, while this waited for a slot.
        if (core.gate.isOpen() && core.settler.isFlowing()) {
          return yield* Effect.ensuring(fill(slots, restore, (n) => free -= n), release)
        }
        yield* release
      }
    })
  )

  return Effect.forever(Effect.gen(function*() {
    const next = yield* core.outage.insist(round)
    const due = next === null ? Infinity : next - (yield* now)
    const alarm = Math.min(due, newer.again(moment(core.clock)))
    if (alarm > 0) yield* waitFor(wake, Math.min(alarm, settings.reread, settings.poll))
  }))
}

/** Somebody asked for the end of a run that was claimed and not begun: the store has ended it. */
const toldOfEnd = Effect.fnUntraced(function*(core: Core, id: string) {
  const rows = yield* core.store.runs({ ids: [id], limit: 1 })
  if (core.events.heard()) announceEnded(core, rows)
  yield* followEnded(core, rows)
})
