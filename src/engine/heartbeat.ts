/**
 * The role *heartbeat*: one lease per node, renewed while it holds claims, and compared with what the store thinks it holds.
 *
 * A store that does not answer changes nothing: handlers go on, and their outcomes are kept. Only the store's own word ends a run.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import { stop } from "./cancel.ts"
import type { Core } from "./core.ts"
import { type Moment, moment, never, passed } from "./moment.ts"

export interface Lease {
  /** Whether the lease outlives the next beat; without that nothing may be claimed. */
  readonly holds: (now: Moment) => boolean
  /**
   * Whether a claim that was asked for at one instant may be begun at another. Not when its reply was long under way: the claim may have
   * been handed back as one whose reply was lost, or taken with the lease.
   */
  readonly covers: (asked: Moment, now: Moment) => boolean
  /** The reply to a claim was lost: the store may think that this node holds what it does not know of. */
  readonly doubt: Effect.Effect<void>
  /** Makes the lease hold; whoever needs it joins a renewal that is under way. */
  readonly secure: Effect.Effect<void>
  readonly isRenewing: () => boolean
  /** The role's loop. */
  readonly loop: Effect.Effect<never>
}

export const make = (core: Core): Lease => {
  const { settings, store } = core
  if (!store.capabilities.shared) {
    return {
      holds: () => true,
      covers: () => true,
      doubt: Effect.void,
      secure: Effect.void,
      isRenewing: () => false,
      loop: Effect.never
    }
  }
  let beaten = never
  /**
   * Claims that the store knows of and this node does not, and since when: a claim's answer was lost once that is longer ago than a beat.
   * Until then it may be on its way; one that is slower is handed back by whoever gets it.
   */
  let unknown = new Map<string, { readonly fence: number; readonly since: Moment }>()
  let inDoubt = false

  /** A claim whose reply was lost is held too, though nothing runs here. */
  const mayHold = () => core.running.size > 0 || unknown.size > 0 || inDoubt

  /** Each try with a lease that begins then: after an outage one that began before it would be over already. */
  const renew = Effect.flatMap(
    Effect.andThen(core.keepTime, Effect.sync(() => moment(core.clock))),
    (asked) =>
      Effect.map(
        store.beat({ id: core.node, host: core.host, pid: core.pid, expiresAt: asked.at + settings.lease }),
        (held) => ({ asked, held })
      )
  )

  const beat = Effect.gen(function*() {
    inDoubt = false
    const expected = new Map(core.running)
    const { asked, held } = yield* core.outage.rideOut(renew)
    // Of two beats the later one counts, whichever is answered last.
    if (asked.steady >= beaten.steady) beaten = asked
    const claims = new Map(held.map((claim) => [claim.run, claim]))
    for (const [id, running] of expected) {
      const claim = claims.get(id)
      if (claim === undefined || claim.fence !== running.row.fence) {
        // Settled meanwhile, by us or by its own handler, or taken away from us.
        if (core.running.get(id) === running && running.completion?.committed !== true) stop(running, "lost")
      } else if (claim.cancel !== null) stop(running, "cancel")
    }
    const stray = held.filter((claim) => !expected.has(claim.run) && !core.running.has(claim.run))
    const since = (claim: JobStore.Held) => {
      const seen = unknown.get(claim.run)
      return seen?.fence === claim.fence ? seen.since : asked
    }
    const again = stray.filter((claim) => passed(since(claim), asked) >= settings.beat)
    unknown = new Map(stray.map((claim) => [claim.run, { fence: claim.fence, since: since(claim) }]))
    if (again.length > 0) {
      yield* core.outage.rideOut(store.settle({
        settlements: again.map((claim): JobStore.Settlement => ({
          run: claim.run,
          fence: claim.fence,
          next: { _tag: "Release" },
          follow: []
        })),
        now: asked.at
      }))
    }
  })

  /** What must not run twice stops itself when others may take this node for lost. */
  const expire = Effect.suspend(() => {
    for (const running of core.running.values()) if (running.row.atMostOnce) stop(running, "expired")
    return Effect.never
  })
  /** A beat that does not come through in time is waited for all the same, but the lease runs out meanwhile. */
  const beatOrExpire = Effect.suspend(() => {
    const left = settings.lease - passed(beaten, moment(core.clock))
    return Effect.raceFirst(beat, Effect.andThen(Effect.sleep(Math.max(0, left)), expire))
  })

  const holds = (now: Moment): boolean => passed(beaten, now) < settings.beat
  let renewal: Deferred.Deferred<void> | undefined
  const secure: Effect.Effect<void> = Effect.suspend(() => {
    if (holds(moment(core.clock))) return Effect.void
    if (renewal !== undefined) return Effect.andThen(Deferred.await(renewal), secure)
    const ended = renewal = Deferred.makeUnsafe<void>()
    return Effect.ensuring(
      beat,
      Effect.sync(() => {
        renewal = undefined
        Deferred.doneUnsafe(ended, Effect.void)
      })
    )
  })

  return {
    holds,
    covers: (asked, now) => passed(asked, now) < settings.beat,
    doubt: Effect.sync(() => {
      inDoubt = true
      core.holdWake.openUnsafe()
    }),
    secure,
    isRenewing: () => renewal !== undefined,
    loop: Effect.forever(Effect.gen(function*() {
      core.holdWake.closeUnsafe()
      if (!mayHold()) yield* core.holdWake.await
      yield* Effect.sleep(settings.beat)
      if (mayHold() || passed(beaten, moment(core.clock)) < 2 * settings.beat) yield* beatOrExpire
    }))
  }
}
