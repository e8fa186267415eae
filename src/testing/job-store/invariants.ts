/** What is true of the rows of a store at every moment, and from one moment to the next. */
import * as assert from "node:assert/strict"
import type { JobRow, Limit, RunRow, VerdictRow } from "../../JobStore.ts"
import { sameJson } from "./case.ts"

/** All that a store holds. */
export interface Rows {
  readonly jobs: ReadonlyArray<JobRow>
  readonly runs: ReadonlyArray<RunRow>
  readonly verdicts: ReadonlyArray<VerdictRow>
}

/** Whether nobody else may have its unique key; one that is held while it is queued is given up for good with the first claim. */
const hasKey = (run: RunRow): boolean =>
  isGoing(run) && run.uniqueKey !== null && (run.uniqueWhile === "going" || run.fence === 0)

export const isGoing = (run: RunRow): boolean => run.state !== "done"

const groupBy = <A>(rows: ReadonlyArray<A>, key: (row: A) => string): Array<ReadonlyArray<A>> =>
  Array.from(Map.groupBy(rows, key).values())

/** The columns of a run agree with its state. */
const coherent = (run: RunRow): void => {
  const is = (state: RunRow["state"]) => run.state === state
  const demands = {
    "orderAt is set exactly while a run is ready": is("ready") === (run.orderAt !== null),
    "node is set exactly while a run is running": is("running") === (run.node !== null),
    "finished is set exactly when a run is done": is("done") === (run.finished !== null),
    "outcome is set exactly when a run is done": is("done") === (run.outcome !== null),
    "a waiting run has an instant to wait for": !is("waiting") || run.readyAt !== null,
    "a running run was claimed": !is("running") || (run.fence > 0 && run.claimed !== null),
    "a blocked run has something that blocks it": !is("blocked") || run.limits.length > 0 ||
      (run.serial !== null && run.job !== null),
    "a flagged run is running or done": run.cancel === null || is("running") || is("done")
  }
  for (const [demand, isMet] of Object.entries(demands)) {
    if (!isMet) assert.fail(`${demand}: ${JSON.stringify(run)}`)
  }
}

/** Where all runs of an incarnation have one bound, it is kept, and nobody is blocked without need. */
const bounded = (runs: ReadonlyArray<RunRow>): void => {
  const { incarnation, job, serial } = runs[0]!
  if (job === null || serial === null) return
  if (runs.some(({ limits }) => limits.length > 0)) return
  const blocked = runs.filter(({ state }) => state === "blocked").length
  const admitted = runs.filter(isGoing).length - blocked
  assert.ok(admitted <= serial, `${admitted} runs of ${job}:${incarnation} are admitted, ${serial} may be`)
  assert.ok(blocked === 0 || admitted === serial, `${blocked} runs of ${job}:${incarnation} are blocked for nothing`)
}

/** Under no key are more ready or running than may be. */
const limited = (runs: ReadonlyArray<RunRow>): void => {
  const taken = new Map<string, number>()
  for (const { limits, state } of runs) {
    if (state !== "ready" && state !== "running") continue
    for (const { key } of limits) taken.set(key, (taken.get(key) ?? 0) + 1)
  }
  const isFull = ({ key, max }: Limit) => (taken.get(key) ?? 0) >= max
  for (const { limits } of runs) {
    for (const { key, max } of limits) {
      const n = taken.get(key) ?? 0
      assert.ok(n <= max, `${n} runs have a place under ${key}, ${max} may`)
    }
  }
  // a run without a family waits for limits alone; where nothing is full, nobody waits
  for (const run of runs) {
    if (run.state !== "blocked" || run.serial !== null) continue
    const waitsInVain = runs.every((other) => !other.limits.some(isFull))
    assert.ok(!waitsInVain, `${run.id} is blocked for nothing`)
  }
}

/** Stretches do not overlap, and equal ones that meet are one. */
const tiled = (verdicts: ReadonlyArray<VerdictRow>): void => {
  for (let n = 1; n < verdicts.length; n++) {
    const [newer, older] = [verdicts[n - 1]!, verdicts[n]!]
    const show = `${JSON.stringify(older)} and ${JSON.stringify(newer)}`
    assert.ok(newer.from !== null && newer.from >= older.to, `verdicts overlap: ${show}`)
    const isSame = newer.kind === older.kind && newer.reason === older.reason && newer.ref === older.ref &&
      newer.note === older.note
    assert.ok(newer.from > older.to || !isSame, `equal verdicts that meet were not made one: ${show}`)
  }
}

export const check = ({ jobs, runs, verdicts }: Rows): void => {
  assert.equal(new Set(jobs.map(({ id }) => id)).size, jobs.length, "a job is listed twice")
  assert.equal(new Set(runs.map(({ id }) => id)).size, runs.length, "a run is listed twice")
  for (const run of runs) coherent(run)
  limited(runs)
  for (const family of groupBy(runs, (run) => `${run.job} ${run.incarnation}`)) bounded(family)
  for (
    const holders of groupBy(runs.filter(hasKey), (run) => run.uniqueKey!)
  ) {
    assert.equal(holders.length, 1, `several going runs have the unique key ${holders[0]!.uniqueKey}`)
  }
  for (const stretches of groupBy(verdicts, (verdict) => `${verdict.job} ${verdict.incarnation}`)) tiled(stretches)
}

/** Fences and revisions never go back, and what is done stays as it is. */
export const checkStep = (before: Rows, after: Rows): void => {
  const runs = new Map(after.runs.map((run) => [run.id, run]))
  for (const old of before.runs) {
    const run = runs.get(old.id)
    if (run === undefined) {
      assert.equal(old.state, "done", `a run that was going is gone: ${JSON.stringify(old)}`)
    } else if (isGoing(old)) {
      assert.ok(run.fence >= old.fence, `the fence of ${old.id} went back from ${old.fence} to ${run.fence}`)
      if (run.state === "running" && old.state !== "running") {
        assert.ok(run.fence > old.fence, `${old.id} was claimed and its fence did not grow`)
      }
    } else if (isGoing(run)) assert.equal(run.fence, old.fence, "a run was revived under another fence")
    else sameJson(run, old, "a run that was done has changed")
  }
  const jobs = new Map(after.jobs.map((job) => [job.id, job]))
  for (const old of before.jobs) {
    const job = jobs.get(old.id)
    if (job?.incarnation !== old.incarnation) continue
    assert.ok(job.revision >= old.revision, `the revision of ${old.id} went back`)
    if (job.revision === old.revision) sameJson(job, old, `${old.id} has changed under the same revision`)
  }
}
