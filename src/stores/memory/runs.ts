/**
 * The table of runs and the queues they stand in.
 *
 * A run is in exactly one place at a time, as its state says: in its lane's queue, among the waiting, among the blocked of its job's
 * incarnation, with its node, or in the history. The way from one to another is `exit`, then the change of its row, then `enter`. Rows are
 * the store's own and change in place; `claim` and `select` give copies away.
 *
 * @since 0.1.0
 */
import type { CancelRequest, Held, NewRun, RunQuery, RunRow, Settled, Settlement } from "../../JobStore.ts"
import { inOrder } from "../limits.ts"
import { chain, Family, type OwnRow, RunEntry } from "./entries.ts"
import { Heap } from "./heap.ts"
import type { Hints } from "./hints.ts"
import { History } from "./history.ts"
import { Incarnations } from "./incarnations.ts"
import { type Candidates, page } from "./page.ts"
import { Places } from "./places.ts"

/** The ids of runs whose claims were taken away. */
export interface Taken {
  readonly released: Array<string>
  readonly abandoned: Array<string>
}

/** What a run is given when it is over. */
type Ending =
  & { readonly finished: number; readonly outcome: string }
  & Partial<Pick<RunRow, "attempt" | "attempts" | "cancel" | "fence" | "result" | "started">>

export class Runs {
  /** Those that are going, and those that are remembered. */
  private readonly byId = new Map<string, RunEntry>()
  private readonly families = new Incarnations<Family>()
  /** The queues of each lane, by the version of the payloads. */
  private readonly lanes = new Map<string, Map<number, Heap<RunEntry>>>()
  private readonly waiting = new Heap<RunEntry>(({ row }) => row.readyAt!, hasLesserId)
  private readonly held = new Map<string, Set<RunEntry>>()
  private readonly uniqueKeys = new Map<string, RunEntry>()
  /** Those with blocked runs. */
  private readonly gated = new Set<Family>()
  private readonly places = new Places()
  private readonly history: History

  constructor(keep: number, jobExists: (job: string, incarnation: string) => boolean) {
    this.history = new History(keep, this.byId, this.families, jobExists)
  }

  /** Adds a run, or lets it take the place of one that has its unique key and was never claimed. */
  addOrReplace(run: NewRun, now: number, hints: Hints): "added" | "replaced" | "duplicate" {
    if (this.byId.has(run.id)) return "duplicate"
    const holder = run.uniqueKey === null ? undefined : this.uniqueKeys.get(run.uniqueKey)
    if (holder === undefined) return this.add(run, now, hints) ? "added" : "duplicate"
    if (holder.row.fence > 0) return "duplicate"
    this.exit(holder)
    this.vacate(holder, hints)
    this.byId.delete(holder.row.id)
    this.uniqueKeys.delete(run.uniqueKey!)
    const { family } = holder
    if (family !== null) {
      family.left(holder)
      hints.freed.add(family)
    }
    this.add({ ...run, id: holder.row.id }, now, hints)
    this.promote(now, hints)
    return "replaced"
  }

  revive(id: string, now: number, hints: Hints): "revived" | "going" | "gone" | "duplicate" {
    const run = this.byId.get(id)
    if (run === undefined) return "gone"
    const { row } = run
    if (row.state !== "done") return "going"
    if (row.uniqueKey !== null && this.uniqueKeys.has(row.uniqueKey)) return "duplicate"
    this.history.forget(run)
    const { fence, log, progress } = row
    const family = this.familyOf(row)
    this.letIn(new RunEntry({ ...blocked({ ...row, readyAt: null }), fence, log, progress }, family), now, hints)
    return "revived"
  }

  add(run: NewRun, now: number, hints: Hints): boolean {
    if (this.byId.has(run.id)) return false
    if (run.uniqueKey !== null && this.uniqueKeys.has(run.uniqueKey)) return false
    this.letIn(new RunEntry(blocked(run), this.familyOf(run)), now, hints)
    return true
  }

