import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MemoryJobStore from "../../src/stores/MemoryJobStore.ts"
import * as JobStoreSuite from "../../src/testing/JobStoreSuite.ts"

describe("MemoryJobStore", () => {
  for (const c of JobStoreSuite.cases) {
    it.effect(`${c.chapter}: ${c.name}`, () => c.run.pipe(Effect.provide(MemoryJobStore.layer)))
  }
})
