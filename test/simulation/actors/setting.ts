/**
 * Somebody sets the clock of the machine: by a little, or by a lot, ahead or back.
 */
import { Effect } from "effect"
import type { Actor } from "../stage.ts"

export const setting: Actor = {
  name: "setting",
  chance: 0.02,
  act: ({ now, set }, random) =>
    Effect.sync(() => {
      const by = random.int(1, random.pick([2_000, 30_000, 600_000])) * random.pick([1, 1, -1])
      // Not to before 1970, where cron has no instants.
      set(Math.max(by, -now()))
    })
}
