import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryJobStore } from "effect-scheduler"
import { TestClock } from "effect/testing"
import type { Core } from "../../src/engine/core.ts"
import { janitor } from "../../src/engine/janitor.ts"
import * as Outage from "../../src/engine/outage.ts"
import { resolve } from "../../src/engine/settings.ts"

describe("the janitor", () => {
  it.effect("sweeps on the live clock, whatever the store, and whether or not lost nodes are looked for", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const events = { heard: () => false, publish: () => {} }
      for (const shared of [false, true]) {
        const settings = yield* resolve({ reap: "1 second" }, { ...store.capabilities, shared }, true)
        assert.isBelow(settings.sweep, Infinity)
        const asked: Array<string> = []
        const core = {
          settings: { ...settings, reap: Infinity },
          served: new Map(),
          keepTime: Effect.void,
          events,
          outage: Outage.make("default", events, 0),
          store: {
            ...store,
            capabilities: { ...store.capabilities, shared },
            sweep: () => Effect.as(Effect.sync(() => asked.push("sweep")), 0),
            reap: () => Effect.as(Effect.sync(() => asked.push("reap")), { released: [], abandoned: [] })
          }
        } as unknown as Core
        yield* Effect.forkChild(janitor(core, 0), { startImmediately: true })
        yield* TestClock.adjust("150 minutes")
        assert.deepStrictEqual(asked, ["sweep", "sweep", "sweep"])
      }
    }))
})
