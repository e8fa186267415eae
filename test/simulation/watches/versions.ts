/**
 * Who does not know the version of a run leaves such runs alone: having met one that has just become ready, he claims no other for a while.
 */
import type { Scene, Watch } from "./watch.ts"

/** For how long, in milliseconds. */
const patience = 5_000

/** So long after a node has become well what it asks is answered at once, in milliseconds. */
const settling = 30_000

export const versions = ({ fail }: Scene): Watch => {
  const known = new Map<string, number>()
  const well = new Map<string, number>()
  /** When each node has met one last, by lane. */
  const met = new Map<string, number>()
  return {
    see: (happening, at) => {
      switch (happening._tag) {
        case "joined":
          return void known.set(happening.node, happening.version)
        case "stepped":
          return met.clear()
        case "healthy":
          if (happening.since === undefined) well.delete(happening.node)
          else well.set(happening.node, Math.max(at, happening.since) + settling)
          return
        case "claimed": {
          const { id, lane, node, planned, readyAt, taskVersion } = happening.row
          // It may have been in wait for whatever else; then nobody knows since when it is ready.
          const isYoung = at - (readyAt ?? planned) < patience
          if (!isYoung || taskVersion <= known.get(node!)!) return
          const key = `${node} ${lane}`
          const last = met.get(key) ?? at
          met.set(key, at)
          if (at === last || at - last >= patience || (well.get(node!) ?? Infinity) > last) return
          fail(`${node} does not know the version of ${id}, and has met such a run ${at - last} ms ago`)
          return
        }
        default:
          return
      }
    }
  }
}
