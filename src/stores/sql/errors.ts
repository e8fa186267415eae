/**
 * What went wrong in a database, in the words of the contract.
 *
 * @since 0.1.0
 */
import type { SqlError } from "effect/sql/SqlError"
import { StoreError } from "../../SchedulerError.ts"

/**
 * **Details**
 *
 * A unique key that is violated means that somebody else was faster between a verb's reading and its writing. The verb was rolled back,
 * and asked again it sees what the other did.
 *
 * @category converting
 * @since 0.1.0
 */
export const storeError = (verb: string, error: SqlError): StoreError => {
  const { cause } = error.reason
  const detail = cause instanceof Error && cause.message !== error.message ? `: ${cause.message}` : ""
  return new StoreError({
    verb,
    retryable: error.isRetryable || error.reason._tag === "UniqueViolation",
    message: error.message + detail,
    cause: error
  })
}
