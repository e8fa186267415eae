import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { Policy, Trigger } from "effect-scheduler"
import { type Plan, plan } from "../../src/decisions/plan.ts"
import { counting, enumerate, listed, type Occurrences } from "./occurrenceSets.ts"
import { judge, type Judgement } from "./planOracle.ts"
import { anchors, cursors, goings, type Named, nows, policies, sets, situations } from "./situations.ts"

interface Situation {
  readonly set: Named
  readonly anchor: number
  readonly cursor: number
  readonly policy: Policy.Decided
  readonly going: number
  readonly now: number
}

const planOf = ({ set, ...situation }: Situation): Plan => plan({ ...situation, occurrences: set.occurrences })

/** The occurrences in `(cursor, now]`, enumerated. */
const dueOf = ({ anchor, cursor, now, set }: Situation): ReadonlyArray<number> =>
  enumerate(set.occurrences, anchor, now).filter((at) => at > cursor)

const firedOf = (made: Plan): ReadonlyArray<number> =>
  made.segments.filter((segment) => segment._tag === "fired").map((segment) => segment.to)

/** What each segment covers, as `(from, to]`. */
const rangesOf = (made: Plan, cursor: number) =>
  made.segments.map((segment, index) => ({
    segment,
    from: index === 0 ? cursor : made.segments[index - 1]!.to,
    to: segment.to
  }))

/** The verdicts that a plan gives to one occurrence. */
const verdictsOn = (made: Plan, cursor: number, at: number): ReadonlyArray<Judgement> =>
  rangesOf(made, cursor)
    .filter(({ from, segment, to }) => segment._tag === "fired" ? segment.to === at : at > from && at <= to)
    .map(({ segment }): Judgement =>
      segment._tag === "fired"
        ? { kind: "fired" }
        : {
          kind: segment.kind,
          reason: segment.reason,
          ...(segment.into === undefined ? {} : { into: segment.into })
        }
    )

const law = (name: string, check: (situation: Situation) => void) =>
  it.prop(name, { situation: situations }, ({ situation }) => check(situation), {
    arbitrary: { runs: 400, seed: name, size: 40 }
  })

