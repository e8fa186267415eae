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
      Layer.build(
        PostgresJobStore.layer({ schema, ...options }).pipe(Layer.provideMerge(client({ applicationName: schema })))
      ),
      (context) => {
        const sql = Context.get(context, SqlClient)
        /** Ends the connections on which the stores of this schema listen. */
        const cut = sql`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
          WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND a.application_name = ${schema}`
        return { store: Context.get(context, JobStore), sql, cut }
      }
    )
  return { schema, open }
})

/** So many stores, opened at once. */
export const several = (n: number, options?: PostgresJobStore.Options) =>
  Effect.flatMap(
    opener,
    ({ open }) => Effect.all(Array.from({ length: n }, () => open(options)), { concurrency: "unbounded" })
  )
