import { describe, it } from "@effect/vitest"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { freshStore, isMissing } from "./redis/server.ts"

const chapters = Map.groupBy(JobStoreSuite.cases, ({ chapter }) => chapter)

describe.skipIf(isMissing)("RedisJobStore keeps the contract", () => {
  for (const [chapter, cases] of chapters) {
    describe(chapter, () => {
      for (const { name, run } of cases) {
        it.effect(name, () => Effect.provide(run, freshStore()), 60_000)
      }
    })
  }
})
