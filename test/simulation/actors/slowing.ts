/**
 * A store that takes its time: longer than a beat, and now and then longer than a lease.
 */
import type { Actor } from "../stage.ts"

export const slowing: Actor = {
  name: "slowing",
  chance: 0.03,
  act: ({ nodes, weather }, random) => weather(random.pick(nodes), { slow: random.chance(0.5) })
}
