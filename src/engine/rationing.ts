/**
 * Rate limits: claimed runs whose rate has nothing left go back to wait for their instant, as an attempt that does not count.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { instants, wantOf } from "../decisions/limits.ts"
import type * as JobStore from "../JobStore.ts"
import * as Policy from "../Policy.ts"
import { type Core, now } from "./core.ts"

/** A run that may start, or from when it may. */
export interface Rationed {
  readonly row: JobStore.RunRow
  readonly startAt: number | undefined
}

interface Share {
  readonly want: JobStore.Want
  readonly rows: Array<JobStore.RunRow>
}

export const make = (core: Core) => {
  /** The last instant that this node has told for each bucket: the next ones are told later, or all would come back at once. */
  const told = new Map<string, number>()

  const sharesOf = (rows: ReadonlyArray<JobStore.RunRow>): ReadonlyArray<Share> => {
    const shares = new Map<string, Share>()
    // Most policies have no rate, and a text is searched sooner than it is decoded; neighbours mostly have the same.
    let last = ""
    let hasRate = false
    for (const row of rows) {
      if (row.policy !== last) {
        last = row.policy
        hasRate = last.includes(`"rate":`)
      }
      if (!hasRate) continue
      const policy = Option.getOrElse(Policy.decode(row.policy), () => Policy.defaults)
      const want = wantOf(row.task, policy)
      if (want === undefined) continue
      // Those that differ in their rate draw from one bucket, and each by its own.
      const kind = `${want.interval}/${want.burst} ${want.key}`
      const share = shares.get(kind)
      if (share === undefined) shares.set(kind, { want, rows: [row] })
      else share.rows.push(row)
    }
    return Array.from(shares.values())
  }

  return Effect.fnUntraced(function*(rows: ReadonlyArray<JobStore.RunRow>) {
    const shares = sharesOf(rows)
    if (shares.length === 0) return rows.map((row): Rationed => ({ row, startAt: undefined }))
    const wants = shares.map(({ rows, want }) => ({ ...want, n: rows.length }))
    const take = Effect.flatMap(
      now,
      (at) => Effect.map(core.store.take({ wants, now: at }), (answers) => ({ at, answers }))
    )
    const { answers, at } = yield* core.outage.rideOut(take)
    for (const [key, last] of told) if (last <= at) told.delete(key)
    const startAt = new Map<JobStore.RunRow, number>()
    for (const [i, { rows, want }] of shares.entries()) {
      const answer = answers[i]!
      const later = rows.slice(answer.granted)
      if (later.length === 0) continue
      const times = instants(answer.next, want, told.get(want.key) ?? -Infinity, later.length)
      later.forEach((row, n) => startAt.set(row, times[n]!))
      told.set(want.key, times[times.length - 1]!)
    }
    return rows.map((row): Rationed => ({ row, startAt: startAt.get(row) }))
  })
}
