/**
 * Rides out a store that cannot be reached: says so once (event, metric, log), tries again for as long as it takes, and says so once when it is
 * back.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type { StoreError } from "../SchedulerError.ts"
import { storeDown, storeOutages } from "../SchedulerMetric.ts"
import type { StoreEvents } from "./events.ts"

export interface Outage {
  /** Repeats a store's verb until it succeeds. Verbs are safe to repeat after a lost reply. */
  readonly rideOut: <A, R>(verb: Effect.Effect<A, StoreError, R>) => Effect.Effect<A, never, R>
  /** The verb as it is, with its answer or its silence noted. */
  readonly observe: <A, R>(verb: Effect.Effect<A, StoreError, R>) => Effect.Effect<A, StoreError, R>
  /** Repeats what holds an observed verb, and whatever is taken and given back around it, until it succeeds. */
  readonly insist: <A, R>(effect: Effect.Effect<A, StoreError, R>) => Effect.Effect<A, never, R>
  /** Whether the last call went unanswered. */
  readonly down: () => boolean
  /** Returns while the last call went unanswered; else waits for one. */
  readonly awaitDown: Effect.Effect<void>
  /** The instant since which the store has answered without a break. */
  readonly healthySince: () => number
}

const backoff = Schedule.exponential("100 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5))))
)

export const make = (store: string, events: StoreEvents, startedAt: number): Outage => {
  const isDown = storeDown(store)
  const outages = storeOutages(store)
  let downSince: number | undefined
  const away = Latch.makeUnsafe(false)
  /**
   * Grows when the store goes and when it comes back. Only a call that was begun since tells anything: the answer to one from before the
   * outage may come late, and one begun in it may fail when the store is back.
   */
  let period = 0
  let healthySince = startedAt
  const down = (error: StoreError) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (downSince !== undefined) return Effect.void
      downSince = now
      away.openUnsafe()
      period++
      events.publish(now, { _tag: "StoreUnavailable", message: error.message })
      return Effect.all([
        Metric.update(isDown, 1),
        Metric.update(outages, 1),
        Effect.logWarning(`The job store does not answer (${error.verb}: ${error.message}); trying again until it does`)
      ], { discard: true })
    })
  const up = Effect.suspend(() => {
    if (downSince === undefined) return Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const downMillis = now - (downSince ?? now)
      downSince = undefined
      away.closeUnsafe()
      period++
      healthySince = now
      events.publish(now, { _tag: "StoreRecovered", downMillis })
      return Effect.andThen(
        Metric.update(isDown, 0),
        Effect.logInfo(`The job store answers again, after ${downMillis} ms`)
      )
    })
  })
  const observe: Outage["observe"] = (verb) =>
    Effect.suspend(() => {
      const begun = period
      return verb.pipe(
        Effect.tapError((error) => begun === period ? down(error) : Effect.void),
        Effect.tap(() => begun === period && downSince !== undefined ? up : Effect.void)
      )
    })
  // The schedule has no end, so nothing is left to fail.
  const insist: Outage["insist"] = (effect) => Effect.orDie(Effect.retry(effect, backoff))
  return {
    down: () => downSince !== undefined,
    awaitDown: away.await,
    healthySince: () => healthySince,
    observe,
    insist,
    rideOut: (verb) => insist(observe(verb))
  }
}
