/** Stores as several processes have them: each with connections of its own, over the same tables. */
import { PostgresJobStore } from "effect-scheduler/postgres"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { JobStore } from "../../../src/JobStore.ts"
import { client, temporarySchema } from "./server.ts"

/** Opens stores over the tables of a schema of their own. */
export const opener = Effect.map(temporarySchema, (schema) => {
  const open = (options: PostgresJobStore.Options = {}) =>
    Effect.map(
      Layer.build(PostgresJobStore.layer({ schema, ...options }).pipe(Layer.provideMerge(client()))),
      (context) => ({ store: Context.get(context, JobStore), sql: Context.get(context, SqlClient) })
    )
  return { schema, open }
})

/** So many stores, opened at once. */
export const several = (n: number, options?: PostgresJobStore.Options) =>
  Effect.flatMap(
    opener,
    ({ open }) => Effect.all(Array.from({ length: n }, () => open(options)), { concurrency: "unbounded" })
  )
