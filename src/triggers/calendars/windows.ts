/**
 * Stretches of time with a beginning and an end.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { TriggerError } from "../error.ts"
import * as Instant from "../instant.ts"
import type { CalendarKind } from "./compile.ts"

/**
 * Covers the given stretches of time, each from its first to just before its second instant, in epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface WindowsSpec {
  readonly _tag: "windows"
  readonly windows: ReadonlyArray<readonly [start: number, end: number]>
}

/** @internal */
export const windows: CalendarKind<WindowsSpec> = {
  schema: () => Schema.TaggedStruct("windows", { windows: Schema.Array(Schema.Tuple([Schema.Int, Schema.Int])) }),

  normalize: ({ windows }) => ({
    _tag: "windows",
    windows: windows.toSorted(([a, to], [b, until]) => a - b || to - until)
  }),

  compile(spec) {
    const windows: Array<[start: number, end: number]> = []
    for (const [start, end] of spec.windows.toSorted(([a], [b]) => a - b)) {
      Instant.check("start", start)
      Instant.check("end", end)
      if (start >= end) {
        const expected = `an instant after the start, ${Instant.iso(start)}`
        throw new TriggerError({ reason: "option", field: "end", value: Instant.iso(end), expected })
      }
      const last = windows.at(-1)
      if (last === undefined || start > last[1]) windows.push([start, end])
      else last[1] = Math.max(last[1], end)
    }

    return (at) => {
      // the number of windows that have begun, by bisection
      let low = 0
      let high = windows.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (windows[middle]![0] <= at) low = middle + 1
        else high = middle
      }
      const current = windows[low - 1]
      if (current !== undefined && at < current[1]) return { covered: true, start: current[0], end: current[1] }
      return { covered: false, start: current?.[1] ?? -Infinity, end: windows[low]?.[0] ?? Infinity }
    }
  }
}
