import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Option, Schema } from "effect"
import { Policy, SchedulerError } from "effect-scheduler"

/** What is given as it is; continuations are resolved by the engine (test/engine/continuations.test.ts). */
type Key = Exclude<keyof Policy.Policy, "followedBy">

const keys = Object.keys(Policy.Policy.fields).filter((key) => key !== "followedBy") as ReadonlyArray<Key>

/** A policy that differs from the defaults in every field. */
const other: Policy.Policy = {
  overlap: { queueAll: 3 },
  catchUp: "all",
  catchUpLimit: 7,
  misfireGrace: 30_000,
  delivery: "atMostOnce",
  timeout: 120_000,
  retention: 3_600_000,
  maxAttempts: 4,
  pauseAfter: 3,
  whenDone: "remove",
  concurrency: { task: 5, key: 1 },
  rate: { limit: 10, per: 60_000, burst: 2, key: true },
  priority: 60_000,
  key: "acme",
  followedBy: []
}

/** The same, as a caller writes it. */
const written: Policy.Options = {
  ...other,
  misfireGrace: "30 seconds",
  timeout: { minutes: 2 },
  retention: Duration.hours(1),
  pauseAfter: 3,
  concurrency: { task: 5, key: 1 },
  rate: { limit: 10, per: "1 minute", burst: 2, key: true },
  priority: "1 minute",
  key: "acme"
}

/** A third policy, different from both in every field that has a third value. */
const third: Policy.Policy = {
  overlap: { allow: 2 },
  catchUp: "none",
  catchUpLimit: 9,
  misfireGrace: 1,
  delivery: "atLeastOnce",
  timeout: 1,
  retention: 0,
  maxAttempts: 1,
  pauseAfter: 1,
  whenDone: "keep",
  concurrency: { task: 1 },
  rate: { limit: 1, per: 1 },
  priority: 1,
  key: "other",
  followedBy: []
}

const subsets = Arbitrary.schema(
  Schema.Struct(Object.fromEntries(keys.map((key) => [key, Schema.Boolean])) as Record<Key, typeof Schema.Boolean>)
)

const only = <A extends object>(all: A, chosen: Record<Key, boolean>): Partial<A> =>
  Object.fromEntries(Object.entries(all).filter(([key]) => chosen[key as Key])) as Partial<A>

/** Options that TypeScript would refuse, as a program without types writes them. */
const untyped = (options: { readonly [key: string]: unknown }) => options as Policy.Options

describe("Policy.fromOptions", () => {
  it.effect("nothing said: the base as it is", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Policy.fromOptions({}, Policy.defaults), Policy.defaults)
      assert.deepStrictEqual(yield* Policy.fromOptions({}, other), other)
    }))

  it.effect("undefined says nothing", () =>
    Effect.gen(function*() {
      const nothing = Object.fromEntries(keys.map((key) => [key, undefined]))
      assert.deepStrictEqual(yield* Policy.fromOptions(nothing, other), other)
    }))

  it.effect("every field can be said, and each differs from its default", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.fromOptions(written, Policy.defaults)
      assert.deepStrictEqual(policy, other)
      for (const key of keys) assert.notDeepEqual<unknown>(policy[key], Policy.defaults[key], key)
    }))

  it.effect.prop("field by field, the job goes before its task, and the task before the defaults", {
    task: subsets,
    job: subsets
  }, ({ job, task }) =>
    Effect.gen(function*() {
      const ofTask = yield* Policy.fromOptions(only(written, task), Policy.defaults)
      const policy = yield* Policy.fromOptions(only(third, job) as Policy.Options, ofTask)
      for (const key of keys) {
        assert.deepStrictEqual<unknown>(
          policy[key],
          job[key] ? third[key] : task[key] ? other[key] : Policy.defaults[key],
          key
        )
      }
    }), { arbitrary: { runs: 100, seed: "precedence" } })

  it.effect("the base is not changed", () =>
    Effect.gen(function*() {
      const base = Object.freeze({ ...Policy.defaults })
      yield* Policy.fromOptions(written, base)
      assert.deepStrictEqual(base, Policy.defaults)
    }))

  it.effect("durations are whole milliseconds, rounded up", () =>
    Effect.gen(function*() {
      const of = (timeout: Duration.Input) =>
        Effect.map(Policy.fromOptions({ timeout }, Policy.defaults), ({ timeout }) => timeout)
      assert.strictEqual(yield* of(1500), 1_500)
      assert.strictEqual(yield* of("5 minutes"), 300_000)
      assert.strictEqual(yield* of({ hours: 1, minutes: 30 }), 5_400_000)
      assert.strictEqual(yield* of(Duration.days(1)), 86_400_000)
      assert.strictEqual(yield* of(1n), 1)
      assert.strictEqual(yield* of("1500 micros"), 2)
    }))

  it.effect("the least values that mean something are accepted", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.fromOptions(
        {
          catchUpLimit: 1,
          maxAttempts: 1,
          pauseAfter: 1,
          timeout: 1,
          misfireGrace: 0,
          retention: 0,
          overlap: { allow: 1 }
        },
        Policy.defaults
      )
      assert.deepStrictEqual(policy, {
        ...Policy.defaults,
        catchUpLimit: 1,
        maxAttempts: 1,
        pauseAfter: 1,
        timeout: 1,
        misfireGrace: 0,
        retention: 0,
        overlap: { allow: 1 }
      })
    }))
})

