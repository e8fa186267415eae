/**
 * What went wrong in Redis, in the words of the contract.
 *
 * @since 0.1.0
 */
import type { RedisError } from "effect/persistence/Redis"
import { StoreError } from "../../SchedulerError.ts"

/** An answer of the server that says no begins with a code in capitals; inside a script's error it follows a minus. */
const refusal = /^[A-Z]{2,} /
const passing =
  /(?:^|-)(?:BUSY|LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|MOVED|ASK|READONLY|NOSCRIPT|OOM|MISCONF|NOREPLICAS|UNKILLABLE) /

/**
 * **Details**
 *
 * Whatever happens to a connection may be better the next time. Of the server's refusals those are retryable that pass by themselves: it
 * is loading or busy, somebody else is to become the master and does not know the scripts yet, memory or disk is full.
 *
 * @category converting
 * @since 0.1.0
 */
export const storeError = (verb: string, error: RedisError): StoreError => {
  const message = error.cause instanceof Error ? error.cause.message : String(error.cause)
  return new StoreError({
    verb,
    retryable: !refusal.test(message) || passing.test(message),
    message: `Redis: ${message}`,
    cause: error
  })
}
