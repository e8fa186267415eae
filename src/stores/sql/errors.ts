/**
 * What went wrong in a database, in the words of the contract.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { SqlError } from "effect/sql/SqlError"
import { isSqlError } from "effect/sql/SqlError"
import { StoreError } from "../../SchedulerError.ts"
import type { Database, Sql } from "./Database.ts"
import type { Dialect } from "./Dialect.ts"

/**
 * An error that the caller sees. Asked again, the verb may succeed where the database says so, and where somebody else was faster.
 *
 * @category converting
 * @since 0.1.0
 */
export const storeError = (
  verb: string,
  error: SqlError,
  isTransient: Dialect["isTransient"] = () => false
): StoreError => {
  const { cause } = error.reason
  const detail = cause instanceof Error && !error.message.includes(cause.message) ? `: ${cause.message}` : ""
  return new StoreError({
    verb,
    retryable: error.isRetryable || wasOvertaken(error) || isTransient(error),
    message: error.message + detail,
    cause: error
  })
}

/** Somebody else wrote between a verb's reading and its writing, or waited for the verb while it waited for him. */
const wasOvertaken = ({ reason }: SqlError): boolean =>
  reason._tag === "UniqueViolation" || reason._tag === "DeadlockError"

/**
 * So many times in a row only a program that does nothing else is overtaken. Those who stood in each other's way come back one by one, at
 * random, within a tenth of a second each time.
 */
const beginningAgain = Schedule.exponential("1 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(100)))),
  Schedule.modifyDelay(({ duration }) => Effect.map(Random.next, (part) => Duration.times(duration, part))),
  Schedule.upTo({ times: 12 })
)

/**
 * A verb with the errors of the contract.
 *
 * **Details**
 *
 * One that was overtaken has been rolled back, if need be to its savepoint in the caller's transaction, and sees now what the other one
 * did: it is begun again. And where a connection breaks, the client cannot roll back either and dies of it, which hides why the
 * statement failed; what the database has not committed it forgets by itself.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refined = ({ dialect, sql }: Database) => {
  const { isTransient, undoesTransaction } = dialect
  return <A>(verb: string, statements: Sql<A>): Effect.Effect<A, StoreError> => {
    const once = Effect.catchCause(statements, (cause) => Effect.failCause(withoutBrokenRollback(cause)))
    // a database does not wait for the clock of a test
    const begunAgain = Effect.flatMap(Clock.Clock, (clock) =>
      Effect.provideService(once, Clock.Clock, clock).pipe(
        Effect.retry({ schedule: beginningAgain, while: wasOvertaken }),
        Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
      ))
    const again = (error: SqlError) =>
      !undoesTransaction(error) ? begunAgain : Effect.flatMap(
        Effect.serviceOption(sql.transactionService),
        // only the caller knows what else was in it
        (open) => Option.isSome(open) ? Effect.fail(error) : begunAgain
      )
    return Effect.mapError(
      Effect.catchIf(once, wasOvertaken, again),
      (error) => storeError(verb, error, isTransient)
    )
  }
}

const withoutBrokenRollback = (cause: Cause.Cause<SqlError>): Cause.Cause<SqlError> => {
  if (Cause.hasInterrupts(cause)) return cause
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason) && isSqlError(reason.defect)) return Cause.fail(reason.defect)
  }
  return cause
}