const refusedNumbers = [
  [0, "0"],
  [-1, "-1"],
  [1.5, "1.5"],
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  ["3", `"3"`],
  [null, "null"]
] as const
const refusedDurations = [
  ["soon", `"soon"`],
  ["-5 minutes", `"-5 minutes"`],
  [-5, "-5"],
  [null, "null"],
  [true, "true"],
  [{ minutes: -5 }, `{"minutes":-5}`]
] as const

const wholeNumber = /whole number of at least 1/
const endless = [[Infinity, "Infinity"], ["Infinity", `"Infinity"`]] as const
const aDuration = /a duration of at least [01] ms, such as "5 minutes"/

/** For each field: values that are refused, how each is shown, and what the expectation says. */
const refusals: { readonly [K in Key]: readonly [ReadonlyArray<readonly [unknown, string]>, RegExp] } = {
  overlap: [
    [
      ["allow", `"allow"`],
      ["SKIP", `"SKIP"`],
      [{ allow: 0 }, `{"allow":0}`],
      [{ queueAll: 2.5 }, `{"queueAll":2.5}`],
      [{ queue: 1 }, `{"queue":1}`],
      [{}, "{}"],
      [3, "3"],
      [null, "null"]
    ],
    /"skip", "queue", "cancelRunning", \{ queueAll: n \} or \{ allow: n \}/
  ],
  catchUp: [[["newest", `"newest"`], [true, "true"], [null, "null"]], /"latest", "earliest", "all" or "none"/],
  catchUpLimit: [refusedNumbers, wholeNumber],
  misfireGrace: [refusedDurations, aDuration],
  delivery: [[["exactlyOnce", `"exactlyOnce"`], [1, "1"]], /"atLeastOnce" or "atMostOnce"/],
  timeout: [[...refusedDurations, [0, "0"], ["0 millis", `"0 millis"`]], aDuration],
  retention: [[...refusedDurations, ...endless], aDuration],
  maxAttempts: [refusedNumbers, wholeNumber],
  pauseAfter: [refusedNumbers.filter(([value]) => value !== Infinity), wholeNumber],
  whenDone: [[["forget", `"forget"`], [false, "false"]], /"keep" or "remove"/],
  concurrency: [
    [
      [{ task: 0 }, `{"task":0}`],
      [{ key: 1.5 }, `{"key":1.5}`],
      [{ job: 1 }, `{"job":1}`],
      [3, "3"],
      [[1], "[1]"],
      [null, "null"]
    ],
    /\{ task: n, key: m \} with whole numbers of at least 1/
  ],
  rate: [
    [
      [{ limit: 3 }, `{"limit":3}`],
      [{ per: 1000 }, `{"per":1000}`],
      [{ limit: 0, per: 1000 }, `{"limit":0,"per":1000}`],
      [{ limit: 1, per: 1000, burst: 0 }, `{"limit":1,"per":1000,"burst":0}`],
      [{ limit: 1, per: 1000, key: "a" }, `{"limit":1,"per":1000,"key":"a"}`],
      [{ limit: 1, per: 1000, max: 1 }, `{"limit":1,"per":1000,"max":1}`],
      ["10/minute", `"10/minute"`],
      [null, "null"]
    ],
    /\{ limit: n, per: a duration \}/
  ],
  priority: [[...refusedDurations, ...endless], aDuration],
  key: [
    [["", `""`], [3, "3"], ["k".repeat(129), `"${"k".repeat(129)}"`], [null, "null"]],
    /a text of 1 to 128 characters/
  ]
}

describe("Policy.fromOptions refuses", () => {
  for (const key of keys) {
    const [values, expected] = refusals[key]
    it.effect(`${key}: ${values.map(([, shown]) => shown).join(", ")}; naming the field, the value and what would be right`, () =>
      Effect.gen(function*() {
        for (const [value, shown] of values) {
          const error = yield* Effect.flip(Policy.fromOptions(untyped({ [key]: value }), Policy.defaults))
          assert.instanceOf(error, SchedulerError.InvalidOption)
          assert.strictEqual(error.field, key)
          assert.strictEqual(error.value, shown)
          assert.match(error.expected, expected)
          assert.strictEqual(error.message, `${key}: got ${shown}, expected ${error.expected}`)
        }
      }))
  }

  it.effect("but a job may take back its Task's timeout, misfire grace and pauseAfter with Infinity", () =>
    Effect.gen(function*() {
      const task = yield* Policy.fromOptions(
        { timeout: "1 minute", misfireGrace: "1 hour", pauseAfter: 3 },
        Policy.defaults
      )
      const job = yield* Policy.fromOptions({ timeout: Infinity, misfireGrace: "Infinity", pauseAfter: Infinity }, task)
      assert.deepStrictEqual([job.timeout, job.misfireGrace, job.pauseAfter], [null, null, null])
    }))

  it.effect("what cannot be shown as JSON, without failing in another way", () =>
    Effect.gen(function*() {
      const circular: { self?: unknown } = {}
      circular.self = circular
      for (const value of [circular, Symbol("x"), 10n, () => 1]) {
        const error = yield* Effect.flip(Policy.fromOptions(untyped({ overlap: value }), Policy.defaults))
        assert.strictEqual(error.field, "overlap")
        assert.isString(error.value)
      }
    }))
})

