/**
 * Somebody who watches a scheduler for all its life: from before it starts until after it has ended.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Stream from "effect/Stream"
import type { SchedulerEvent } from "../SchedulerEvent.ts"
import * as Events from "./events.ts"

/** See `Scheduler.Options.watch`. */
export type Watch = (events: Stream.Stream<SchedulerEvent>) => Effect.Effect<unknown, unknown>

/** How long the last events may take to be seen. */
const farewell = "5 seconds"

/** The event hub, with somebody who watches it from before the start until after the end. */
export const watched = Effect.fnUntraced(function*(watch: Watch | undefined) {
  if (watch === undefined) return yield* Events.make
  const watching = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
  // Made before the hub, and so closed after it: the last event is on its way.
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(
      Deferred.await(watching),
      (fiber) => Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), farewell), Fiber.interrupt(fiber))
    )
  )
  const events = yield* Events.make
  const fiber = yield* Effect.suspend(() => watch(events.subscribe())).pipe(
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("effect-scheduler: watch failed", cause)
    ),
    Effect.forkDetach({ startImmediately: true })
  )
  yield* Deferred.succeed(watching, fiber)
  return events
})
