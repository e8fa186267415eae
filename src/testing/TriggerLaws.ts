/**
 * The laws of triggers, as data that any test runner can run.
 *
 * **When to use**
 *
 * Use to test a kind of trigger of your own, or triggers that matter to you.
 *
 * **Example** (A custom kind obeys the laws)
 *
 * ```ts
 * import { describe, it } from "@effect/vitest"
 * import { Schema } from "effect"
 * import { Trigger } from "effect-scheduler"
 * import { TriggerLaws } from "effect-scheduler/testing"
 *
 * const Grid = Trigger.custom("acme/grid", {
 *   parameters: Schema.Struct({ millis: Schema.Int }),
 *   occurrences: ({ millis }) => ({
 *     next: (after, anchor) => {
 *       const at = (Math.floor(Math.max(after, anchor) / millis) + 1) * millis
 *       return at <= 8.64e15 ? at : undefined
 *     },
 *     previous: (before, anchor) => {
 *       const at = (Math.ceil(Math.min(before, 8.64e15 + 1) / millis) - 1) * millis
 *       return at > anchor ? at : undefined
 *     }
 *   })
 * })
 *
 * describe("Grid", () => {
 *   const registry = Trigger.registry({ kinds: [Grid] })
 *   for (const { name, run } of TriggerLaws.cases(Grid.make({ millis: 1000 }), { registry })) it.effect(name, () => run)
 * })
 * ```
 *
 * **Gotchas**
 *
 * A trigger that never answers cannot be stopped by a law, because its functions are plain code; the runner's timeout
 * tells, if the runner has one that can stop a thread.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Trigger from "../Trigger.ts"
import { laws } from "./trigger-laws/laws.ts"

export { instant, kinds, trigger, zones } from "./trigger-laws/generate.ts"
export { type Law, laws, type Subject } from "./trigger-laws/laws.ts"
export { make as random, type Random } from "./trigger-laws/random.ts"

/**
 * One law and one trigger.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  /** The name of the law. */
  readonly name: string
  /** Dies with an `AssertionError` when the law is broken. */
  readonly run: Effect.Effect<void>
}

/** Anchors on both sides of a change of clocks, in the past and in the future, and none of them round. */
const defaultAnchors = ["2026-02-27T10:11:12.345Z", "1999-12-31T23:59:59.999Z", "2061-10-30T00:30:00Z"].map((text) =>
  Date.parse(text)
)

/**
 * All laws for one trigger.
 *
 * **Details**
 *
 * `anchors` are the instants, in epoch milliseconds, at which a job with this trigger may have been added; some between 1999
 * and 2061 unless given. `registry` says what the names in the trigger mean.
 *
 * @category cases
 * @since 0.1.0
 */
export const cases = (trigger: Trigger.Trigger, options?: {
  readonly anchors?: ReadonlyArray<number> | undefined
  readonly registry?: Trigger.Registry | undefined
}): ReadonlyArray<Case> =>
  laws.map(({ check, name }) => ({
    name,
    run: Effect.forEach(options?.anchors ?? defaultAnchors, (anchor) =>
      check({ trigger, anchor, registry: options?.registry }), { discard: true })
  }))
