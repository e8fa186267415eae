/**
 * The job store over an SQL database: the statements of all stages as one service.
 *
 * It works on the `SqlClient` of the context and joins the caller's open transaction: what a program schedules or enqueues inside
 * `sql.withTransaction` comes and goes with the program's own writes, and hints go out after the commit.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import type { Capabilities, Service } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import * as Admission from "./admission.ts"
import * as Claiming from "./claiming.ts"
import * as Database from "./Database.ts"
import { refined } from "./errors.ts"
import * as History from "./history.ts"
import type { Host } from "./Host.ts"
import type { Hub } from "./Hub.ts"
import * as Jobs from "./jobs.ts"
import * as Leases from "./leases.ts"
import * as Planning from "./planning.ts"
import * as Rates from "./rates.ts"
import * as Replacing from "./replacing.ts"
import * as Settling from "./settling.ts"
import * as Standing from "./standing.ts"

/**
 * What a store over a given database is made from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Database.Tables {
  readonly namespace: string
  readonly capabilities: Capabilities
  readonly hub: Hub
  readonly host: Host
}

/**
 * Makes the store; the tables must exist.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const db = Database.make(yield* SqlClient, options)
  const admission = Admission.make(db)
  const standings = Standing.make(db)
  const jobs = Jobs.make(db)
  const planning = Planning.make(db, admission, standings)
  const replacing = Replacing.make(db, admission, standings)
  const claiming = Claiming.make(db, admission, replacing)
  const rates = Rates.make(db)
  const settling = Settling.make(db, admission, standings)
  const leases = Leases.make(db, admission, standings, options.host)
  const history = History.make(db)

  const refine = refined(db)
  const verb = <Request extends Array<any>, Answer>(
    name: string,
    statements: (...request: Request) => Database.Sql<Answer>
  ) =>
  (...request: Request): Effect.Effect<Answer, StoreError> => refine(name, statements(...request))

  const { clock } = options.dialect
  const service: Service = {
    capabilities: options.capabilities,
    clock: clock === undefined
      ? undefined
      : verb("clock", () => Effect.map(db.sql`${clock()}`.values, ([row]) => Number(row?.[0])))(),
    transaction: Effect.map(
      Effect.serviceOption(db.sql.transactionService),
      (open) => Option.isNone(open) ? undefined : { afterCommit: db.sql.afterCommit }
    ),
    insertJobs: verb("insertJobs", jobs.insertJobs),
    jobs: verb("jobs", jobs.jobs),
    due: verb("due", planning.due),
    commit: verb("commit", planning.commit),
    enqueue: verb("enqueue", claiming.enqueue),
    take: verb("take", rates.take),
    claim: verb("claim", claiming.claim),
    settle: verb("settle", settling.settle),
    note: verb("note", settling.note),
    cancel: verb("cancel", settling.cancel),
    revive: verb("revive", replacing.revive),
    runs: verb("runs", history.runs),
    verdicts: verb("verdicts", history.verdicts),
    beat: verb("beat", leases.beat),
    leave: verb("leave", leases.leave),
    reap: verb("reap", leases.reap),
    sweep: verb("sweep", history.sweep),
    signals: options.hub.signals
  }
  return service
})
