/**
 * What this code makes of everything that is stored, without writing anything: a rehearsal for the planner and the workers.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { pauseOf } from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import { codecsOf, reasonOf } from "./codecs.ts"
import type { Known } from "./core.ts"
import { read } from "./decide.ts"

/** See `Scheduler.Problem`. */
export interface Problem {
  readonly kind: "job" | "run"
  readonly id: string
  readonly task: string
  readonly verdict: "unreadable" | "left" | "unknownTask" | "quarantined" | "readable"
  readonly reason: string
}

/** See `Scheduler.Report`. */
export interface Report {
  readonly jobs: number
  readonly runs: number
  readonly problems: ReadonlyArray<Problem>
}

const pageSize = 1_000

export const check = Effect.fnUntraced(function*(
  store: JobStore.Service,
  known: Known
): Effect.fn.Return<Report, StoreError> {
  const problems: Array<Problem> = []
  let jobs = 0
  let runs = 0
  let afterJob: string | undefined
  while (true) {
    const page = yield* store.jobs({ limit: pageSize, ...(afterJob === undefined ? {} : { after: afterJob }) })
    for (const row of page) problems.push(...problemOfJob(known, row))
    jobs += page.length
    if (page.length < pageSize) break
    afterJob = page[page.length - 1]!.id
  }
  let afterRun: { readonly finished: null; readonly id: string } | undefined
  while (true) {
    const page = yield* store.runs({
      going: true,
      limit: pageSize,
      ...(afterRun === undefined ? {} : { after: afterRun })
    })
    for (const row of page) problems.push(...problemOfRun(known, row))
    runs += page.length
    if (page.length < pageSize) break
    afterRun = { finished: null, id: page[page.length - 1]!.id }
  }
  return { jobs, runs, problems }
})

const problemOfJob = (known: Known, row: JobStore.JobRow): ReadonlyArray<Problem> => {
  const problem = (verdict: Problem["verdict"], reason: string): ReadonlyArray<Problem> => [
    { kind: "job", id: row.id, task: row.task, verdict, reason }
  ]
  const readable = read(known, row)
  if (row.state === "quarantined") {
    return Result.isFailure(readable)
      ? problem("quarantined", readable.failure.reason)
      : problem("readable", pauseOf(row)?.reason ?? "")
  }
  if (Result.isFailure(readable)) {
    return problem(readable.failure.elsewhere ? "left" : "unreadable", readable.failure.reason)
  }
  return unknownTask(known, row, problem)
}

const problemOfRun = (known: Known, row: JobStore.RunRow): ReadonlyArray<Problem> => {
  const problem = (verdict: Problem["verdict"], reason: string): ReadonlyArray<Problem> => [
    { kind: "run", id: row.id, task: row.task, verdict, reason }
  ]
  const task = known.served.get(row.task)?.task
  if (task === undefined || row.taskVersion > task.version) return unknownTask(known, row, problem)
  const payload = codecsOf(task).payload.decode(row.payload, row.taskVersion)
  return Exit.isFailure(payload) ? problem("unreadable", `payload: ${reasonOf(payload.cause)}`) : []
}

const unknownTask = (
  known: Known,
  { task: name, taskVersion }: Pick<JobStore.RunRow, "task" | "taskVersion">,
  problem: (verdict: Problem["verdict"], reason: string) => ReadonlyArray<Problem>
): ReadonlyArray<Problem> => {
  const task = known.served.get(name)?.task
  if (task === undefined) return problem("unknownTask", `there is no task ${name} here`)
  if (taskVersion <= task.version) return []
  return problem("left", `payload: of version ${taskVersion} of task ${name}, newer than version ${task.version} here`)
}
