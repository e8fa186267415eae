/**
 * Keeps a long-lived fiber alive: whatever ends it but an interruption is logged, told, and followed by another start.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { now } from "./core.ts"
import type { StoreEvents } from "./events.ts"

/** At once, then after growing delays, never more than five seconds. */
const restarts = Schedule.exponential("10 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5))))
)

export const supervise = (role: string, events: StoreEvents, loop: Effect.Effect<unknown>): Effect.Effect<unknown> =>
  loop.pipe(
    Effect.andThen(Effect.die(new Error("the loop ended"))),
    // An interruption of the role itself does not come by here; one that it caught from elsewhere is a failure like any other.
    Effect.catchCause((cause) =>
      Effect.flatMap(now, (at) => {
        events.publish(at, { _tag: "RoleRestarted", role, cause: Cause.pretty(cause) })
        return Effect.andThen(
          Effect.logError(`effect-scheduler: the ${role} failed and starts again`, cause),
          Effect.fail(cause)
        )
      })
    ),
    Effect.retry(restarts),
    Effect.orDie
  )