  /** Adds a run, and claims it if there is nobody that a claim might take before it. */
  addAndClaim(run: NewRun, node: string, now: number, hints: Hints): "added" | "claimed" | "duplicate" {
    const isPlain = run.job === null && run.limits.length === 0 &&
      (run.uniqueKey === null || run.uniqueWhile === "going")
    const isFirst = isPlain && !this.isAnyoneBefore(run.lane, now)
    if (!this.add(run, now, hints)) return "duplicate"
    const entry = this.byId.get(run.id)!
    if (!isFirst || entry.row.state !== "ready") return "added"
    this.hold(entry, node, now)
    // there is nothing that others could take
    hints.ready = false
    return "claimed"
  }

  private isAnyoneBefore(lane: string, now: number): boolean {
    const first = this.waiting.first
    if (first !== undefined && first.row.readyAt! <= now) return true
    for (const queue of this.lanes.get(lane)?.values() ?? []) if (queue.size > 0) return true
    return false
  }

  claim(request: {
    readonly node: string
    readonly lanes: ReadonlyArray<string>
    readonly upTo?: ReadonlyMap<string, number> | undefined
    readonly limit: number
    readonly now: number
  }): { readonly runs: Array<RunRow>; readonly next: number | null } {
    const { limit, node, now, upTo } = request
    for (let run = this.waiting.first; run !== undefined && run.row.readyAt! <= now; run = this.waiting.first) {
      this.exit(run)
      this.admit(run, now, run.row.readyAt!)
    }
    const queues: Array<Heap<RunEntry>> = []
    for (const lane of request.lanes) {
      const newest = upTo?.get(lane) ?? Infinity
      for (const [version, queue] of this.lanes.get(lane) ?? []) if (version <= newest) queues.push(queue)
    }
    const runs: Array<RunRow> = []
    while (runs.length < limit) {
      let first: RunEntry | undefined
      for (const queue of queues) {
        const run = queue.first
        if (run !== undefined && (first === undefined || comesBefore(run, first))) first = run
      }
      if (first === undefined) break
      this.hold(first, node, now)
      runs.push({ ...first.row })
    }
    const isWorth = limit <= 0 && queues.some((queue) => queue.size > 0)
    return { runs, next: isWorth ? now : this.waiting.first?.row.readyAt ?? null }
  }

  settle(settlements: ReadonlyArray<Settlement>, now: number, hints: Hints): Array<Settled> {
    const answers = settlements.map((settlement) => this.record(settlement, now, hints))
    this.promote(now, hints)
    settlements.forEach(({ follow }, n) => {
      if (answers[n] === "ok") { for (const run of follow) this.add(run, now, hints) }
    })
    return answers
  }

  note(id: string, fence: number, kept: Partial<Pick<RunRow, "progress" | "log">>): void {
    const row = this.byId.get(id)?.row
    if (row?.state === "running" && row.fence === fence) Object.assign(row, kept)
  }

  /** Ends the runs that are not running, and flags the others. */
  cancel(selected: ReadonlyArray<string>, request: CancelRequest, now: number, hints: Hints): void {
    const reason = JSON.stringify({ reason: request.reason, by: request.by })
    const flagged = new Set<string>()
    for (const id of selected) {
      const run = this.byId.get(id)
      if (run === undefined || run.row.state === "done") continue
      if (run.row.state === "running") {
        run.row.cancel ??= reason
        flagged.add(id)
      } else this.end(run, cancelled(reason, now), hints)
    }
    for (const id of flagged) hints.flagged.push(id)
  }

  heldBy(node: string): Array<Held> {
    return Array.from(this.held.get(node) ?? [], ({ row }) => ({ run: row.id, fence: row.fence, cancel: row.cancel }))
  }

  holders(): Array<string> {
    return Array.from(this.held.keys())
  }

  /** Takes up to `limit` claims from a node, and adds their ids to those taken before. */
  take(node: string, now: number, limit: number, taken: Taken, hints: Hints): void {
    for (const run of Array.from(this.held.get(node) ?? []).slice(0, limit)) {
      const { row } = run
      // the fence grows, so that a late settlement of this claim is not taken for one that was recorded
      const fence = row.fence + 1
      if (row.atMostOnce || row.cancel !== null) {
        this.end(run, { fence, finished: now, outcome: "abandoned" }, hints)
        taken.abandoned.push(row.id)
      } else {
        this.requeue(run, fence, hints)
        taken.released.push(row.id)
      }
    }
  }

