/**
 * The decision *follow*: which continuations an end calls for.
 *
 * A table, so that a new outcome does not compile without a line that says what follows it.
 */
import type { On } from "../Continuation.ts"
import type { Outcome } from "../Run.ts"

const calls: { readonly [O in Outcome]: ReadonlyArray<On> } = {
  succeeded: ["success", "end"],
  failed: ["failure", "end"],
  died: ["failure", "end"],
  timedOut: ["failure", "end"],
  deadlineMissed: ["failure", "end"],
  undecodable: ["failure", "end"],
  abandoned: ["failure", "end"],
  // Somebody wanted its end, and so the end of what would have come of it.
  cancelled: ["end"]
}

export const follows = (on: On, outcome: Outcome): boolean => calls[outcome].includes(on)

/** Outcomes with which a store may end a run by itself (`cancel`, `reap`), so that nobody handed it what follows. */
export const endedByStore: ReadonlySet<string> = new Set<Outcome>(["cancelled", "abandoned"])
