/**
 * Many processes for real: they are killed, halted and replaced while they work on one store, and nothing is lost, nothing decided twice.
 *
 * Short in every run of the tests. `PROCESSES_MINUTES=5 npx vitest run test/processes` goes on for that long, and `PROCESSES_SEED` chooses
 * what happens.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, References, type Scope } from "effect"
import * as MySql from "../stores/mysql/server.ts"
import { isRunning, temporarySchema, url } from "../stores/postgres/server.ts"
import * as Redis from "../stores/redis/server.ts"
import { temporaryFile } from "../stores/sqlite/files.ts"
import { rush } from "./rush.ts"
import type { Place } from "./stores.ts"

const minutes = Number(process.env["PROCESSES_MINUTES"] ?? 0)
const seed = process.env["PROCESSES_SEED"] ?? "processes"

const seconds = minutes === 0 ? 8 : minutes * 60

/** Ten times the lease of the processes. */
const skew = 40_000

interface Case {
  readonly runs: boolean
  readonly place: Effect.Effect<Place, unknown, Scope.Scope>
  readonly processes: number
  readonly skew: number
  readonly claimsOnArrival: boolean
  readonly recurring: number
  /** In a short run. */
  readonly oneOff: number
  readonly adHoc: number
}

const cases: Record<string, Case> = {
  PostgreSQL: {
    runs: isRunning,
    place: Effect.map(temporarySchema, (name) => ({ store: "postgres", url: Redacted.value(url), name })),
    processes: 4,
    skew,
    claimsOnArrival: true,
    recurring: 60,
    oneOff: 1_500,
    adHoc: 300
  },
  MySQL: {
    runs: MySql.isRunning,
    place: Effect.map(MySql.temporaryDatabase, (name) => ({
      store: "mysql",
      url: Redacted.value(MySql.url(name)),
      name
    })),
    processes: 3,
    skew,
    claimsOnArrival: false,
    recurring: 20,
    oneOff: 300,
    adHoc: 100
  },
  SQLite: {
    runs: true,
    place: Effect.map(temporaryFile, (url) => ({ store: "sqlite", url, name: "" })),
    processes: 3,
    // all go by the clock of their machine
    skew: 0,
    claimsOnArrival: true,
    recurring: 20,
    oneOff: 300,
    adHoc: 100
  },
  Redis: {
    runs: !Redis.isMissing,
    place: Effect.sync(() => ({ store: "redis", url: Redis.url, name: `${Redis.freshOptions().prefix}-processes` })),
    processes: 3,
    skew,
    claimsOnArrival: false,
    recurring: 20,
    oneOff: 300,
    adHoc: 100
  }
}

describe("processes that share a store, and die", () => {
  for (
    const [name, { adHoc, claimsOnArrival, oneOff, place, processes, recurring, runs, skew }] of Object.entries(cases)
  ) {
    it.live.runIf(runs)(`${name}: lose nothing and decide nothing twice`, () =>
      Effect.gen(function*() {
        const times = minutes === 0 ? 1 : 4
        const { counts, happened, violations } = yield* rush({
          place: yield* place,
          seed,
          seconds,
          processes,
          skew,
          amount: { recurring, oneOff: oneOff * times, adHoc: adHoc * times }
        })
        if (minutes > 0) console.log(name, happened, counts)
        assert.deepStrictEqual(violations.slice(0, 20), [], JSON.stringify({ happened, counts }))
        assert.isAbove(happened["SIGKILL"] ?? 0, 0)
        assert.isAbove(counts["succeeded"] ?? 0, oneOff / 2)
        if (claimsOnArrival) assert.isAbove(counts["claimed on arrival"] ?? 0, 0)
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None")), (2 * seconds + 200) * 1000)
  }
})
