/**
 * Whatever version of a program has asked for a run, some program can read what it was given, unless it is one of those that none of the newer can.
 */
import { isUnreadable } from "../actors/repairing.ts"
import type { Scene, Watch } from "./watch.ts"

export const payloads = ({ fail, runs }: Scene): Watch => ({
  see: (happening) => {
    if (happening._tag !== "settled") return
    const { next, run } = happening.settlement
    if (next._tag !== "Done" || next.outcome !== "undecodable") return
    if (!isUnreadable(runs.get(run)!)) fail(`${run} could not be read`)
  }
})
