/**
 * The decision *plan*: what becomes of the occurrences that are due.
 *
 * A pure function of values, the instant among them. It never enumerates a long absence: only the newest occurrences that the
 * catch-up policy may run are looked at, everything else is decided as whole stretches of the time line.
 *
 * Laws (tested as properties): every due occurrence gets exactly one verdict; none gets two; the cursor never moves back and moves
 * beyond every decided occurrence; at most `catchUpLimit` occurrences fire; the segments tile `(cursor before, cursor after]`.
 */
import { identity } from "effect/Function"
import type { Decided, Overlap } from "../Policy.ts"
import type { Occurrences } from "../triggers/occurrences.ts"
import type { Reason } from "../Verdict.ts"

/** What a decision is made from. */
export interface Situation {
  readonly occurrences: Occurrences
  readonly anchor: number
  /** Everything up to here is decided; `-Infinity`: nothing is. */
  readonly cursor: number
  readonly policy: Decided
  /** How many runs of the job are queued, running or waiting for a retry. */
  readonly going: number
  readonly now: number
  /**
   * When an occurrence is due: its nominal instant, with jitter some time later, or where it was moved. Always after the occurrence
   * before it and before the nominal instant of the one after it, so that the order of planned instants is that of nominal ones.
   * Default: the nominal instant.
   */
  readonly planned?: ((nominal: number) => number) | undefined
  /** The nominal instants of those that `planned` may have moved ahead of their nominal instant. */
  readonly moved?: ReadonlyMap<number, unknown> | undefined
}

/** What tells which occurrences are due. */
export type TimeLine = Pick<Situation, "occurrences" | "anchor" | "cursor" | "planned" | "moved">

/**
 * A piece of the time line, from the end of the one before it (exclusive) to `to` (inclusive). A `fired` segment ends with the
 * occurrence that fires and holds no other.
 */
export type Segment =
  | { readonly _tag: "fired"; readonly to: number }
  | {
    readonly _tag: "not"
    readonly to: number
    readonly kind: "coalesced" | "skipped" | "missed"
    readonly reason: Reason
    /** The fired occurrence that stands for a coalesced stretch. */
    readonly into?: number
    /** How many occurrences, where that is cheap to know. */
    readonly count: number | null
  }

export interface Plan {
  /** In ascending order; empty when nothing is due. */
  readonly segments: ReadonlyArray<Segment>
  readonly cursor: number
  /** The next occurrence after the cursor. */
  readonly next: number | undefined
  /** Cancel what is going before the new runs start. */
  readonly cancelGoing: boolean
  /** How many runs of the job may be admitted at once. */
  readonly serial: number
}

/** With catch-up `none` and no misfire grace, what is older than this is missed. */
const defaultGraceOfNone = 60_000

/** Counting by enumeration stops here; a longer stretch has an unknown count unless the trigger has a closed form. */
const countLimit = 64

export const plan = (situation: Situation): Plan => {
  const { anchor, cursor, going, now, occurrences, planned = identity, policy } = situation
  const serial = typeof policy.overlap === "object" && "allow" in policy.overlap ? policy.overlap.allow : 1
  const first = occurrences.next(cursor, anchor)
  if (first === undefined || planned(first) > now) {
    return { segments: [], cursor, next: first, cancelGoing: false, serial }
  }
  const second = occurrences.next(first, anchor)
  const only = second === undefined || planned(second) > now
  const last = only ? first : newestDue(situation, now + 1)
  const grace = policy.misfireGrace ?? (policy.catchUp === "none" ? defaultGraceOfNone : null)
  const newestAged = grace === null ? -Infinity : newestDue(situation, now - grace)
  const chosen = choose(situation, first, last, newestAged)
  const { count, refusal } = admit(policy.overlap, going, chosen.length)
  // What is nearly always so: one occurrence is due, and runs.
  const segments: ReadonlyArray<Segment> = only && count === 1
    ? [{ _tag: "fired", to: first }]
    : tile(situation, { only, last, newestAged, chosen, count, refusal })
  return {
    segments,
    cursor: last,
    next: only ? second : occurrences.next(last, anchor),
    cancelGoing: policy.overlap === "cancelRunning" && going > 0 && count > 0,
    serial
  }
}

/** What was found about what is due. */
interface Found {
  /** Whether it is one occurrence. */
  readonly only: boolean
  readonly last: number
  readonly newestAged: number
  /** What the catch-up policy would run, how many of them the overlap policy lets in, and why no more. */
  readonly chosen: ReadonlyArray<number>
  readonly count: number
  readonly refusal: Reason
}

