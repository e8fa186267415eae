/**
 * The decision *backfill*: which occurrences of a past range are to be run, besides what was decided about them then.
 */
import type { Occurrences } from "../triggers/occurrences.ts"

export type Backfill =
  | { readonly _tag: "Runs"; readonly nominal: ReadonlyArray<number> }
  /** Nothing is run: the range holds more than the limit; how many, where that is cheap to know. */
  | { readonly _tag: "TooMany"; readonly count: number | undefined }

/**
 * The occurrences in `(from, to]`, oldest first, each once. Before its anchor a trigger has none, so for a range that begins earlier it counts
 * from there, as if the job had been added then.
 */
export const backfill = (range: {
  readonly occurrences: Occurrences
  readonly anchor: number
  readonly from: number
  readonly to: number
  readonly limit: number
}): Backfill => {
  const { from, limit, occurrences, to } = range
  const anchor = Math.min(range.anchor, from)
  const nominal: Array<number> = []
  for (let at = occurrences.next(from, anchor); at !== undefined && at <= to; at = occurrences.next(at, anchor)) {
    if (nominal.length === limit) return { _tag: "TooMany", count: occurrences.count(from, to, anchor) }
    nominal.push(at)
  }
  return { _tag: "Runs", nominal }
}
