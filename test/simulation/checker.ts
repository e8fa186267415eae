/**
 * What must hold, whatever happens. Knows nothing of the engine: only what the store did and what handlers and callers saw.
 */
import type { JobStore } from "effect-scheduler"
import { Census } from "./census.ts"
import { misfollowed } from "./followers.ts"
import type { Attempt, Happening } from "./history.ts"
import { type Stretch, untiled } from "./timeline.ts"
import { declared } from "./watches/declared.ts"
import { failuresInARow } from "./watches/failures.ts"
import { forgotten } from "./watches/forgotten.ts"
import { keys } from "./watches/keys.ts"
import { payloads } from "./watches/payloads.ts"
import { places } from "./watches/places.ts"
import { quarantine } from "./watches/quarantine.ts"
import { rates } from "./watches/rates.ts"
import { redriven } from "./watches/redriven.ts"
import { versions } from "./watches/versions.ts"
import { waits } from "./watches/waits.ts"
import type { Scene, Watch } from "./watches/watch.ts"
import { writes } from "./watches/writes.ts"

/** All instants in `(after, until]` of a trigger's text, from a source other than the library. */
export type Enumerate = (trigger: string, anchor: number, after: number, until: number) => ReadonlyArray<number>

/** For how long a node whose link is well may go on with a run that was taken from it, in milliseconds. */
const patience = 60_000

/** After this time in good health a node has renewed its lease. */
const grace = 15_000

/** One incarnation of a job: what was required of it, and what was decided. */
interface Timeline {
  readonly job: string
  trigger: string
  anchor: number
  /** Everything up to here was decided when the trigger was set. */
  since: number
  /** A paused or removed job requires nothing beyond. */
  over: number | undefined
  /** When occurrences are due that were moved. */
  moved: ReadonlyMap<number, number>
  readonly required: Array<number>
  readonly fired: Array<number>
  stretches: Array<Stretch>
}

const movedIn = ({ overrides }: JobStore.JobRow): ReadonlyMap<number, number> =>
  new Map(overrides === null ? [] : (JSON.parse(overrides) as { readonly move?: Array<[number, number]> }).move)

const keyOf = (job: string, incarnation: string) => `${job} ${incarnation}`
const claimOf = (run: string, fence: number) => `${run}#${fence}`

export class Checker {
  readonly violations: Array<string> = []
  /** How many of each kind of happening there were: a simulation in which nothing happens proves nothing. */
  readonly census = new Census()
  private readonly enumerate: Enumerate
  private readonly timelines = new Map<string, Timeline>()
  private readonly runs = new Map<string, JobStore.NewRun>()
  private readonly over = new Set<string>()
  /** The fence of the claim that counts, and of the newest one that there was. */
  private readonly claims = new Map<string, { readonly node: string; readonly fence: number }>()
  private readonly fences = new Map<string, number>()
  private readonly taken = new Map<string, number>()
  private readonly open = new Map<string, Attempt>()
  /** The attempts of each run that have started. */
  private readonly begun = new Map<string, Set<number>>()
  private readonly healthy = new Map<string, number>()
  private readonly removals = new Map<string, string>()
  private readonly removed = new Set<string>()
  /** Runs that were forgotten, as they were then. */
  private readonly swept: Array<JobStore.RunRow> = []
  /** How often a run had been made to go again when somebody asked for its end. */
  private readonly cancelling = new Map<number, number>()
  /** Incarnations that are no more, and runs of theirs that somebody made go again since. */
  private readonly gone = new Set<string>()
  private readonly survivors = new Set<string>()
  /** What runs that go again had come to before, and what called for followers then. */
  private readonly earlier = new Map<string, Array<string>>()
  /** How far the clock on the wall was set. */
  private offset = 0
  private readonly watches: ReadonlyArray<Watch>

  constructor(enumerate: Enumerate, stored: Scene["stored"]) {
    this.enumerate = enumerate
    const scene: Scene = { fail: (violation) => this.fail(violation), runs: this.runs, stored }
    this.watches = [
      declared,
      failuresInARow,
      forgotten,
      keys,
      payloads,
      places,
      quarantine,
      rates,
      redriven,
      versions,
      waits,
      writes
    ].map((watch) => watch(scene))
  }

  see(happening: Happening, at: number): void {
    this.census.see(happening)
    this.look(happening, at)
    if (happening._tag === "stepped") this.offset += happening.by
    // What was on its way when the clock was set back comes from the future.
    if (happening._tag === "stepped" && happening.by < 0) {
      for (const [node, since] of this.healthy) this.healthy.set(node, Math.max(since, at + grace))
    }
    for (const watch of this.watches) watch.see(happening, at + this.offset)
  }

