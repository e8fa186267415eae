/**
 * A store that hangs without failing: calls that are never answered, whether they were carried out, are later, or never.
 */
import { Effect } from "effect"
import type { Actor } from "../stage.ts"

export const hanging: Actor = {
  name: "hanging",
  chance: 0.03,
  act: ({ nodes, weather }, random) => {
    // Who never gives up a call waits for ever, as was said.
    const impatient = nodes.filter(({ givesUp }) => givesUp)
    return impatient.length === 0 ? Effect.void : weather(random.pick(impatient), { silent: random.chance(0.5) })
  }
}
