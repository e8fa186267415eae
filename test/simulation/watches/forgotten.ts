/**
 * Nothing is forgotten before its time, and nothing that is forgotten comes again.
 */
import type { Scene, Watch } from "./watch.ts"

const parentOf = (id: string) => id.replace(/(:then:|\.)\d+$/, "")

export const forgotten = ({ fail, runs }: Scene): Watch => {
  const gone = new Set<string>()
  const revived = new Set<string>()
  return {
    see: (happening) => {
      switch (happening._tag) {
        case "revived":
          return void revived.add(happening.run)
        case "swept":
          for (const { expiresAt, finished, id, state } of happening.rows) {
            gone.add(id)
            const { retention } = runs.get(id)!
            if (state !== "done") fail(`${id} is forgotten, and is ${state}`)
            else if (expiresAt !== finished! + retention || expiresAt > happening.now) {
              fail(`${id}, which ended at ${finished}, is forgotten at ${happening.now}`)
            }
          }
          return
        case "enqueued": {
          const { id, origin } = happening.run
          // What goes again lives longer than those who followed it.
          if (!gone.has(id) || revived.has(parentOf(id))) return
          if (origin === "continuation" || id.startsWith("throttle:")) fail(`${id} was forgotten, and comes again`)
          return
        }
        default:
          return
      }
    }
  }
}
