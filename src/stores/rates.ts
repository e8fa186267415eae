/**
 * The buckets of rates, as every store decides about them.
 *
 * A bucket is one number, the instant from which it is full again: taking from it moves that instant away, time comes nearer to it. One that
 * is full is like one that was never drawn from, so it need not be kept.
 *
 * @since 0.1.0
 */
import type { Granted, Want } from "../JobStore.ts"

/** Instants of buckets are in microseconds: of more than a thousand a second, each takes less than a millisecond. */
export const scale = 1_000

/** What of a want is granted, and from when the bucket is full then. */
export const draw = (
  { burst, interval, n }: Want,
  fullAt: number | undefined,
  now: number
): Granted & { readonly fullAt: number } => {
  const each = Math.ceil(interval * scale)
  const at = now * scale
  const full = Math.max(fullAt ?? at, at)
  const granted = Math.max(0, Math.min(n, Math.floor((at - full) / each) + burst))
  const after = full + granted * each
  return { granted, next: Math.max(now, Math.ceil((after - (burst - 1) * each) / scale)), fullAt: after }
}
