/**
 * The decision *move*: where a single occurrence may be moved.
 *
 * It stays between its neighbours, so that the order in which occurrences are due is that of their nominal instants: `plan` leans on it.
 */
import type { Occurrences } from "../triggers/occurrences.ts"

/** The span between an occurrence's neighbours, both exclusive. */
export interface Span {
  /** `-Infinity`: there is no occurrence before it. */
  readonly after: number
  /** `Infinity`: there is none after it. */
  readonly before: number
}

/** `undefined`: that instant is no occurrence. */
export const spanOf = (situation: {
  readonly occurrences: Occurrences
  readonly anchor: number
  readonly nominal: number
  /** When an occurrence is due. */
  readonly due: (nominal: number) => number
}): Span | undefined => {
  const { anchor, due, nominal, occurrences } = situation
  if (occurrences.next(nominal - 1, anchor) !== nominal) return undefined
  const previous = occurrences.previous(nominal, anchor)
  const next = occurrences.next(nominal, anchor)
  // A neighbour that was moved away leaves no more room: it may be moved back.
  return {
    after: previous === undefined ? -Infinity : Math.max(previous, due(previous)),
    before: next === undefined ? Infinity : Math.min(next, due(next))
  }
}