/** Cuts the time line up to the newest due occurrence into segments. */
const tile = (situation: Situation, { chosen, count, last, newestAged, only, refusal }: Found): Array<Segment> => {
  const { anchor, cursor, occurrences, policy } = situation
  const segments: Array<Segment> = []
  let edge = cursor
  /** Closes the stretch after `edge` up to and including the occurrence `to`, if it holds any. */
  const stretch = (to: number, verdict: Pick<Segment & { _tag: "not" }, "kind" | "reason" | "into">) => {
    if (to <= edge) return
    segments.push({ _tag: "not", to, ...verdict, count: only ? 1 : countIn(occurrences, edge, to, anchor) })
    edge = to
  }
  const fires = chosen.slice(0, count)

  if (policy.misfireGrace !== null) stretch(newestAged, { kind: "missed", reason: "age" })
  if (chosen.length === 0) {
    stretch(last, { kind: "missed", reason: "policy" })
  } else {
    const oldest = chosen[0]!
    const passedOver = newestBefore(situation, oldest)
    if (policy.catchUp === "all") stretch(passedOver, { kind: "missed", reason: "cap" })
    else if (policy.catchUp === "none") stretch(passedOver, { kind: "missed", reason: "policy" })
    else if (fires.length > 0) stretch(passedOver, { kind: "coalesced", reason: "catchUp", into: oldest })
    for (const nominal of fires) {
      segments.push({ _tag: "fired", to: nominal })
      edge = nominal
    }
    if (fires.length === chosen.length) stretch(last, { kind: "coalesced", reason: "catchUp", into: oldest })
    else stretch(last, { kind: "skipped", reason: refusal })
  }
  return segments
}

/** The due occurrences that the catch-up policy would run, oldest first. */
const choose = (
  { anchor, cursor, occurrences, policy }: Situation,
  first: number,
  last: number,
  newestAged: number
): ReadonlyArray<number> => {
  if (last <= newestAged) return []
  switch (policy.catchUp) {
    case "latest":
    case "none":
      return [last]
    case "earliest":
      return [newestAged === -Infinity ? first : occurrences.next(newestAged, anchor)!]
    case "all": {
      const newestFirst = [last]
      while (newestFirst.length < policy.catchUpLimit) {
        const before = occurrences.previous(newestFirst[newestFirst.length - 1]!, anchor)
        if (before === undefined || before <= cursor || before <= newestAged) break
        newestFirst.push(before)
      }
      return newestFirst.reverse()
    }
  }
}

/**
 * How many of `wanted` occurrences the overlap policy lets in. Those caught up together run one after another and count as one: a
 * policy that has room for the first has room for all, except where it names a number.
 */
const admit = (
  overlap: Overlap,
  going: number,
  wanted: number
): { readonly count: number; readonly refusal: Reason } => {
  if (overlap === "skip") return { count: going > 0 ? 0 : wanted, refusal: "overlap" }
  if (overlap === "queue") return { count: going > 1 ? 0 : wanted, refusal: "full" }
  if (overlap === "cancelRunning") return { count: wanted, refusal: "overlap" }
  if ("allow" in overlap) return { count: going >= overlap.allow ? 0 : wanted, refusal: "overlap" }
  const waiting = Math.max(0, going - 1)
  const room = overlap.queueAll - waiting + (going === 0 ? 1 : 0)
  return { count: Math.max(0, Math.min(wanted, room)), refusal: "full" }
}

/** The newest undecided occurrence before an instant, or `-Infinity`. */
const newestBefore = ({ anchor, cursor, occurrences }: TimeLine, instant: number): number => {
  const found = occurrences.previous(instant, anchor)
  return found === undefined || found <= cursor ? -Infinity : found
}

/** The newest undecided occurrence that is due before an instant, or `-Infinity`. */
export const newestDue = (situation: TimeLine, before: number): number => {
  const { anchor, cursor, moved, occurrences, planned = identity } = situation
  // One that was moved ahead comes after all that are planned before it.
  if (moved !== undefined) {
    for (const nominal of moved.keys()) {
      const isAhead = nominal >= before && nominal > cursor && planned(nominal) < before
      if (isAhead && occurrences.next(nominal - 1, anchor) === nominal) return nominal
    }
  }
  const newest = newestBefore(situation, before)
  // Of the others only the newest can be planned beyond the instant: the one before it is planned before the newest's nominal instant.
  return newest > -Infinity && planned(newest) >= before ? newestBefore(situation, newest) : newest
}

/** How many occurrences lie in `(from, to]`, where that is cheap to know. */
export const countIn = (occurrences: Occurrences, from: number, to: number, anchor: number): number | null => {
  const closed = occurrences.count(from, to, anchor)
  if (closed !== undefined) return closed
  let n = 0
  for (let at = occurrences.next(from, anchor); at !== undefined && at <= to; at = occurrences.next(at, anchor)) {
    if (++n > countLimit) return null
  }
  return n
}
