/**
 * Whether and when there is another attempt: a Task's retry Schedule, replayed with the attempts so far.
 *
 * A Schedule is a process with hidden state, which no store can keep. What it can keep are the inputs: the instants at which attempts
 * ended, and their errors. Fed to a fresh copy of the Schedule they lead to the same state in any process, and only the last delay is
 * used, so that a schedule with random jitter may answer differently for the past without harm.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Instant from "../triggers/instant.ts"

export interface EndedAttempt<E> {
  readonly at: number
  readonly error: E
}

/** Whole milliseconds until the next attempt, or `undefined` when the Schedule is exhausted or itself fails, which is logged. */
export const delayAfter = Effect.fnUntraced(function*<E>(
  schedule: Schedule.Schedule<unknown, E>,
  attempts: ReadonlyArray<EndedAttempt<E>>
) {
  const step = yield* Schedule.toStep(schedule)
  let readyAt: number | undefined
  let delay: number | undefined
  for (const { at, error } of attempts) {
    // a step is the user's code: it may throw as well as fail
    const exit = yield* Effect.exit(Effect.suspend(() => step(at, error)))
    if (Exit.isFailure(exit)) {
      if (!Pull.isDoneCause(exit.cause)) {
        yield* Effect.logError("effect-scheduler: a retry Schedule failed, so there is no further attempt", exit.cause)
      }
      return undefined
    }
    delay = Math.max(0, Math.ceil(Duration.toMillis(exit.value[1])))
    readyAt = at + delay
  }
  // A Schedule may ask for an endless delay, or one beyond all dates: that is another way to say "no more".
  return readyAt !== undefined && readyAt <= Instant.max ? delay : undefined
})
