/**
 * A binary heap whose items know their slot, so that any of them can be taken out or moved in O(log n).
 *
 * Each item is ordered by a number, kept beside it in an array of its own: comparing then reads neighbours in memory instead of following
 * pointers, which is what most of the time would go into when the items are many.
 *
 * @since 0.1.0
 */

/** Something that can lie in a heap: in one at a time, for there is one slot. */
export interface Slotted {
  /** Where the item lies; -1 while it is in no heap. */
  slot: number
}

interface Spot extends Slotted {
  readonly at: number
}

export class Heap<A extends Slotted> {
  private readonly items: Array<A> = []
  private readonly keys: Array<number> = []
  private readonly keyOf: (item: A) => number
  private readonly precedes: (a: A, b: A) => boolean

  /** `precedes` orders items with equal keys; without it their order does not matter. */
  constructor(keyOf: (item: A) => number, precedes: (a: A, b: A) => boolean = () => false) {
    this.keyOf = keyOf
    this.precedes = precedes
  }

  get size(): number {
    return this.items.length
  }

  get first(): A | undefined {
    return this.items[0]
  }

  /** All items, in no order. */
  [Symbol.iterator](): Iterator<A> {
    return this.items.values()
  }

  add(item: A): void {
    const key = this.keyOf(item)
    this.items.push(item)
    this.keys.push(key)
    this.rise(item, key, this.items.length - 1)
  }

  remove(item: A): void {
    const slot = item.slot
    const last = this.items.pop()!
    const key = this.keys.pop()!
    item.slot = -1
    if (last !== item) this.settle(last, key, slot)
  }

  /** Puts an item whose key has changed where it belongs now. */
  moved(item: A): void {
    this.settle(item, this.keyOf(item), item.slot)
  }

  /** The first items in order: at most `limit`, and only those with a key up to `bound`. Nothing is taken out. */
  leading(limit: number, bound: number): Array<A> {
    const found: Array<A> = []
    const frontier = new Heap<Spot>(
      ({ at }) => this.keys[at]!,
      (a, b) => this.precedes(this.items[a.at]!, this.items[b.at]!)
    )
    const reach = (at: number) => {
      if (at < this.items.length && this.keys[at]! <= bound) frontier.add({ at, slot: -1 })
    }
    reach(0)
    for (let spot = frontier.first; spot !== undefined && found.length < limit; spot = frontier.first) {
      found.push(this.items[spot.at]!)
      frontier.remove(spot)
      reach(2 * spot.at + 1)
      reach(2 * spot.at + 2)
    }
    return found
  }

  /** The smallest key beyond `bound`. Visits what lies within the bound, and its edge. */
  keyBeyond(bound: number): number | undefined {
    const open = [0]
    let best: number | undefined
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const key = this.keys[at]
      if (key === undefined) continue
      if (key <= bound) open.push(2 * at + 1, 2 * at + 2)
      else if (best === undefined || key < best) best = key
    }
    return best
  }

  private settle(item: A, key: number, slot: number): void {
    if (slot > 0 && this.comesBefore(item, key, (slot - 1) >> 1)) this.rise(item, key, slot)
    else this.sink(item, key, slot)
  }

  private rise(item: A, key: number, slot: number): void {
    while (slot > 0) {
      const above = (slot - 1) >> 1
      if (!this.comesBefore(item, key, above)) break
      this.put(this.items[above]!, this.keys[above]!, slot)
      slot = above
    }
    this.put(item, key, slot)
  }

  private sink(item: A, key: number, slot: number): void {
    const { items, keys } = this
    while (true) {
      let below = 2 * slot + 1
      if (below >= items.length) break
      if (below + 1 < items.length && this.comesBefore(items[below + 1]!, keys[below + 1]!, below)) below++
      if (this.comesBefore(item, key, below)) break
      this.put(items[below]!, keys[below]!, slot)
      slot = below
    }
    this.put(item, key, slot)
  }

  private comesBefore(item: A, key: number, slot: number): boolean {
    const other = this.keys[slot]!
    return key < other || (key === other && this.precedes(item, this.items[slot]!))
  }

  private put(item: A, key: number, slot: number): void {
    this.items[slot] = item
    this.keys[slot] = key
    item.slot = slot
  }
}
