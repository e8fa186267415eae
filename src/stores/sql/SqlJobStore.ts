/**
 * The job store over an SQL database: the statements of all stages as one service.
 *
 * It works on the `SqlClient` of the context and joins the caller's open transaction: what a program schedules or enqueues inside
 * `sql.withTransaction` comes and goes with the program's own writes, and hints go out after the commit.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import type { Capabilities, Service } from "../../JobStore.ts"
import * as Admission from "./admission.ts"
import * as Claiming from "./claiming.ts"
import * as Database from "./Database.ts"
import type { Dialect } from "./Dialect.ts"
import { storeError } from "./errors.ts"
import * as History from "./history.ts"
import * as Jobs from "./jobs.ts"
import * as Leases from "./leases.ts"
import * as Planning from "./planning.ts"
import * as Settling from "./settling.ts"
import * as Standing from "./standing.ts"

/**
 * What a store over a given database is made from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly dialect: Dialect
  readonly namespace: string
  readonly prefix: string
  readonly capabilities: Capabilities
  readonly host: Leases.Host
}

/**
 * Makes the store; the tables must exist.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const db = yield* Database.make(yield* SqlClient, options)
  const admission = Admission.make(db)
  const standings = Standing.make(db)
  const statements = {
    ...Jobs.make(db),
    ...Planning.make(db, admission, standings),
    ...Claiming.make(db, admission),
    ...Settling.make(db, admission, standings),
    ...Leases.make(db, admission, standings, options.host),
    ...History.make(db)
  }
  const verbs = {} as { [Verb in keyof typeof statements]: Service[Verb] }
  const define = <Verb extends keyof typeof statements>(verb: Verb) => {
    const statement = statements[verb] as (request: any) => Database.Sql<any>
    verbs[verb] = ((request: any) =>
      Effect.mapError(statement(request), (error) => storeError(verb, error))) as Service[Verb]
  }
  for (const verb of Object.keys(statements) as Array<keyof typeof statements>) define(verb)
  const service: Service = {
    ...verbs,
    capabilities: options.capabilities,
    signals: Stream.fromPubSub(db.signals)
  }
  return service
})
