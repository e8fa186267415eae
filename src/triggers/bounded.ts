/**
 * A cache that cannot grow without bound.
 *
 * @since 0.1.0
 */

/**
 * Remembers at least the `capacity` most recently used entries, and at most twice as many.
 *
 * Two generations: what is used moves into the young one; when that is full it becomes the old one and the old one is
 * forgotten. A hit in the young generation is one `Map` look-up, with no bookkeeping.
 *
 * @internal
 */
export interface Bounded<K, V> {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
}

/** @internal */
export const make = <K, V>(capacity: number): Bounded<K, V> => {
  let young = new Map<K, V>()
  let old = new Map<K, V>()
  const set = (key: K, value: V): void => {
    if (young.size >= capacity) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get(key) {
      const recent = young.get(key)
      if (recent !== undefined) return recent
      const value = old.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
    set
  }
}
