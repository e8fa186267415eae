/**
 * A binary heap whose items know their slot, so that any of them can be taken out or moved in O(log n).
 *
 * @since 0.1.0
 */

/** Something that can lie in a heap: in one at a time, for there is one slot. */
export interface Slotted {
  /** Where the item lies; -1 while it is in no heap. */
  slot: number
}

interface Spot extends Slotted {
  readonly index: number
}

export class Heap<A extends Slotted> {
  private readonly items: Array<A> = []
  private readonly precedes: (a: A, b: A) => boolean

  constructor(precedes: (a: A, b: A) => boolean) {
    this.precedes = precedes
  }

  get size(): number {
    return this.items.length
  }

  get first(): A | undefined {
    return this.items[0]
  }

  add(item: A): void {
    this.items.push(item)
    this.rise(item, this.items.length - 1)
  }

  remove(item: A): void {
    const slot = item.slot
    const last = this.items.pop()!
    item.slot = -1
    if (last !== item) this.settle(last, slot)
  }

  /** Puts an item whose key has changed where it belongs now. */
  moved(item: A): void {
    this.settle(item, item.slot)
  }

  /** The first items in order, at most `limit` of them and none beyond the first that is not `wanted`. Nothing is taken out. */
  leading(limit: number, wanted: (item: A) => boolean): Array<A> {
    const found: Array<A> = []
    const items = this.items
    const frontier = new Heap<Spot>((a, b) => this.precedes(items[a.index]!, items[b.index]!))
    const reach = (index: number) => {
      if (index < items.length) frontier.add({ index, slot: -1 })
    }
    reach(0)
    while (found.length < limit && frontier.size > 0) {
      const spot = frontier.first!
      const item = items[spot.index]!
      if (!wanted(item)) break
      found.push(item)
      frontier.remove(spot)
      reach(2 * spot.index + 1)
      reach(2 * spot.index + 2)
    }
    return found
  }

  /** The first item that is not `within`, where whatever precedes an item that is `within` is so too. Visits only those that are. */
  firstBeyond(within: (item: A) => boolean): A | undefined {
    const open = [0]
    let best: A | undefined
    while (open.length > 0) {
      const index = open.pop()!
      const item = this.items[index]
      if (item === undefined) continue
      if (within(item)) open.push(2 * index + 1, 2 * index + 2)
      else if (best === undefined || this.precedes(item, best)) best = item
    }
    return best
  }

  private settle(item: A, slot: number): void {
    if (slot > 0 && this.precedes(item, this.items[(slot - 1) >> 1]!)) this.rise(item, slot)
    else this.sink(item, slot)
  }

  private rise(item: A, slot: number): void {
    const items = this.items
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = items[above]!
      if (!this.precedes(item, parent)) break
      items[slot] = parent
      parent.slot = slot
      slot = above
    }
    items[slot] = item
    item.slot = slot
  }

  private sink(item: A, slot: number): void {
    const items = this.items
    const size = items.length
    while (true) {
      let below = 2 * slot + 1
      if (below >= size) break
      if (below + 1 < size && this.precedes(items[below + 1]!, items[below]!)) below++
      const child = items[below]!
      if (!this.precedes(child, item)) break
      items[slot] = child
      child.slot = slot
      slot = below
    }
    items[slot] = item
    item.slot = slot
  }
}
