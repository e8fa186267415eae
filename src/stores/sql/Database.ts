/**
 * What the statements of all stages share: the client, the dialect, the namespace and the names of the tables.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import type { Service, Signal } from "../../JobStore.ts"
import type { Dialect } from "./Dialect.ts"
import type { Hub } from "./Hub.ts"
import * as Table from "./Table.ts"
import type { Column } from "./Table.ts"
import * as Transactions from "./transactions.ts"

export type Values = ReadonlyArray<unknown>

/**
 * A database as the statements see it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Database {
  readonly sql: SqlClient
  readonly dialect: Dialect
  /** Several services share the tables; each sees its own namespace. */
  readonly ns: string
  /** Joins a table to rows: it is looked up in an index for each of them. */
  readonly each: Fragment
  /** By which of its indexes. */
  readonly by: (index: string) => Fragment
  readonly jobs: Fragment
  readonly runs: Fragment
  readonly verdicts: Fragment
  readonly nodes: Fragment
  readonly places: Fragment
  readonly rates: Fragment
  /** The name of a table in a statement. */
  readonly named: (table: string) => string
  /** The condition that what a table of an alias has is of our namespace, where it is joined to rows called `k`. */
  readonly ours: (alias: string) => Fragment
  readonly hub: Hub
  /** A transaction around statements; in one of the caller's, a savepoint of it. */
  readonly transaction: SqlClient["withTransaction"]
}

/**
 * Where the tables are, and how to speak to them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tables {
  readonly dialect: Dialect
  /** Where the database has schemas; the one that it looks in first unless told. */
  readonly schema?: string | undefined
  readonly prefix: string
}

/** The name of a table in a statement. */
export const nameIn = ({ prefix, schema }: Tables) => (table: string): string =>
  schema === undefined ? prefix + table : `${schema}.${prefix}${table}`

export const make = (sql: SqlClient, options: Tables & { readonly namespace: string; readonly hub: Hub }): Database => {
  const named = nameIn(options)
  const table = (name: string) => sql.literal(named(name))
  const { rowsHaveNs } = options.dialect
  return {
    sql,
    dialect: options.dialect,
    ns: options.namespace,
    each: sql.literal(options.dialect.each),
    by: (index) => sql.literal(options.dialect.by(options.prefix + index)),
    jobs: table("jobs"),
    runs: table("runs"),
    verdicts: table("verdicts"),
    nodes: table("nodes"),
    places: table("places"),
    rates: table("rates"),
    named,
    ours: (alias) =>
      rowsHaveNs ? sql.literal(`${alias}.ns = k.ns`) : sql`${sql.literal(`${alias}.ns`)} = ${options.namespace}`,
    hub: options.hub,
    transaction: options.dialect.isRemote ? Transactions.make(sql) : sql.withTransaction
  }
}

/**
 * A batch as statements of bounded size. Nearly always it is one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const forRows = <A, E, R>(
  db: Database,
  columns: ReadonlyArray<Column>,
  values: ReadonlyArray<Values>,
  statement: (rows: Fragment) => Effect.Effect<ReadonlyArray<A>, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> => {
  return inChunks(db, columns, values, (chunk) => statement(db.dialect.rows(columns, chunk, db.ns)))
}

/**
 * The same for a statement that writes the rows of its table that are of our namespace and have these keys.
 *
 * @category combinators
 * @since 0.1.0
 */
