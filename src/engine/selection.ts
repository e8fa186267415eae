/**
 * Selecting jobs: what a store can select by itself, and tags and metadata, which it does not read.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import { parseJson } from "../internal/json.ts"
import type * as JobStore from "../JobStore.ts"
import type { StoreError } from "../SchedulerError.ts"
import type { Core } from "./core.ts"

/**
 * Which jobs are meant: those for which everything given is true. An empty filter means all.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobFilter {
  readonly task?: string | undefined
  readonly state?: JobStore.JobState | undefined
  /** Only ids that begin with this text. */
  readonly prefix?: string | undefined
  /** Only jobs that have all of these. Looked for in every job that the rest of the filter leaves. */
  readonly tags?: ReadonlyArray<string> | undefined
  /** Only jobs whose metadata have equal values under these keys. Looked for as tags are. */
  readonly metadata?: { readonly [key: string]: unknown } | undefined
}

/** How many rows are read at a time. */
const pageSize = 1_000

/** Hands over what matches, page by page in the order of ids, until it has seen all or is told that it was enough. */
export const forEachPage = Effect.fnUntraced(function*<E, R>(
  core: Core,
  filter: JobFilter & { readonly after?: string | undefined },
  handle: (rows: ReadonlyArray<JobStore.JobRow>) => Effect.Effect<void | "enough", E, R>,
  atMost: () => number = () => Infinity
): Effect.fn.Return<void, E | StoreError, R> {
  const { metadata, prefix, state, tags, task } = filter
  const query = {
    ...(task === undefined ? {} : { task }),
    ...(state === undefined ? {} : { state }),
    ...(prefix === undefined ? {} : { prefix })
  }
  // Where every row matches no more need be read than wanted.
  const isWhole = tags === undefined && metadata === undefined
  let { after } = filter
  while (true) {
    const limit = isWhole ? Math.min(pageSize, atMost()) : pageSize
    const page = yield* core.store.jobs({ ...query, ...(after === undefined ? {} : { after }), limit })
    const enough = yield* handle(isWhole ? page : page.filter((row) => matches(row, filter)))
    if (enough === "enough" || page.length < limit) return
    after = page[page.length - 1]!.id
  }
})

/** Whether a job has all the tags, and under each key of the metadata an equal value. */
export const matches = (row: Pick<JobStore.JobRow, "tags" | "metadata">, { metadata, tags }: JobFilter): boolean => {
  if (tags !== undefined && tags.length > 0) {
    const own = parseJson(row.tags)
    if (!Array.isArray(own) || !tags.every((tag) => own.includes(tag))) return false
  }
  if (metadata === undefined) return true
  const own = parseJson(row.metadata)
  return typeof own === "object" && own !== null &&
    Object.entries(metadata).every(([key, value]) =>
      value === undefined || Equal.equals((own as Record<string, unknown>)[key], value)
    )
}

/** All that match, or as many as are wanted. */
export const select = Effect.fnUntraced(function*(
  core: Core,
  filter: JobFilter & { readonly after?: string | undefined; readonly limit?: number | undefined }
): Effect.fn.Return<ReadonlyArray<JobStore.JobRow>, StoreError> {
  const { limit = Infinity } = filter
  const found: Array<JobStore.JobRow> = []
  if (limit <= 0) return found
  yield* forEachPage(
    core,
    filter,
    (rows) =>
      Effect.sync(() => {
        for (const row of rows) if (found.length < limit) found.push(row)
        return found.length < limit ? undefined : "enough" as const
      }),
    () => limit - found.length
  )
  return found
})
