/** A process that claims a run, says so, and holds it until it is killed. */
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JobStore } from "../../../src/JobStore.ts"

const { at } = JobStoreSuite
const [url, schema] = process.argv.slice(2)

await Effect.runPromise(
  Effect.gen(function*() {
    const store = yield* JobStore
    yield* store.beat({ id: "holder", host: "there", pid: process.pid, expiresAt: at(1e9) })
    const { runs } = yield* store.claim({ node: "holder", lanes: ["default/Task"], limit: 1, now: at(0) })
    console.log(runs.map(({ id }) => id).join())
    return yield* Effect.never
  }).pipe(Effect.provide(PostgresJobStore.layerUrl(Redacted.make(url!), { schema: schema!, host: "there" })))
)