describe("plan: the time line", () => {
  law("every due occurrence gets exactly one verdict", (situation) => {
    const made = planOf(situation)
    for (const at of dueOf(situation)) assert.lengthOf(verdictsOn(made, situation.cursor, at), 1, String(at))
  })

  law("no occurrence outside (cursor, now] is touched", (situation) => {
    const { anchor, cursor, now, set } = situation
    const made = planOf(situation)
    for (const at of enumerate(set.occurrences, anchor, now + 600_000)) {
      if (at <= cursor || at > now) assert.lengthOf(verdictsOn(made, cursor, at), 0, String(at))
    }
  })

  law("the segments ascend strictly from the cursor and tile (cursor, new cursor]", (situation) => {
    const made = planOf(situation)
    for (const { from, to } of rangesOf(made, situation.cursor)) assert.isAbove(to, from)
    assert.strictEqual(made.segments.at(-1)?.to ?? situation.cursor, made.cursor)
  })

  law("the new cursor is the newest due occurrence, and the old one when nothing is due", (situation) => {
    assert.strictEqual(planOf(situation).cursor, dueOf(situation).at(-1) ?? situation.cursor)
  })

  law(
    "each segment ends with an occurrence, a fired one holds no other, and no two neighbours say the same",
    (situation) => {
      const made = planOf(situation)
      const due = dueOf(situation)
      const ranges = rangesOf(made, situation.cursor)
      for (const { from, segment, to } of ranges) {
        assert.include(due, to)
        if (segment._tag === "fired") assert.deepStrictEqual(due.filter((at) => at > from && at <= to), [to])
      }
      for (let i = 1; i < ranges.length; i++) {
        const [one, other] = [ranges[i - 1]!.segment, ranges[i]!.segment]
        if (one._tag === "not" && other._tag === "not") {
          assert.notDeepEqual([one.kind, one.reason, one.into], [other.kind, other.reason, other.into])
        }
      }
    }
  )

  law("next is the first occurrence after the new cursor, and lies after now", (situation) => {
    const { anchor, now, set } = situation
    const made = planOf(situation)
    assert.strictEqual(made.next, set.occurrences.next(made.cursor, anchor))
    if (made.next !== undefined) assert.isAbove(made.next, now)
  })

  law(
    "a count is exact where given, and given where the stretch is short or the trigger counts in closed form",
    (situation) => {
      const { anchor, set } = situation
      const due = dueOf(situation)
      for (const { from, segment, to } of rangesOf(planOf(situation), situation.cursor)) {
        if (segment._tag === "fired") continue
        const holds = due.filter((at) => at > from && at <= to).length
        if (segment.count !== null) assert.strictEqual(segment.count, holds)
        else {
          assert.isAbove(holds, 64)
          assert.isUndefined(set.occurrences.count(from, to, anchor))
        }
      }
    }
  )

  it("where counting means enumerating, it stops at 64", () => {
    for (const [others, count] of [[64, 64], [65, null]] as const) {
      const made = plan({
        occurrences: listed(Array.from({ length: others + 1 }, (_, i) => i), false),
        anchor: 0,
        cursor: -Infinity,
        policy: Policy.defaults,
        going: 0,
        now: others
      })
      assert.deepStrictEqual(made.segments.map((segment) => segment._tag === "not" ? segment.count : "fired"), [
        count,
        "fired"
      ])
    }
  })

  it.prop("planning again and again, whatever the clock does, decides each occurrence once", {
    set: sets,
    anchor: anchors,
    cursor: cursors,
    policy: policies,
    steps: Arbitrary.array(Arbitrary.all({ now: nows, going: goings }), { minLength: 2, maxLength: 6 })
  }, ({ anchor, cursor, policy, set, steps }) => {
    const decided: Array<number> = []
    let reached = cursor
    for (const { going, now } of steps) {
      const before = reached
      const made = planOf({ set, anchor, cursor: before, policy, going, now })
      const touched = enumerate(set.occurrences, anchor, Math.max(now, before))
        .filter((at) => verdictsOn(made, before, at).length > 0)
      decided.push(...touched)
      assert.isAtLeast(made.cursor, before)
      reached = made.cursor
    }
    const latest = Math.max(...steps.map(({ now }) => now))
    assert.deepStrictEqual(decided, enumerate(set.occurrences, anchor, latest).filter((at) => at > cursor))
  }, { arbitrary: { runs: 300, seed: "again and again", size: 40 } })

  law("planning once more at the same instant decides nothing", (situation) => {
    const made = planOf(situation)
    assert.deepStrictEqual(planOf({ ...situation, cursor: made.cursor }).segments, [])
  })

  law("a clock stepped back behind the cursor decides nothing and holds the cursor", (situation) => {
    const made = planOf(situation)
    const back = planOf({ ...situation, cursor: made.cursor, now: Math.min(situation.now, made.cursor) - 1 })
    assert.deepStrictEqual(back, { ...back, segments: [], cursor: made.cursor, cancelGoing: false })
  })
})

describe("plan: verdicts", () => {
  law("each occurrence is judged as an oracle reads the documentation", (situation) => {
    const made = planOf(situation)
    const due = dueOf(situation)
    const judged = judge(due, situation)
    assert.deepStrictEqual(
      due.map((at) => [at, ...verdictsOn(made, situation.cursor, at)]),
      due.map((at) => [at, judged.get(at)])
    )
  })
})

/** What catch-up wants to run, seen where no overlap stands in its way. */
const freely = (situation: Situation, catchUp: Policy.CatchUp) => {
  const free: Situation = { ...situation, going: 0, policy: { ...situation.policy, overlap: "skip", catchUp } }
  const grace = free.policy.misfireGrace ?? Infinity
  const due = dueOf(free)
  return { due, fresh: due.filter((at) => at >= free.now - grace), fired: firedOf(planOf(free)) }
}

