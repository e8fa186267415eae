import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { TestClock } from "effect/testing"
import { hanging } from "./actors/hanging.ts"
import { redriving } from "./actors/redriving.ts"
import { remembering } from "./actors/remembering.ts"
import { repairing } from "./actors/repairing.ts"
import { setting } from "./actors/setting.ts"
import { slowing } from "./actors/slowing.ts"
import { everybody, simulate } from "./simulation.ts"
import type { Actor } from "./stage.ts"

/** How many seeds: a few in every run of the tests, more when asked for. */
const seeds = Number(process.env["SIMULATION_SEEDS"] ?? 2)
const first = Number(process.env["SIMULATION_FIRST"] ?? 1)
/** Who took part before others joined them. */
const early = everybody.filter((actor) => ![hanging, remembering, repairing].includes(actor))
/** Those that found a bug once, with those who took part then. */
const once: ReadonlyArray<readonly [seed: number, actors: ReadonlyArray<Actor>]> = [
  [348, []],
  [10, [redriving]],
  [128, [redriving]],
  [1121, [setting, slowing]],
  [3000, early],
  [5031, everybody]
]
const minutes = Number(process.env["SIMULATION_MINUTES"] ?? 60)

/** Who takes part: some by their names, or nobody else, when asked for. */
const named = process.env["SIMULATION_ACTORS"]?.split(",")
const cast = named === undefined ? everybody : everybody.filter(({ name }) => named.includes(name))

/** How much of a failing seed is shown. */
const tail = Number(process.env["SIMULATION_TAIL"] ?? 40)

/** What the seeds have met together. */
const met: Record<string, number> = {}

/** All that is to be more than a name: what happened, and not what somebody asked for. */
const features = [
  "ceased",
  "claimed on arrival",
  "crashed",
  "granted",
  "job: paused for failures",
  "job: quarantined",
  "redriven",
  "released",
  "removed",
  "replaced",
  "requested",
  "revived",
  "run: ahead",
  "run: atMostOnce",
  "run: backfill",
  "run: continuation",
  "run: forgotten",
  "run: forgotten for newer ones",
  "run: later",
  "run: limited twice",
  "run: manual",
  "run: newer payload",
  "run: rated",
  "run: unique while going",
  "run: unique while queued",
  "settled: abandoned",
  "settled: cancelled",
  "settled: deadlineMissed",
  "settled: died",
  "settled: failed",
  "settled: postponed",
  "settled: timedOut",
  "settled: undecodable",
  "snoozed",
  "stepped",
  "taken: abandoned",
  "taken: released",
  "verdict: coalesced (catchUp)",
  "verdict: missed (age)",
  "verdict: skipped (full)",
  "verdict: skipped (overlap)",
  "verdict: skipped (paused)",
  "verdict: skipped (removed)",
  "verdict: skipped (requested)",
  "wrote"
]

describe("simulation", () => {
  const all = Array.from({ length: seeds }, (_none, i) => [first + i, cast] as const)
  for (const [n, actors] of process.env["SIMULATION_FIRST"] === undefined ? [...all, ...once] : all) {
    const seed = `seed ${n}`
    const others = actors === cast || actors === early || actors === everybody
      ? ""
      : `, ${actors.length === 0 ? "nobody else" : actors.map(({ name }) => name)}`
    it.effect(`${seed}${others}`, () =>
      Effect.gen(function*() {
        const { seen, steps, violations } = yield* simulate({ seed, minutes, actors })
        if (violations.length > 0) {
          assert.fail(
            `SIMULATION_FIRST=${n} SIMULATION_SEEDS=1: ${violations.slice(0, 5).join("\n")}\n\n${
              steps.slice(-tail).join("\n")
            }`
          )
        }
        assert.isAbove(seen["started"] ?? 0, 20)
        for (const [what, times] of Object.entries(seen)) met[what] = (met[what] ?? 0) + times
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 120_000)
  }

  it("meets what it is there for", () => {
    assert.deepStrictEqual(features.filter((feature) => (met[feature] ?? 0) === 0), [])
  })

  it.effect("a seed says all there is to say", () =>
    Effect.gen(function*() {
      const options = { seed: "again", minutes: 10 }
      const one = yield* simulate(options)
      yield* TestClock.setTime(0)
      const two = yield* simulate(options)
      assert.isAbove(one.steps.length, 100)
      assert.deepStrictEqual(two.steps, one.steps)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
})
