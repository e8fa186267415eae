/**
 * Never do more runs have a place than a limit allows, by the store's account and after each of its verbs.
 *
 * Runs that share a key may allow different numbers, and each is held to its own when it takes its place. So among those that have one, in
 * ascending order of what they allow, the n-th must allow at least n.
 */
import type { Scene, Watch } from "./watch.ts"

export const places = ({ fail, runs, stored }: Scene): Watch => {
  /** Those with limits that may be going. */
  let limited: ReadonlyArray<string> = []
  const add = (ids: ReadonlyArray<string>): void => {
    const more = ids.filter((id) => (runs.get(id)?.limits.length ?? 0) > 0)
    if (more.length > 0) limited = [...limited, ...more]
  }
  const count = (): void => {
    if (limited.length === 0) return
    const allowed = new Map<string, Array<number>>()
    const going = stored(limited).filter(({ state }) => state !== "done")
    limited = going.map(({ id }) => id)
    for (const { id, state } of going) {
      if (state !== "ready" && state !== "running") continue
      // As it was asked for, and not as a store that has forgotten it would have it.
      for (const { key, max } of runs.get(id)!.limits) {
        const others = allowed.get(key)
        if (others === undefined) allowed.set(key, [max])
        else others.push(max)
      }
    }
    for (const [key, most] of allowed) {
      most.sort((a, b) => a - b)
      if (most.some((max, i) => max < i + 1)) fail(`${most.length} have a place under ${key}, which allow ${most}`)
    }
  }
  return {
    see: (happening) => {
      switch (happening._tag) {
        case "enqueued":
        case "replaced":
          add([happening.run.id])
          return count()
        case "committed":
          add(happening.change.runs.map(({ id }) => id))
          return count()
        case "settled":
          add(happening.settlement.follow.map(({ id }) => id))
          return count()
        case "revived":
          add([happening.run])
          return count()
        case "claimed":
          return count()
        default:
          return
      }
    }
  }
}
