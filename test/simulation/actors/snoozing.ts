/**
 * Handlers that want to be run again later, report how far they are, and write lines.
 */
import { Effect } from "effect"
import { Run } from "effect-scheduler"
import type { Actor } from "../stage.ts"

export const snoozing: Actor = {
  name: "snoozing",
  chance: 0,
  act: () => Effect.void,
  within: Effect.fnUntraced(function*({ now, see }, { link }, attempt, random) {
    const { log, progress, snooze } = yield* Run.CurrentRun
    if (random.chance(0.1)) yield* progress({ percent: random.int(0, 100) })
    if (random.chance(0.1)) yield* log("so far")
    if (!random.chance(0.06)) return
    const millis = random.int(0, random.chance(0.2) ? 90_000 : 10_000)
    if (!link.dead) see({ _tag: "snoozed", attempt, until: now() + millis })
    return yield* snooze(millis)
  })
}
