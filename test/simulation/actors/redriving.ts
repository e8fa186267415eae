/**
 * Somebody looks through the dead letters and makes them go again.
 */
import { Effect } from "effect"
import { Run } from "effect-scheduler"
import { Retried, Work } from "../../support/world.ts"
import type { Actor } from "../stage.ts"

/** Callers look at what ended last. */
const looked = 20

export const redriving: Actor = {
  name: "redriving",
  chance: 0.15,
  act: Effect.fnUntraced(function*({ call, fresh, nodes, see, stored }, random) {
    const node = random.pick(nodes)
    const id = fresh()
    const asked = (run: string | undefined) => Effect.sync(() => see({ _tag: "asked", call: id, run }))
    if (random.chance(0.1)) {
      const filter = random.pick([{ task: Work.name }, { task: Retried.name }, { job: `job${random.int(1, 5)}` }])
      return yield* call(node, "redriveAll", Effect.andThen(asked(undefined), node.scheduler.redriveAll(filter)))
    }
    const outcomes = random.chance(0.8) ? [...Run.dead, "cancelled"] : ["succeeded"]
    const found = yield* Effect.orDie(stored.runs({ outcomes, limit: looked }))
    if (found.length === 0) return
    const run = random.pick(found).id
    const again = node.scheduler.redrive(run)
    const told = Effect.tap(again, () => Effect.sync(() => node.link.dead || see({ _tag: "redriven", call: id, run })))
    yield* call(node, `redrive`, Effect.andThen(asked(run), told))
  })
}
