/**
 * The engine's times and limits, with their defaults.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { toMillis } from "../internal/duration.ts"
import type { Capabilities } from "../JobStore.ts"
import { InvalidOption } from "../SchedulerError.ts"

/** What a caller may set. */
export interface EngineOptions {
  /** A node that has not renewed its lease for this long has lost its runs to others. Default 20 seconds. */
  readonly lease?: Duration.Input | undefined
  /** How often a node that holds runs renews its lease. Default 5 seconds. */
  readonly beat?: Duration.Input | undefined
  /** How often runs of lost nodes are looked for. Default 1 second; never under a TestClock or in a store of this process only. */
  readonly reap?: Duration.Input | undefined
  /** How often to look for what other processes did, in a store that cannot tell. Default 1 second; never under a TestClock. */
  readonly poll?: Duration.Input | undefined
  /**
   * A call that the store has not answered after this time counts as one that failed: the engine rides it out as an outage, and a verb fails with a
   * `StoreError`. For each 512 rows that a call writes there is so much time, and six times as much for what may be of any size: looking
   * for jobs and runs that are not named, sweeping history, and cancelling all runs of a job. Default half the lease, so that a node can try once more before its lease is over;
   * never under a TestClock or in a store of this process only.
   */
  readonly storeTimeout?: Duration.Input | undefined
  /** The wall clock is read again after this time at the latest, so that clock steps heal. Default 30 seconds; never under a TestClock. */
  readonly reread?: Duration.Input | undefined
  /** How long runs may go on when the scope closes. Default 30 seconds; none under a TestClock, which nobody would move. */
  readonly grace?: Duration.Input | undefined
}

/** All in milliseconds; `Infinity`: never. */
export interface Settings {
  /** A node that has not beaten for this long has lost its claims. */
  readonly lease: number
  /** How often a node that holds claims renews its lease. */
  readonly beat: number
  /** How often claims of lost nodes are looked for. */
  readonly reap: number
  /** How often history is swept. */
  readonly sweep: number
  /** How often a store without push between processes is asked for what others did. */
  readonly poll: number
  /** How long a store may leave a call unanswered. */
  readonly storeTimeout: number
  /** The longest that the alarm sleeps without reading the wall clock again. */
  readonly reread: number
  /**
   * The least time from one look at what is due to the next while each finds a little: to a database ten jobs at once are hardly more work than
   * one. What is due after a pause is planned at once.
   */
  readonly pace: number
  /** How long running runs may go on when the scheduler closes. */
  readonly grace: number
  readonly planBatch: number
  readonly claimBatch: number
  readonly settleBatch: number
}

/**
 * Whether this is the real clock. Under another one (a TestClock, a simulation) time stands still while nobody moves it: polling,
 * sweeping, looking for lost nodes and re-reading the clock would only make wakes, and a grace period at shutdown would never end. They are off
 * unless asked for.
 */
export const isLive = (clock: Clock.Clock): boolean => clock === Context.get(Context.empty(), Clock.Clock)

export const resolve = Effect.fnUntraced(function*(
  options: EngineOptions,
  capabilities: Capabilities,
  live: boolean
): Effect.fn.Return<Settings, InvalidOption> {
  const { shared } = capabilities
  const millis = (key: keyof EngineOptions, fallback: number, minimum = 1) => {
    const input = options[key]
    const endless = key !== "lease" && key !== "beat"
    return input === undefined ? Effect.succeed(fallback) : toMillis(key, input, { minimum, endless })
  }
  const lease = yield* millis("lease", 20_000)
  const settings: Settings = {
    lease,
    beat: yield* millis("beat", 5_000),
    reap: yield* millis("reap", shared && live ? 1_000 : Infinity),
    sweep: live ? 60 * 60 * 1000 : Infinity,
    poll: yield* millis("poll", shared && !capabilities.push && live ? 1_000 : Infinity),
    storeTimeout: yield* millis("storeTimeout", shared && live ? Math.ceil(lease / 2) : Infinity),
    reread: yield* millis("reread", live ? 30_000 : Infinity),
    pace: live && (shared || capabilities.durability !== "none") ? 20 : 0,
    grace: yield* millis("grace", live ? 30_000 : 0, 0),
    planBatch: 512,
    claimBatch: 512,
    settleBatch: 512
  }
  if (settings.beat * 2 > settings.lease) {
    return yield* new InvalidOption({
      field: "beat",
      value: `${settings.beat} ms`,
      expected: `at most half the lease, which is ${settings.lease} ms: one late beat must not cost the node its runs`
    })
  }
  return settings
})
