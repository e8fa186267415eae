/**
 * Stage four: attempts end, or are asked to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Service, Settled, Settlement } from "../../JobStore.ts"
import type { Admission, Left } from "./admission.ts"
import { type Database, forRows, inOneStep, seesLatest, signal, type Values, type Verbs } from "./Database.ts"
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

/** Those of some kind that are the ends of their runs, and the first word on them in a batch. */
const endsOf = (
  settlements: ReadonlyArray<Settlement>,
  isWanted: (settlement: Settlement) => boolean
): ReadonlyArray<End> => {
  const ends: Array<End> = []
  const named = new Set<string>()
  for (const settlement of settlements) {
    if (named.has(settlement.run)) continue
    named.add(settlement.run)
    if (isEnd(settlement) && isWanted(settlement)) ends.push(settlement)
  }
  // in the order of their ids, in which everybody locks
  return ends.sort((a, b) => a.run < b.run ? -1 : 1)
}

/** Nothing in the database hangs on it. */
const isAlone = ({ follow, isAlone }: Settlement): boolean => isAlone === true && follow.length === 0

const claimsOf = (settlements: ReadonlyArray<Settlement>) => settlements.map(({ fence, run }) => ({ id: run, fence }))

const isEnd = (settlement: Settlement): settlement is End => settlement.next._tag === "Done"

/**
 * A condition that is not looked at before a row of the table has been joined to its end. Of a table that nobody has analysed a planner thinks that
 * hardly any row is like that, so that it would find those first, and compare each of them with all ends.
 */
const asIsJoined = (condition: string): string => `CASE WHEN k.id IS NOT NULL THEN ${condition} END`

export const make = (db: Database, admission: Admission, standings: Standings): Verbs<"settle" | "note" | "cancel"> => {
  const { dialect, ns, runs, sql } = db
  const none = sql.literal("")

  const end = dialect.update({
    table: db.named("runs"),
    set: {
      state: "'done'",
      node: "NULL",
      going_key: "NULL",
      expires_at: "k.finished + t.retention",
      ...Object.fromEntries(ends.slice(2).map(({ name }) => [name, `k.${name}`]))
    },
    on: `t.id = k.id AND t.fence = k.fence AND ${asIsJoined("t.state = 'running' AND t.limits IS NULL")}`
  })
  const hasNoJob = sql.literal(` AND ${asIsJoined("t.job IS NULL")}`)
  const isFollowed = sql`EXISTS (SELECT 1 FROM ${runs} b
    WHERE b.ns = t.ns AND b.job = t.job AND b.incarnation = t.incarnation AND b.blocked_at IS NOT NULL)`

  /**
   * Records ends in one statement, which need not be read first: those without limits whose families are locked, or that have no job. Answers
   * with those that it recorded.
   */
  const endAtOnce = Effect.fnUntraced(function*(settlements: ReadonlyArray<End>, areAlone: boolean) {
    const found = yield* forRows(
      db,
      ends,
      settlements.map(encodeEnd),
      (rows) =>
        sql`${end.head} ${rows} ${end.tail} AND ${db.ours("t")}${areAlone ? hasNoJob : none}
          RETURNING t.id, t.job, t.incarnation${areAlone ? none : sql`, ${isFollowed}`}`.values
    )
    return new Map(found.map(([run, job, incarnation, isFollowed]) => [
      run as string,
      { job: job as string | null, incarnation: incarnation as string | null, isFollowed: isFollowed === true }
    ]))
  })

  /** Without locks, and in no transaction unless there is one: half the price. What is to be said of the others is left to `settle`. */
  const endAlone = Effect.fnUntraced(function*(settlements: ReadonlyArray<End>) {
    const hints = new Hints()
    const recorded = yield* endAtOnce(settlements, true)
    hints.settled.push(...recorded.keys())
    yield* signal(db, hints.signals())
    return new Set<Settlement>(settlements.filter(({ run }) => recorded.has(run)))
  })

  const settle = Effect.fnUntraced(function*(settlements: ReadonlyArray<Settlement>, now: number) {
    const hints = new Hints()
    yield* admission.lockFor(settlements.flatMap(({ follow }) => follow))
    yield* standings.lockClaimed(claimsOf(settlements))
    const changed = new Map<string, Standing>()
    const left: Array<Left> = []
    const ends = dialect.updateYields ? endsOf(settlements, () => true) : []
    const over = yield* endAtOnce(ends, false)
    if (Array.from(over.values()).some(({ job }) => job !== null)) yield* seesLatest(db)
    const recorded = new Set<Settlement>(ends.filter(({ run }) => over.has(run)))
    for (const [id, { isFollowed, ...run }] of over) {
      hints.settled.push(id)
      if (isFollowed) left.push({ ...run, id, state: "done", limits: [] })
    }
    const others = settlements.filter((one) => !recorded.has(one))
    const current = new Map<string, Standing>()
    for (const run of yield* standings.claimed(claimsOf(others))) current.set(run.id, run)
    const answers = settlements.map((settlement): Settled => {
      if (recorded.has(settlement)) return "ok"
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
      return after.state === "done" && settlement.next._tag !== "Done" ? "cancelled" : "ok"
    })
    const follow = settlements.flatMap(({ follow }, i) => answers[i] === "ok" ? follow : [])
    yield* standings.write(Array.from(changed.values()))
    yield* admission.promote(left, now, hints)
    yield* admission.add(follow, now, hints)
    yield* signal(db, hints.signals())
    return answers
  })

  const settleAll = Effect.fnUntraced(function*(settlements: ReadonlyArray<Settlement>, now: number) {
    const alone = dialect.updateYields ? endsOf(settlements, isAlone) : []
    const recorded: ReadonlySet<Settlement> = alone.length === 0 ? new Set() : yield* inOneStep(db, endAlone(alone))
    const others = settlements.filter((one) => !recorded.has(one))
    const answers = others.length === 0 ? [] : yield* db.transaction(settle(others, now))
    const answered = new Map(others.map((one, i) => [one, answers[i]!]))
    return settlements.map((one): Settled => answered.get(one) ?? "ok")
  })

  const cancel = Effect.fnUntraced(function*(request: Parameters<Service["cancel"]>[0]) {
    const { incarnation, job, jobs, now, runs } = request
    const hints = new Hints()
    const selected = yield* runs !== undefined
      ? standings.byIds(runs)
      : jobs !== undefined
      ? standings.goingOfJobs(jobs)
      : standings.goingOfJobs(job === undefined ? [] : [job], incarnation)
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
