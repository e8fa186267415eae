/** A process that opens the store of the file it is told, adds a job of its own and one that all add, and says how that went. */
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import { JobStore } from "../../../src/JobStore.ts"

const [filename, name] = process.argv.slice(2)

const answers = await Effect.runPromise(
  Effect.gen(function*() {
    const store = yield* JobStore
    return yield* store.insertJobs([JobStoreSuite.job(name!), JobStoreSuite.job("shared")])
  }).pipe(Effect.provide(SqliteJobStore.layerFile(filename!)))
)
console.log(answers.join(","))
