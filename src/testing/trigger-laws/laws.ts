/**
 * What every trigger has to obey, law by law.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as assert from "node:assert/strict"
import * as Trigger from "../../Trigger.ts"

/**
 * A trigger, and the situation in which it is looked at.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly trigger: Trigger.Trigger
  /** The instant at which a job would have been added, in epoch milliseconds. */
  readonly anchor: number
  /** What the names in the trigger mean, where it has some. */
  readonly registry: Trigger.Registry | undefined
}

/**
 * One law: a name, and a check that dies with an `AssertionError` when the law is broken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Law {
  readonly name: string
  readonly check: (subject: Subject) => Effect.Effect<void>
}

/** How many instants of a trigger are looked at. */
const sampleSize = 40

const iso = (at: number | undefined): string =>
  at === undefined ? "none" : Number.isFinite(at) ? new Date(at).toISOString() : String(at)

/** Up to `size` instants after `after`. Dies when the trigger does not get on. */
const enumerate = ({ anchor, trigger }: Subject, after: number, size = sampleSize): Array<number> => {
  const { next } = Trigger.occurrences(trigger)
  const instants: Array<number> = []
  while (instants.length < size) {
    const at = next(after, anchor)
    if (at === undefined) break
    assert.ok(Number.isInteger(at), `an instant is a whole number of milliseconds, not ${at}`)
    assert.ok(at > after, `next after ${iso(after)} is ${iso(at)}, which is not later`)
    instants.push(at)
    after = at
  }
  return instants
}

/** Samples from the beginning on, and from some later points on. */
const samples = (subject: Subject): ReadonlyArray<ReadonlyArray<number>> => {
  const day = 86_400_000
  const { anchor } = subject
  return [-Infinity, anchor + 3 * day + 1, anchor + 400 * day - 1, anchor + 5000 * day].map((after) =>
    enumerate(subject, after)
  )
}

const law = (name: string, check: (subject: Subject) => void): Law => ({
  name,
  check: (subject) => Effect.sync(() => check(subject))
})

const increasing = law("strictly increasing", (subject) => {
  const { anchor, trigger } = subject
  const { next, previous } = Trigger.occurrences(trigger)
  assert.ok(samples(subject)[0]!.length > 0 || next(-Infinity, anchor) === undefined)
  const last = previous(Infinity, anchor)
  assert.equal(iso(next(Infinity, anchor)), "none", "nothing comes after the end of time")
  assert.equal(iso(previous(-Infinity, anchor)), "none", "nothing came before its beginning")
  if (last !== undefined) assert.equal(iso(next(last, anchor)), "none", `nothing comes after the last, ${iso(last)}`)
})

const afterAnchor = law("no instant before the anchor, dates apart", ({ anchor, trigger }) => {
  if (Trigger.encode(trigger).includes(`{"_tag":"dates"`)) return
  const first = Trigger.occurrences(trigger).next(-Infinity, anchor)
  assert.ok(first === undefined || first >= anchor, `the first is ${iso(first)}`)
})

const noGap = law("no gap between asks", (subject) => {
  const { next } = Trigger.occurrences(subject.trigger)
  for (const instants of samples(subject)) {
    for (const [i, at] of instants.entries()) {
      const later = instants[i + 1]
      if (later === undefined) continue
      for (const after of [at, at + 1, Math.floor((at + later) / 2), later - 1]) {
        if (after >= later) continue
        assert.equal(iso(next(after, subject.anchor)), iso(later), `next after ${iso(after)}`)
      }
    }
  }
})

const inverse = law("previous is the inverse of next", (subject) => {
  const { next, previous } = Trigger.occurrences(subject.trigger)
  const [fromStart] = samples(subject)
  if (fromStart![0] !== undefined) {
    assert.equal(iso(previous(fromStart![0], subject.anchor)), "none", "nothing comes before the first")
  }
  for (const instants of samples(subject)) {
    for (const [i, at] of instants.entries()) {
      const later = instants[i + 1] ?? next(at, subject.anchor)
      // a bounded search cannot be expected to look back from the end of time
      const before = later === undefined
        ? [at + 1, at + 86_400_000, at + 1e10]
        : [at + 1, Math.floor((at + later) / 2) + 1, later]
      for (const instant of before) {
        assert.equal(iso(previous(instant, subject.anchor)), iso(at), `previous before ${iso(instant)}`)
      }
    }
  }
})

const counts = law("count agrees with enumeration, where it answers", (subject) => {
  const { count } = Trigger.occurrences(subject.trigger)
  const { anchor } = subject
  for (const [index, instants] of samples(subject).entries()) {
    for (const [i, at] of instants.entries()) {
      const first = instants[0]!
      const where = `between ${iso(first)} and ${iso(at)}`
      // in (from, to]: the first is counted only when `from` is before it
      for (const [from, expected] of [[first, i], [first - 1, i + 1], ...(index === 0 ? [[-Infinity, i + 1]] : [])]) {
        const counted = count(from!, at, anchor)
        if (counted !== undefined) assert.equal(counted, expected, where)
      }
      const none = count(at, at, anchor)
      if (none !== undefined) assert.equal(none, 0)
    }
  }
})