describe("plan: catch-up", () => {
  law("latest fires exactly the newest fresh occurrence", (situation) => {
    const { fired, fresh } = freely(situation, "latest")
    assert.deepStrictEqual(fired, fresh.slice(-1))
  })

  law("earliest fires exactly the oldest fresh occurrence", (situation) => {
    const { fired, fresh } = freely(situation, "earliest")
    assert.deepStrictEqual(fired, fresh.slice(0, 1))
  })

  law("all fires the newest fresh occurrences, in order, never more than catchUpLimit", (situation) => {
    const { fired, fresh } = freely(situation, "all")
    assert.isAtMost(fired.length, situation.policy.catchUpLimit)
    assert.deepStrictEqual(fired, fresh.slice(-situation.policy.catchUpLimit))
  })

  law("none fires only a newest occurrence within its grace, one minute unless given", (situation) => {
    const { due, fired } = freely(situation, "none")
    const newest = due.at(-1)
    const grace = situation.policy.misfireGrace ?? 60_000
    assert.deepStrictEqual(fired, newest !== undefined && situation.now - newest <= grace ? [newest] : [])
  })

  law("nothing older than the misfire grace fires, whatever the policy", (situation) => {
    const { now, policy } = situation
    if (policy.misfireGrace === null) return
    for (const at of firedOf(planOf(situation))) assert.isAtMost(now - at, policy.misfireGrace)
  })

  it("an occurrence as old as its grace fires, and one a millisecond older does not", () => {
    for (const catchUp of Policy.CatchUp.literals) {
      for (const misfireGrace of [null, 0, 1, 60_000, 3_600_000]) {
        if (misfireGrace === null && catchUp !== "none") continue
        const policy: Policy.Decided = { ...Policy.defaults, catchUp, misfireGrace }
        const grace = misfireGrace ?? 60_000
        const at = (now: number) =>
          plan({ occurrences: listed([0], true), anchor: 0, cursor: -Infinity, policy, going: 0, now }).segments
        const label = `${catchUp} ${misfireGrace}`
        assert.deepStrictEqual(at(grace), [{ _tag: "fired", to: 0 }], label)
        assert.deepStrictEqual(at(grace + 1), [
          { _tag: "not", to: 0, kind: "missed", reason: misfireGrace === null ? "policy" : "age", count: 1 }
        ], label)
      }
    }
  })

  law("an occurrence exactly at now fires at once where nothing is going, even with no grace at all", (situation) => {
    const { anchor, cursor, set } = situation
    const now = set.occurrences.next(cursor, anchor)
    if (now === undefined) return
    const made = planOf({ ...situation, going: 0, now, policy: { ...situation.policy, misfireGrace: 0 } })
    assert.deepStrictEqual(made.segments, [{ _tag: "fired", to: now }])
  })
})

