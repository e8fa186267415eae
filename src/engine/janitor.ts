/**
 * The role *janitor*: takes over what lost nodes held, and forgets what has been remembered long enough.
 */
import * as Effect from "effect/Effect"
import { type Core, now, wakeWorkers } from "./core.ts"
import { followNewest, followRuns } from "./following.ts"
import { moment, never, passed } from "./moment.ts"
import { notifySettled } from "./waiting.ts"

const batch = 500

/** How often history is swept at most, in milliseconds. */
const sweepEvery = 60 * 60 * 1000

/** Takes over what lost nodes held: those that are known to be gone, and those whose lease is over if that means anything at an instant. */
export const reap = Effect.fnUntraced(function*(core: Core, isTelling: (at: number) => boolean) {
  // Each try asks the clock and the judge anew: what was true before an outage, or before somebody set the clock, is not after it.
  const take = Effect.flatMap(now, (at) =>
    Effect.map(
      core.store.reap({ now: at, includeExpired: !core.outage.down() && isTelling(at), limit: batch }),
      (taken) => ({ at, ...taken })
    ))
  while (true) {
    const { abandoned, at, released } = yield* core.outage.rideOut(take)
    if (released.length > 0) {
      yield* Effect.logWarning(`effect-scheduler: runs of lost nodes that run again: ${released.length}`)
      wakeWorkers(core)
    }
    // Only what asks the store says anything about it.
    if (abandoned.length > 0) yield* core.outage.rideOut(followRuns(core, abandoned))
    for (const run of abandoned) notifySettled(core, run)
    if (core.events.heard()) {
      for (const run of [...released, ...abandoned]) {
        core.events.publish(at, { _tag: "RunTakenOver", run, abandoned: !released.includes(run) })
      }
    }
    if (released.length + abandoned.length < batch) return
  }
})

export const janitor = (core: Core, verdictRetention: number): Effect.Effect<never> => {
  const { settings } = core
  const keep = Array.from(core.served.values()).flatMap(({ task }) =>
    task.history === undefined ? [] : [{ task: task.name, count: task.history }]
  )
  const every = Math.min(settings.reap, settings.sweep)
  let sweptAt = -Infinity
  let looked = never
  let awakeSince = -Infinity
  /** Whether the silence of a node means anything; asked before every look for lost ones. */
  const isTelling = (at: number): boolean => {
    const { beat, lease } = settings
    // A process that slept (a closed lid, a stopped machine), or whose clock was set, is no judge of who was silent meanwhile: whoever
    // beats in time has at least this much of their lease left.
    const now = moment(core.clock)
    if (now.at < looked.at || passed(looked, now) >= every + lease - beat) awakeSince = at
    looked = now
    // After an outage nobody could beat: only a full lease of good health makes a silent node a lost one.
    const healthySince = core.outage.healthySince()
    return at - awakeSince >= lease && (healthySince > at || at - healthySince >= lease)
  }
  const round = Effect.gen(function*() {
    // Mostly nothing is asked here, and what asks nothing does not say that the store answers.
    yield* core.outage.insist(core.keepTime)
    const at = yield* now
    if (core.store.capabilities.shared && settings.reap < Infinity) yield* reap(core, isTelling)
    if (at - sweptAt < sweepEvery) return
    sweptAt = at
    yield* followNewest(core)
    const sweep = core.store.sweep({ now: at, before: at - verdictRetention, keep, limit: batch })
    while ((yield* core.outage.rideOut(sweep)) >= batch) yield* Effect.yieldNow
  })
  return every === Infinity ? Effect.never : Effect.forever(Effect.andThen(round, Effect.sleep(every)))
}
