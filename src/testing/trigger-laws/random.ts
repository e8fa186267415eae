/**
 * Random numbers that come again with their seed, so that what fails today fails tomorrow.
 *
 * @since 0.1.0
 */

/**
 * A source of choices.
 *
 * @category models
 * @since 0.1.0
 */
export interface Random {
  /** A whole number from `min` to `max`, both inclusive. */
  readonly int: (min: number, max: number) => number
  readonly pick: <A>(items: ReadonlyArray<A>) => A
}

/** Mulberry32, a public-domain generator by Tommy Ettinger. */
export const make = (seed: number): Random => {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b_79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return { int, pick: (items) => items[int(0, items.length - 1)]! }
}
