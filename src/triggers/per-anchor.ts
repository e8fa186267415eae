/**
 * What history decides, decided once.
 *
 * @since 0.1.0
 */
import * as Search from "./bounded-search.ts"
import * as Bounded from "./bounded.ts"

/**
 * Remembers a number that follows from the anchor: where a limit is reached, where one trigger hands over to the next. The
 * anchor determines it, so forgetting one costs time and changes nothing.
 *
 * @internal
 */
export const perAnchor = (compute: (anchor: number) => number): (anchor: number) => number => {
  const known = Bounded.make<number, number>(64)
  return (anchor) => {
    let value = known.get(anchor)
    if (value === undefined) {
      value = Search.apart(() => compute(anchor))
      known.set(anchor, value)
    }
    return value
  }
}
