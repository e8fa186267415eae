/**
 * What a process saw and did, line by line in a file of its own: a line that was written survives the end of its process, however sudden.
 */
import type { JobStore } from "effect-scheduler"
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

export type Entry =
  /** The store gave the run to this process, maybe as this one added it. */
  | {
    readonly _tag: "claimed"
    readonly by: string
    readonly run: string
    readonly fence: number
    readonly onArrival?: true
  }
  /** The process has asked for a run, and the store has accepted it. */
  | { readonly _tag: "asked"; readonly by: string; readonly run: string }
  /** What the store answered when the process said how a claim ended. */
  | {
    readonly _tag: "settled"
    readonly by: string
    readonly run: string
    readonly fence: number
    readonly next: "Done" | "Retry" | "Release"
    readonly answer: JobStore.Settled
  }
  /** A handler's own words. */
  | {
    readonly _tag: "begun"
    readonly by: string
    readonly run: string
    readonly fence: number
    readonly attempt: number
    readonly at: number
  }
  | {
    readonly _tag: "ended"
    readonly run: string
    readonly fence: number
    readonly how: "succeeded" | "failed" | "interrupted"
    readonly at: number
  }
  /** What the scheduler said of its store. */
  | { readonly _tag: "told"; readonly by: string; readonly event: string; readonly at: number }

export const writer = (file: string): (entry: Entry) => void => {
  const descriptor = openSync(file, "a")
  return (entry) => void writeSync(descriptor, `${JSON.stringify(entry)}\n`)
}

/** The journals of a directory, each in its order. */
export const read = (directory: string): ReadonlyArray<Entry> =>
  readdirSync(directory).filter((file) => file.endsWith(".journal")).flatMap((file) => {
    // the last line may have been cut off with its writer
    const lines = readFileSync(join(directory, file), "utf8").split("\n").slice(0, -1)
    return lines.map((line): Entry => JSON.parse(line))
  })
