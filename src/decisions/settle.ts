/**
 * The decision *settle*: what a run becomes when an attempt has ended.
 *
 * What the handler said (`Ended`) is kept apart from what the run becomes (`Next`). Pure; the delay before another attempt is chosen
 * by `retry.ts` and handed in.
 */
import type { Outcome } from "../Run.ts"

/** Why an attempt was interrupted. */
export type Stop =
  /** Somebody asked for the end of the run. */
  | "cancel"
  /** The scheduler shuts down: the attempt does not count. */
  | "shutdown"
  /** The store gave the run to another node: nothing that happened here may change it. */
  | "lost"
  /** The node's lease ran out while the store did not answer: somebody else may decide that the run is lost. */
  | "expired"
  /** Its handler asked to be run again later: the attempt does not count. */
  | "snooze"

/** How an attempt ended; texts are encoded JSON. */
export type Ended =
  | { readonly _tag: "Success"; readonly value: string }
  | { readonly _tag: "Failure"; readonly error: string }
  | { readonly _tag: "TimedOut"; readonly error: string }
  | { readonly _tag: "Died"; readonly defect: string }
  /** `by` is undefined when the handler interrupted itself. */
  | { readonly _tag: "Interrupted"; readonly by: Exclude<Stop, "snooze"> | undefined }
  /** The handler asked to be run again at an instant. */
  | { readonly _tag: "Snoozed"; readonly until: number }
  | { readonly _tag: "DeadlineMissed" }
  | { readonly _tag: "Undecodable"; readonly error: string }

export type Next =
  | { readonly _tag: "Done"; readonly outcome: Outcome; readonly result: string | null; readonly counts: boolean }
  | { readonly _tag: "Retry"; readonly readyAt: number }
  | { readonly _tag: "Snooze"; readonly readyAt: number }
  | { readonly _tag: "Release" }
  | { readonly _tag: "Nothing" }

export const settle = (input: {
  readonly ended: Ended
  readonly now: number
  /** Milliseconds until another attempt; `undefined`: the retry Schedule wants none, or there is none. */
  readonly delay: number | undefined
  /** Attempts that count, this one included. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly atMostOnce: boolean
}): Next => {
  const { ended } = input
  switch (ended._tag) {
    case "Success":
      return done("succeeded", ended.value)
    case "Failure":
    case "TimedOut":
      return input.delay !== undefined && input.attempt < input.maxAttempts
        ? { _tag: "Retry", readyAt: input.now + input.delay }
        : done(ended._tag === "Failure" ? "failed" : "timedOut", ended.error)
    case "Died":
      return done("died", ended.defect)
    case "Snoozed":
      return { _tag: "Snooze", readyAt: ended.until }
    case "DeadlineMissed":
      return { _tag: "Done", outcome: "deadlineMissed", result: null, counts: false }
    case "Undecodable":
      return { _tag: "Done", outcome: "undecodable", result: ended.error, counts: false }
    case "Interrupted":
      if (ended.by === "lost") return { _tag: "Nothing" }
      if (ended.by === "expired") return { _tag: "Done", outcome: "abandoned", result: null, counts: true }
      if (ended.by !== "shutdown") return { _tag: "Done", outcome: "cancelled", result: null, counts: true }
      // Handing it back would start it a second time.
      return input.atMostOnce
        ? { _tag: "Done", outcome: "abandoned", result: null, counts: true }
        : { _tag: "Release" }
  }
}

/** The run is over, and the attempt counts. */
export const done = (outcome: Outcome, result: string): Next => ({ _tag: "Done", outcome, result, counts: true })