describe("plan: overlap", () => {
  const withOverlap = (situation: Situation, overlap: Policy.Overlap): Situation => ({
    ...situation,
    policy: { ...situation.policy, overlap }
  })
  const chosenOf = (situation: Situation) => firedOf(planOf({ ...withOverlap(situation, "skip"), going: 0 }))

  law("skip with something going fires nothing", (situation) => {
    const fired = firedOf(planOf(withOverlap(situation, "skip")))
    assert.deepStrictEqual(fired, situation.going > 0 ? [] : chosenOf(situation))
  })

  law("queue lets in only when at most one is going", (situation) => {
    const fired = firedOf(planOf(withOverlap(situation, "queue")))
    assert.deepStrictEqual(fired, situation.going > 1 ? [] : chosenOf(situation))
  })

  for (const n of [1, 2, 4]) {
    law(`queueAll(${n}) never lets more than ${n} wait, and lets in the oldest that find room`, (situation) => {
      const { going } = situation
      const fired = firedOf(planOf(withOverlap(situation, { queueAll: n })))
      const chosen = chosenOf(situation)
      // one of those that go is running, the others wait; an excess from before the policy was changed only drains
      assert.isAtMost(going + fired.length - 1, Math.max(n, going - 1))
      assert.deepStrictEqual(fired, chosen.slice(0, fired.length))
      if (fired.length < chosen.length) assert.isAtLeast(going + fired.length - 1, n)
    })

    law(`allow(${n}) fires nothing when ${n} are going, and runs at most ${n} at once`, (situation) => {
      const made = planOf(withOverlap(situation, { allow: n }))
      assert.deepStrictEqual(firedOf(made), situation.going >= n ? [] : chosenOf(situation))
      assert.strictEqual(made.serial, n)
    })
  }

  law(
    "cancelRunning fires whatever is going, and cancels exactly when it fires while something is going",
    (situation) => {
      const made = planOf(withOverlap(situation, "cancelRunning"))
      const fired = firedOf(made)
      assert.deepStrictEqual(fired, chosenOf(situation))
      assert.strictEqual(made.cancelGoing, fired.length > 0 && situation.going > 0)
    }
  )

  law("only cancelRunning cancels, and only allow lets runs go side by side", (situation) => {
    const { overlap } = situation.policy
    const made = planOf(situation)
    if (overlap !== "cancelRunning") assert.isFalse(made.cancelGoing)
    if (typeof overlap === "string" || "queueAll" in overlap) assert.strictEqual(made.serial, 1)
  })
})

describe("plan: cost", () => {
  const year = 365 * 24 * 60 * 60 * 1000
  const added = Date.UTC(2026, 0, 1)

  const askedBy = (
    occurrences: Occurrences,
    closed: boolean,
    policy: Policy.Decided,
    away: number,
    going: number
  ): number => {
    const watched = counting(occurrences, closed)
    plan({ occurrences: watched.occurrences, anchor: added, cursor: added, policy, going, now: added + away })
    return watched.asked()
  }

  const everySecond = Trigger.occurrences(Trigger.interval("1 second"))

  it.prop("a year's absence of an every-second job is decided with as many questions as may fire, and a few", {
    policy: policies,
    going: goings
  }, ({ going, policy }) => {
    const asked = askedBy(everySecond, true, policy, year, going)
    assert.isAtMost(asked, policy.catchUpLimit + 8)
    assert.strictEqual(askedBy(everySecond, true, policy, 20 * year, going), asked)
  }, { arbitrary: { runs: 200, seed: "a year" } })

  it.prop("a trigger that cannot count adds at most 65 questions for each of three stretches", {
    policy: policies,
    going: goings
  }, ({ going, policy }) => {
    const asked = askedBy(everySecond, false, policy, year, going)
    assert.isAtMost(asked, policy.catchUpLimit + 8 + 3 * 65)
    assert.strictEqual(askedBy(everySecond, false, policy, 20 * year, going), asked)
  }, { arbitrary: { runs: 200, seed: "a year, uncounted" } })

  it("a job that is planned in time asks four questions at most", () => {
    for (const catchUp of Policy.CatchUp.literals) {
      const asked = askedBy(everySecond, true, { ...Policy.defaults, catchUp }, 1_000, 0)
      assert.isAtMost(asked, 4, catchUp)
    }
  })

  it("the newest of a year's every-second occurrences runs, and the others are one record with their number", () => {
    const made = plan({
      occurrences: everySecond,
      anchor: added,
      cursor: added,
      policy: Policy.defaults,
      going: 0,
      now: added + year
    })
    assert.deepStrictEqual(made.segments, [
      {
        _tag: "not",
        to: added + year - 1_000,
        kind: "coalesced",
        reason: "catchUp",
        into: added + year,
        count: 31_535_999
      },
      { _tag: "fired", to: added + year }
    ])
  })
})

