/**
 * The decision *skip*: planning a job of which somebody has asked to skip single occurrences.
 *
 * The others are planned as if the trigger did not have those: a skipped occurrence stands for nothing that was missed, cancels no run, and
 * counts for no limit. Its own verdict is `skipped(requested)`, whatever becomes of its neighbours.
 */
import type { Occurrences } from "../triggers/occurrences.ts"
import { countIn, type Plan, plan, type Segment, type Situation } from "./plan.ts"

/** `plan`, with the nominal instants to skip in ascending order. */
export const planWithout = (situation: Situation, skips: ReadonlyArray<number>): Plan => {
  const { anchor, cursor, now, occurrences, planned } = situation
  const left = without(occurrences, skips)
  const made = plan({ ...situation, occurrences: left })
  const due = skips.filter((at) =>
    at > cursor && occurrences.next(at - 1, anchor) === at && (planned === undefined ? at : planned(at)) <= now
  )
  if (due.length === 0) return { ...made, next: occurrences.next(made.cursor, anchor) }

  const segments: Array<Segment> = []
  let edge = cursor
  const put = (segment: Segment) => {
    segments.push(segment)
    edge = segment.to
  }
  const putSkip = (to: number) => put({ _tag: "not", to, kind: "skipped", reason: "requested", count: 1 })
  for (const segment of made.segments) {
    const held = due.filter((at) => at > edge && at < segment.to)
    for (const at of held) {
      // A stretch that holds it ends before it, and goes on behind it.
      const before = left.previous(at, anchor)
      if (segment._tag === "not" && before !== undefined && before > edge) {
        put({ ...segment, to: before, count: countIn(left, edge, before, anchor) })
      }
      putSkip(at)
    }
    const isSplit = segment._tag === "not" && held.length > 0
    put(isSplit ? { ...segment, count: countIn(left, edge, segment.to, anchor) } : segment)
  }
  for (const at of due) if (at > edge) putSkip(at)
  return { ...made, segments, cursor: edge, next: occurrences.next(edge, anchor) }
}

/** The occurrences but some. */
export const without = ({ count, next, previous }: Occurrences, skips: ReadonlyArray<number>): Occurrences => {
  const isLeft = (at: number | undefined) => at === undefined || !skips.includes(at)
  return {
    next: (after, anchor) => {
      let at = next(after, anchor)
      while (!isLeft(at)) at = next(at!, anchor)
      return at
    },
    previous: (before, anchor) => {
      let at = previous(before, anchor)
      while (!isLeft(at)) at = previous(at!, anchor)
      return at
    },
    count: (from, to, anchor) => {
      const all = count(from, to, anchor)
      if (all === undefined) return undefined
      return all - skips.filter((at) => at > from && at <= to && next(at - 1, anchor) === at).length
    }
  }
}
