/**
 * Keeps a long-lived fiber alive: whatever ends it but an interruption is logged, told, and followed by another start.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { now } from "./core.ts"
import type { StoreEvents } from "./events.ts"

/** The first new start comes after this many milliseconds, each further one after twice as many. */
const shortest = 10
const longest = 5_000

/** Who has been well for so long starts over with the shortest delay: its next failure has nothing to do with the last. */
const recovered = 60_000

export const supervise = (role: string, events: StoreEvents, loop: Effect.Effect<unknown>): Effect.Effect<never> => {
  let delay = shortest
  const once = Effect.gen(function*() {
    const startedAt = yield* now
    // An interruption of the role itself does not come by here; one that it caught from elsewhere is a failure like any other.
    const cause = yield* Effect.matchCauseEffect(loop, {
      onSuccess: () => Effect.succeed(Cause.die(new Error("the loop ended"))),
      onFailure: Effect.succeed
    })
    const at = yield* now
    events.publish(at, { _tag: "RoleRestarted", role, cause: Cause.pretty(cause) })
    yield* Effect.logError(`effect-scheduler: the ${role} failed and starts again`, cause)
    if (at - startedAt >= recovered) delay = shortest
    yield* Effect.sleep(delay)
    delay = Math.min(2 * delay, longest)
  })
  return Effect.forever(once)
}
