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
import * as Schedule from "effect/Schedule"

export interface EndedAttempt<E> {
  readonly at: number
  readonly error: E
}

/** Milliseconds until the next attempt, or `undefined` when the Schedule is exhausted or itself fails. */
export const delayAfter = Effect.fnUntraced(function*<E>(
  schedule: Schedule.Schedule<unknown, E>,
  attempts: ReadonlyArray<EndedAttempt<E>>
) {
  const step = yield* Schedule.toStep(schedule)
  let delay: number | undefined
  for (const attempt of attempts) {
    const exit = yield* Effect.exit(step(attempt.at, attempt.error))
    if (Exit.isFailure(exit)) return undefined
    delay = Math.ceil(Duration.toMillis(exit.value[1]))
  }
  // A Schedule may ask for an endless delay: that is another way to say "no more".
  return delay !== undefined && Number.isFinite(delay) ? delay : undefined
})
