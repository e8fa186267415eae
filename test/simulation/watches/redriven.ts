/**
 * A run goes again when somebody asked for it, and no more often; and it does when they were told so.
 */
import type { Scene, Watch } from "./watch.ts"

export const redriven = ({ fail }: Scene): Watch => {
  const over = new Set<string>()
  const lives = new Map<string, number>()
  const asked = new Map<string, number>()
  const before = new Map<number, { readonly over: boolean; readonly lives: number }>()
  let askedForAll = 0
  const end = (runs: ReadonlyArray<string>) => runs.forEach((run) => over.add(run))
  const livesOf = (run: string) => lives.get(run) ?? 0
  return {
    see: (happening) => {
      switch (happening._tag) {
        case "settled":
          return happening.done ? end([happening.settlement.run]) : undefined
        case "cancelled":
          return end(happening.runs)
        case "taken":
          return end(happening.abandoned)
        case "asked": {
          const { call, run } = happening
          if (run === undefined) return void askedForAll++
          asked.set(run, (asked.get(run) ?? 0) + 1)
          return void before.set(call, { over: over.has(run), lives: livesOf(run) })
        }
        case "revived": {
          const { outcome, run } = happening
          over.delete(run)
          lives.set(run, livesOf(run) + 1)
          if (outcome === "succeeded") fail(`${run} had succeeded, and goes again`)
          if (livesOf(run) > (asked.get(run) ?? 0) + askedForAll) fail(`${run} goes again, more often than asked`)
          return
        }
        case "redriven": {
          const { call, run } = happening
          const then = before.get(call)!
          if (then.over && livesOf(run) === then.lives) fail(`redrive of ${run} returned, and it does not go`)
          return
        }
        default:
          return
      }
    }
  }
}
