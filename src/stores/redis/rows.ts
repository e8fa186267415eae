/**
 * How rows lie in Redis: a head, which the scripts read and change, and a body, which they only keep.
 *
 * Both are JSON. A column that is `null` is left out, which Lua reads as `nil`; so no script ever meets a `null`.
 *
 * @since 0.1.0
 */
import type { CancelRequest, JobRow, JobState, Limit, NewRun, RunRow, RunState, VerdictRow } from "../../JobStore.ts"
import { inOrder } from "../limits.ts"
import type { Reply, Texts } from "./Database.ts"

interface JobHead {
  readonly incarnation: string
  readonly revision: number
  readonly cursor?: number | undefined
  readonly nextNominal?: number | undefined
  readonly nextDue?: number | undefined
  readonly state: JobState
  readonly created: number
  readonly updated: number
}

type JobBody =
  & Pick<JobRow, "task" | "lane" | "trigger" | "payload" | "policy" | "tags" | "metadata" | "anchor" | "tz">
  & {
    readonly taskVersion?: number | undefined
    readonly pause?: string | undefined
    readonly overrides?: string | undefined
  }

/** What a decision changes in a job's head. */
export const planned = (row: Pick<JobRow, "cursor" | "nextNominal" | "nextDue" | "state" | "updated">) => ({
  cursor: row.cursor ?? undefined,
  nextNominal: row.nextNominal ?? undefined,
  nextDue: row.nextDue ?? undefined,
  state: row.state,
  updated: row.updated
})

export const jobBody = (row: JobRow): string => {
  const body: JobBody = {
    task: row.task,
    lane: row.lane,
    trigger: row.trigger,
    payload: row.payload,
    taskVersion: row.taskVersion,
    policy: row.policy,
    tags: row.tags,
    metadata: row.metadata,
    anchor: row.anchor,
    pause: row.pause ?? undefined,
    overrides: row.overrides ?? undefined,
    tz: row.tz
  }
  return JSON.stringify(body)
}

/** A job for a request. */
export const encodeJob = (row: JobRow, texts: Texts) => {
  const head: JobHead = {
    ...planned(row),
    incarnation: row.incarnation,
    revision: row.revision,
    created: row.created
  }
  return { ...head, id: row.id, body: texts.add(jobBody(row)) }
}

/** The job whose id, head and body stand here in a reply. */
export const decodeJob = (reply: Reply, at: number): JobRow => {
  const head = JSON.parse(reply[at + 1] as string) as JobHead
  const body = JSON.parse(reply[at + 2] as string) as JobBody
  return {
    id: reply[at] as string,
    incarnation: head.incarnation,
    revision: head.revision,
    task: body.task,
    lane: body.lane,
    trigger: body.trigger,
    payload: body.payload,
    // layout 1 did not keep it: there was one version only
    taskVersion: body.taskVersion ?? 1,
    policy: body.policy,
    tags: body.tags,
    metadata: body.metadata,
    anchor: body.anchor,
    cursor: head.cursor ?? null,
    nextNominal: head.nextNominal ?? null,
    nextDue: head.nextDue ?? null,
    state: head.state,
    pause: body.pause ?? null,
    overrides: body.overrides ?? null,
    tz: body.tz,
    created: head.created,
    updated: head.updated
  }
}

interface RunHead {
  readonly job?: string | undefined
  readonly incarnation?: string | undefined
  readonly lane: string
  /** What the body says, for claims; left out where there is one version only. */
  readonly taskVersion?: number | undefined
  readonly planned: number
  readonly readyAt?: number | undefined
  readonly boost: number
  readonly serial?: number | undefined
  /** Left out where there are none: the JSON of Lua does not know an empty list from an empty object. */
  readonly limits?: ReadonlyArray<Limit> | undefined
  readonly atMostOnce?: boolean | undefined
  readonly uniqueKey?: string | undefined
  /** Left out unless it is for less than the whole run. */
  readonly uniqueWhile?: "queued" | undefined
  readonly retention: number
}

/** What the scripts add to a head. */
interface Progressed extends RunHead {
  readonly state: RunState
  readonly orderAt?: number
  readonly fence: number
  readonly attempt: number
  readonly attempts: string
  readonly node?: string
  readonly cancel?: string
  readonly claimed?: number
  readonly started?: number
  readonly finished?: number
  readonly outcome?: string
  readonly result?: string
  readonly progress?: string
  readonly log?: string
  readonly expiresAt?: number
}

