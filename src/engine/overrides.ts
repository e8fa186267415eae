/**
 * One-time exceptions of a job, kept in its row: occurrences that are to be skipped.
 */
import type * as JobStore from "../JobStore.ts"

interface Overrides {
  /** Nominal instants. */
  readonly skip: ReadonlyArray<number>
}

/** The occurrences that somebody asked to skip. */
export const skipsOf = (row: JobStore.JobRow): ReadonlyArray<number> => {
  if (row.overrides === null) return []
  try {
    return (JSON.parse(row.overrides) as Overrides).skip
  } catch {
    return []
  }
}

/** The overrides with one more occurrence to skip, without those that are decided. */
export const withSkip = (row: JobStore.JobRow, nominal: number): string => {
  const ahead = skipsOf(row).filter((at) => row.cursor === null || at > row.cursor)
  return JSON.stringify({ skip: [...new Set([...ahead, nominal])] } satisfies Overrides)
}
