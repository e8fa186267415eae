/**
 * Stage four: attempts end, or are asked to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { NewRun, Service, Settlement } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, signal, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import { cancelled, encodeCancel, ended, requeued, retried, type Standing, type Standings } from "./standing.ts"

export const make = (db: Database, admission: Admission, standings: Standings): Verbs<"settle" | "note" | "cancel"> => {
  const { ns, runs, sql } = db

  const settle = Effect.fnUntraced(function*(settlements: ReadonlyArray<Settlement>, now: number) {
    const hints = new Hints()
    yield* admission.lockFor(settlements.flatMap(({ follow }) => follow))
    const current = new Map<string, Standing>()
    const claims = settlements.map(({ fence, run }) => ({ id: run, fence }))
    for (const run of yield* standings.claimed(claims)) current.set(run.id, run)
    const changed = new Map<string, Standing>()
    const left: Array<Standing> = []
    const follow: Array<NewRun> = []
    const answers = settlements.map((settlement) => {
      const run = current.get(settlement.run)
      // It is gone, or somebody else's: a batch may hold two claims of one run.
      if (run === undefined || run.fence !== settlement.fence) return "stale"
      if (run.state !== "running") return "already"
      const after = settled(run, settlement.next, now)
      current.set(run.id, after)
      changed.set(run.id, after)
      if (after.state !== "ready") left.push(after)
      if (after.state === "done") hints.settled.push(run.id)
      else hints.ready = true
      follow.push(...settlement.follow)
      return "ok"
    })
    yield* standings.write(Array.from(changed.values()))
    yield* admission.promote(left, now, hints)
    yield* admission.add(follow, now, hints)
    yield* signal(db, hints.signals())
    return answers
  })

  const cancel = Effect.fnUntraced(function*(request: Parameters<Service["cancel"]>[0]) {
    const { incarnation, job, now } = request
    const hints = new Hints()
    let selected: ReadonlyArray<Standing> = []
    if (request.runs !== undefined) {
      selected = yield* standings.byIds(request.runs)
    } else if (job !== undefined) {
      const ofIncarnation = incarnation === undefined ? sql`` : sql` AND r.incarnation = ${incarnation}`
      selected = yield* standings.where(sql`r.job = ${job} AND r.finished IS NULL${ofIncarnation}`)
    }
    const ends = yield* standings.cancel(selected, encodeCancel(request.request), now, hints)
    yield* admission.promote(ends, now, hints)
    yield* signal(db, hints.signals())
    return { settled: hints.settled, flagged: hints.flagged }
  })

  return {
    settle: ({ now, settlements }) =>
      settlements.length === 0 ? Effect.succeed([]) : sql.withTransaction(settle(settlements, now)),
    note: ({ fence, log, progress, run }) => {
      const kept = [
        ...progress === undefined ? [] : [sql`progress = ${progress}`],
        ...log === undefined ? [] : [sql`log = ${log}`]
      ]
      return kept.length === 0 ? Effect.void : Effect.asVoid(
        sql`UPDATE ${runs} SET ${sql.csv(kept)}
            WHERE ns = ${ns} AND id = ${run} AND fence = ${fence} AND state = 'running'`
      )
    },
    cancel: (request) => sql.withTransaction(cancel(request))
  }
}

const settled = (run: Standing, next: Settlement["next"], now: number): Standing => {
  switch (next._tag) {
    case "Done": {
      const { _tag, ...end } = next
      return ended(run, end)
    }
    case "Retry": {
      const { _tag, ...retry } = next
      if (run.cancel === null) return retried(run, retry, now)
      const { attempt, attempts, started } = retry
      return cancelled({ ...run, attempt, attempts, started }, run.cancel, now)
    }
    case "Release":
      return run.cancel === null ? requeued(run, run.fence) : cancelled(run, run.cancel, now)
  }
}
