/**
 * How a program ends that cannot do what it was asked to.
 */
import { Console, Effect } from "effect"

/** Says what is wrong, in the words of the error: a typed failure is no bug, so where it was thrown helps nobody. */
export const tell = <A, E extends Error, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A | void, never, R> =>
  Effect.catch(program, (error) =>
    Effect.andThen(
      Console.error(error.message),
      Effect.sync(() => {
        process.exitCode = 1
      })
    ))
