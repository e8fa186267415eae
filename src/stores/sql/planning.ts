/**
 * Stage two: what is due is read, and what was decided is committed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Change, DueJob, JobRow, VerdictRow } from "../../JobStore.ts"
import { waves } from "../waves.ts"
import type { Admission } from "./admission.ts"
import { type Database, forKeys, forRows, signal, type Values, type Verbs } from "./Database.ts"
import * as Families from "./families.ts"
import { Hints } from "./Hints.ts"
import { encodeCancel, type Standing, type Standings } from "./standing.ts"
import * as Table from "./Table.ts"

const { of: job } = Table.jobs
const { of: verdict } = Table.verdicts
const ids = [job.id]
const advanced = [job.id, job.cursor, job.nextNominal, job.nextDue, job.state, job.updated]
/** The same for a job that is as it was read. */
const stepped = [...advanced, job.incarnation, job.revision]
/** All of a row but its identity and its birth. */
const replaced = Table.jobs.columns.filter((column) =>
  column !== job.incarnation && column !== job.revision && column !== job.created
)
/** All of a row but the place that another one takes. */
const renewed = Table.jobs.columns.filter((column) => column !== job.revision)
/** Where a range ended before it was extended. */
const extendedTo = Table.int("extended_to")
const extended = [verdict.job, verdict.incarnation, verdict.to, verdict.count, extendedTo]

