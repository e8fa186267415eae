/**
 * A run is over exactly when its handler's writes are committed: they are once, and nothing of it starts after them.
 */
import type { Scene, Watch } from "./watch.ts"

export const writes = ({ fail }: Scene): Watch => {
  const written = new Set<string>()
  return {
    see: (happening) => {
      if (happening._tag !== "wrote" && happening._tag !== "started") return
      const { run } = happening.attempt
      if (written.has(run)) fail(`${run} ${happening._tag} after its writes were committed`)
      if (happening._tag === "wrote") written.add(run)
    },
    finish: (rows) => {
      for (const run of written) {
        const outcome = rows.get(run)?.outcome
        if (outcome !== "succeeded") fail(`the writes of ${run} were committed, and it ended as ${outcome}`)
      }
    }
  }
}
