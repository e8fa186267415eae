/**
 * Items in groups without repeated keys: the second item of a key meets what the first one left.
 *
 * @since 0.1.0
 */
export const waves = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyArray<ReadonlyArray<A>> => {
  if (new Set(items.map(keyOf)).size === items.length) return items.length === 0 ? [] : [items]
  const waves: Array<Array<A>> = []
  const count = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    const wave = count.get(key) ?? 0
    count.set(key, wave + 1)
    ;(waves[wave] ??= []).push(item)
  }
  return waves
}