  private look(happening: Happening, at: number): void {
    switch (happening._tag) {
      case "inserted":
        return this.added(happening.row)
      case "committed":
        this.committed(happening.change, happening.now)
        return happening.ended.forEach((run) => this.end(run))
      case "enqueued":
      case "replaced":
        return void this.runs.set(happening.run.id, happening.run)
      case "claimed": {
        const { fence, id, node } = happening.row
        if (this.over.has(id)) this.fail(`${id} was claimed after its end`)
        if (fence <= (this.fences.get(id) ?? 0)) this.fail(`the fence of ${id} did not grow`)
        this.fences.set(id, fence)
        this.claims.set(id, { node: node!, fence })
        return
      }
      case "settled": {
        const { fence, follow, next, run } = happening.settlement
        for (const one of follow) this.runs.set(one.id, one)
        if (this.claims.get(run)?.fence !== fence) {
          this.fail(`${run} was settled under fence ${fence}, which is not its claim`)
        }
        this.claims.delete(run)
        // What did not count is begun again under the same number.
        if (next._tag === "Retry") this.begun.get(run)?.delete(next.attempt + 1)
        if (happening.done) this.end(run)
        else if (next._tag === "Done") this.fail(`${run} is not done`)
        return
      }
      case "cancelled":
        return happening.runs.forEach((run) => this.end(run))
      case "taken":
        for (const run of happening.runs) {
          const node = this.claims.get(run)?.node ?? ""
          const since = this.healthy.get(node)
          if (since !== undefined && at - since > grace) this.fail(`${run} was taken from ${node}, which is well`)
          this.take(run, at)
        }
        return happening.abandoned.forEach((run) => this.end(run))
      case "left":
        for (const [run, { node }] of this.claims) if (node === happening.node) this.take(run, at)
        return happening.abandoned.forEach((run) => this.end(run))
      case "revived": {
        const { outcome, run } = happening
        if (!this.over.delete(run)) this.fail(`${run} goes again, and had not ended`)
        this.earlier.set(run, [...this.earlier.get(run) ?? [], outcome])
        const { incarnation, job } = this.runs.get(run)!
        if (job !== null && this.gone.has(keyOf(job, incarnation!))) this.survivors.add(run)
        return void this.begun.delete(run)
      }
      case "started":
        return this.started(happening.attempt)
      // What a handler does after its commit is nobody's business any more.
      case "wrote":
      case "ended":
        return void this.open.delete(openKey(happening.attempt))
      case "crashed":
        this.healthy.delete(happening.node)
        for (const [key, attempt] of this.open) if (attempt.node === happening.node) this.open.delete(key)
        return
      case "healthy":
        if (happening.since === undefined) this.healthy.delete(happening.node)
        else this.healthy.set(happening.node, happening.since)
        return
      case "swept":
        return void this.swept.push(...happening.rows)
      case "cancelling":
        return void this.cancelling.set(happening.call, this.earlier.get(happening.run)?.length ?? 0)
      case "ceased":
        return this.afterCancellation(happening)
      case "removed":
        return this.afterRemoval(happening)
      default:
        return
    }
  }

  /** What holds at every moment. */
  check(at: number): void {
    for (const attempt of this.open.values()) {
      const since = this.taken.get(claimOf(attempt.run, attempt.fence))
      const healthy = this.healthy.get(attempt.node)
      if (since === undefined || healthy === undefined || at - Math.max(since, healthy) < patience) continue
      this.fail(`${attempt.node} goes on with ${attempt.run}, which was taken from it at ${since}`)
    }
  }

  /** What holds when all is quiet and every job is paused or removed. */
  finish(
    rows: ReadonlyArray<JobStore.RunRow>,
    jobs: ReadonlyArray<JobStore.JobRow>,
    verdicts: ReadonlyArray<JobStore.VerdictRow>,
    now: number
  ): void {
    // What the store kept counts more than what it was told, as far as it keeps it.
    for (const { id, incarnation } of jobs) {
      this.timelines.get(keyOf(id, incarnation))!.stretches = verdicts
        .filter((verdict) => verdict.job === id && verdict.incarnation === incarnation)
        .map(({ from, to }) => ({ from: from ?? -Infinity, to }))
    }
    for (const job of jobs) {
      if (job.state !== "paused" && job.state !== "done") this.fail(`job ${job.id} is ${job.state} at the end`)
    }
    const byId = new Map([...this.swept, ...rows].map((row) => [row.id, row]))
    for (const id of this.runs.keys()) {
      const row = byId.get(id)
      if (row === undefined) this.fail(`run ${id} is gone`)
      else if (row.state !== "done") this.fail(`run ${id} is ${row.state} at the end`)
      else if (!this.over.has(id)) this.fail(`run ${id} is done, and nobody has ended it`)
    }
    for (const { run } of this.open.values()) this.fail(`a handler of ${run} still runs at the end`)
    for (const watch of this.watches) watch.finish?.(byId)
    this.violations.push(...misfollowed(byId, this.earlier))
    for (const timeline of this.timelines.values()) this.decided(timeline, now)
  }

