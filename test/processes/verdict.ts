/**
 * What must hold when all is over, told by the store's rows and the processes' journals. Knows nothing of the engine.
 */
import type { JobStore } from "effect-scheduler"
import { untiled } from "../simulation/timeline.ts"
import type { Entry } from "./journal.ts"
import type { Planned } from "./work.ts"

export interface Remains {
  readonly planned: ReadonlyArray<Planned>
  /** The ids of ad-hoc runs that the store had accepted. */
  readonly asked: ReadonlyArray<string>
  readonly jobs: ReadonlyArray<JobStore.JobRow>
  readonly runs: ReadonlyArray<JobStore.RunRow>
  readonly verdicts: ReadonlyArray<JobStore.VerdictRow>
  readonly journal: ReadonlyArray<Entry>
}

const claimOf = ({ fence, run }: { readonly run: string; readonly fence: number }) => `${run}#${fence}`

export const violations = (remains: Remains): ReadonlyArray<string> => [
  ...timelines(remains),
  ...ends(remains),
  ...owners(remains),
  ...atOnce(remains),
  ...roles(remains)
]

/** Each occurrence that came due before its job's pause has exactly one verdict. */
const timelines = ({ jobs, planned, runs, verdicts }: Remains): ReadonlyArray<string> => {
  const rows = new Map(jobs.map((job) => [job.id, job]))
  const firedOf = Map.groupBy(runs.filter(({ origin }) => origin === "trigger"), ({ job }) => job)
  const verdictsOf = Map.groupBy(verdicts, ({ job }) => job)
  return planned.flatMap(({ id, until }) => {
    const job = rows.get(id)
    if (job === undefined) return [`job ${id} is gone`]
    if (job.state !== "paused" && job.state !== "done") return [`job ${id} is ${job.state} at the end`]
    return untiled({
      job: id,
      required: until(job.anchor, job.state === "paused" ? job.updated : Infinity),
      fired: (firedOf.get(id) ?? []).map(({ nominal }) => nominal!),
      stretches: (verdictsOf.get(id) ?? []).map(({ from, to }) => ({ from: from ?? -Infinity, to }))
    })
  })
}

/** Each run has come to an end that somebody can account for. */
const ends = ({ asked, journal, runs }: Remains): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const rows = new Map(runs.map((run) => [run.id, run]))
  for (const id of asked) if (!rows.has(id)) wrong.push(`run ${id} is gone`)
  const ended = new Map<string, string>()
  for (const entry of journal) if (entry._tag === "ended") ended.set(claimOf(entry), entry.how)
  for (const { atMostOnce, cancel, fence, id, outcome, state } of runs) {
    const how = ended.get(claimOf({ run: id, fence }))
    if (state !== "done") wrong.push(`run ${id} is ${state} at the end`)
    else if (outcome === "succeeded" || outcome === "failed") {
      if (how !== outcome) wrong.push(`run ${id} ${outcome}, and its handler's last claim (${fence}) ended as ${how}`)
    } else if (outcome === "cancelled") {
      if (cancel === null) wrong.push(`run ${id} was cancelled by nobody`)
    } else if (outcome === "abandoned") {
      if (!atMostOnce && cancel === null) wrong.push(`run ${id} was abandoned`)
    } else wrong.push(`run ${id} ended as ${outcome}`)
  }
  return wrong
}

/** No claim has two owners, no run is settled twice, and what must run at most once does. */
const owners = ({ journal, runs }: Remains): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const claimed = new Map<string, string>()
  const begun = new Set<string>()
  const attempts = new Set<string>()
  const done = new Map<string, number>()
  const atMostOnce = new Set(runs.filter((run) => run.atMostOnce).map(({ id }) => id))
  for (const entry of journal) {
    if (entry._tag !== "claimed") continue
    const other = claimed.get(claimOf(entry))
    if (other !== undefined) wrong.push(`claim ${claimOf(entry)} went to ${other} and to ${entry.by}`)
    claimed.set(claimOf(entry), entry.by)
  }
  for (const entry of journal) {
    if (entry._tag === "begun") {
      if (claimed.get(claimOf(entry)) !== entry.by) {
        wrong.push(`${entry.by} began ${claimOf(entry)}, which is not its claim`)
      }
      if (begun.has(claimOf(entry))) wrong.push(`${claimOf(entry)} began twice`)
      begun.add(claimOf(entry))
      const attempt = `${entry.run} ${entry.attempt}`
      if (atMostOnce.has(entry.run) && attempts.has(attempt)) {
        wrong.push(`attempt ${attempt} of an atMostOnce run began twice`)
      }
      attempts.add(attempt)
    } else if (isRecorded(entry)) {
      const owner = claimed.get(claimOf(entry))
      // a claim whose reply was lost is in nobody's journal, and is handed back by its node
      if (owner !== undefined && owner !== entry.by) {
        wrong.push(`${entry.by} settled ${claimOf(entry)}, the claim of ${owner}`)
      }
      if (entry.next !== "Done" && entry.answer !== "cancelled") continue
      if (done.has(entry.run)) wrong.push(`run ${entry.run} ended twice`)
      done.set(entry.run, entry.fence)
    }
  }
  for (const { fence, run } of journal.filter((entry) => entry._tag === "begun")) {
    if (fence > (done.get(run) ?? Infinity)) wrong.push(`run ${run} began after its end`)
  }
  return wrong
}

const isRecorded = (entry: Entry): entry is Entry & { readonly _tag: "settled" } =>
  entry._tag === "settled" && (entry.answer === "ok" || entry.answer === "cancelled")

/** No run begins before its instant. Of the attempts whose claim held to their end, no more run at once than their job allows. */
const atOnce = ({ journal, runs }: Remains): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const rows = new Map(runs.map((run) => [run.id, run]))
  const ended = new Map<string, number>()
  const held = new Set<string>()
  for (const entry of journal) {
    if (entry._tag === "ended") ended.set(claimOf(entry), entry.at)
    else if (isRecorded(entry)) held.add(claimOf(entry))
  }
  for (const entry of journal) {
    if (entry._tag !== "begun") continue
    const planned = rows.get(entry.run)?.planned ?? -Infinity
    // a millisecond or two is a timer's, or the way to the store's clock
    if (entry.at < planned - 100) wrong.push(`run ${entry.run} began ${planned - entry.at} ms before its instant`)
  }
  const spans = journal.flatMap((entry) => {
    const row = entry._tag === "begun" ? rows.get(entry.run) : undefined
    if (entry._tag !== "begun" || row === undefined || row.job === null || row.serial === null) return []
    const to = ended.get(claimOf(entry))
    return to === undefined || !held.has(claimOf(entry))
      ? []
      : [{ job: row.job, serial: row.serial, from: entry.at, to }]
  })
  for (const [job, ofJob] of Map.groupBy(spans, ({ job }) => job)) {
    for (const { from, serial } of ofJob) {
      const others = ofJob.filter((other) => other.from <= from && from < other.to).length
      if (others > serial) wrong.push(`${others} attempts of ${job} at once at ${from}, of ${serial}`)
    }
  }
  return wrong
}

/** Whatever happens to a store, no fiber of a scheduler fails over it. */
const roles = ({ journal }: Remains): ReadonlyArray<string> =>
  journal.flatMap((entry) =>
    entry._tag === "told" && entry.event === "RoleRestarted" ? [`a role of ${entry.by} failed at ${entry.at}`] : []
  )
