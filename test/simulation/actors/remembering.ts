/**
 * A task of which few ended runs are remembered, whether somebody waits for them, something follows them, or they stand for a window of time.
 */
import { Effect, Schema } from "effect"
import { Continuation, Task } from "effect-scheduler"
import { Refused } from "../../support/world.ts"
import { follow } from "../policies.ts"
import { random } from "../random.ts"
import type { Actor } from "../stage.ts"

/** How many are remembered. */
export const history = 4

export const Remembered = Task.make("Remembered", {
  payload: { name: Schema.String },
  success: Schema.String,
  error: Refused,
  history
})

export const remembering: Actor = {
  name: "remembering",
  chance: 0.15,
  act: Effect.fnUntraced(function*({ anyRhythm, call, fresh, nodes, seed }, choice) {
    const node = choice.pick(nodes)
    const { scheduler } = node
    const number = fresh()
    const followedBy = [
      ...follow(choice, 0),
      ...choice.chance(0.3) ? [Continuation.onEnd(Remembered, { payload: { name: "again" } })] : []
    ]
    const dice = choice.int(0, 9)
    if (dice < 2) {
      const id = `remembered${choice.int(1, 2)}`
      const job = { id, payload: { name: id }, trigger: anyRhythm(random(`${seed}/${id}`)), followedBy }
      return yield* call(node, `schedule ${id}`, scheduler.schedule(Remembered, job))
    }
    const options = { payload: { name: `remembered ${number}` }, followedBy }
    if (dice < 5) return yield* call(node, "run (remembered)", scheduler.run(Remembered, options))
    const window = dice < 7 ? { key: choice.pick(["red", "blue"]), throttle: "20 seconds" as const } : {}
    yield* call(node, "enqueue (remembered)", scheduler.enqueue(Remembered, { ...options, ...window }))
  })
}
