/**
 * What the conformance suite is made of: named cases in chapters, each an effect that dies when the store breaks its contract.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { JobRow, RunRow, Service } from "../../JobStore.ts"
import { JobStore } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"

/**
 * One demand on a store. It wants a store that is fresh and empty, and depends on no clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly chapter: string
  readonly name: string
  /** Dies with an `AssertionError` when the demand is not met. */
  readonly run: Effect.Effect<void, StoreError, JobStore>
}

type Steps = (store: Service) => Generator<Effect.Effect<any, StoreError>, void, never>

export const chapter = (chapter: string, cases: Readonly<Record<string, Steps>>): ReadonlyArray<Case> =>
  Object.entries(cases).map(([name, steps]) => ({
    chapter,
    name,
    run: Effect.flatMap(JobStore, (store) => Effect.gen(() => steps(store)))
  }))

/** The runs with these ids, in this order. */
export const runsOf = (
  store: Service,
  ...ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<RunRow>, StoreError> =>
  Effect.map(store.runs({ ids, limit: ids.length }), (rows) =>
    ids.map((id) => {
      const row = rows.find((row) => row.id === id)
      assert.ok(row !== undefined, `the store has no run ${id}`)
      return row
    }))

export const runOf = (store: Service, id: string): Effect.Effect<RunRow, StoreError> =>
  Effect.map(runsOf(store, id), ([row]) => row!)

export const jobOf = (store: Service, id: string): Effect.Effect<JobRow, StoreError> =>
  Effect.map(store.jobs({ ids: [id], limit: 1 }), ([row]) => {
    assert.ok(row !== undefined, `the store has no job ${id}`)
    return row
  })

export const lane = "default/Task"

/** Claims from the lane of `Rows.run`, by default for the node `n1`. */
export const claim = (
  store: Service,
  now: number,
  limit = 100,
  node = "n1"
): Effect.Effect<ReadonlyArray<RunRow>, StoreError> =>
  Effect.map(store.claim({ node, lanes: [lane], limit, now }), ({ runs }) => runs)

export const idsOf = (rows: ReadonlyArray<{ readonly id: string }>): ReadonlyArray<string> => rows.map((row) => row.id)

/** Compares fields of a row. */
export const has = <A extends object>(row: A, fields: Partial<A>, message?: string): void => {
  const actual = Object.fromEntries(Object.keys(fields).map((key) => [key, row[key as keyof A]]))
  assert.deepEqual(actual, fields, message)
}

export const sorted = (ids: ReadonlyArray<string>): ReadonlyArray<string> => ids.toSorted()

/** Asserts that values are equal as JSON: whatever a store's driver adds to rows, such as prototypes, does not count. */
export const sameJson = (actual: unknown, expected: unknown, message: string): void => {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  // comparing text is far cheaper than comparing structures, and says less when they differ
  if (a !== b) assert.deepEqual(JSON.parse(a ?? "null"), JSON.parse(b ?? "null"), message)
}
