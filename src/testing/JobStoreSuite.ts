/**
 * The conformance suite of job stores: what the contract demands, as data that any test runner can run.
 *
 * **When to use**
 *
 * Use to test a store of your own. Each case wants a fresh, empty store; none depends on a clock.
 *
 * **Example** (A store's test)
 *
 * ```ts
 * import { describe, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { MemoryJobStore } from "effect-scheduler"
 * import { JobStoreSuite } from "effect-scheduler/testing"
 *
 * describe("MemoryJobStore", () => {
 *   for (const c of JobStoreSuite.cases) {
 *     it.effect(`${c.chapter}: ${c.name}`, () => c.run.pipe(Effect.provide(MemoryJobStore.layer)))
 *   }
 * })
 * ```
 *
 * **Gotchas**
 *
 * Layers are memoised by reference: a layer that is shared between cases must be made anew for each, with `Layer.fresh`, if it is to give
 * each of them an empty store. A case about signals does not end when the hint it waits for never comes; the runner's timeout tells.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { JobStore } from "../JobStore.ts"
import * as MemoryJobStore from "../stores/MemoryJobStore.ts"
import { arriving } from "./job-store/arriving.ts"
import { cancelling } from "./job-store/cancelling.ts"
import type { Case } from "./job-store/case.ts"
import { concurrency } from "./job-store/concurrency.ts"
import { history, sweeping } from "./job-store/history.ts"
import { jobs } from "./job-store/jobs.ts"
import { leases } from "./job-store/leases.ts"
import { limits } from "./job-store/limits.ts"
import { lostReplies } from "./job-store/lostReplies.ts"
import { planning } from "./job-store/planning.ts"
import { queueing } from "./job-store/queueing.ts"
import { rates, replacing } from "./job-store/replacing.ts"
import { serial } from "./job-store/serial.ts"
import { settling } from "./job-store/settling.ts"
import { signals } from "./job-store/signals.ts"
import { walk } from "./job-store/walk.ts"

export type { Case } from "./job-store/case.ts"
export * from "./job-store/rows.ts"
export { walk, type WalkOptions } from "./job-store/walk.ts"

const inStepWithMemory: ReadonlyArray<Case> = [1, 2, 3, 4].map((seed) => ({
  chapter: "model",
  name: `random verbs, in step with the memory store (seed ${seed})`,
  run: Effect.flatMap(
    JobStore,
    (store) => Effect.flatMap(MemoryJobStore.make(), (model) => walk([model, store], { seed, steps: 200 }))
  )
}))

/**
 * All demands on a store, chapter by chapter.
 *
 * @category cases
 * @since 0.1.0
 */
export const cases: ReadonlyArray<Case> = [
  ...jobs,
  ...planning,
  ...queueing,
  ...arriving,
  ...serial,
  ...limits,
  ...replacing,
  ...rates,
  ...settling,
  ...cancelling,
  ...leases,
  ...history,
  ...sweeping,
  ...signals,
  ...lostReplies,
  ...concurrency,
  ...inStepWithMemory
]
