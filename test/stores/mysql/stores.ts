/** Stores as several processes have them: each with connections of its own, over the same tables. */
import { type MysqlClient, MySqlJobStore } from "effect-scheduler/mysql"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { JobStore } from "../../../src/JobStore.ts"
import { client, temporaryDatabase } from "./server.ts"

/** Opens stores over the tables of a database of their own. */
export const opener = Effect.map(temporaryDatabase, (database) => {
  const open = (options: MySqlJobStore.Options = {}, config: Partial<MysqlClient.Options> = {}) =>
    Effect.map(
      Layer.build(MySqlJobStore.layer(options).pipe(Layer.provideMerge(client(database, config)))),
      (context) => ({ store: Context.get(context, JobStore), sql: Context.get(context, SqlClient) })
    )
  return { database, open }
})

/** So many stores, opened at once. */
export const several = (n: number, options?: MySqlJobStore.Options, config?: Partial<MysqlClient.Options>) =>
  Effect.flatMap(
    opener,
    ({ open }) => Effect.all(Array.from({ length: n }, () => open(options, config)), { concurrency: "unbounded" })
  )
