import { assert, describe, it } from "@effect/vitest"
import { type Ended, type Next, settle } from "../../src/decisions/settle.ts"

const now = Date.UTC(2026, 0, 1)

const ended = {
  success: { _tag: "Success", value: "42" },
  failure: { _tag: "Failure", error: `{"code":1}` },
  timedOut: { _tag: "TimedOut", error: `{"timedOut":5}` },
  died: { _tag: "Died", defect: `{"message":"bug"}` },
  cancelled: { _tag: "Interrupted", by: "cancel" },
  itself: { _tag: "Interrupted", by: undefined },
  shutdown: { _tag: "Interrupted", by: "shutdown" },
  lost: { _tag: "Interrupted", by: "lost" },
  expired: { _tag: "Interrupted", by: "expired" },
  snoozed: { _tag: "Snoozed", until: now + 5_000 },
  late: { _tag: "DeadlineMissed" },
  undecodable: { _tag: "Undecodable", error: `{"message":"no field a"}` }
} satisfies Record<string, Ended>

const done = (outcome: (Next & { _tag: "Done" })["outcome"], result: string | null, counts = true): Next => ({
  _tag: "Done",
  outcome,
  result,
  counts
})

const delays = [undefined, 0, 1, 90_000]
const attempts = [
  { attempt: 1, maxAttempts: 1 },
  { attempt: 1, maxAttempts: 2 },
  { attempt: 2, maxAttempts: 2 },
  { attempt: 3, maxAttempts: 2 },
  { attempt: 7, maxAttempts: 1_000 }
]

/** Every combination of what a decision is made from. */
const everywhere = (
  check: (input: Omit<Parameters<typeof settle>[0], "ended">, label: string) => void
): void => {
  for (const delay of delays) {
    for (const { attempt, maxAttempts } of attempts) {
      for (const atMostOnce of [false, true]) {
        const input = { now, delay, attempt, maxAttempts, atMostOnce }
        check(input, JSON.stringify(input))
      }
    }
  }
}

/** What an end becomes whatever the delay, the number of the attempt and the delivery. */
const always: ReadonlyArray<readonly [law: string, ended: Ended, next: Next]> = [
  ["a success is done, with its value", ended.success, done("succeeded", "42")],
  ["a defect is never retried", ended.died, done("died", `{"message":"bug"}`)],
  ["a cancelled run is never retried", ended.cancelled, done("cancelled", null)],
  ["a handler that interrupts itself has cancelled its run", ended.itself, done("cancelled", null)],
  ["a run that started too late did not attempt anything", ended.late, done("deadlineMissed", null, false)],
  [
    "a payload that cannot be read ends the run without an attempt",
    ended.undecodable,
    done("undecodable", `{"message":"no field a"}`, false)
  ],
  ["what stopped itself when its lease ran out is abandoned", ended.expired, done("abandoned", null)],
  ["a snoozed run waits until its handler wants it, and no attempt is used up", ended.snoozed, {
    _tag: "Snooze",
    readyAt: now + 5_000
  }],
  ["a lost claim changes nothing", ended.lost, { _tag: "Nothing" }]
]

describe("settle", () => {
  for (const [law, end, next] of always) {
    it(law, () => {
      everywhere((input, label) => assert.deepStrictEqual(settle({ ...input, ended: end }), next, label))
    })
  }

  for (
    const [name, end, last] of [
      ["a failure", ended.failure, done("failed", `{"code":1}`)],
      ["a timeout", ended.timedOut, done("timedOut", `{"timedOut":5}`)]
    ] as const
  ) {
    it(`${name} is retried exactly while the Schedule wants it and attempts are left, at now + delay`, () => {
      everywhere((input, label) => {
        const wanted = input.delay !== undefined && input.attempt < input.maxAttempts
        assert.deepStrictEqual(
          settle({ ...input, ended: end }),
          wanted ? { _tag: "Retry", readyAt: now + input.delay } : last,
          label
        )
      })
    })
  }

  it("shutdown hands a run back, and abandons one that may start only once", () => {
    everywhere((input, label) => {
      assert.deepStrictEqual(
        settle({ ...input, ended: ended.shutdown }),
        input.atMostOnce ? done("abandoned", null) : { _tag: "Release" },
        label
      )
    })
  })

  it("only a failure or a timeout is ever retried, only a snooze snoozes, and only a shutdown ever hands back", () => {
    everywhere((input, label) => {
      for (const end of Object.values(ended)) {
        const next = settle({ ...input, ended: end })
        if (next._tag === "Retry") assert.include(["Failure", "TimedOut"], end._tag, label)
        if (next._tag === "Snooze") assert.strictEqual(end, ended.snoozed, label)
        if (next._tag === "Release") assert.strictEqual(end, ended.shutdown, label)
      }
    })
  })
})
