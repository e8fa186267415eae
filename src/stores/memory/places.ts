/**
 * Who has, and who waits for, a place under a limit.
 *
 * @since 0.1.0
 */
import { servingOrder, takePlaces } from "../limits.ts"
import type { RunEntry } from "./entries.ts"
import { Heap } from "./heap.ts"

export class Places {
  private readonly taken = new Map<string, number>()
  private readonly queues = new Map<string, Heap<RunEntry>>()

  /** Takes places from the next one on; answers whether the run has all of them. */
  take(run: RunEntry): boolean {
    const { limits } = run.row
    run.places = takePlaces(limits, run.places, this.taken)
    return run.places === limits.length
  }

  leave(run: RunEntry): void {
    for (const { key } of run.row.limits.slice(0, run.places)) {
      const others = this.taken.get(key)! - 1
      if (others === 0) this.taken.delete(key)
      else this.taken.set(key, others)
    }
    run.places = 0
  }

  /** All who wait, in no order. */
  *waiting(): Generator<RunEntry> {
    for (const queue of this.queues.values()) yield* queue
  }

  enqueue(run: RunEntry): void {
    const { key } = run.row.limits[run.places]!
    let queue = this.queues.get(key)
    if (queue === undefined) {
      this.queues.set(key, queue = new Heap<RunEntry>(({ rank }) => rank, (a, b) => a.row.id < b.row.id))
    }
    queue.add(run)
  }

  dequeue(run: RunEntry): void {
    const { key } = run.row.limits[run.places]!
    const queue = this.queues.get(key)!
    queue.remove(run)
    if (queue.size === 0) this.queues.delete(key)
  }

  /** Those who wait under the keys and may take a place now, one after another; each must be dequeued before the next is asked for. */
  *next(keys: Iterable<string>): Generator<RunEntry> {
    for (const key of servingOrder(keys)) {
      for (let head = this.head(key); head !== undefined; head = this.head(key)) yield head
    }
  }

  private head(key: string): RunEntry | undefined {
    const run = this.queues.get(key)?.first
    return run === undefined || (this.taken.get(key) ?? 0) >= run.row.limits[run.places]!.max ? undefined : run
  }
}
