/**
 * The verbs on single occurrences of a job: one-time exceptions that leave its trigger as it is.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { change, decidePast } from "./change.ts"
import type { Core } from "./core.ts"
import { read } from "./decide.ts"
import { withNext } from "./next.ts"
import { overridesOf, withSkip } from "./overrides.ts"

/** Skips exactly the next occurrence, or the one after those that are skipped already; answers with its instant. */
export const skipNext = Effect.fnUntraced(function*(core: Core, id: string) {
  let skipped: number | undefined
  yield* change(core, id, (stored, at) => {
    const readable = read(core, stored)
    if (Result.isFailure(readable) || stored.state === "done") return Effect.undefined
    return Effect.map(decidePast(core, stored, at), (past) => {
      const { occurrences } = readable.success.trigger
      const taken = overridesOf(stored).skip
      let next = occurrences.next(Math.max(past.cursor ?? -Infinity, at), stored.anchor)
      while (next !== undefined && taken.includes(next)) next = occurrences.next(next, stored.anchor)
      skipped = next
      if (next === undefined) return undefined
      const row = withNext({ ...stored, cursor: past.cursor }, readable.success.trigger)
      return {
        row: { ...row, overrides: withSkip(row, next) },
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }
    })
  })
  return skipped
})
