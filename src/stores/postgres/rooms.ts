/**
 * What fits into a row. The server sends a row in one message, and a client ends a connection on which it is sent one that is larger than its
 * `maxMessageSize`. A run that was written and cannot be read would be claimed in vain for ever, and all that stand behind it with it; so it is not
 * written.
 *
 * A run's row is written in three steps that do not know of each other, so each has a part of it to itself: what it is made of a half, as the
 * job it is of has; its end a quarter, and its progress and its log an eighth each.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { JobRow, NewRun, Service, Settlement } from "../../JobStore.ts"
import { StoreError } from "../../SchedulerError.ts"

/** For names, numbers, and the reasons of cancellations. */
const rest = 64 * 1024

const parts = { half: 1 / 2, quarter: 1 / 4, eighth: 1 / 8 }
type Part = keyof typeof parts

type Texts = ReadonlyArray<string | null | undefined>

/** The store, without what a client could not read that takes messages of so many bytes. */
export const within = (store: Service, messageSize: number): Service => {
  const all = messageSize - rest

  const refused = (verb: string, what: string, texts: Texts, part: Part): StoreError | undefined => {
    const most = Math.floor(all * parts[part])
    const bytes = bytesOf(texts, most)
    if (bytes <= most) return undefined
    return new StoreError({
      verb,
      retryable: false,
      message:
        `${what} has ${bytes} bytes, and ${most} fit into a message that the store's client reads: its maxMessageSize is ` +
        `${messageSize}, of which this may be a ${part}`
    })
  }

  const job = (verb: string, row: JobRow) =>
    refused(
      verb,
      `Job ${row.id}`,
      [row.trigger, row.payload, row.policy, row.tags, row.metadata, row.pause, row.overrides],
      "half"
    )
  const runs = (verb: string, rows: ReadonlyArray<NewRun>) =>
    first(
      rows,
      (row) => refused(verb, `The payload of run ${row.id}, with its policy,`, [row.payload, row.policy], "half")
    )
  const ended = ({ follow, next, run }: Settlement) =>
    (next._tag === "Release" ? undefined : refused(
      "settle",
      `How run ${run} ended`,
      [next.attempts, next._tag === "Done" ? next.result : null],
      "quarter"
    )) ?? runs("settle", follow)

  const checked = <A>(error: StoreError | undefined, call: () => Effect.Effect<A, StoreError>) =>
    error === undefined ? call() : Effect.fail(error)

  return {
    ...store,
    insertJobs: (rows) => checked(first(rows, (row) => job("insertJobs", row)), () => store.insertJobs(rows)),
    commit: (request) =>
      checked(
        first(
          request.changes,
          ({ runs: added, update }) =>
            ("row" in update ? job("commit", update.row) : undefined) ?? runs("commit", added)
        ),
        () => store.commit(request)
      ),
    enqueue: (request) => checked(runs("enqueue", request.runs), () => store.enqueue(request)),
    settle: (request) => checked(first(request.settlements, ended), () => store.settle(request)),
    note: (request) =>
      checked(
        refused("note", `The progress of run ${request.run}`, [request.progress], "eighth") ??
          refused("note", `The log of run ${request.run}`, [request.log], "eighth"),
        () => store.note(request)
      )
  }
}

/** Counted only where there may be too many: most texts are short. */
const bytesOf = (texts: Texts, most: number): number => {
  let length = 0
  for (const text of texts) length += text?.length ?? 0
  // a character has three bytes at most, for those with four are two
  if (length * 3 <= most) return length
  let bytes = 0
  for (const text of texts) bytes += Buffer.byteLength(text ?? "")
  return bytes
}

const first = <A>(all: ReadonlyArray<A>, refused: (one: A) => StoreError | undefined): StoreError | undefined => {
  for (const one of all) {
    const error = refused(one)
    if (error !== undefined) return error
  }
  return undefined
}
