/**
 * What a change of a trigger changes.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import { TriggerError } from "../error.ts"
import * as Instant from "../instant.ts"
import type { Occurrences } from "../occurrences.ts"

/**
 * A stretch of time to look at.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  /** The first instant, inclusive. */
  readonly from: DateTime.DateTime.Input
  /** The last instant, exclusive. */
  readonly to: DateTime.DateTime.Input
}

/** Reads a window. */
export const readWindow = (window: Window): readonly [from: number, to: number] => {
  const from = Instant.fromInput("from", window.from)
  const to = Instant.fromInput("to", window.to)
  if (from <= to) return [from, to]
  const expected = `an instant at or after from, ${Instant.iso(from)}`
  throw new TriggerError({ reason: "option", field: "to", value: Instant.iso(to), expected })
}

/**
 * The instants of two triggers, side by side.
 *
 * @category models
 * @since 0.1.0
 */
export interface TriggerDiff {
  /** Fires after the change only. */
  readonly added: ReadonlyArray<DateTime.Utc>
  /** Fires before the change only. */
  readonly removed: ReadonlyArray<DateTime.Utc>
  /** Fires before and after the change. */
  readonly kept: ReadonlyArray<DateTime.Utc>
  /** Where the comparison ended: the end of the window, or earlier when there were too many instants. */
  readonly until: DateTime.Utc
}

/** @internal */
export const diff = (
  before: Occurrences,
  after: Occurrences,
  options: Window & {
    readonly anchor?: DateTime.DateTime.Input | undefined
    readonly limit?: number | undefined
  }
): TriggerDiff => {
  const [from, to] = readWindow(options)
  const anchor = options.anchor === undefined ? from : Instant.fromInput("anchor", options.anchor)
  const limit = options.limit ?? 10_000
  const result = { added: [], removed: [], kept: [] } as { [Key in "added" | "removed" | "kept"]: Array<DateTime.Utc> }
  let old = before.next(from - 1, anchor) ?? Infinity
  let young = after.next(from - 1, anchor) ?? Infinity
  for (let n = 0; n < limit; n++) {
    const at = Math.min(old, young)
    if (at >= to) return { ...result, until: DateTime.makeUnsafe(to) }
    result[old === young ? "kept" : old < young ? "removed" : "added"].push(DateTime.makeUnsafe(at))
    if (old === at) old = before.next(at, anchor) ?? Infinity
    if (young === at) young = after.next(at, anchor) ?? Infinity
  }
  return { ...result, until: DateTime.makeUnsafe(Math.min(old, young, to)) }
}
