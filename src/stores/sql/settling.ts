/**
 * Stage four: attempts end, or are asked to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { NewRun, Service, Settled, Settlement } from "../../JobStore.ts"
import type { Admission } from "./admission.ts"
import { type Database, forRows, inOneStep, signal, type Values, type Verbs } from "./Database.ts"
import { Hints } from "./Hints.ts"
import { cancelled, encodeCancel, ended, requeued, retried, type Standing, type Standings } from "./standing.ts"
import * as Table from "./Table.ts"

const { of: column } = Table.runs
/** What the end of a run says of it. */
const ends = [
  column.id,
  column.fence,
  column.started,
  column.finished,
  column.outcome,
  column.result,
  column.attempt,
  column.attempts
]

type End = Settlement & { readonly next: { readonly _tag: "Done" } }

const encodeEnd = ({ fence, next, run }: End): Values => [
  run,
  fence,
  next.started,
  next.finished,
  next.outcome,
  next.result,
  next.attempt,
  next.attempts
]

/** Ends on which nothing in the database hangs, of each run one. */
const plainEnds = (settlements: ReadonlyArray<Settlement>): ReadonlyArray<End> => {
  const ends = new Map<string, End>()
  for (const settlement of settlements) {
    if (
      settlement.isAlone === true && isEnd(settlement) && settlement.follow.length === 0 && !ends.has(settlement.run)
    ) {
      ends.set(settlement.run, settlement)
    }
  }
  return Array.from(ends.values())
}

const isEnd = (settlement: Settlement): settlement is End => settlement.next._tag === "Done"

export const make = (db: Database, admission: Admission, standings: Standings): Verbs<"settle" | "note" | "cancel"> => {
  const { dialect, ns, runs, sql } = db

  const end = dialect.update({
    table: db.named("runs"),
    set: {
      state: "'done'",
      node: "NULL",
      going_key: "NULL",
      expires_at: "k.finished + t.retention",
      ...Object.fromEntries(ends.slice(2).map(({ name }) => [name, `k.${name}`]))
    },
    on: "t.id = k.id AND t.fence = k.fence AND t.state = 'running' AND t.job IS NULL AND t.limits IS NULL"
  })

  /**
   * Records ends on which nothing hangs, in one statement that neither locks first nor needs a transaction around it: half the price. Answers
   * with those that it recorded; what is to be said of the others is left to `settle`.
   */
  const endAtOnce = Effect.fnUntraced(function*(settlements: ReadonlyArray<End>) {
    const hints = new Hints()
    // in the order of their ids, in which everybody locks
    const ordered = settlements.toSorted((a, b) => a.run < b.run ? -1 : 1)
    const found = yield* forRows(
      db,
      ends,
      ordered.map(encodeEnd),
      (rows) => sql`${end.head} ${rows} ${end.tail} AND ${db.ours("t")} RETURNING t.id, t.fence`.values
    )
    const recorded = new Map(found.map(([id, fence]) => [id, Number(fence)]))
    hints.settled.push(...recorded.keys() as Iterable<string>)
    yield* signal(db, hints.signals())
    return new Set<Settlement>(settlements.filter(({ fence, run }) => recorded.get(run) === fence))
  })

  const settle = Effect.fnUntraced(function*(settlements: ReadonlyArray<Settlement>, now: number) {
    const hints = new Hints()
    yield* admission.lockFor(settlements.flatMap(({ follow }) => follow))
    const current = new Map<string, Standing>()
    const claims = settlements.map(({ fence, run }) => ({ id: run, fence }))
    for (const run of yield* standings.claimed(claims)) current.set(run.id, run)
    const changed = new Map<string, Standing>()
    const left: Array<Standing> = []
    const follow: Array<NewRun> = []
    const answers = settlements.map((settlement): Settled => {
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
      if (after.state === "done" && settlement.next._tag !== "Done") return "cancelled"
      follow.push(...settlement.follow)
      return "ok"
    })
    yield* standings.write(Array.from(changed.values()))
    yield* admission.promote(left, now, hints)
    yield* admission.add(follow, now, hints)
    yield* signal(db, hints.signals())
    return answers
  })

  const settleAll = Effect.fnUntraced(function*(settlements: ReadonlyArray<Settlement>, now: number) {
    const plain = dialect.updateYields ? plainEnds(settlements) : []
    const recorded: ReadonlySet<Settlement> = plain.length === 0 ? new Set() : yield* inOneStep(db, endAtOnce(plain))
    const others = settlements.filter((one) => !recorded.has(one))
    const answers = others.length === 0 ? [] : yield* db.transaction(settle(others, now))
    const answered = new Map(others.map((one, i) => [one, answers[i]!]))
    return settlements.map((one): Settled => answered.get(one) ?? "ok")
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
    settle: ({ now, settlements }) => settleAll(settlements, now),
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
    cancel: (request) => db.transaction(cancel(request))
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
