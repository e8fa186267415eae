/**
 * Picking a page of runs: the first of those wanted, without putting the others in order.
 *
 * @since 0.1.0
 */
import type { RunQuery, RunRow } from "../../JobStore.ts"
import { Heap, type Slotted } from "./heap.ts"

/** Where to look. */
export interface Candidates {
  readonly runs: Iterable<{ readonly row: RunRow }>
  /** None of them finished, or will finish, later than this. */
  readonly latest: number
}

interface Pick extends Slotted {
  readonly row: RunRow
}

export const page = (query: RunQuery, candidates: ReadonlyArray<Candidates>): Array<RunRow> => {
  if (query.limit <= 0) return []
  // the last of the page is the first of the heap: whatever comes before it takes its place
  const picks = new Heap<Pick>(({ row }) => finishedAt(row), (a, b) => a.row.id < b.row.id)
  for (const { latest, runs } of candidates) {
    if (picks.size === query.limit && finishedAt(picks.first!.row) > latest) break
    for (const { row } of runs) {
      if (!isWanted(row, query)) continue
      if (picks.size === query.limit) {
        if (!comesBefore(row, picks.first!.row)) continue
        picks.remove(picks.first!)
      }
      picks.add({ row, slot: -1 })
    }
  }
  // the store's own rows change
  return picks.leading(Infinity, Infinity).map(({ row }) => ({ ...row })).toReversed()
}

type Place = Pick["row"] | NonNullable<RunQuery["after"]>

/** A run that is going will finish later than any other has. */
const finishedAt = (place: Place): number => place.finished ?? Infinity

const comesBefore = (a: Place, b: Place): boolean => {
  const [first, second] = [finishedAt(a), finishedAt(b)]
  return first > second || (first === second && a.id > b.id)
}

const isWanted = (row: RunRow, query: RunQuery): boolean =>
  (query.job === undefined || row.job === query.job) &&
  (query.incarnation === undefined || row.incarnation === query.incarnation) &&
  (query.task === undefined || row.task === query.task) &&
  (query.going === undefined || query.going === (row.state !== "done")) &&
  (query.outcomes === undefined || (row.outcome !== null && query.outcomes.includes(row.outcome))) &&
  (query.after === undefined || comesBefore(query.after, row))