  /** How many runs of an incarnation are going, and the newest of them. */
  goingOf(job: string, incarnation: string): { readonly going: number; readonly latest: string | null } {
    const family = this.families.get(job, incarnation)
    let latest = family?.going
    for (let run = latest?.older; run !== undefined; run = run.older) if (plannedBefore(latest!, run)) latest = run
    return { going: family?.goingCount ?? 0, latest: latest?.row.id ?? null }
  }

  goingIds(job: string, incarnation?: string): Array<string> {
    const ids: Array<string> = []
    for (const family of this.families.of(job, incarnation)) {
      ids.push(...Array.from(chain(family.going), ({ row }) => row.id).reverse())
    }
    return ids
  }

  jobRemoved(job: string, incarnation: string): void {
    const family = this.families.get(job, incarnation)
    if (family !== undefined) this.history.jobRemoved(family)
  }

  select(query: RunQuery): Array<RunRow> {
    return page(query, this.candidates(query))
  }

  /** Forgets up to `limit` done runs that have expired; answers with how many. */
  sweep(now: number, limit: number): number {
    return this.history.sweep(now, limit)
  }

  /** Forgets up to `limit` done runs of a task beyond its newest ones; answers with how many. */
  sweepBeyond(task: string, count: number, limit: number): number {
    return this.history.sweepBeyond(task, count, limit)
  }

  /** All that are going, as their places have them. */
  private *going(): Generator<RunEntry> {
    for (const queues of this.lanes.values()) for (const queue of queues.values()) yield* queue
    for (const claims of this.held.values()) yield* claims
    for (const family of this.gated) yield* family.blocked!
    yield* this.waiting
    yield* this.places.waiting()
  }

  private familyOf(run: NewRun): Family | null {
    if (run.job === null || run.incarnation === null) return null
    return this.families.getOrAdd(run.job, run.incarnation, newFamily)
  }

  private candidates(query: RunQuery): ReadonlyArray<Candidates> {
    if (query.ids !== undefined) {
      const { uniqueKey } = query
      const runs = Array.from(new Set(query.ids), (id) => this.byId.get(id)).filter((run) =>
        run !== undefined && (uniqueKey === undefined || this.uniqueKeys.get(uniqueKey) === run)
      ) as ReadonlyArray<RunEntry>
      return [{ runs, latest: Infinity }]
    }
    if (query.uniqueKey !== undefined) {
      const holder = this.uniqueKeys.get(query.uniqueKey)
      return holder === undefined ? [] : [{ runs: [holder], latest: Infinity }]
    }
    if (query.job !== undefined) {
      return Array.from(this.families.of(query.job, query.incarnation)).flatMap((family) => [
        { runs: chain(family.going), latest: Infinity },
        { runs: chain(family.ended), latest: Infinity }
      ])
    }
    const going = { runs: this.going(), latest: Infinity }
    if (query.outcomes !== undefined) return this.history.candidates()
    if (query.going === undefined) return [going, ...this.history.candidates()]
    return query.going ? [going] : this.history.candidates()
  }

  private record(settlement: Settlement, now: number, hints: Hints): Settled {
    const { fence, next } = settlement
    const run = this.byId.get(settlement.run)
    if (run === undefined || run.row.fence !== fence) return "stale"
    if (run.row.state !== "running") return "already"
    const { row } = run
    switch (next._tag) {
      case "Done": {
        this.end(run, next, hints)
        break
      }
      case "Retry": {
        const { attempt, attempts, readyAt, started } = next
        if (row.cancel !== null) {
          this.end(run, { ...cancelled(row.cancel, now), started, attempt, attempts }, hints)
          return "cancelled"
        }
        this.exit(run)
        row.state = stateAt(readyAt, now)
        row.orderAt = row.state === "ready" ? readyAt - row.boost : null
        row.readyAt = readyAt
        row.node = null
        row.started = started
        row.attempt = attempt
        row.attempts = attempts
        this.enter(run)
        if (row.state === "waiting") this.vacate(run, hints)
        hints.ready = true
        break
      }
      case "Release": {
        if (row.cancel !== null) {
          this.end(run, cancelled(row.cancel, now), hints)
          return "cancelled"
        }
        this.requeue(run, row.fence, hints)
        break
      }
    }
    return "ok"
  }

