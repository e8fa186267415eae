/**
 * Taking the jobs of a store out as lines of text, and bringing them in.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { parseJson } from "../internal/json.ts"
import { show } from "../internal/show.ts"
import type * as Job from "../Job.ts"
import type * as JobStore from "../JobStore.ts"
import { InvalidOption, JobConflict, SnapshotError, type StoreError } from "../SchedulerError.ts"
import * as Snapshot from "../Snapshot.ts"
import { change, decidePast } from "./change.ts"
import { onceCommitted, unlessInTransaction } from "./committed.ts"
import { type Core, now } from "./core.ts"
import { read } from "./decide.ts"
import { checkId } from "./definition.ts"
import { definedOf, redefine } from "./jobs.ts"
import { find } from "./lookup.ts"
import { checkNames } from "./names.ts"
import { withNext } from "./next.ts"
import { isBackfilled, withBackfill } from "./overrides.ts"
import { displace } from "./removal.ts"
import { type JobFilter, matches } from "./selection.ts"

const pageSize = 500

/** One page of rows is in memory at a time. */
export const exportJobs = (core: Core, filter: JobFilter): Stream.Stream<string, StoreError> => {
  const { metadata: _, tags: __, ...query } = filter
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
  const pages = Stream.paginate(undefined as string | undefined, (after) =>
    Effect.map(
      core.store.jobs({ ...given, ...(after === undefined ? {} : { after }), limit: pageSize }),
      (rows) =>
        [
          rows.filter((row) => matches(row, filter)).map((row) => Snapshot.encode(Snapshot.fromRow(row))),
          rows.length < pageSize ? Option.none() : Option.some(rows[rows.length - 1]!.id)
        ] as const
    ))
  return Stream.prepend(pages, [Snapshot.header])
}

interface Line {
  readonly line: number
  readonly row: JobStore.JobRow
}

/** Brings jobs in, a batch at a time. A job comes in wholly or not at all; those before a line that is refused are in. */
export const importJobs = Effect.fnUntraced(function*<E, R>(
  core: Core,
  lines: Iterable<string> | Stream.Stream<string, E, R>,
  conflict: Job.Conflict
) {
  const counts = { added: 0, updated: 0, replaced: 0, kept: 0 }
  let line = 0
  let begun = false
  const bring = Effect.fnUntraced(function*(texts: ReadonlyArray<string>) {
    const batch: Array<Line> = []
    let refused: SnapshotError | undefined
    for (const text of texts) {
      line++
      if (text.trim() === "") continue
      if (!begun) {
        begun = true
        const header = Snapshot.decodeHeader(text, line)
        if (Result.isFailure(header)) return yield* header.failure
        continue
      }
      const prepared = yield* Effect.result(prepare(core, text, line))
      if (Result.isFailure(prepared)) {
        refused = prepared.failure
        break
      }
      batch.push({ line, row: prepared.success })
    }
    yield* insert(core, batch, conflict, counts)
    if (refused !== undefined) return yield* refused
  })
  const stream: Stream.Stream<string, E, R> = Stream.isStream(lines) ? lines : Stream.fromIterable(lines)
  yield* Stream.runForEachArray(Stream.rechunk(stream, pageSize), bring)
  if (!begun) {
    return yield* new SnapshotError({ line: 1, field: "", value: "nothing", expected: `the line ${Snapshot.header}` })
  }
  return counts satisfies Snapshot.Imported
})

/** The row of a line, with its next occurrence as this node sees it. */
const prepare = Effect.fnUntraced(function*(
  core: Core,
  text: string,
  line: number
): Effect.fn.Return<JobStore.JobRow, SnapshotError> {
  const job = yield* Effect.fromResult(Snapshot.decode(text, line))
  const refuse = (field: string, value: unknown, expected: string) =>
    new SnapshotError({ line, field, value: show(value), expected })
  yield* Effect.mapError(checkId(job.id), ({ expected }) => refuse("id", job.id, expected))
  if (!job.lane.endsWith(`/${job.task}`)) {
    return yield* refuse("lane", job.lane, `the name of an executor, and /${job.task}`)
  }
  const row = Snapshot.toRow(job)
  yield* Effect.mapError(checkNames(row), ({ expected }) => refuse("id", job.id, expected))
  const tags = parseJson(row.tags)
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) {
    return yield* refuse("tags", job.tags, "an array of texts")
  }
  if (!isObject(parseJson(row.metadata))) return yield* refuse("metadata", job.metadata, "an object")
  if ((row.state === "paused" || row.state === "quarantined") && !isObject(job.pause)) {
    return yield* refuse("pause", job.pause, `why it is ${row.state}, such as {"reason":"…","by":"…"}`)
  }
  if (row.state === "quarantined" || row.state === "done") return { ...row, nextNominal: null, nextDue: null }
  const readable = read(core, row)
  if (Result.isSuccess(readable)) return withNext(row, readable.success.trigger)
  // What cannot be read here is looked at when it is due: then it is left to a node that knows more, or put into quarantine.
  return row.state === "active" && row.nextDue === null ? { ...row, nextDue: yield* now } : row
})

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

