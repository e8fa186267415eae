/**
 * Which fires move when the time-zone database changes.
 *
 * Governments change their clocks at short notice, and an update of the platform brings that. Only one database is loaded at
 * a time, so what the old one said has to be written down before the update.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "../compile.ts"
import { anchorFor } from "../fixed.ts"
import * as Instant from "../instant.ts"
import type { Occurrences } from "../occurrences.ts"
import { zoneDataVersion } from "../zone/version.ts"
import * as Zone from "../zone/zone.ts"
import { wallText, zoneOf } from "./clock.ts"
import { readWindow, type Window } from "./diff.ts"

/**
 * The fires of jobs in a window of time, as one time-zone database has them: JSON, to be kept until the next.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZoneDataRecord {
  readonly version: string
  /** Epoch milliseconds. */
  readonly from: number
  readonly to: number
  readonly jobs: ReadonlyArray<{
    readonly id: string
    /** Each fire: epoch milliseconds, and what the clock showed, in milliseconds since 1970-01-01T00:00:00 on the wall. */
    readonly fires: ReadonlyArray<readonly [at: number, wall: number]>
  }>
}

/**
 * The shape of a {@link ZoneDataRecord}, for reading one back.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ZoneDataRecord: Schema.Codec<ZoneDataRecord> = Schema.Struct({
  version: Schema.String,
  from: Schema.Int,
  to: Schema.Int,
  jobs: Schema.Array(
    Schema.Struct({ id: Schema.String, fires: Schema.Array(Schema.Tuple([Schema.Int, Schema.Int])) })
  )
})

/**
 * A fire that another time-zone database has at another instant.
 *
 * @category models
 * @since 0.1.0
 */
export interface MovedFire {
  readonly id: string
  /** What the clock shows at the fire, such as `"2026-03-29 03:00:00"`. */
  readonly wall: string
  /** When it was to fire, or none: the fire is new. */
  readonly before: DateTime.Utc | undefined
  /** When it will fire, or none: the fire is gone. */
  readonly after: DateTime.Utc | undefined
}

/**
 * What another time-zone database changes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZoneDataChanges {
  /** The version with which the record was made. */
  readonly before: string
  /** The version in use. */
  readonly after: string
  /** In the order of their jobs and instants. */
  readonly moved: ReadonlyArray<MovedFire>
  /** Jobs that the record knows and nobody asked about, and the other way round. */
  readonly unknown: ReadonlyArray<string>
}

/** A job as far as its fires go. */
export interface Firing {
  readonly id: string
  readonly spec: TriggerSpec
  readonly occurrences: Occurrences
  readonly anchor: DateTime.DateTime.Input | undefined
}

/** No more fires of a job are written down. */
const maxFires = 10_000

const firesOf = (
  { anchor: given, occurrences, spec }: Firing,
  from: number,
  to: number
): ReadonlyArray<readonly [at: number, wall: number]> => {
  const anchor = given === undefined ? anchorFor(spec, from) : Instant.fromInput("anchor", given)
  const table = Zone.table("timeZone", zoneOf(spec) ?? "UTC")
  const fires: Array<readonly [number, number]> = []
  let at = occurrences.next(from - 1, anchor)
  while (at !== undefined && at < to && fires.length < maxFires) {
    fires.push([at, at + table.at(Math.floor(at / 1000)).offset * 1000])
    at = occurrences.next(at, anchor)
  }
  return fires
}

/** @internal */
export const record = (jobs: Iterable<Firing>, window: Window): ZoneDataRecord => {
  const [from, to] = readWindow(window)
  return {
    version: zoneDataVersion,
    from,
    to,
    jobs: Array.from(jobs, (job) => ({ id: job.id, fires: firesOf(job, from, to) }))
  }
}

/** @internal */
export const changes = (record: ZoneDataRecord, jobs: Iterable<Firing>): ZoneDataChanges => {
  const recorded = new Map(record.jobs.map(({ fires, id }) => [id, fires]))
  const moved: Array<MovedFire> = []
  const unknown: Array<string> = []
  for (const job of jobs) {
    const before = recorded.get(job.id)
    recorded.delete(job.id)
    if (before === undefined) {
      unknown.push(job.id)
      continue
    }
    const after = firesOf(job, record.from, record.to)
    const [lost, won] = [without(before, after), without(after, before)]
    // what shows the same wall time has moved; the rest has gone, or is new
    for (const [at, wall] of lost) {
      const index = won.findIndex((fire) => fire[1] === wall)
      const [twin] = index < 0 ? [] : won.splice(index, 1)
      moved.push(movedFire(job.id, wall, at, twin?.[0]))
    }
    for (const [at, wall] of won) moved.push(movedFire(job.id, wall, undefined, at))
  }
  return { before: record.version, after: zoneDataVersion, moved, unknown: [...unknown, ...recorded.keys()] }
}

type Fires = ReadonlyArray<readonly [at: number, wall: number]>

/** The fires at instants that the others do not have. */
const without = (fires: Fires, others: Fires): Array<readonly [at: number, wall: number]> => {
  const known = new Set(others.map(([at]) => at))
  return fires.filter(([at]) => !known.has(at))
}

const movedFire = (id: string, wall: number, before: number | undefined, after: number | undefined): MovedFire => ({
  id,
  wall: wallText(wall),
  before: before === undefined ? undefined : DateTime.makeUnsafe(before),
  after: after === undefined ? undefined : DateTime.makeUnsafe(after)
})
