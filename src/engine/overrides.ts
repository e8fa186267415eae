/**
 * What is noted about a job besides its definition, kept in its row: one-time exceptions, and since when its failures count.
 */
import * as Option from "effect/Option"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"

interface Overrides {
  /** Nominal instants of occurrences that somebody asked to skip. */
  readonly skip: ReadonlyArray<number>
  /** Failures up to here do not count any more: the job was resumed, or changed. */
  readonly forgiven?: number
}

const none: Overrides = { skip: [] }

export const overridesOf = (row: JobStore.JobRow): Overrides => {
  if (row.overrides === null) return none
  try {
    return { ...none, ...JSON.parse(row.overrides) as Partial<Overrides> }
  } catch {
    return none
  }
}

/** The overrides as text, without those that are decided; `null` when nothing is left. */
const encode = (row: JobStore.JobRow, overrides: Overrides): string | null => {
  const skip = overrides.skip.filter((at) => row.cursor === null || at > row.cursor)
  const { forgiven } = overrides
  return skip.length === 0 && forgiven === undefined
    ? null
    : JSON.stringify({ skip, ...(forgiven === undefined ? {} : { forgiven }) } satisfies Overrides)
}

/** The overrides with one more occurrence to skip. */
export const withSkip = (row: JobStore.JobRow, nominal: number): string | null => {
  const overrides = overridesOf(row)
  return encode(row, { ...overrides, skip: [...new Set([...overrides.skip, nominal])] })
}

/** The overrides with the failures so far forgiven, where anybody counts them. */
export const forgiving = (row: JobStore.JobRow, at: number): string | null => {
  const policy = Policy.decode(row.policy)
  if (Option.isNone(policy) || policy.value.pauseAfter === null) return row.overrides
  return encode(row, { ...overridesOf(row), forgiven: at })
}
