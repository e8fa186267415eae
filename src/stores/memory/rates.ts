/**
 * The buckets of rates that are not full.
 *
 * @since 0.1.0
 */
import type { Granted, Want } from "../../JobStore.ts"
import { draw, scale } from "../rates.ts"

export class Rates {
  private readonly fullAt = new Map<string, number>()

  take(want: Want, now: number): Granted {
    const { fullAt, granted, next } = draw(want, this.fullAt.get(want.key), now)
    if (granted > 0) this.fullAt.set(want.key, fullAt)
    return { granted, next }
  }

  /** Forgets buckets that are full. */
  sweep(now: number): void {
    for (const [key, fullAt] of this.fullAt) if (fullAt <= now * scale) this.fullAt.delete(key)
  }
}
