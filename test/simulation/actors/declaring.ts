/**
 * A deploy that rolls: programs of two versions bring the store to what each of them declares, in whatever order.
 */
import { Effect } from "effect"
import { DeclaredJobs } from "effect-scheduler"
import { Retried, Work } from "../../support/world.ts"
import { random } from "../random.ts"
import type { Actor } from "../stage.ts"

/** So many calls of all sorts make a deploy. */
const pace = 40

export const declaring: Actor = {
  name: "declaring",
  chance: 0.1,
  act: Effect.fnUntraced(function*({ anyRhythm, call, fresh, nodes, seed }, choice) {
    const newest = 1 + Math.floor(fresh() / pace)
    const version = Math.max(1, choice.pick([newest, newest, newest - 1]))
    const says = random(`${seed}/declared/${version}`)
    const jobs = ["declared1", "declared2", "declared3"].filter(() => says.chance(0.7)).map((id) =>
      DeclaredJobs.job(says.pick([Work, Retried]), {
        id,
        payload: { name: `${id}@${version}` },
        trigger: anyRhythm(says)
      })
    )
    const undeclared = says.pick(["remove", "pause", "keep"] as const)
    const node = choice.pick(nodes)
    yield* call(node, "declare", node.scheduler.declare({ name: "all", version, undeclared, jobs }))
  })
}
