/** A process that opens the store of a database, adds a job of its own and one that all add, and says how that went. */
import { MySqlJobStore } from "effect-scheduler/mysql"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JobStore } from "../../../src/JobStore.ts"

const [url, name] = process.argv.slice(2)

const answers = await Effect.runPromise(
  Effect.flatMap(JobStore, (store) => store.insertJobs([JobStoreSuite.job(name!), JobStoreSuite.job("shared")])).pipe(
    Effect.provide(MySqlJobStore.layerUrl(Redacted.make(url!)))
  )
)

console.log(answers.join(","))
