/**
 * Runs whose payload is of a newer version than this node knows: there are some while a deploy is under way, and after one that was rolled back.
 *
 * They are left to nodes that know them. That a lane has any is not known before one is claimed; it is handed back at once then, and for a
 * while nothing newer is claimed of that lane, so that whoever knows it need not be faster than this node. But where there is no such node, such runs would
 * stand before others for ever, and keep their places under limits from them. So those that have been ready for as long are put off, which takes
 * them out of the way for a while.
 */
import type * as JobStore from "../JobStore.ts"
import type { Core, Served } from "./core.ts"
import { type Moment, passed } from "./moment.ts"

/** For how long such runs are left where they stand, and then out of the way, in milliseconds. */
export const deployPatience = 5_000

export const isNewer = ({ task }: Pick<Served, "task">, { taskVersion }: JobStore.RunRow): boolean =>
  taskVersion > task.version

/** What one worker remembers of them. */
export const make = (core: Core) => {
  /** Lanes of which nothing newer than a version is claimed, and since when. */
  const lanes = new Map<string, { readonly version: number; readonly since: Moment }>()
  const rest = (since: Moment, now: Moment): number => deployPatience - passed(since, now)

  return {
    /** What a claim asks for. */
    upTo: (now: Moment): ReadonlyMap<string, number> | undefined => {
      if (lanes.size === 0) return undefined
      for (const [lane, { since }] of lanes) if (rest(since, now) <= 0) lanes.delete(lane)
      return new Map(Array.from(lanes, ([lane, { version }]) => [lane, version]))
    },

    /** In how many milliseconds a claim asks for more than the last one did. */
    again: (now: Moment): number =>
      lanes.size === 0 ? Infinity : Math.min(...Array.from(lanes.values(), ({ since }) => rest(since, now))),

    /** Whether a claimed run is to be handed back at once. Never one that was to be left where it is: a store may not know how. */
    isLeft: (row: JobStore.RunRow, upTo: ReadonlyMap<string, number> | undefined, now: Moment): boolean => {
      const served = core.served.get(row.task)!
      if (!isNewer(served, row) || upTo?.has(row.lane) === true) return false
      if (now.at - (row.readyAt ?? row.planned) >= deployPatience) return false
      lanes.set(row.lane, { version: served.task.version, since: now })
      return true
    }
  }
}