const insert = Effect.fnUntraced(function*(
  core: Core,
  batch: ReadonlyArray<Line>,
  conflict: Job.Conflict,
  counts: { -readonly [K in keyof Snapshot.Imported]: number }
) {
  if (batch.length === 0) return
  const answers = yield* core.store.insertJobs(batch.map(({ row }) => row))
  const at = yield* now
  yield* onceCommitted(core, () => {
    core.planWake.openUnsafe()
    if (!core.events.heard()) return
    for (const [i, { row }] of batch.entries()) {
      if (answers[i] === "inserted") core.events.publish(at, { _tag: "JobAdded", job: row.id, task: row.task })
    }
  })
  for (const [i, { line, row }] of batch.entries()) {
    if (answers[i] === "inserted") counts.added++
    else counts[yield* meet(core, line, row, conflict)]++
  }
})

/** What becomes of a job whose id exists. */
const meet = Effect.fnUntraced(function*(
  core: Core,
  line: number,
  row: JobStore.JobRow,
  conflict: Job.Conflict
): Effect.fn.Return<keyof Snapshot.Imported, SnapshotError | JobConflict | StoreError> {
  const stored = yield* find(core, row.id)
  if (stored === undefined) {
    const [answer] = yield* core.store.insertJobs([row])
    return answer === "inserted" ? "added" : yield* meet(core, line, row, conflict)
  }
  const isSame = stored.incarnation === row.incarnation
  const again = Effect.suspend(() => meet(core, line, row, conflict))
  switch (conflict) {
    case "keep":
      return "kept"
    case "fail":
      // It is this very job: an import that was broken off is begun again.
      return isSame ? "kept" : yield* new JobConflict({ id: row.id })
    case "update": {
      const { trigger } = yield* readableOf(core, line, row)
      const edited = change(core, row.id, (before, at) => redefine(core, before, definedOf(row), trigger, at))
      return yield* Effect.as(edited, "updated" as const).pipe(
        Effect.catchTag("JobNotFound", () => again),
        Effect.catchTag("InvalidOption", (error) => Effect.fail(refusalOf(line, error)))
      )
    }
    case "replace":
      return yield* Effect.as(
        isSame ? Effect.asVoid(restore(core, row)) : Effect.asVoid(replaceBy(core, row)),
        "replaced" as const
      ).pipe(
        Effect.catchTag("JobNotFound", () => again),
        Effect.catchTag("InvalidOption", (error) => Effect.fail(refusalOf(line, error)))
      )
  }
})

const replaceBy = (core: Core, row: JobStore.JobRow) =>
  Effect.flatMap(displace(core, row), ({ ended }) => {
    core.planWake.openUnsafe()
    return unlessInTransaction(core, ended)
  })

/** The same job as it was once. What has been decided since stays decided. */
const restore = (core: Core, row: JobStore.JobRow) =>
  change(core, row.id, (before, at) =>
    Effect.map(decidePast(core, before, at), (past) => {
      const cursor = past.cursor === null
        ? row.cursor
        : row.cursor === null
        ? past.cursor
        : Math.max(past.cursor, row.cursor)
      const readable = read(core, row)
      const restored = { ...row, cursor, overrides: isBackfilled(before) ? withBackfill(row) : row.overrides }
      return {
        row: Result.isSuccess(readable) && row.state !== "quarantined" && row.state !== "done"
          ? withNext(restored, readable.success.trigger)
          : restored,
        decision: past,
        event: { _tag: "JobUpdated", job: row.id } as const
      }
    }))

const readableOf = (core: Core, line: number, row: JobStore.JobRow) =>
  Effect.mapError(
    Effect.fromResult(read(core, row)),
    ({ reason }) =>
      new SnapshotError({
        line,
        field: reason.slice(0, reason.indexOf(":")),
        value: row.id,
        expected: `what this node can read (${reason})`
      })
  )

const refusalOf = (line: number, { expected, field, value }: InvalidOption) =>
  new SnapshotError({ line, field, value, expected })