describe("plan: moved occurrences", () => {
  law("a job with moved occurrences is decided as one whose occurrences are where they were moved", (situation) => {
    const { anchor, set } = situation
    const nominal = enumerate(set.occurrences, anchor, situation.now + 100_000).slice(0, 200)
    // One in three is moved: ahead, but not to its neighbour, or back, but not to the next one.
    const there = new Map<number, number>()
    nominal.forEach((at, i) => {
      const chance = Math.imul(at ^ i, 2654435761) >>> 0
      const after = i === 0 ? at - 10_000 : Math.max(nominal[i - 1]!, there.get(nominal[i - 1]!)!)
      const before = nominal[i + 1] ?? at + 10_000
      there.set(at, chance % 3 === 0 && before - after > 1 ? after + 1 + (chance % (before - after - 1)) : at)
    })
    // Where the order leaves no room, as `spanOf` would say.
    const due = nominal.map((at) => there.get(at)!)
    if (due.some((at, i) => i > 0 && at <= due[i - 1]!)) return
    const back = new Map(nominal.map((at) => [there.get(at)!, at]))
    const { set: _, ...rest } = situation
    const cursor = nominal.findLast((at) => at <= situation.cursor) ?? -Infinity
    const moved = new Map([...there].filter(([at, to]) => at !== to))
    const made = plan({
      ...rest,
      cursor,
      occurrences: listed(nominal, true),
      planned: (at) => there.get(at)!,
      moved
    })
    const plain = plan({ ...rest, cursor: there.get(cursor) ?? -Infinity, occurrences: listed(due, true) })
    assert.deepStrictEqual(made, {
      ...plain,
      cursor: back.get(plain.cursor) ?? -Infinity,
      next: plain.next === undefined ? undefined : back.get(plain.next),
      segments: plain.segments.map((segment) => ({
        ...segment,
        to: back.get(segment.to)!,
        ...("into" in segment && segment.into !== undefined ? { into: back.get(segment.into)! } : {})
      }))
    })
  })

  it("a moved instant that is no occurrence any more moves nothing", () => {
    const made = plan({
      occurrences: listed([10, 20, 30], true),
      anchor: 0,
      cursor: 10,
      policy: Policy.defaults,
      going: 0,
      now: 15,
      planned: (at) => at === 25 ? 12 : at,
      moved: new Map([[25, 12]])
    })
    assert.deepStrictEqual(made.segments, [])
  })
})

describe("plan: jitter", () => {
  law("a jittered job is decided as one whose occurrences are its planned instants", (situation) => {
    const { anchor, set } = situation
    const nominal = enumerate(set.occurrences, anchor, situation.now + 1_000).slice(0, 200)
    // Some time after the nominal instant, and before the next one.
    const planned = nominal.map((at, i) =>
      at + (Math.imul(at ^ i, 2654435761) >>> 0) % Math.max(1, (nominal[i + 1] ?? at + 7) - at)
    )
    const there = new Map(nominal.map((at, i) => [at, planned[i]!]))
    const back = new Map(nominal.map((at, i) => [planned[i]!, at]))
    const { set: _, ...rest } = situation
    // The cursor is a nominal instant: an occurrence that is decided.
    const cursor = nominal.findLast((at) => at <= situation.cursor) ?? -Infinity
    const jittered = plan({ ...rest, cursor, occurrences: listed(nominal, true), planned: (at) => there.get(at)! })
    const plain = plan({ ...rest, cursor: there.get(cursor) ?? -Infinity, occurrences: listed(planned, true) })
    assert.deepStrictEqual(jittered, {
      ...plain,
      cursor: back.get(plain.cursor) ?? -Infinity,
      next: plain.next === undefined ? undefined : back.get(plain.next),
      segments: plain.segments.map((segment) => ({
        ...segment,
        to: back.get(segment.to)!,
        ...("into" in segment && segment.into !== undefined ? { into: back.get(segment.into)! } : {})
      }))
    })
  })
})
