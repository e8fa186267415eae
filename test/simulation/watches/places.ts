/**
 * Never do more runs have a place than a limit allows, by the store's account and after each of its verbs.
 *
 * Runs that share a key may allow different numbers, and each is held to its own when it takes its place. So among those that have one, in
 * ascending order of what they allow, the n-th must allow at least n.
 */
import type { Scene, Watch } from "./watch.ts"

export const places = ({ fail, going, runs }: Scene): Watch => ({
  see: ({ _tag }) => {
    if (_tag !== "enqueued" && _tag !== "committed" && _tag !== "settled" && _tag !== "claimed" && _tag !== "revived") {
      return
    }
    const allowed = new Map<string, Array<number>>()
    for (const { id, state } of going()) {
      if (state !== "ready" && state !== "running") continue
      // As it was asked for, and not as a store that has forgotten it would have it.
      for (const { key, max } of runs.get(id)?.limits ?? []) {
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
})