  private letIn(run: RunEntry, now: number, hints: Hints): void {
    const { family, row } = run
    this.byId.set(row.id, run)
    if (row.uniqueKey !== null) this.uniqueKeys.set(row.uniqueKey, run)
    family?.began(run)
    if (row.serial !== null && family !== null && family.admitted >= row.serial) {
      run.isBehind = true
      this.enter(run)
    } else this.admit(run, now, row.readyAt ?? row.planned)
    hints.ready = true
  }

  /** Past its family's gate: to wait for its instant, or to take its places and stand in its lane's queue. */
  private admit(run: RunEntry, now: number, from: number): void {
    const { row } = run
    run.isBehind = false
    if (stateAt(row.readyAt, now) === "waiting") {
      row.state = "waiting"
      row.orderAt = null
    } else {
      run.rank = from - row.boost
      this.seat(run)
    }
    this.enter(run)
  }

  /** Takes places as far as there are any. */
  private seat(run: RunEntry): void {
    const { row } = run
    const isReady = row.limits.length === 0 || this.places.take(run)
    row.state = isReady ? "ready" : "blocked"
    row.orderAt = isReady ? run.rank : null
  }

  /** Gives its places back. */
  private vacate(run: RunEntry, hints: Hints): void {
    if (run.row.limits.length === 0) return
    this.places.leave(run)
    hints.left.push(run)
  }

  private enter(run: RunEntry): void {
    const { row } = run
    if (run.family !== null && isAdmitted(run)) run.family.admitted++
    switch (row.state) {
      case "ready": {
        let queues = this.lanes.get(row.lane)
        if (queues === undefined) this.lanes.set(row.lane, queues = new Map())
        let queue = queues.get(row.taskVersion)
        if (queue === undefined) {
          queues.set(
            row.taskVersion,
            queue = new Heap<RunEntry>(({ row }) => row.orderAt!, hasLesserId)
          )
        }
        return queue.add(run)
      }
      case "waiting":
        return this.waiting.add(run)
      case "blocked":
        if (!run.isBehind) return this.places.enqueue(run)
        this.gated.add(run.family!)
        return (run.family!.blocked ??= new Heap<RunEntry>(({ row }) => row.planned, hasLesserId)).add(run)
      case "running": {
        let claims = this.held.get(row.node!)
        if (claims === undefined) this.held.set(row.node!, claims = new Set())
        claims.add(run)
        return
      }
      case "done":
        return this.history.add(run)
    }
  }

  private exit(run: RunEntry): void {
    const { row } = run
    if (run.family !== null && isAdmitted(run)) run.family.admitted--
    switch (row.state) {
      case "ready":
        return this.lanes.get(row.lane)!.get(row.taskVersion)!.remove(run)
      case "waiting":
        return this.waiting.remove(run)
      case "blocked": {
        if (!run.isBehind) return this.places.dequeue(run)
        run.family!.blocked!.remove(run)
        if (run.family!.blocked!.size > 0) return
        run.family!.blocked = undefined
        this.gated.delete(run.family!)
        return
      }
      case "running": {
        const claims = this.held.get(row.node!)!
        claims.delete(run)
        if (claims.size === 0) this.held.delete(row.node!)
        return
      }
      case "done":
        return
    }
  }

  /** Gives a ready run to a node. */
  private hold(run: RunEntry, node: string, now: number): void {
    const { row } = run
    this.exit(run)
    row.state = "running"
    row.orderAt = null
    row.fence++
    row.node = node
    row.claimed = now
    this.enter(run)
    if (row.uniqueWhile === "queued") this.giveUpKey(run)
  }

  private giveUpKey(run: RunEntry): void {
    const { uniqueKey } = run.row
    if (uniqueKey !== null && this.uniqueKeys.get(uniqueKey) === run) this.uniqueKeys.delete(uniqueKey)
  }

  /** Hands a claim back: the run stands where it stood in its queue. */
  private requeue(run: RunEntry, fence: number, hints: Hints): void {
    const { row } = run
    this.exit(run)
    row.state = "ready"
    row.orderAt = (row.readyAt ?? row.planned) - row.boost
    row.fence = fence
    row.node = null
    row.claimed = null
    this.enter(run)
    hints.ready = true
  }

