/**
 * The table of jobs: by id, by the instant at which they are due, and in the order of their ids when somebody asks for it.
 *
 * @since 0.1.0
 */
import type { Change, JobQuery, JobRow } from "../../JobStore.ts"
import { Heap, type Slotted } from "./heap.ts"

/** A job's row as the store keeps it: it changes in place, and who asks is given a copy. */
type OwnRow = { -readonly [Field in keyof JobRow]: JobRow[Field] }

type Advance = Extract<Change["update"], { readonly _tag: "Advance" }>

export class JobEntry implements Slotted {
  slot = -1
  row: OwnRow

  constructor(row: OwnRow) {
    this.row = row
  }
}

/** How many texts are remembered for sharing. */
const sharedTexts = 4096

export class Jobs {
  private readonly byId = new Map<string, JobEntry>()
  private readonly byDue = new Heap<JobEntry>(({ row }) => row.nextDue!)
  /** All in the order of their ids, or `undefined` since an id was added or removed. Sorting only when asked keeps adding cheap. */
  private sorted: Array<JobEntry> | undefined
  private readonly texts = new Map<string, string>()

  get(id: string): JobEntry | undefined {
    return this.byId.get(id)
  }

  has(id: string, incarnation: string): boolean {
    return this.byId.get(id)?.row.incarnation === incarnation
  }

  insert(row: JobRow): boolean {
    if (this.byId.has(row.id)) return false
    const entry = new JobEntry(this.compact(row))
    this.byId.set(row.id, entry)
    if (row.nextDue !== null) this.byDue.add(entry)
    this.sorted = undefined
    return true
  }

  advance(entry: JobEntry, { cursor, nextDue, nextNominal, state, updated }: Advance): void {
    const { row } = entry
    const wasPlanned = row.nextDue !== null
    row.revision++
    row.cursor = cursor
    row.nextNominal = nextNominal
    row.nextDue = nextDue
    row.state = state
    row.updated = updated
    this.plan(entry, wasPlanned)
  }

  replace(entry: JobEntry, row: JobRow): void {
    const wasPlanned = entry.row.nextDue !== null
    entry.row = this.compact(row)
    this.plan(entry, wasPlanned)
  }

  delete(entry: JobEntry): void {
    if (entry.row.nextDue !== null) this.byDue.remove(entry)
    this.byId.delete(entry.row.id)
    this.sorted = undefined
  }

  due(now: number, limit: number): { readonly rows: Array<JobRow>; readonly next: number | null } {
    const entries = this.byDue.leading(limit, now)
    return {
      rows: entries.map(({ row }) => ({ ...row })),
      // looking beyond all that is due pays only when that is little: below the limit
      next: entries.length < limit ? this.byDue.keyBeyond(now) ?? null : null
    }
  }

  select(query: JobQuery): Array<JobRow> {
    const rows: Array<JobRow> = []
    const { after, exceptTz, ids, prefix = "", state, task } = query
    const entries = ids === undefined ? this.inOrder() : this.named(ids)
    const start = after === undefined || after < prefix ? prefix : after
    for (let i = lowerBound(entries, start); i < entries.length && rows.length < query.limit; i++) {
      const row = entries[i]!.row
      if (!row.id.startsWith(prefix)) break
      if (row.id === after) continue
      if (task !== undefined && row.task !== task) continue
      if (state !== undefined && row.state !== state) continue
      if (exceptTz !== undefined && row.tz === exceptTz) continue
      rows.push({ ...row })
    }
    return rows
  }

  /** A copy in which texts that many jobs have in common are shared: a million jobs have few triggers and policies. */
  private compact(row: JobRow): OwnRow {
    return {
      id: row.id,
      incarnation: row.incarnation,
      revision: row.revision,
      task: this.share(row.task),
      lane: this.share(row.lane),
      trigger: this.share(row.trigger),
      payload: row.payload,
      taskVersion: row.taskVersion,
      policy: this.share(row.policy),
      tags: this.share(row.tags),
      metadata: this.share(row.metadata),
      anchor: row.anchor,
      cursor: row.cursor,
      nextNominal: row.nextNominal,
      nextDue: row.nextDue,
      state: row.state,
      pause: row.pause,
      overrides: row.overrides,
      tz: this.share(row.tz),
      created: row.created,
      updated: row.updated
    }
  }

  private plan(entry: JobEntry, wasPlanned: boolean): void {
    if (entry.row.nextDue === null) {
      if (wasPlanned) this.byDue.remove(entry)
    } else if (wasPlanned) this.byDue.moved(entry)
    else this.byDue.add(entry)
  }

  private inOrder(): Array<JobEntry> {
    return this.sorted ??= Array.from(this.byId.values()).toSorted(byId)
  }

  private named(ids: ReadonlyArray<string>): Array<JobEntry> {
    return Array.from(new Set(ids), (id) => this.byId.get(id)).filter((entry) => entry !== undefined).toSorted(byId)
  }

  private share(text: string): string {
    const known = this.texts.get(text)
    if (known !== undefined) return known
    if (this.texts.size >= sharedTexts) this.texts.clear()
    this.texts.set(text, text)
    return text
  }
}

const byId = (a: JobEntry, b: JobEntry): number => a.row.id < b.row.id ? -1 : 1

const lowerBound = (entries: ReadonlyArray<JobEntry>, id: string): number => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.row.id < id) low = middle + 1
    else high = middle
  }
  return low
}