const pure = law("the same question has the same answer", (subject) => {
  const { next, previous } = Trigger.occurrences(subject.trigger)
  const { anchor } = subject
  const [instants] = samples(subject)
  const ask = () => instants!.map((at) => [next(at, anchor), previous(at, anchor)].map(iso))
  const before = ask()
  for (const other of [anchor - 1, anchor + 12_345_678_901, 0]) next(other, other)
  assert.deepEqual(ask().toReversed(), before.toReversed(), "after questions with other anchors")
})

const codec = law("survives its text as an equal value", ({ anchor, registry, trigger }) => {
  const text = Trigger.encode(trigger)
  const decode = (text: string) => Result.getOrThrow(Trigger.decode(text, registry))
  const decoded = decode(text)
  assert.ok(Equal.equals(decoded, trigger))
  assert.equal(Hash.hash(decoded), Hash.hash(trigger))
  assert.equal(Trigger.encode(decoded), text)
  assert.deepEqual(JSON.parse(text), trigger.spec)
  assert.equal(Trigger.encode(decode(JSON.stringify(reverseKeys(JSON.parse(text))))), text, "keys have no order")
  const twin: Subject = { trigger: decoded, anchor, registry }
  assert.deepEqual(enumerate(twin, -Infinity, 5).map(iso), enumerate({ ...twin, trigger }, -Infinity, 5).map(iso))
})

const reverseKeys = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(reverseKeys)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).toReversed().map(([key, item]) => [key, reverseKeys(item)]))
    : value

const spread = law("planned instants keep their order, and repeat themselves", (subject) => {
  const { anchor, trigger } = subject
  for (const seed of ["a job", "another"]) {
    const nominal = enumerate(subject, -Infinity)
    for (const [i, at] of nominal.entries()) {
      const planned = Trigger.planned(trigger, seed, at, anchor)
      const later = nominal[i + 1]
      assert.ok(planned >= at && (later === undefined || planned < later), `${iso(at)} is planned for ${iso(planned)}`)
      assert.equal(Trigger.planned(trigger, seed, at, anchor), planned)
      assert.equal(iso(Trigger.newestDue(trigger, seed, planned, anchor)), iso(at))
      assert.equal(iso(Trigger.newestDue(trigger, seed, planned - 1, anchor)), iso(nominal[i - 1]))
    }
  }
})

const schedule: Law = {
  name: "its Schedule steps through its planned instants",
  check: (subject) =>
    Effect.gen(function*() {
      const { anchor, trigger } = subject
      const step = yield* Schedule.toStep(trigger)
      const planned = enumerate(subject, anchor - 1, 20).map((at) =>
        Trigger.planned(trigger, Trigger.encode(trigger), at, anchor)
      )
      let now = anchor
      for (const expected of planned) {
        const taken = yield* Effect.exit(step(now, undefined))
        assert.ok(Exit.isSuccess(taken), `the schedule ends before ${iso(expected)}`)
        const [output] = taken.value
        assert.equal(iso(DateTime.toEpochMillis(output)), iso(expected))
        now = expected - 2 // a timer may wake before its time
      }
      if (planned.length < 20) {
        const end = yield* Effect.exit(step(planned.length === 0 ? anchor : now + 2, undefined))
        assert.ok(Exit.isFailure(end) && Pull.isDoneCause(end.cause), "the schedule ends with the trigger")
      }
    })
}

/** No single question takes longer, in milliseconds, on the slowest machine. */
const patience = 250

/** Work takes real time, also under a test clock. */
const live = Clock.Clock.defaultValue()

const bounded = law("answers soon, wherever it is asked", (subject) => {
  const { anchor, trigger } = subject
  const { count, next, previous } = Trigger.occurrences(trigger)
  const year = 31_556_952_000
  const far = [-Infinity, -8.64e15, anchor - 5000 * year, 0, anchor, anchor + 7000 * year, 8.64e15, Infinity]
  const questions = far.flatMap((at) => [
    () => next(at, anchor),
    () => previous(at, anchor),
    () => count(anchor, Math.min(at, anchor + year), anchor)
  ])
  for (const question of questions) {
    let best = Infinity
    // a busy machine may be slow once, and zone tables are filled on the first question
    for (let attempt = 0; attempt < 3 && best > patience; attempt++) {
      const begun = live.currentTimeMillisUnsafe()
      question()
      best = Math.min(best, live.currentTimeMillisUnsafe() - begun)
    }
    assert.ok(best <= patience, `a question took ${best} ms: ${String(question)}`)
  }
})

/**
 * All laws.
 *
 * @category laws
 * @since 0.1.0
 */
export const laws: ReadonlyArray<Law> = [
  increasing,
  afterAnchor,
  noGap,
  inverse,
  counts,
  pure,
  codec,
  spread,
  schedule,
  bounded
]
