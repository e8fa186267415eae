import { describe, layer } from "@effect/vitest"
import { MySqlJobStore } from "effect-scheduler/mysql"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { client, isRunning, temporaryDatabase } from "./mysql/server.ts"

const server = Layer.unwrap(
  Effect.map(temporaryDatabase, (database) => MySqlJobStore.layerMigrate().pipe(Layer.provideMerge(client(database))))
)

const chapters = Map.groupBy(JobStoreSuite.cases, ({ chapter }) => chapter)

describe.runIf(isRunning)("MySqlJobStore keeps the contract", () => {
  // each case in a namespace of its own, which is as good as an empty database
  layer(server, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    for (const [chapter, cases] of chapters) {
      describe(chapter, () => {
        for (const [n, { name, run }] of cases.entries()) {
          it.effect(
            name,
            () => Effect.provide(run, MySqlJobStore.layer({ namespace: `${chapter} ${n}` })),
            60_000
          )
        }
      })
    }
  })
})
