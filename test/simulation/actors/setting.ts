/**
 * Somebody sets the clock of the machine: by a little, or by a lot, ahead or back.
 */
import { Effect } from "effect"
import type { Actor } from "../stage.ts"

export const setting: Actor = {
  name: "setting",
  chance: 0.02,
  act: ({ set }, random) =>
    Effect.sync(() => set(random.int(1, random.pick([2_000, 30_000, 600_000])) * random.pick([1, 1, -1])))
}
