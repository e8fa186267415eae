/**
 * What the jobs and runs of a simulation are like.
 */
import { Continuation, type Policy } from "effect-scheduler"
import { Retried, Work } from "../support/world.ts"
import { type Random, random } from "./random.ts"

/** What a job of this name is like, in all its incarnations. */
export const policyOf = (seed: string, id: string) => {
  const choice = random(`${seed}/policy/${id}`)
  return {
    overlap: choice.pick(["skip", "queue", "cancelRunning", { queueAll: 3 }, { allow: 2 }] as const),
    catchUp: choice.pick(["latest", "earliest", "all", "none"] as const),
    catchUpLimit: choice.pick([2, 5]),
    delivery: choice.pick(["atLeastOnce", "atMostOnce"] as const),
    timeout: choice.pick(["20 seconds", Infinity] as const),
    misfireGrace: choice.pick([Infinity, Infinity, "40 seconds"] as const),
    task: choice.pick([Work, Retried]),
    ...limitsOf(random(`${seed}/limits/${id}`)),
    followedBy: choice.chance(0.5) ? follow(choice, 2) : []
  }
}

/** What it shares with other jobs, of a stream of its own. */
const limitsOf = (choice: Random): Policy.Options => ({
  ...choice.chance(0.3) ? { concurrency: { task: choice.int(1, 3) } } : {},
  ...choice.chance(0.3) ? { rate: { limit: choice.int(1, 3), per: "20 seconds" } } : {}
})

/** What follows a run: some of each kind, and what follows those. */
export const follow = (choice: Random, depth: number): ReadonlyArray<Continuation.After<typeof Work>> => {
  const options = (name: string) => ({
    payload: { name },
    delivery: choice.pick(["atLeastOnce", "atMostOnce"] as const),
    followedBy: depth === 0 ? [] : follow(choice, depth - 1)
  })
  return [
    ...choice.chance(0.5) ? [Continuation.onSuccess(Work, options("then"))] : [],
    ...choice.chance(0.5) ? [Continuation.onFailure(Work, options("else"))] : [],
    ...choice.chance(0.5) ? [Continuation.onEnd(Work, options("finally"))] : []
  ]
}
