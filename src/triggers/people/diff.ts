/**
 * What a change of a trigger changes.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import type { TriggerSpec } from "../compile.ts"
import { TriggerError } from "../error.ts"
import { anchorFor } from "../fixed.ts"
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

/** A trigger as far as a comparison needs it. */
interface Compared {
  readonly spec: TriggerSpec
  readonly occurrences: Occurrences
}

/** @internal */
export const diff = (
  before: Compared,
  after: Compared,
  options: Window & {
    readonly anchor?: DateTime.DateTime.Input | undefined
    readonly limit?: number | undefined
  }
): TriggerDiff => {
  const [from, to] = readWindow(options)
  const given = options.anchor === undefined ? undefined : Instant.fromInput("anchor", options.anchor)
  const limit = options.limit ?? 10_000
  const result = { added: [], removed: [], kept: [] } as { [Key in "added" | "removed" | "kept"]: Array<DateTime.Utc> }
  const next = ({ occurrences, spec }: Compared, at: number): number =>
    occurrences.next(at, given ?? anchorFor(spec, from)) ?? Infinity
  let old = next(before, from - 1)
  let young = next(after, from - 1)
  for (let n = 0; n < limit; n++) {
    const at = Math.min(old, young)
    if (at >= to) return { ...result, until: DateTime.makeUnsafe(to) }
    result[old === young ? "kept" : old < young ? "removed" : "added"].push(DateTime.makeUnsafe(at))
    if (old === at) old = next(before, at)
    if (young === at) young = next(after, at)
  }
  return { ...result, until: DateTime.makeUnsafe(Math.min(old, young, to)) }
}
