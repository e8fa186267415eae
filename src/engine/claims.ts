/**
 * What becomes of runs that this node has claimed for one of its executors: they are started, put off, or given back.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import { announceEnded, ofRun } from "./announce.ts"
import { startAttempt } from "./attempt.ts"
import { whenPostponed } from "./begun.ts"
import type { Core } from "./core.ts"
import { followEnded } from "./following.ts"
import type { Lease } from "./heartbeat.ts"
import { type Moment, moment } from "./moment.ts"
import * as Newer from "./newer.ts"
import * as Rationing from "./rationing.ts"

export interface Claims {
  /** The newest versions that are claimed of lanes in which there are runs that this node cannot read. */
  readonly upTo: (now: Moment) => ReadonlyMap<string, number> | undefined
  /** In how many milliseconds more is claimed than now. */
  readonly again: (now: Moment) => number
  /**
   * Takes charge of runs that were claimed when it was asked for them, each of which has a slot: once this was called, each of them is started or goes
   * back to the store, whatever happens. Only what `restore` restores may be interrupted.
   */
  readonly receive: (
    claimed: {
      readonly asked: Moment
      readonly upTo: ReadonlyMap<string, number> | undefined
      readonly runs: ReadonlyArray<JobStore.RunRow>
      /** Whoever asked for them is about to hear of it, and goes on before they begin. */
      readonly afterCaller?: boolean
    },
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Moment>
}

export const make = (core: Core, executor: Executor.Service, wake: Latch.Latch, lease: Lease): Claims => {
  const ration = Rationing.make(core)
  const newer = Newer.make(core)

  const start = (row: JobStore.RunRow, afterCaller: boolean): void => {
    const served = core.served.get(row.task)!
    startAttempt(core, {
      row,
      executor,
      served,
      afterCaller,
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

  return {
    upTo: newer.upTo,
    again: newer.again,
    receive: Effect.fnUntraced(function*({ afterCaller = false, asked, runs, upTo }, restore) {
      core.holdWake.openUnsafe()
      const received = moment(core.clock)
      if (!lease.covers(asked, received)) {
        for (const row of runs) handBack(row, received.at)
        return received
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
      else {rationed.forEach(({ row, startAt }) =>
          startAt === undefined ? start(row, afterCaller) : postpone(row, startAt, at)
        )}
      return answered
    })
  }
}

/** Somebody asked for the end of a run that was claimed and not begun: the store has ended it. */
const toldOfEnd = Effect.fnUntraced(function*(core: Core, id: string) {
  const rows = yield* core.store.runs({ ids: [id], limit: 1 })
  if (core.events.heard()) announceEnded(core, rows)
  yield* followEnded(core, rows)
})