  private end(run: RunEntry, ending: Ending, hints: Hints): void {
    const { family, row } = run
    const { attempt, attempts, cancel, fence, finished, outcome, result, started } = ending
    this.exit(run)
    row.state = "done"
    row.orderAt = null
    row.node = null
    row.outcome = outcome
    row.finished = finished
    row.expiresAt = finished + row.retention
    if (attempt !== undefined) row.attempt = attempt
    if (attempts !== undefined) row.attempts = attempts
    if (cancel !== undefined) row.cancel = cancel
    if (fence !== undefined) row.fence = fence
    if (result !== undefined) row.result = result
    if (started !== undefined) row.started = started
    this.enter(run)
    this.vacate(run, hints)
    this.giveUpKey(run)
    hints.settled.push(row.id)
    if (family?.blocked !== undefined) hints.freed.add(family)
  }

  /** Lets blocked runs move up where runs have ended, or given their places back; once in a verb, when all of them have. */
  promote(now: number, hints: Hints): void {
    const keys = new Set<string>()
    for (const { row } of hints.left) for (const { key } of row.limits) keys.add(key)
    for (const run of this.places.next(keys)) {
      this.exit(run)
      // in the next queue it stands from now on, or those of one key could stand in the way of all others
      run.rank = now - run.row.boost
      this.seat(run)
      this.enter(run)
      hints.ready = true
    }
    const passed: Array<RunEntry> = []
    for (const family of hints.freed) {
      let { admitted } = family
      for (let run = family.blocked?.first; run !== undefined; run = family.blocked?.first) {
        if (run.row.serial !== null && admitted >= run.row.serial) break
        this.exit(run)
        passed.push(run)
        admitted++
      }
    }
    // across families it matters only who takes places first
    if (hints.freed.size > 1 && passed.some(({ row }) => row.limits.length > 0)) {
      passed.sort((a, b) => a.row.planned - b.row.planned || (a.row.id < b.row.id ? -1 : 1))
    }
    for (const run of passed) {
      this.admit(run, now, run.row.planned)
      hints.ready = true
    }
    hints.left.length = 0
    hints.freed.clear()
  }
}

const newFamily = (job: string, incarnation: string): Family => new Family(job, incarnation)

const isAdmitted = ({ isBehind, row }: RunEntry): boolean => row.state !== "done" && !isBehind

const stateAt = (readyAt: number | null, now: number): "ready" | "waiting" =>
  readyAt !== null && readyAt > now ? "waiting" : "ready"

const hasLesserId = (a: { readonly row: RunRow }, b: { readonly row: RunRow }): boolean => a.row.id < b.row.id

const comesBefore = (a: RunEntry, b: RunEntry): boolean =>
  a.row.orderAt! < b.row.orderAt! || (a.row.orderAt === b.row.orderAt && a.row.id < b.row.id)

const plannedBefore = (a: RunEntry, b: RunEntry): boolean =>
  a.row.planned < b.row.planned || (a.row.planned === b.row.planned && a.row.id < b.row.id)

/** A run before it is let in anywhere. */
const blocked = (run: NewRun): OwnRow => ({
  id: run.id,
  job: run.job,
  incarnation: run.incarnation,
  nominal: run.nominal,
  planned: run.planned,
  origin: run.origin,
  task: run.task,
  taskVersion: run.taskVersion,
  lane: run.lane,
  payload: run.payload,
  policy: run.policy,
  readyAt: run.readyAt,
  boost: run.boost,
  serial: run.serial,
  limits: inOrder(run.limits),
  atMostOnce: run.atMostOnce,
  uniqueKey: run.uniqueKey,
  uniqueWhile: run.uniqueWhile,
  retention: run.retention,
  trace: run.trace,
  created: run.created,
  state: "blocked",
  orderAt: null,
  fence: 0,
  attempt: 0,
  attempts: "[]",
  node: null,
  cancel: null,
  claimed: null,
  started: null,
  finished: null,
  outcome: null,
  result: null,
  progress: null,
  log: null,
  expiresAt: null
})

const cancelled = (cancel: string, now: number): Ending => ({ cancel, finished: now, outcome: "cancelled" })
