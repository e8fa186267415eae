/**
 * What the documentation of `Policy` says becomes of each due occurrence, one by one and without any economy. It shares no code with
 * the decision it checks.
 */
import type { Policy } from "effect-scheduler"

export interface Judgement {
  readonly kind: "fired" | "coalesced" | "skipped" | "missed"
  readonly reason?: string
  readonly into?: number
}

/** "One minute unless given": how old the newest occurrence may be with `catchUp: "none"`. */
const oneMinute = 60_000

/** The due occurrences that the catch-up policy would run. */
const wanted = (due: ReadonlyArray<number>, policy: Policy.Decided, now: number): ReadonlyArray<number> => {
  const within = (grace: number) => due.filter((at) => now - at <= grace)
  const fresh = within(policy.misfireGrace ?? Number.POSITIVE_INFINITY)
  if (policy.catchUp === "latest") return fresh.slice(-1)
  if (policy.catchUp === "earliest") return fresh.slice(0, 1)
  if (policy.catchUp === "all") return fresh.slice(-policy.catchUpLimit)
  const newest = due[due.length - 1]
  return within(policy.misfireGrace ?? oneMinute).filter((at) => at === newest)
}

/** How many of those may enter, and what the others are called. */
const room = (overlap: Policy.Overlap, going: number): readonly [count: number, refusal: "overlap" | "full"] => {
  if (overlap === "skip") return [going === 0 ? Infinity : 0, "overlap"]
  if (overlap === "cancelRunning") return [Infinity, "overlap"]
  if (overlap === "queue") return [going <= 1 ? Infinity : 0, "full"]
  if ("allow" in overlap) return [going < overlap.allow ? Infinity : 0, "overlap"]
  // one goes, the others wait
  return [Math.max(0, overlap.queueAll + 1 - Math.max(going, 0)), "full"]
}

export const judge = (
  due: ReadonlyArray<number>,
  { going, now, policy }: { readonly policy: Policy.Decided; readonly going: number; readonly now: number }
): ReadonlyMap<number, Judgement> => {
  const wants = wanted(due, policy, now)
  const [count, refusal] = room(policy.overlap, going)
  const fires = wants.slice(0, count)
  return new Map(due.map((at): [number, Judgement] => {
    if (fires.includes(at)) return [at, { kind: "fired" }]
    if (policy.misfireGrace !== null && now - at > policy.misfireGrace) return [at, { kind: "missed", reason: "age" }]
    if (wants.includes(at)) return [at, { kind: "skipped", reason: refusal }]
    if (policy.catchUp === "none") return [at, { kind: "missed", reason: "policy" }]
    if (policy.catchUp === "all") return [at, { kind: "missed", reason: "cap" }]
    // what would have been coalesced into a run shares its fate when it is refused
    return [
      at,
      fires.length > 0
        ? { kind: "coalesced", reason: "catchUp", into: fires[0]! }
        : { kind: "skipped", reason: refusal }
    ]
  }))
}
