/**
 * The triggers of a simulation, each with an enumeration that owes nothing to the library's.
 */
import { Trigger } from "effect-scheduler"
import type { Enumerate } from "./checker.ts"
import type { Random } from "./random.ts"

const steps = (first: number, period: number, after: number, until: number) => {
  const found: Array<number> = []
  for (let at = first; at <= until; at += period) if (at > after) found.push(at)
  return found
}

export const triggers = () => {
  const known = new Map<string, (anchor: number, after: number, until: number) => ReadonlyArray<number>>()
  const add = (
    trigger: Trigger.Trigger,
    enumerate: (anchor: number, after: number, until: number) => ReadonlyArray<number>
  ) => {
    known.set(Trigger.encode(trigger), enumerate)
    return trigger
  }
  /** One that goes on for ever. */
  const rhythm = (random: Random, kind = random.int(0, 7)): Trigger.Trigger => {
    if (kind < 5) {
      const period = random.pick([3_000, 7_500, 10_000, 30_000, 61_000])
      return add(Trigger.interval(period), (anchor, after, until) => steps(anchor + period, period, after, until))
    }
    const minutes = random.pick([1, 2, 5])
    const period = minutes * 60_000
    return add(
      Trigger.cron(minutes === 1 ? "* * * * *" : `*/${minutes} * * * *`),
      (anchor, after, until) => steps((Math.floor(anchor / period) + 1) * period, period, after, until)
    )
  }
  const any = (random: Random, now: number): Trigger.Trigger => {
    const kind = random.int(0, 9)
    if (kind < 8) return rhythm(random, kind)
    const dates = Array.from({ length: random.int(1, 4) }, () => now + random.int(-60_000, 300_000))
    const ordered = [...new Set(dates)].toSorted((a, b) => a - b)
    return add(Trigger.dates(ordered), (_anchor, after, until) => ordered.filter((at) => at > after && at <= until))
  }
  const enumerate: Enumerate = (trigger, anchor, after, until) => known.get(trigger)!(anchor, after, until)
  return { any, enumerate, rhythm }
}
