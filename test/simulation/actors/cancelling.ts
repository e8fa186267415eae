/**
 * Somebody ends runs: one, or all of a job, queued, running and backfilled.
 */
import { Effect } from "effect"
import type { Actor } from "../stage.ts"

export const cancelling: Actor = {
  name: "cancelling",
  chance: 0.12,
  act: Effect.fnUntraced(function*({ call, fresh, nodes, see, stored }, random) {
    const node = random.pick(nodes)
    const timeout = random.chance(0.3) ? random.int(1_000, 30_000) : undefined
    if (random.chance(0.15)) {
      return yield* call(node, "cancelAll", node.scheduler.cancelAll({ prefix: `job${random.int(1, 5)}` }, { timeout }))
    }
    const found = yield* Effect.orDie(stored.runs({ going: true, limit: 100 }))
    if (found.length === 0) return
    const { id: run, origin } = random.pick(found)
    const number = fresh()
    const asked = Effect.sync(() => see({ _tag: "cancelling", call: number, run }))
    const told = Effect.tap(node.scheduler.cancel(run, { timeout }), ({ state }) =>
      Effect.sync(() => {
        if (state === "done" && !node.link.dead) see({ _tag: "ceased", call: number, run })
      }))
    yield* call(node, `cancel (${origin})`, Effect.andThen(asked, told))
  })
}
