/**
 * The role *replanner*: once at the start, looks for jobs that were planned with other time-zone data or another version of a calendar, and
 * plans their next occurrence anew.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Trigger from "../Trigger.ts"
import { basisOf } from "./basis.ts"
import type { Core } from "./core.ts"
import { read } from "./decide.ts"
import { replanJob } from "./jobs.ts"

const pageSize = 500

export const replan = Effect.fnUntraced(function*(core: Core) {
  let after: string | undefined
  while (true) {
    const page = yield* core.outage.rideOut(
      core.store.jobs({
        state: "active",
        // nearly all were planned with the time-zone data of today and name no calendar: of a million jobs only the others are read
        exceptTz: Trigger.zoneDataVersion,
        limit: pageSize,
        ...(after === undefined ? {} : { after })
      })
    )
    for (const row of page) {
      const readable = read(core, row)
      // What cannot be read is the planner's business when it comes due.
      if (Result.isFailure(readable) || row.tz === basisOf(readable.success.trigger)) continue
      yield* core.outage.rideOut(replanJob(core, row.id))
    }
    if (page.length < pageSize) return
    after = page[page.length - 1]!.id
    yield* Effect.yieldNow
  }
})
