/**
 * Somebody keeps jobs of their own with the rarer policies: paused after failures, limited by key, ahead of others, soon forgotten; runs
 * them by hand, and pauses, resumes and removes what matches.
 */
import { Effect } from "effect"
import { Retried, Work } from "../../support/world.ts"
import { follow } from "../policies.ts"
import { random } from "../random.ts"
import type { Actor } from "../stage.ts"

const prefix = "kept"

export const managing: Actor = {
  name: "managing",
  chance: 0.25,
  act: Effect.fnUntraced(function*({ anyTrigger, call, nodes, now, seed }, choice) {
    const node = choice.pick(nodes)
    const { scheduler } = node
    const id = `${prefix}${choice.int(1, 3)}`
    const dice = choice.int(0, 19)
    if (dice < 8) {
      const policy = random(`${seed}/kept/${id}`)
      const options = {
        id,
        payload: { name: id },
        trigger: anyTrigger(choice, now()),
        overlap: policy.pick(["skip", "queue", { allow: 3 }] as const),
        delivery: policy.pick(["atLeastOnce", "atMostOnce"] as const),
        pauseAfter: policy.pick([2, 3]),
        key: policy.pick(["red", "blue"]),
        concurrency: { key: policy.int(1, 2), task: policy.int(2, 3) },
        priority: policy.pick([0, 30_000]),
        retention: policy.pick(["2 minutes", "7 days"] as const),
        whenDone: policy.pick(["keep", "remove"] as const),
        followedBy: follow(policy, 1)
      }
      return yield* call(node, `schedule ${id}`, scheduler.schedule(policy.pick([Work, Retried]), options))
    }
    if (dice < 12) {
      const how = choice.pick(["respect", "ignore"] as const)
      return yield* call(node, `runNow (${how})`, scheduler.runNow(id, { overlap: how, limits: how }))
    }
    if (dice < 16) return yield* call(node, `resume ${id}`, scheduler.resume(id, { catchUp: choice.chance(0.5) }))
    if (dice < 17) return yield* call(node, "pauseAll", scheduler.pauseAll({ prefix }))
    if (dice < 19) return yield* call(node, "resumeAll", scheduler.resumeAll({ prefix, state: "paused" }))
    return yield* call(node, "removeAll", scheduler.removeAll({ prefix: id }, { timeout: choice.int(1_000, 30_000) }))
  })
}