export const forKeys = <A, E, R>(
  db: Database,
  columns: ReadonlyArray<Column>,
  values: ReadonlyArray<Values>,
  statement: (areAmong: Fragment) => Effect.Effect<ReadonlyArray<A>, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> => {
  const { dialect, ns, sql } = db
  const { among, rowsHaveNs } = dialect
  if (among !== undefined) {
    return inChunks(db, columns, values, (chunk) => statement(sql`ns = ${ns} AND ${among(columns, chunk)}`))
  }
  const keys = rowsHaveNs ? [Table.ns, ...columns] : columns
  const names = Table.names(keys)
  const isAmong = sql.literal(keys.length === 1 ? `${names} IN` : `(${names}) IN`)
  const own = rowsHaveNs ? sql`` : sql`ns = ${ns} AND `
  const wanted = sql.literal(Table.names(keys, "k"))
  return forRows(db, columns, values, (rows) => statement(sql`${own}${isAmong} (SELECT ${wanted} FROM ${rows} k)`))
}

/**
 * The statement that adds rows to a table. Where it can tell which keys are free it passes over the others, and yields a column of what it adds, the
 * first unless told.
 *
 * @category combinators
 * @since 0.1.0
 */
export const insertion = (
  { dialect: { whereFree }, ns, sql }: Database,
  table: Fragment,
  columns: ReadonlyArray<Column>,
  yielded: Column = columns[0]!
): (rows: Fragment) => Fragment => {
  const names = sql.literal(Table.names(columns))
  const tail = sql.literal(whereFree === undefined ? "" : whereFree(yielded.name))
  return (rows) => sql`INSERT INTO ${table} (ns, ${names}) SELECT ${ns}, ${names} FROM ${rows} k ${tail}`
}

/**
 * Adds rows to a table, but those whose keys are taken; answers with the values of the first column of those it added.
 *
 * @category combinators
 * @since 0.1.0
 */
export const adding = (
  db: Database,
  table: Fragment,
  columns: ReadonlyArray<Column>,
  /** Those whose keys are not taken, neither by what is there nor by one before. */
  free: (values: ReadonlyArray<Values>) => Sql<ReadonlyArray<Values>>
): (values: ReadonlyArray<Values>) => Sql<ReadonlyArray<unknown>> => {
  const { dialect, ns, sql } = db
  const insert = insertion(db, table, columns)
  if (dialect.whereFree !== undefined) {
    return (values) =>
      Effect.map(
        forRows(db, columns, values, (rows) => sql`${insert(rows)}`.values),
        (added) => added.map(([first]) => first)
      )
  }
  const add = (values: ReadonlyArray<Values>) =>
    values.length === 0 ? Effect.succeed([]) : Effect.as(
      sql`${insert(dialect.rows(columns, values, ns))}`,
      values.map(([first]) => first)
    )
  // nearly always all are free, and where one is not, the statement has added none
  const addFree = (values: ReadonlyArray<Values>) =>
    Effect.catchIf(add(values), isTaken, () => Effect.flatMap(free(values), add))
  return (values) => inChunks(db, columns, values, addFree)
}

const isTaken = ({ reason }: SqlError): boolean => reason._tag === "UniqueViolation"

const inChunks = <A, E, R>(
  db: Database,
  columns: ReadonlyArray<Column>,
  values: ReadonlyArray<Values>,
  statement: (chunk: ReadonlyArray<Values>) => Effect.Effect<ReadonlyArray<A>, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> => {
  if (values.length === 0) return Effect.succeed([])
  const size = db.dialect.batch(columns.length)
  if (values.length <= size) return statement(values)
  const chunks: Array<ReadonlyArray<Values>> = []
  for (let i = 0; i < values.length; i += size) chunks.push(values.slice(i, i + size))
  return Effect.map(
    // some drivers are synchronous: other fibers get their turn in between
    Effect.forEach(chunks, (chunk) => Effect.tap(statement(chunk), Effect.yieldNow)),
    (answers) => answers.flat()
  )
}

/**
 * A single statement is a transaction of its own, and may be another one then. In the caller's it gets a savepoint like every verb, so that its
 * failure leaves the caller's writes alone.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inOneStep = <A, E, R>(
  db: Database,
  statement: Effect.Effect<A, E, R>,
  outside: Effect.Effect<A, E, R> = statement
): Effect.Effect<A, E | SqlError, R> =>
  Effect.flatMap(
    Effect.serviceOption(db.sql.transactionService),
    (open) => Option.isNone(open) ? outside : db.transaction(statement)
  )

/**
 * Sends hints once the outermost transaction has committed: nobody hears of what was rolled back.
 *
 * @category combinators
 * @since 0.1.0
 */
export const signal = (db: Database, signals: ReadonlyArray<Signal>): Effect.Effect<void> =>
  signals.length === 0 ? Effect.void : db.sql.afterCommit(db.hub.publish(signals))

/**
 * Fails in a transaction of the caller's that goes on seeing what it has seen before: who decides by what others have done meanwhile would
 * keep a run waiting for one that has ended, and nobody would look at it again.
 *
 * @category combinators
 * @since 0.1.0
 */
export const seesLatest = ({ dialect: { isolation }, sql }: Database): Sql<void> =>
  isolation === undefined ? Effect.void : Effect.gen(function*() {
    const open = yield* Effect.serviceOption(sql.transactionService)
    // the store's own is the outermost one
    if (Option.isNone(open) || open.value[1] === 0) return
    const [row] = yield* sql`${isolation()}`.values
    if (row?.[0] === "read committed") return
    return yield* new SqlError({
      reason: new UnknownError({
        cause: undefined,
        operation: "transaction",
        message:
          `isolation of the caller's transaction: got ${
            row?.[0]
          }, expected read committed: whether a run has to wait, and which ` +
          "one moves up, depends on what others have committed meanwhile, which a stricter transaction does not see"
      })
    })
  })

/** An effect of the database's statements. */
export type Sql<A> = Effect.Effect<A, SqlError>

/** Verbs of the contract, with the errors of the database still as they are. */
export type Verbs<Name extends keyof Service> = {
  readonly [Verb in Name]: Service[Verb] extends (...request: infer Request) => Effect.Effect<infer Answer, any>
    ? (...request: Request) => Sql<Answer>
    : never
}
