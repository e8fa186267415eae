import { describe, layer } from "@effect/vitest"
import { PostgresJobStore } from "effect-scheduler/postgres"
import { JobStoreSuite } from "effect-scheduler/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { client, isRunning, temporarySchema } from "./postgres/server.ts"

class Schema extends Context.Service<Schema, string>()("test/Schema") {}

const server = Layer.provideMerge(
  Layer.effectDiscard(
    Effect.scoped(Effect.flatMap(Schema, (schema) => Layer.build(PostgresJobStore.layerMigrate({ schema }))))
  ),
  Layer.mergeAll(client(), Layer.effect(Schema, temporarySchema))
)

const chapters = Map.groupBy(JobStoreSuite.cases, ({ chapter }) => chapter)

describe.runIf(isRunning)("PostgresJobStore keeps the contract", () => {
  // each case in a namespace of its own, which is as good as an empty database
  layer(server, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    for (const [chapter, cases] of chapters) {
      describe(chapter, () => {
        for (const { name, run } of cases) {
          it.effect(
            name,
            () =>
              Effect.flatMap(
                Schema,
                (schema) => Effect.provide(run, PostgresJobStore.layer({ schema, namespace: `${chapter}: ${name}` }))
              ),
            60_000
          )
        }
      })
    }
  })
})