type RunBody =
  & Pick<NewRun, "origin" | "task" | "taskVersion" | "payload" | "policy" | "created">
  & { readonly nominal?: number | undefined; readonly trace?: string | undefined }

/** A new run for a request. */
export const encodeRun = (run: NewRun, texts: Texts) => {
  const head: RunHead = {
    job: run.job ?? undefined,
    incarnation: run.incarnation ?? undefined,
    lane: run.lane,
    taskVersion: run.taskVersion > 1 ? run.taskVersion : undefined,
    planned: run.planned,
    readyAt: run.readyAt ?? undefined,
    boost: run.boost,
    serial: run.serial ?? undefined,
    limits: run.limits.length === 0 ? undefined : inOrder(run.limits),
    atMostOnce: run.atMostOnce || undefined,
    uniqueKey: run.uniqueKey ?? undefined,
    uniqueWhile: run.uniqueWhile === "queued" ? "queued" : undefined,
    retention: run.retention
  }
  const body: RunBody = {
    nominal: run.nominal ?? undefined,
    origin: run.origin,
    task: run.task,
    taskVersion: run.taskVersion,
    payload: run.payload,
    policy: run.policy,
    trace: run.trace ?? undefined,
    created: run.created
  }
  return { ...head, id: run.id, body: texts.add(JSON.stringify(body)) }
}

/** The run whose id, head and body stand here in a reply. */
export const decodeRun = (reply: Reply, at: number): RunRow => {
  const head = JSON.parse(reply[at + 1] as string) as Progressed
  const body = JSON.parse(reply[at + 2] as string) as RunBody
  return {
    id: reply[at] as string,
    job: head.job ?? null,
    incarnation: head.incarnation ?? null,
    nominal: body.nominal ?? null,
    planned: head.planned,
    origin: body.origin,
    task: body.task,
    taskVersion: body.taskVersion,
    lane: head.lane,
    payload: body.payload,
    policy: body.policy,
    readyAt: head.readyAt ?? null,
    boost: head.boost,
    serial: head.serial ?? null,
    limits: head.limits ?? [],
    atMostOnce: head.atMostOnce ?? false,
    uniqueKey: head.uniqueKey ?? null,
    uniqueWhile: head.uniqueWhile ?? "going",
    retention: head.retention,
    trace: body.trace ?? null,
    created: body.created,
    state: head.state,
    orderAt: head.orderAt ?? null,
    fence: head.fence,
    attempt: head.attempt,
    attempts: head.attempts,
    node: head.node ?? null,
    cancel: head.cancel ?? null,
    claimed: head.claimed ?? null,
    started: head.started ?? null,
    finished: head.finished ?? null,
    outcome: head.outcome ?? null,
    result: head.result ?? null,
    progress: head.progress ?? null,
    log: head.log ?? null,
    expiresAt: head.expiresAt ?? null
  }
}

/** How many places a row takes in a reply. */
export const width = 3

/** All rows of a reply, from a place on. */
export const decodeAll = <A>(reply: Reply, from: number, decode: (reply: Reply, at: number) => A): Array<A> => {
  const rows: Array<A> = []
  for (let at = from; at < reply.length; at += width) rows.push(decode(reply, at))
  return rows
}

type Range = Omit<VerdictRow, "from" | "ref" | "note" | "count"> & {
  readonly from?: number | undefined
  readonly ref?: string | undefined
  readonly note?: string | undefined
  readonly count?: number | undefined
}

export const encodeVerdict = (row: VerdictRow): Range => ({
  ...row,
  from: row.from ?? undefined,
  ref: row.ref ?? undefined,
  note: row.note ?? undefined,
  count: row.count ?? undefined
})

export const decodeVerdict = (text: string): VerdictRow => {
  const range = JSON.parse(text) as Range
  return {
    job: range.job,
    incarnation: range.incarnation,
    from: range.from ?? null,
    to: range.to,
    kind: range.kind,
    reason: range.reason,
    ref: range.ref ?? null,
    note: range.note ?? null,
    count: range.count ?? null,
    decided: range.decided,
    node: range.node
  }
}

export const encodeCancel = ({ by, reason }: CancelRequest): string => JSON.stringify({ reason, by })
