/**
 * The verbs on single occurrences of a job: one-time exceptions that leave its trigger as it is.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { spanOf } from "../decisions/move.ts"
import { InvalidOption } from "../SchedulerError.ts"
import { change, decidePast } from "./change.ts"
import type { Core } from "./core.ts"
import { read } from "./decide.ts"
import { nextAhead, withNext } from "./next.ts"
import { dueOf, overridesOf, withMove, withSkip } from "./overrides.ts"

/** Skips exactly the next occurrence, or the one after those that are skipped already; answers with its instant. */
export const skipNext = Effect.fnUntraced(function*(core: Core, id: string) {
  let skipped: number | undefined
  yield* change(core, id, (stored, at) => {
    const readable = read(core, stored)
    if (Result.isFailure(readable) || stored.state === "done") return Effect.undefined
    return Effect.map(decidePast(core, stored, at), (past) => {
      const { trigger } = readable.success
      const taken = overridesOf(stored).skip
      const decided = { ...stored, cursor: past.cursor }
      let next = nextAhead(decided, trigger, at)
      while (next !== undefined && taken.includes(next)) next = trigger.occurrences.next(next, stored.anchor)
      skipped = next
      if (next === undefined) return undefined
      const row = withNext(decided, trigger)
      return {
        row: { ...row, overrides: withSkip(row, next) },
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }
    })
  })
  return skipped
})

/** Moves an occurrence, the next one unless told, to another instant between its neighbours. */
export const move = (core: Core, id: string, given: { readonly from: number | undefined; readonly to: number }) =>
  change(core, id, (stored, at) =>
    Effect.gen(function*() {
      const readable = read(core, stored)
      if (Result.isFailure(readable)) {
        const expected = `a job that can be read (${readable.failure.reason})`
        return yield* new InvalidOption({ field: "id", value: id, expected })
      }
      const { trigger } = readable.success
      const past = yield* decidePast(core, stored, at)
      const { to } = given
      const { occurrences } = trigger
      const { anchor } = stored
      const due = dueOf(stored, trigger)
      const next = nextAhead({ ...stored, cursor: past.cursor }, trigger, at)
      const nominal = given.from ?? next
      const span = nominal === undefined || next === undefined || nominal < next
        ? undefined
        : spanOf({ occurrences, anchor, nominal, due })
      if (nominal === undefined || span === undefined) {
        return yield* new InvalidOption({
          field: "from",
          value: nominal === undefined ? "the next occurrence" : iso(nominal),
          expected: next === undefined
            ? "a job that has an occurrence ahead"
            : `an occurrence that is not decided, ${iso(next)} or one after it`
        })
      }
      if (to < at || to <= span.after || to >= span.before) {
        const earliest = span.after < at ? `an instant from now (${iso(at)}) on` : `an instant after ${iso(span.after)}`
        return yield* new InvalidOption({
          field: "to",
          value: iso(to),
          expected: span.before === Infinity ? earliest : `${earliest} and before ${iso(span.before)}`
        })
      }
      if (due(nominal) === to) return undefined
      const row: typeof stored = { ...stored, cursor: past.cursor }
      return {
        row: withNext({ ...row, overrides: withMove(row, nominal, to) }, trigger),
        decision: past,
        event: { _tag: "JobUpdated" as const, job: id }
      }
    }))

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
