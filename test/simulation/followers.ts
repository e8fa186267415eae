/**
 * What must follow from the ends of runs, read from the rows that are left: no more and no less.
 */
import type { JobStore } from "effect-scheduler"

interface Stored {
  readonly on: "success" | "failure" | "end"
}

const calls = (on: Stored["on"], outcome: string): boolean =>
  on === "end" || (on === "success" ? outcome === "succeeded" : outcome !== "succeeded" && outcome !== "cancelled")

export const misfollowed = (
  runs: ReadonlyMap<string, JobStore.RunRow>,
  /** What runs had come to before somebody made them go again. */
  earlier: ReadonlyMap<string, ReadonlyArray<string>>
): ReadonlyArray<string> => {
  const violations: Array<string> = []
  const expected = new Set<string>()
  for (const run of runs.values()) {
    const { followedBy = [] } = JSON.parse(run.policy) as { readonly followedBy?: ReadonlyArray<Stored> }
    for (const [i, { on }] of followedBy.entries()) {
      const id = run.origin === "continuation" ? `${run.id}.${i}` : `${run.id}:then:${i}`
      const outcomes = [...earlier.get(run.id) ?? [], run.outcome!]
      if (!outcomes.some((outcome) => calls(on, outcome))) continue
      expected.add(id)
      if (!runs.has(id)) violations.push(`${run.id} ended as ${outcomes.join(", then ")}, and ${id} does not follow`)
    }
  }
  for (const run of runs.values()) {
    if (run.origin === "continuation" && !expected.has(run.id)) violations.push(`nothing called for ${run.id}`)
  }
  return violations
}
