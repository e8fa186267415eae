/**
 * Handlers that end their runs in the transaction of their own writes, some of which are rolled back.
 */
import { Effect } from "effect"
import { Run } from "effect-scheduler"
import { Refused, Retried, Work } from "../../support/world.ts"
import type { Actor } from "../stage.ts"
import { inTransaction } from "../transaction.ts"

export const completing: Actor = {
  name: "completing",
  chance: 0,
  act: () => Effect.void,
  within: Effect.fnUntraced(function*({ see, store }, { link }, attempt, random) {
    if (!random.chance(0.08)) return
    const { task } = yield* Run.CurrentRun
    const body = Effect.gen(function*() {
      yield* Run.complete(task === Work.name ? Work : Retried, "completed")
      if (random.chance(0.3)) yield* Effect.sleep(random.int(1, 8_000))
      if (random.chance(0.2)) return yield* new Refused({ why: "rolled back" })
    })
    const wrote = () => link.dead || see({ _tag: "wrote", attempt })
    yield* Effect.catchTag(inTransaction(link, store, body, wrote), "StoreError", Effect.die)
    if (random.chance(0.3)) return yield* new Refused({ why: "after the commit" })
  })
}
