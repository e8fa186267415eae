/**
 * Hints as the text of notifications, which PostgreSQL limits to 8,000 bytes.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Signal } from "../../JobStore.ts"

const most = 7900

/** Whose hint it is, where that is not the one whose connection sent it: the process of the server that listens for him. */
const by = Schema.optionalKey(Schema.Int)

const Payload = Schema.fromJsonString(Schema.Array(Schema.Union([
  Schema.Struct({ _tag: Schema.Literals(["jobs", "ready"]), by }),
  Schema.Struct({ _tag: Schema.Literals(["cancel", "settled"]), runs: Schema.Array(Schema.String), by })
])))
const read = Schema.decodeOption(Payload)

const none: typeof Payload.Type = []
let last = { payload: "", hints: none }

/** What is told of lone runs is the same text again and again, for which they need not wait twice. */
const hintsOf = (payload: string): typeof Payload.Type => {
  if (payload !== last.payload) last = { payload, hints: Option.getOrElse(read(payload), () => none) }
  return last.hints
}

/** The hints of a notification that are not of the one who reads it; none of a text that somebody else sent. */
export const decode = (payload: string, self: number): ReadonlyArray<Signal> =>
  hintsOf(payload).flatMap(({ by, ...signal }) => by === self ? [] : [signal])

/** One that a statement sends for the one who listens with this process. */
export const encodeBy = (signal: Signal, self: number): string => JSON.stringify([{ ...signal, by: self }])

/** As few notifications as will do: each hint once, and the runs in parts. */
export const encode = (signals: Iterable<Signal>): ReadonlyArray<string> => {
  const bare = new Map<string, Signal>()
  const named = { cancel: new Set<string>(), settled: new Set<string>() }
  for (const signal of signals) {
    if ("runs" in signal) { for (const run of signal.runs) named[signal._tag].add(run) }
    else bare.set(signal._tag, signal)
  }
  const payloads: Array<string> = []
  let parts: Array<Signal> = Array.from(bare.values())
  let size = 100
  const flush = () => {
    if (parts.length > 0) payloads.push(JSON.stringify(parts))
    parts = []
    size = 100
  }
  for (const tag of ["cancel", "settled"] as const) {
    let runs: Array<string> = []
    for (const run of named[tag]) {
      const bytes = Buffer.byteLength(JSON.stringify(run)) + 1
      // polling finds a run whose name is too long to be told
      if (bytes > most - 200) continue
      if (size + bytes > most) {
        if (runs.length > 0) parts.push({ _tag: tag, runs })
        runs = []
        flush()
      }
      runs.push(run)
      size += bytes
    }
    if (runs.length > 0) parts.push({ _tag: tag, runs })
  }
  flush()
  return payloads
}
