/**
 * Settling a run in the transaction of its handler's own writes: both are committed, or neither is.
 *
 * Whether the transaction commits is known later. Until then the completion is kept with the run: if it was rolled back, the run is settled by how
 * its handler ended, as any other.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { NewRun } from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { CompletionRefused, type StoreError } from "../SchedulerError.ts"
import { codecsOf } from "./codecs.ts"
import type { Core, Running } from "./core.ts"
import { followers } from "./following.ts"

export interface Completion {
  /** The encoded success. */
  readonly result: string
  readonly finished: number
  /** The runs that follow from it, queued in the same transaction. */
  readonly follow: ReadonlyArray<NewRun>
  /** The transaction is known to have been committed: the run is over, whatever its handler does from then on. */
  committed: boolean
}

export const complete = Effect.fnUntraced(function*(
  core: Core,
  running: Running,
  started: number,
  value: unknown
): Effect.fn.Return<void, CompletionRefused | StoreError> {
  const { row, served } = running
  const refuse = (reason: CompletionRefused["reason"], detail = "") =>
    new CompletionRefused({ run: row.id, reason, detail })
  const result = codecsOf(served.task).success.encode(value)
  if (Exit.isFailure(result)) return yield* refuse("value", Cause.pretty(result.cause))
  const transaction = yield* core.store.transaction
  if (transaction === undefined) return yield* refuse("transaction")
  const finished = core.clock.currentTimeMillisUnsafe()
  const attempts = row.attempt + 1
  const policy = Option.getOrElse(Policy.decode(row.policy), () => Policy.defaults)
  const follow = followers(row, policy, { outcome: "succeeded", result: result.value, attempts, finished })
  const [answer] = yield* core.store.settle({
    settlements: [{
      run: row.id,
      fence: row.fence,
      follow,
      next: {
        _tag: "Done",
        outcome: "succeeded",
        result: result.value,
        started,
        finished,
        attempt: attempts,
        attempts: row.attempts
      }
    }],
    now: finished
  })
  if (answer !== "ok") return yield* refuse(answer === "stale" ? "lost" : "completed")
  const completion: Completion = { result: result.value, finished, follow, committed: false }
  running.completion = completion
  yield* transaction.afterCommit(Effect.sync(() => completion.committed = true))
})