export const make = (db: Database, admission: Admission, standings: Standings): Verbs<"due" | "commit"> => {
  const { dialect, each, jobs, ns, runs, sql, verdicts } = db
  const wanted = sql.literal(Table.names(Table.jobs.columns, "j"))
  const latest = sql.literal(dialect.latest)
  const lockJobs = sql.literal(dialect.forUpdate("j", "id"))
  const advance = dialect.update({
    table: db.named("jobs"),
    set: {
      revision: "t.revision + 1",
      ...Object.fromEntries(advanced.slice(1).map(({ name }) => [name, `k.${name}`]))
    },
    on: "t.id = k.id"
  })
  const replace = dialect.update({
    table: db.named("jobs"),
    set: {
      revision: "t.revision + 1",
      ...Object.fromEntries(replaced.slice(1).map(({ name }) => [name, `k.${name}`]))
    },
    on: "t.id = k.id"
  })
  const renew = dialect.update({
    table: db.named("jobs"),
    set: {
      revision: "t.revision + 1",
      ...Object.fromEntries(renewed.slice(1).map(({ name }) => [name, `k.${name}`]))
    },
    on: "t.id = k.id"
  })
  const extend = dialect.update({
    table: db.named("verdicts"),
    set: { to_at: "k.to_at", occurrences: "k.occurrences" },
    on: "t.job = k.job AND t.incarnation = k.incarnation AND t.to_at = k.extended_to"
  })
  const verdictColumns = sql.literal(Table.names(Table.verdicts.columns))
  const lastColumns = sql.literal(Table.names(Table.verdicts.columns, "v"))

  /** Runs of one of the first jobs that are not done. */
  const going = sql`FROM ${runs} r
    WHERE r.ns = ${ns} AND r.job = first.id AND r.incarnation = first.incarnation AND r.finished IS NULL`

  /** The next instant comes with each job, and alone where none is due: to a server a second statement is a journey. */
  const due = ({ limit, now }: { readonly now: number; readonly limit: number }) =>
    Effect.map(
      sql`SELECT n.next, (SELECT count(*) ${going}), (SELECT r.id ${going} ORDER BY r.planned DESC, r.id DESC LIMIT 1), first.*
        FROM (SELECT min(l.next_due) AS next FROM ${jobs} l ${
        db.by("jobs_due")
      } WHERE l.ns = ${ns} AND l.next_due > ${now}) n
        LEFT JOIN (
          SELECT ${wanted} FROM ${jobs} j WHERE j.ns = ${ns} AND j.next_due <= ${now} ORDER BY j.next_due, j.id LIMIT ${limit}
        ) first ON 1 = 1`.values,
      (rows) => {
        const next = rows[0]![0]
        const due = rows.flatMap(([, going, latest, ...job]): ReadonlyArray<DueJob> =>
          job[0] === null
            ? []
            : [{ job: Table.jobs.decode(job), going: Number(going), latest: latest as string | null }]
        )
        return {
          // a join need not keep their order
          jobs: due.sort((a, b) => a.job.nextDue! - b.job.nextDue!),
          next: next === null ? null : Number(next)
        }
      }
    )

  /** Adds ranges to what is recorded; a range that continues the job's last one extends it. */
  const record = Effect.fnUntraced(function*(added: ReadonlyArray<VerdictRow>) {
    if (added.length === 0) return
    const wanted = new Map<string, Families.Family>()
    for (const row of added) wanted.set(Families.familyKey(row.job, row.incarnation), row)
    const last = new Map<string, VerdictRow>()
    const found = yield* forRows(
      db,
      Families.columns,
      Array.from(wanted.values(), Families.encode),
      (rows) =>
        sql`SELECT ${lastColumns} FROM ${rows} k ${each} ${verdicts} v
            WHERE ${db.ours("v")} AND v.job = k.job AND v.incarnation = k.incarnation AND v.to_at = (
              SELECT max(w.to_at) FROM ${verdicts} w
              WHERE ${db.ours("w")} AND w.job = k.job AND w.incarnation = k.incarnation
            ) ${latest}`.values
    )
    for (const values of found) {
      const row = Table.verdicts.decode(values)
      last.set(Families.familyKey(row.job, row.incarnation), row)
    }
    const stored = new Map(last)
    const fresh: Array<VerdictRow> = []
    const longer = new Map<string, Values>()
    for (const row of added) {
      const family = Families.familyKey(row.job, row.incarnation)
      const before = last.get(family)
      if (before === undefined || !continues(before, row)) {
        fresh.push(row)
        last.set(family, row)
        continue
      }
      const count = before.count === null || row.count === null ? null : before.count + row.count
      const whole = { ...before, to: row.to, count }
      last.set(family, whole)
      const position = fresh.indexOf(before)
      if (position >= 0) fresh[position] = whole
      else longer.set(family, [row.job, row.incarnation, row.to, count, stored.get(family)!.to])
    }
    yield* forRows(
      db,
      extended,
      Array.from(longer.values()),
      (rows) => sql`${extend.head} ${rows} ${extend.tail} AND ${db.ours("t")}`
    )
    yield* forRows(
      db,
      Table.verdicts.columns,
      fresh.map(Table.verdicts.encode),
      (rows) => sql`INSERT INTO ${verdicts} (ns, ${verdictColumns}) SELECT ${ns}, ${verdictColumns} FROM ${rows} k`
    )
  })

  const cancelGoing = Effect.fnUntraced(function*(changes: ReadonlyArray<Change>, now: number, hints: Hints) {
    const byRequest = Map.groupBy(
      changes.filter(({ cancel }) => cancel !== null),
      ({ cancel }) => encodeCancel(cancel!)
    )
    const ends: Array<Standing> = []
    for (const [request, families] of byRequest) {
      ends.push(...yield* standings.cancel(yield* standings.goingOf(families), request, now, hints))
    }
    // nothing of these incarnations is left to move up, but others may have waited for their places
    yield* admission.promote(ends.filter(({ limits }) => limits.length > 0), now, hints)
  })

  /**
   * Planning alone changes each job as it was read, or not at all, in one statement. Answers which. Those are locked before they are written,
   * in the order of their ids as everybody does: an `UPDATE` by itself locks in the order of whatever it reads first.
   */
  const advanceAtOnce = Effect.fnUntraced(function*(changes: ReadonlyArray<Plain>) {
    const found = yield* forRows(
      db,
      stepped,
      changes.map((change) => [...advanceOf(change), change.incarnation, change.revision]),
      (rows) =>
        sql`WITH k AS MATERIALIZED (
            SELECT k.* FROM ${rows} k ${each} ${jobs} j
            WHERE ${
          db.ours("j")
        } AND j.id = k.id AND j.incarnation = k.incarnation AND j.revision = k.revision ${lockJobs}
          ) ${advance.head} k ${advance.tail} AND ${db.ours("t")} RETURNING t.id`.values
    )
    const changed = new Set(found.map(([id]) => id))
    return changes.map(({ job }) => changed.has(job))
  })

  /** Changes of any kind: the jobs are locked, compared and written. Answers which. */
  const change = Effect.fnUntraced(function*(changes: ReadonlyArray<Change>) {
    const current = new Map<unknown, Values>()
    const rows = yield* forRows(
      db,
      ids,
      changes.map(({ job }) => [job]),
      (rows) =>
        sql`SELECT j.id, j.incarnation, j.revision FROM ${rows} k ${each} ${jobs} j
          WHERE ${db.ours("j")} AND j.id = k.id ${lockJobs}`.values
    )
    for (const row of rows) current.set(row[0], row)
    const answers = changes.map(({ incarnation, job, revision }) => {
      const row = current.get(job)
      return row !== undefined && row[1] === incarnation && Number(row[2]) === revision
    })
    const accepted = changes.filter((_, i) => answers[i])
    const advances: Array<Values> = []
    const replacements: Array<Values> = []
    const renewals: Array<Values> = []
    const deletions: Array<Values> = []
    for (const one of accepted) {
      const { job, update } = one
      switch (update._tag) {
        case "Advance":
          advances.push(advanceOf(one as Plain))
          break
        case "Replace":
          replacements.push(valuesOf(replaced, job, update.row))
          break
        case "Renew":
          renewals.push(valuesOf(renewed, job, update.row))
          break
        case "Delete":
          deletions.push([job])
      }
    }
    yield* forRows(db, advanced, advances, (rows) => sql`${advance.head} ${rows} ${advance.tail} AND ${db.ours("t")}`)
    yield* forRows(
      db,
      replaced,
      replacements,
      (rows) => sql`${replace.head} ${rows} ${replace.tail} AND ${db.ours("t")}`
    )
    yield* forRows(db, renewed, renewals, (rows) => sql`${renew.head} ${rows} ${renew.tail} AND ${db.ours("t")}`)
    yield* forKeys(db, ids, deletions, (areDeleted) => sql`DELETE FROM ${jobs} WHERE ${areDeleted}`)
    return answers
  })

  /** Carries out changes of distinct jobs; answers which. */
  const carryOut = Effect.fnUntraced(function*(changes: ReadonlyArray<Change>, now: number, hints: Hints) {
    const answers = dialect.updateYields && changes.every(isPlain)
      ? yield* advanceAtOnce(changes)
      : yield* change(changes)
    const accepted = changes.filter((_, i) => answers[i])
    yield* cancelGoing(accepted, now, hints)
    const added = accepted.flatMap(({ runs }) => runs)
    yield* admission.lockPlaces(added)
    yield* admission.add(added, now, hints)
    yield* record(accepted.flatMap(({ verdicts }) => verdicts))
    return answers
  })

  const commit = Effect.fnUntraced(function*(changes: ReadonlyArray<Change>, now: number) {
    const hints = new Hints()
    const answers = new Map<Change, "ok" | "stale">()
    for (const wave of waves(changes, ({ job }) => job)) {
      const carried = yield* carryOut(wave, now, hints)
      wave.forEach((change, i) => answers.set(change, carried[i] ? "ok" : "stale"))
      if (wave.some((change, i) => carried[i] && !isPlain(change))) hints.jobs = true
    }
    yield* signal(db, hints.signals())
    return changes.map((change) => answers.get(change)!)
  })

  return {
    due,
    commit: ({ changes, now }) => changes.length === 0 ? Effect.succeed([]) : db.transaction(commit(changes, now))
  }
}

/** What planning alone does. */
type Plain = Change & { readonly update: { readonly _tag: "Advance" } }

const isPlain = (change: Change): change is Plain => change.update._tag === "Advance"

const advanceOf = ({ job, update }: Plain): Values => [
  job,
  update.cursor,
  update.nextNominal,
  update.nextDue,
  update.state,
  update.updated
]

const continues = (last: VerdictRow, row: VerdictRow): boolean =>
  row.from === last.to && row.kind === last.kind && row.reason === last.reason && row.ref === last.ref &&
  row.note === last.note

const valuesOf = (columns: ReadonlyArray<Table.Column>, id: string, row: JobRow): Values =>
  Table.jobs.encode({ ...row, id }).filter((_, i) => columns.includes(Table.jobs.columns[i]!))
