import { assert, describe, it } from "@effect/vitest"
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Statement from "effect/sql/Statement"
import { isRunning } from "./server.ts"
import { opener } from "./stores.ts"

const { at, job, run } = Suite

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

/**
 * Ends on which nothing hangs are recorded without locking first, on a small table in the order in which its rows lie there, and who cancels the
 * same runs meanwhile locks them in the order of their ids.
 */
describe.runIf(isRunning)("who meets the end of a run that he wants to change in another order", () => {
  it.live("begins again, and both come through", () =>
    Effect.gen(function*() {
      const { open, schema } = yield* opener
      const [one, ending, cancelling] = yield* Effect.all(Array.from({ length: 3 }, () => open({ listen: false })))
      const ids = Array.from({ length: 20 }, (_, i) => `r${String(20 - i).padStart(2, "0")}`)
      // they come to lie in the order in which they are claimed
      yield* one!.store.enqueue({ runs: ids.map((id, i) => run(id, { planned: at(i) })), now: at(0) })
      const { runs } = yield* one!.store.claim({ node: "n1", lanes: ["default/Task"], limit: 20, now: at(1) })
      yield* one!.sql.unsafe(`ANALYZE ${schema}.scheduler_runs`)
      let statements = 0
      const counted = Effect.provideService(
        Statement.CurrentTransformer,
        (statement) => Effect.sync(() => (statements++, statement))
      )
      const waiting = (n: number) =>
        one!.sql`SELECT count(*)::int FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          WHERE NOT l.granted AND a.application_name = ${schema}`.values.pipe(
          Effect.repeat({ until: ([row]) => row![0] === n, schedule: Schedule.spaced("10 millis") })
        )
      const both = yield* one!.sql.withTransaction(Effect.gen(function*() {
        yield* one!.sql.unsafe(`SELECT id FROM ${schema}.scheduler_runs WHERE id = 'r10' FOR UPDATE`)
        const settlements = runs.map((run) => ({ ...Suite.done(run, at(2)), isAlone: true }))
        const end = yield* Effect.forkDetach(counted(ending!.store.settle({ settlements, now: at(2) })))
        yield* waiting(1)
        const request = { reason: "r", by: "b" }
        const cancel = yield* Effect.forkDetach(
          counted(cancelling!.store.cancel({ runs: ids, request, now: at(2) }))
        )
        yield* waiting(2)
        return { end, cancel }
      }))
      assert.deepStrictEqual(yield* Fiber.join(both.end), runs.map((): "ok" => "ok"))
      const { settled } = yield* Fiber.join(both.cancel)
      assert.deepStrictEqual(settled, [])
      const after = yield* one!.store.runs({ limit: 100 })
      assert.deepStrictEqual(new Set(after.map(({ outcome }) => outcome)), new Set(["succeeded"]))
      // the end is one, the cancellation reads twice and may flag; what more there is was begun again
      assert.isAbove(statements, 4)
    }), 20_000)
})
