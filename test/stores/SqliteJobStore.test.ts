import { describe, it } from "@effect/vitest"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"

const store = SqliteJobStore.layerFile(":memory:")

const chapters = Map.groupBy(JobStoreSuite.cases, ({ chapter }) => chapter)

describe("SqliteJobStore keeps the contract", () => {
  for (const [chapter, cases] of chapters) {
    describe(chapter, () => {
      for (const { name, run } of cases) {
        it.effect(name, () => Effect.provide(run, store))
      }
    })
  }
})
