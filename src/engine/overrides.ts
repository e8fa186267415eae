/**
 * The notes in a job's row: reading them, and writing the row anew with one more.
 */
import * as Option from "effect/Option"
import { spanOf } from "../decisions/move.ts"
import { decodeOverrides, encodeOverrides, type Overrides } from "../internal/overrides.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import * as Trigger from "../Trigger.ts"

export const overridesOf = (row: JobStore.JobRow): Overrides => decodeOverrides(row.overrides)

/** The occurrences that were moved, and when they are due instead; `undefined` for almost every job. */
export const movedOf = (row: JobStore.JobRow): ReadonlyMap<number, number> | undefined => {
  if (row.overrides === null) return undefined
  const { move } = overridesOf(row)
  return move.length === 0 ? undefined : new Map(move)
}

/** When an occurrence is due: where it was moved to, else as the trigger's jitter has it. */
export const dueOf = (row: JobStore.JobRow, trigger: Trigger.Trigger): (nominal: number) => number => {
  const moved = movedOf(row)
  return (nominal) => moved?.get(nominal) ?? Trigger.planned(trigger, row.id, nominal, row.anchor)
}

/** With one more occurrence to skip. */
export const withSkip = (row: JobStore.JobRow, nominal: number): string | null => {
  const overrides = overridesOf(row)
  return encodeOverrides({ ...overrides, skip: [...new Set([...overrides.skip, nominal])] }, row.cursor)
}

/** With an occurrence moved, or back where its trigger has it. */
export const withMove = (row: JobStore.JobRow, nominal: number, due: number): string | null => {
  const overrides = overridesOf(row)
  const others = overrides.move.filter(([other]) => other !== nominal)
  return encodeOverrides({ ...overrides, move: due === nominal ? others : [...others, [nominal, due]] }, row.cursor)
}

/** Without exceptions, which mean nothing to another trigger. */
export const withoutExceptions = (row: JobStore.JobRow): string | null =>
  row.overrides === null ? null : encodeOverrides({ ...overridesOf(row), skip: [], move: [] }, row.cursor)

/** Whether past occurrences were ever run again. */
export const isBackfilled = (row: JobStore.JobRow): boolean =>
  row.overrides !== null && overridesOf(row).backfilled === true

/** With a note that they were. */
export const withBackfill = (row: JobStore.JobRow): string | null =>
  encodeOverrides({ ...overridesOf(row), backfilled: true }, row.cursor)

/** Without the moves that no longer keep to the span between their neighbours, where the trigger's data have changed. */
export const withMovesThatFit = (row: JobStore.JobRow, trigger: Trigger.Trigger): string | null => {
  if (movedOf(row) === undefined) return row.overrides
  const { occurrences } = trigger
  const due = dueOf(row, trigger)
  const overrides = overridesOf(row)
  const move = overrides.move.filter(([nominal, to]) => {
    const span = spanOf({ occurrences, anchor: row.anchor, nominal, due })
    return span !== undefined && to > span.after && to < span.before
  })
  return encodeOverrides({ ...overrides, move }, row.cursor)
}

/** With the failures so far forgiven, where anybody counts them. */
export const forgiving = (row: JobStore.JobRow, at: number): string | null => {
  const policy = Policy.decode(row.policy)
  if (Option.isNone(policy) || policy.value.pauseAfter === null) return row.overrides
  return encodeOverrides({ ...overridesOf(row), forgiven: at }, row.cursor)
}
