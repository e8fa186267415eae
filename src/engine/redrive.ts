/**
 * Dead letters: runs that ended without having done their work, and their second life.
 *
 * A run that is redriven is the same run. It keeps its id, which is what its handler tells a repeated charge by, and its payload; only its
 * attempts start anew, so that the retry Schedule does too.
 */
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import { dead, type Outcome } from "../Run.ts"
import { InvalidOption, RunNotFound, type StoreError } from "../SchedulerError.ts"
import { ofRun } from "./announce.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, now, wakeWorkers } from "./core.ts"
import { followEnded } from "./following.ts"

/**
 * Selects dead letters: `{}` all of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedriveFilter {
  readonly task?: string | undefined
  readonly job?: string | undefined
  /** Default `Run.dead`. `succeeded` is refused. */
  readonly outcomes?: ReadonlyArray<Outcome> | undefined
}

const pageSize = 500

/** Makes one run go again; one that is going stays as it is. */
export const redrive = Effect.fnUntraced(function*(
  core: Core,
  id: string
): Effect.fn.Return<JobStore.RunRow, RunNotFound | InvalidOption | StoreError> {
  const look = Effect.flatMap(
    core.store.runs({ ids: [id], limit: 1 }),
    ([row]) => row === undefined ? Effect.fail(new RunNotFound({ id })) : Effect.succeed(row)
  )
  const row = yield* look
  if (row.outcome === "succeeded") {
    return yield* new InvalidOption({
      field: "run",
      value: id,
      expected: "a run that has not succeeded; enqueue or runNow make another one"
    })
  }
  if (row.state !== "done") return row
  const [answer] = yield* revive(core, [row])
  if (answer === "duplicate") {
    return yield* new InvalidOption({
      field: "run",
      value: id,
      expected: `a run whose unique key no other run has, which another one has taken over: ${row.uniqueKey}`
    })
  }
  return yield* look
})

/** Makes all that match go again, page by page, the last finished first; answers with their ids. */
export const redriveAll = Effect.fnUntraced(function*(
  core: Core,
  { job, outcomes, task }: RedriveFilter
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  if (outcomes?.includes("succeeded")) {
    return yield* new InvalidOption({
      field: "outcomes",
      value: JSON.stringify(outcomes),
      expected: "outcomes other than succeeded"
    })
  }
  const query = {
    ...(task === undefined ? {} : { task }),
    ...(job === undefined ? {} : { job }),
    outcomes: outcomes ?? dead,
    going: false,
    limit: pageSize
  }
  const ids: Array<string> = []
  let after: JobStore.RunQuery["after"]
  while (true) {
    const page = yield* core.store.runs(after === undefined ? query : { ...query, after })
    const answers = yield* revive(core, page)
    page.forEach(({ id }, i) => {
      if (answers[i] === "revived") ids.push(id)
    })
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return ids
    after = { finished: last.finished, id: last.id }
  }
})

const revive = Effect.fnUntraced(function*(core: Core, rows: ReadonlyArray<JobStore.RunRow>) {
  if (rows.length === 0) return []
  // What follows the end before is nobody's to add once that end is not to be seen any more.
  yield* followEnded(core, rows)
  const at = yield* now
  const answers = yield* core.store.revive({ runs: rows.map(({ id }) => id), now: at })
  yield* onceCommitted(core, () => {
    wakeWorkers(core)
    if (!core.events.heard()) return
    rows.forEach((row, i) => {
      if (answers[i] === "revived") core.events.publish(at, { _tag: "RunRedriven", ...ofRun(row) })
    })
  })
  return answers
})
