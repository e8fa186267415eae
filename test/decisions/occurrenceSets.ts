/** Sets of occurrences to test decisions with: a reference that is a plain list, and a wrapper that counts the questions asked. */
import { Trigger } from "effect-scheduler"

export type Occurrences = ReturnType<typeof Trigger.occurrences>

/** A finite ascending list of instants. `closed` says whether it can count without being enumerated. */
export const listed = (instants: ReadonlyArray<number>, closed: boolean): Occurrences => ({
  next: (after) => instants.find((at) => at > after),
  previous: (before) => instants.findLast((at) => at < before),
  count: (from, to) => closed ? instants.filter((at) => at > from && at <= to).length : undefined
})

/** All instants up to and including `until`, the long way. */
export const enumerate = (occurrences: Occurrences, anchor: number, until: number): ReadonlyArray<number> => {
  const all: Array<number> = []
  let at = occurrences.next(-Infinity, anchor)
  while (at !== undefined && at <= until) {
    all.push(at)
    at = occurrences.next(at, anchor)
  }
  return all
}

/** Counts how often `next` and `previous` are asked; `closed: false` takes the closed-form count away. */
export const counting = (
  occurrences: Occurrences,
  closed: boolean
): { readonly occurrences: Occurrences; readonly asked: () => number } => {
  let asked = 0
  return {
    asked: () => asked,
    occurrences: {
      next(after, anchor) {
        asked++
        return occurrences.next(after, anchor)
      },
      previous(before, anchor) {
        asked++
        return occurrences.previous(before, anchor)
      },
      count: (from, to, anchor) => closed ? occurrences.count(from, to, anchor) : undefined
    }
  }
}