  private fail(violation: string): void {
    this.violations.push(violation)
  }

  private added(row: JobStore.JobRow): void {
    this.timelines.set(keyOf(row.id, row.incarnation), {
      job: row.id,
      trigger: row.trigger,
      anchor: row.anchor,
      since: -Infinity,
      over: row.state === "paused" ? -Infinity : undefined,
      moved: movedIn(row),
      required: [],
      fired: [],
      stretches: []
    })
  }

  private committed(change: JobStore.Change, now: number): void {
    const { cancel, incarnation, job, runs, update, verdicts } = change
    const timeline = this.timelines.get(keyOf(job, incarnation))
    if (timeline === undefined) return this.fail(`a change of ${job}, which was never added`)
    for (const run of runs) {
      if (this.runs.has(run.id)) this.fail(`${run.id} fires twice`)
      this.runs.set(run.id, run)
      // One that was asked for by hand is no occurrence.
      if (run.nominal !== null) timeline.fired.push(run.nominal)
    }
    for (const { from, to } of verdicts) timeline.stretches.push({ from: from ?? -Infinity, to })
    if (update._tag === "Delete" || update._tag === "Renew") {
      this.require(timeline, now)
      timeline.over = -Infinity
      this.gone.add(keyOf(job, incarnation))
      if (cancel !== null) this.removals.set(cancel.by, keyOf(job, incarnation))
      if (update._tag === "Renew") this.added({ ...update.row, id: job })
    } else if (update._tag === "Replace") {
      const { row } = update
      const isNew = row.trigger !== timeline.trigger || row.anchor !== timeline.anchor
      if (isNew) {
        this.require(timeline, now)
        timeline.trigger = row.trigger
        timeline.anchor = row.anchor
        timeline.since = row.cursor ?? -Infinity
      }
      timeline.moved = movedIn(row)
      // A paused job owes nothing but what came due before its pause under the trigger that it had then.
      if (row.state === "paused") timeline.over = isNew ? -Infinity : timeline.over ?? now
      else timeline.over = undefined
    }
  }

  /** What came due of the trigger that the job had until now. */
  private require(timeline: Timeline, until: number): void {
    const { anchor, fired, moved, since, trigger } = timeline
    // An occurrence that was moved ahead fires before its instant.
    const reach = Math.max(until, fired.at(-1) ?? -Infinity)
    for (const at of this.enumerate(trigger, anchor, since, reach)) {
      // One that was moved beyond the end is not due any more.
      if ((moved.get(at) ?? at) <= reach || fired.includes(at)) timeline.required.push(at)
    }
  }

  private decided(timeline: Timeline, now: number): void {
    const { fired, job, over = now, required, stretches } = timeline
    if (over > -Infinity) this.require(timeline, over)
    this.violations.push(...untiled({ job, required, fired, stretches }))
  }

  private end(run: string): void {
    if (this.over.has(run)) this.fail(`${run} ended twice`)
    this.over.add(run)
  }

  private take(run: string, at: number): void {
    const claim = this.claims.get(run)
    if (claim === undefined) return this.fail(`${run} was taken from nobody`)
    this.taken.set(claimOf(run, claim.fence), at)
    this.fences.set(run, claim.fence + 1)
    this.claims.delete(run)
  }

  private started(attempt: Attempt): void {
    const { fence, node, run } = attempt
    const row = this.runs.get(run)
    if (row === undefined) return this.fail(`a handler of ${run}, which does not exist`)
    if (this.open.has(openKey(attempt))) this.fail(`two attempts of ${run} under one fence`)
    this.open.set(openKey(attempt), attempt)
    const begun = this.begun.get(run) ?? new Set()
    if (row.atMostOnce && begun.has(attempt.attempt)) {
      this.fail(`attempt ${attempt.attempt} of ${run}, which is atMostOnce, started twice`)
    }
    this.begun.set(run, begun.add(attempt.attempt))
    if (this.taken.has(claimOf(run, fence))) {
      if (this.healthy.get(node) !== undefined) this.fail(`${node} started ${run} after it was taken`)
      return
    }
    for (const other of this.open.values()) {
      if (other !== attempt && other.run === run && other.node === node) this.fail(`two attempts of ${run} on ${node}`)
    }
    if (row.job === null) return
    if (this.removed.has(keyOf(row.job, row.incarnation!)) && !this.survivors.has(run)) {
      this.fail(`${run} started after remove had returned`)
    }
    if (row.serial === null) return
    const atOnce = [...this.open.values()].filter((other) => {
      const { incarnation, job, serial } = this.runs.get(other.run)!
      // One that was to ignore the others is none of them.
      return serial !== null && job === row.job && incarnation === row.incarnation &&
        !this.taken.has(claimOf(other.run, other.fence))
    })
    if (atOnce.length > row.serial) {
      this.fail(`${atOnce.length} attempts of ${row.job} at once: ${atOnce.map((a) => a.run)}`)
    }
  }

