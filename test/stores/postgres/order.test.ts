import { assert, describe, it } from "@effect/vitest"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { isRunning } from "./server.ts"
import { opener } from "./stores.ts"

const { at, job } = Suite

/**
 * Who records the ends of runs locks their jobs in the order of ids. A planner that took them in another order would meet him, and a server
 * looks for such knots once a second only. On a small table PostgreSQL reads all of it rather than look each job up.
 */
describe.runIf(isRunning)("planning locks jobs in the order of their ids", () => {
  it.live.each([2, 20, 300])("%d of them, which were added the other way round", (n) =>
    Effect.gen(function*() {
      const { open, schema } = yield* opener
      const [one, planner, other] = yield* Effect.all(Array.from({ length: 3 }, () => open({ listen: false })))
      const jobs = Array.from({ length: n }, (_, i) => job(`j${String(n - i).padStart(3, "0")}`))
      yield* one!.store.insertJobs(jobs)
      const lock = (id: string) =>
        one!.sql.literal(`SELECT id FROM ${schema}.scheduler_jobs WHERE id = '${id}' FOR UPDATE`)
      const planning = yield* one!.sql.withTransaction(Effect.gen(function*() {
        yield* one!.sql`${lock(jobs[n - 1]!.id)}`
        const changes = jobs.map((job) => Suite.advance(job, at(1000)))
        const planning = yield* Effect.forkDetach(planner!.store.commit({ changes, now: at(1000) }))
        // it waits for the first of them
        yield* other!.sql`SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          WHERE NOT l.granted AND a.application_name = ${schema}`.values.pipe(
          Effect.repeat({ until: (rows) => rows.length > 0, schedule: Schedule.spaced("10 millis") })
        )
        // and has none of the others
        const free = yield* other!.sql`${lock(jobs[0]!.id)} SKIP LOCKED`.values
        assert.deepStrictEqual(free, [[jobs[0]!.id]])
        return planning
      }))
      assert.deepStrictEqual(yield* Fiber.join(planning), jobs.map((): "ok" => "ok"))
    }), 20_000)
})
