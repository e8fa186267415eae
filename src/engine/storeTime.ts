/**
 * What the engine takes for the time: where all nodes can ask one clock, the store's, it is that one, so that nodes whose own clocks differ
 * agree on what is due and whose lease is over.
 *
 * A sample asks the store and halves the way there and back; the smallest round trip tells the offset best. What cannot be told from
 * none is none, so on one machine nothing changes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import type { StoreEvents } from "./events.ts"

export interface StoreTime {
  /** The engine's clock. Sleeping is as it was. */
  readonly clock: Clock.Clock
  /** Before anything that goes by the time is done with the store: asks it again, when that is due or this machine's clock was moved. */
  readonly keep: Effect.Effect<void, StoreError>
}

interface Sample {
  /** Store minus here. */
  readonly offset: number
  /** How far it may be off. */
  readonly error: number
  /** When it was taken, and what the wall clock was ahead of the one that nobody moves then. */
  readonly at: number
  readonly lead: number
}

/** For how long a sample is good, in milliseconds. */
const fresh = 30_000

/** A wall clock that has gained or lost so much against the one that nobody moves was moved, or the machine slept. */
const moved = 250

/** How many samples are taken at first. */
const first = 3

/** An offset of so much is worth a warning: handlers and logs on this machine see another time than the jobs. */
const notable = 1_000

/** The store answers in whole milliseconds, and so does the clock here. */
const grain = 1

/** Where the clock is a test's, or there is no other to ask. */
export const none = (clock: Clock.Clock): StoreTime => ({ clock, keep: Effect.void })

export const make = (clock: Clock.Clock, store: JobStore.Service, events: StoreEvents): StoreTime => {
  const { clock: asked } = store
  if (asked === undefined) return none(clock)

  let best: Sample | undefined
  let offset = 0
  let told = 0
  const here = () => clock.currentTimeMillisUnsafe()
  const lead = () => here() - Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  const sample = Effect.suspend(() => {
    const sent = here()
    const began = lead()
    return Effect.map(asked, (there): Sample | undefined => {
      const at = here()
      // the clock was moved while the question was under way
      if (Math.abs(lead() - began) > moved) return undefined
      return { offset: there - (sent + at) / 2, error: (at - sent) / 2 + grain, at, lead: began }
    })
  })

  const choose = (next: Sample): void => {
    const isBetter = best === undefined || next.error <= best.error ||
      Math.abs(next.lead - best.lead) > moved ||
      // both cannot be right, and the newer one is
      Math.abs(next.offset - best.offset) > next.error + best.error
    // one that is less exact says that the better one still holds
    best = isBetter ? next : { ...best!, at: next.at }
    offset = Math.abs(best.offset) <= best.error ? 0 : Math.round(best.offset)
  }

  const tell = Effect.suspend(() => {
    if (Math.abs(offset - told) < notable) return Effect.void
    told = offset
    events.publish(here() + offset, { _tag: "ClockSkewed", offset })
    const way = offset > 0 ? "behind" : "ahead of"
    return Effect.logWarning(
      `effect-scheduler: this machine's clock is ${Math.abs(offset)} ms ${way} the store's, by which jobs run`
    )
  })

  const measure = Effect.gen(function*() {
    for (let n = best === undefined ? first : 1; n > 0; n--) {
      const next = yield* sample
      if (next !== undefined) choose(next)
    }
    yield* tell
  })

  return {
    clock: {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + offset,
      currentTimeMillis: Effect.sync(() => clock.currentTimeMillisUnsafe() + offset),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(offset) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe() + BigInt(offset) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    },
    keep: Effect.suspend(() =>
      best !== undefined && here() - best.at < fresh && Math.abs(lead() - best.lead) <= moved ? Effect.void : measure
    )
  }
}