  private afterCancellation({ call, run }: Extract<Happening, { readonly _tag: "ceased" }>): void {
    // Somebody may have made it go again meanwhile.
    if ((this.earlier.get(run)?.length ?? 0) !== this.cancelling.get(call)) return
    for (const attempt of this.open.values()) {
      if (attempt.run !== run || this.taken.has(claimOf(run, attempt.fence))) continue
      this.fail(`cancel of ${run} returned while it runs on ${attempt.node}`)
    }
  }

  private afterRemoval({ abandoned, by, own }: Happening & { readonly _tag: "removed" }): void {
    const key = this.removals.get(by)
    if (key === undefined) return this.fail(`remove (${by}) returned and nothing was removed`)
    this.removed.add(key)
    for (const attempt of this.open.values()) {
      const row = this.runs.get(attempt.run)!
      if (row.job === null || keyOf(row.job, row.incarnation!) !== key) continue
      if (
        row.id === own || this.survivors.has(row.id) || abandoned.includes(row.id) ||
        this.taken.has(claimOf(row.id, attempt.fence))
      ) continue
      this.fail(`remove of ${row.job} returned while ${row.id} runs on ${attempt.node}`)
    }
  }
}

const openKey = ({ fence, node, run }: Attempt) => `${node} ${claimOf(run, fence)}`

/** For the last steps of a failing seed. */
export const describe = (happening: Happening): string => {
  switch (happening._tag) {
    case "inserted":
      return `job ${happening.row.id} added, ${happening.row.state}, ${happening.row.trigger}`
    case "committed": {
      const { change: { cancel, job, runs, update, verdicts } } = happening
      const what = update._tag === "Replace" ? `Replace(${update.row.state}, ${update.row.trigger})` : update._tag
      return `job ${job}: ${what}${cancel === null ? "" : `, cancel by ${cancel.by}`}, runs [${
        runs.map((run) => run.nominal)
      }], verdicts [${verdicts.map((v) => `${v.kind} ${v.reason} (${v.from}, ${v.to}]`)}]`
    }
    case "enqueued":
      return `run ${happening.run.id} enqueued`
    case "claimed":
      return `${happening.row.node} claimed ${happening.row.id} #${happening.row.fence}`
    case "settled": {
      const { fence, next, run } = happening.settlement
      return `${run} #${fence} ${next._tag}${next._tag === "Done" ? ` (${next.outcome})` : ""}`
    }
    case "cancelled":
    case "taken":
      return `${happening._tag}: ${happening.runs.join(", ")}`
    case "started":
    case "ended":
    case "wrote": {
      const { attempt, fence, node, run } = happening.attempt
      return `${node} ${happening._tag} ${run} #${fence}, attempt ${attempt}`
    }
    case "left":
    case "crashed":
      return `${happening.node} ${happening._tag}`
    case "joined":
      return `${happening.node} joined with version ${happening.version}`
    case "healthy":
      return `${happening.node} healthy since ${happening.since}`
    case "stepped":
      return `the clock is set by ${happening.by} ms`
    case "replaced":
      return `run ${happening.run.id} replaced, until ${happening.run.readyAt}`
    case "requesting":
      return `request ${happening.call}`
    case "requested":
      return `request ${happening.call} answered with ${happening.run}`
    case "cancelling":
    case "ceased":
      return `${happening._tag} ${happening.run}, ${happening.call}`
    case "snoozed":
      return `${happening.attempt.node} ${happening.attempt.run} #${happening.attempt.fence} wants to sleep until ${happening.until}`
    case "swept":
      return `forgotten: ${happening.rows.map(({ id }) => id)}`
    case "granted":
      return `${happening.granted} of ${happening.want.n} granted of ${happening.want.key}`
    case "revived":
      return `${happening.run} goes again, was ${happening.outcome}`
    case "asked":
      return `redrive ${happening.call} of ${happening.run ?? "all"} asked`
    case "releasing":
    case "released":
      return `${happening._tag} ${happening.job}, ${happening.call}`
    case "redriven":
      return `redrive ${happening.call} of ${happening.run} returned`
    case "removed":
      return `remove ${happening.by} returned, abandoned [${happening.abandoned}]`
  }
}
