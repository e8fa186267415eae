/**
 * Whatever version of a program has asked for a run, some program can read what it was given.
 */
import type { Scene, Watch } from "./watch.ts"

export const payloads = ({ fail }: Scene): Watch => ({
  see: (happening) => {
    if (happening._tag !== "settled") return
    const { next, run } = happening.settlement
    if (next._tag === "Done" && next.outcome === "undecodable") fail(`${run} could not be read`)
  }
})
