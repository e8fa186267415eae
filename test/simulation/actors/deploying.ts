/**
 * Programs of two versions on one store: the newer one's payload says more, and it knows how older ones become its own.
 */
import { Effect, Schema } from "effect"
import { Task } from "effect-scheduler"
import { Refused } from "../../support/world.ts"
import { random } from "../random.ts"
import type { Actor } from "../stage.ts"

const common = { success: Schema.String, error: Refused }

const Older = Task.make("Deployed", { ...common, payload: { name: Schema.String } })

const Newer = Task.make("Deployed", {
  ...common,
  payload: { name: Schema.String, tone: Schema.String },
  version: 2,
  upgrade: { 1: (older) => ({ ...older as { readonly name: string }, tone: "plain" }) }
})

/** Which version the program of a node is; the last ones are the newest. */
export const isNewer = (seed: string, node: number): boolean => random(`${seed}/version/${node}`).chance(0.6)

export const programs = { older: Older, newer: Newer }

export const deploying: Actor = {
  name: "deploying",
  chance: 0.15,
  act: Effect.fnUntraced(function*({ anyRhythm, call, fresh, nodes }, choice) {
    const node = choice.pick(nodes)
    const { isNewer, scheduler } = node
    const name = `deployed ${fresh()}`
    const what = isNewer ? "newer" : "older"
    if (choice.chance(0.6)) {
      const run = isNewer
        ? scheduler.enqueue(Newer, { payload: { name, tone: "loud" } })
        : scheduler.enqueue(Older, { payload: { name } })
      return yield* call(node, `enqueue (${what})`, run)
    }
    const job = { id: `deployed${choice.int(1, 2)}`, trigger: anyRhythm(choice) }
    const scheduled = isNewer
      ? scheduler.schedule(Newer, { ...job, payload: { name, tone: "loud" } })
      : scheduler.schedule(Older, { ...job, payload: { name } })
    yield* call(node, `schedule (${what})`, scheduled)
  })
}