describe("Policy.encode and decode", () => {
  it.prop("decode gives back what was encoded", { policy: Policy.Policy }, ({ policy }) => {
    // Payloads of continuations are any JSON, which knows no objects without a prototype.
    assert.deepStrictEqual(Policy.decode(Policy.encode(policy)), Option.some(JSON.parse(JSON.stringify(policy))))
  }, { arbitrary: { runs: 300, seed: "round trip" } })

  it.prop(
    "equal policies have equal text, in whatever order they were written",
    { policy: Policy.Policy },
    ({ policy }) => {
      const reversed = Object.fromEntries(Object.entries(policy).reverse()) as unknown as Policy.Policy
      assert.strictEqual(Policy.encode(reversed), Policy.encode(policy))
    },
    { arbitrary: { runs: 100, seed: "canonical" } }
  )

  it("the text is JSON of all fields and of nothing else; most are followed by nothing, and do not say so", () => {
    const policy = { ...other, mine: 1 } as Policy.Policy
    const { followedBy: _, ...said } = other
    assert.deepStrictEqual(JSON.parse(Policy.encode(policy)), said)
  })

  it.prop(
    "a text of an older release takes the defaults for the fields it does not have",
    { known: subsets },
    ({ known }) => {
      assert.deepStrictEqual(
        Policy.decode(JSON.stringify(only(other, known))),
        Option.some({ ...Policy.defaults, ...only(other, known) })
      )
    },
    { arbitrary: { runs: 100, seed: "older" } }
  )

  it("a text of a newer release is read as far as this one knows its fields", () => {
    assert.deepStrictEqual(
      Policy.decode(JSON.stringify({ ...other, colour: "blue" })),
      Option.some(other)
    )
  })

  it("a text is decoded once while it is in use, and many texts do not pile up", () => {
    const text = Policy.encode({ ...Policy.defaults, maxAttempts: 999_999 })
    const first = Option.getOrThrow(Policy.decode(text))
    assert.strictEqual(Option.getOrThrow(Policy.decode(text)), first)
    for (let maxAttempts = 1; maxAttempts <= 2_500; maxAttempts++) {
      const policy = { ...Policy.defaults, maxAttempts }
      assert.deepStrictEqual(Policy.decode(Policy.encode(policy)), Option.some(policy))
    }
    const again = Option.getOrThrow(Policy.decode(text))
    assert.notStrictEqual(again, first)
    assert.deepStrictEqual(again, first)
  })

  it("junk is none, and never throws", () => {
    const junk = ["", " ", "{", "null", "true", "1", `"skip"`, "undefined", "\u0000", "{}{}", "[".repeat(100_000)]
    for (const text of junk) assert.deepStrictEqual(Policy.decode(text), Option.none(), text.slice(0, 20))
  })

  it.prop("a field with a value that is none of its own makes the text none", {
    key: Schema.Literals(keys),
    value: Schema.Union([
      Schema.Literals(["no such word", -1, 1.5, true]),
      Schema.Struct({ allow: Schema.Literal(0) }),
      Schema.Array(Schema.Int)
    ])
  }, ({ key, value }) => {
    // any word is a key
    if (key === "key" && typeof value === "string") return
    assert.deepStrictEqual(Policy.decode(JSON.stringify({ ...other, [key]: value })), Option.none())
  }, { arbitrary: { runs: 200, seed: "wrong values" } })

  it.prop("any text at all is read or refused, never thrown at", { text: Schema.String }, ({ text }) => {
    assert.isTrue(Option.isOption(Policy.decode(text)))
  }, { arbitrary: { runs: 300, seed: "any text" } })
})

describe("Policy: what looks like a value and is none", () => {
  const refused = (field: string, value: unknown) =>
    Effect.runPromise(Effect.flip(Policy.fromOptions(untyped({ [field]: value }), Policy.defaults)))

  for (
    const [value, shown] of [[NaN, "NaN"], [-5n, "-5n"], [{}, "{}"], [{ foo: 1 }, "{ foo: 1 }"], [
      new Date(0),
      "a Date"
    ]]
  ) {
    it(`${shown} is no duration`, () => refused("misfireGrace", value))
  }

  it("an overlap that says two things at once is refused", () => refused("overlap", { allow: 1, queueAll: 2 }))

  it("a list is no policy", () => {
    assert.deepStrictEqual(Policy.decode("[]"), Option.none())
  })
})
