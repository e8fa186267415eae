/**
 * What differs between the databases that speak SQL. The statements themselves are written once, in the files beside this one.
 *
 * Three habits keep them portable: a batch travels as one table expression (`rows`); a verb that must answer per row first reads and
 * locks, decides in plain code and then writes, so only additions have to tell what they did; and a column that is `NULL` keeps a row out of a queue,
 * whether or not the database knows partial indexes.
 *
 * @since 0.1.0
 */
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import type { Column } from "./Table.ts"

/**
 * The differences, as values.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialect {
  /** Whether a server carries out the statements, which may fall silent. */
  readonly isRemote: boolean

  /** The type of a text that is part of a key, of at most so many characters where a database sets a bound. Compares by code point. */
  readonly keyType: (length: number) => string
  readonly textType: string
  /** 64 bits. */
  readonly intType: string

  /** How many rows of so many columns fit into one statement. */
  readonly batch: (width: number) => number

  /** A table expression in parentheses that yields the values under the names of the columns. */
  readonly rows: (
    columns: ReadonlyArray<Column>,
    values: ReadonlyArray<ReadonlyArray<unknown>>,
    ns: string
  ) => Fragment
  /**
   * Whether the rows yield the namespace too, as `ns`, so that a table is joined to them by that as well. Where a planner would think that
   * few rows of the table have it, it must not look for those first.
   */
  readonly rowsHaveNs: boolean

  /** Joins a table to rows, in this order: a table that is read through locks what it passes by. */
  readonly each: string
  /** Follows a table that is joined to rows: the index in which it is looked up, where the database may choose another one. */
  readonly by: (index: string) => string

  /**
   * The condition that the columns have the values of one of the rows, for statements that write. `undefined` where a subquery of `rows` does
   * as well.
   */
  readonly among:
    | ((columns: ReadonlyArray<Column>, values: ReadonlyArray<ReadonlyArray<unknown>>) => Fragment)
    | undefined

  /** `UPDATE table AS t` from rows called `k`, where `on` tells which belongs to which; values may mention `t` and `k`. */
  readonly update: (parts: {
    readonly table: string
    readonly set: Readonly<Record<string, string>>
    readonly on: string
  }) => { readonly head: Fragment; readonly tail: Fragment }

  /**
   * Ends an `INSERT … SELECT` that passes over rows whose keys are taken, and yields the values of a column of those it added. `undefined`
   * where no statement tells that: those that are taken are looked up then.
   */
  readonly whereFree: ((column: string) => string) | undefined

  /** Ends a `SELECT` whose rows of `alias` are about to be written: locks them in the order of the key. */
  readonly forUpdate: (alias: string, key: string) => string
  /** The same for a queue: rows that somebody else has locked are passed over. */
  readonly skipLocked: string
  /**
   * Ends a `SELECT` by which a verb decides: it reads what is committed, also in a transaction of the caller's that goes on seeing what it
   * has seen before.
   */
  readonly latest: string
  /**
   * A statement that yields the isolation of the open transaction, where one that is not `read committed` would decide by what it has seen
   * before; `undefined` where `latest` sees to that, or where writers exclude each other.
   */
  readonly isolation: (() => Fragment) | undefined

  /**
   * A statement that locks names until the transaction ends; they are few, and two names may share a lock. `undefined` where writers
   * exclude each other for a whole transaction, so that nothing needs a lock of its own. `named` is the name of a table in a statement.
   */
  readonly exclusive: ((names: ReadonlyArray<string>, named: (table: string) => string) => Fragment) | undefined

  /** Whether an error of the database passes by itself, beyond those that say so. */
  readonly isTransient: (error: SqlError) => boolean
  /** Whether an error has undone the whole transaction, the caller's too, and not the statement or savepoint alone. */
  readonly undoesTransaction: (error: SqlError) => boolean

  /** A statement that yields the database's time in epoch milliseconds; `undefined` where it is the time of this machine. */
  readonly clock: (() => Fragment) | undefined

  /** Whether a query can be made of what an `UPDATE` changed. */
  readonly updateYields: boolean

  /** The condition that keeps rows without a value out of an index. */
  readonly partial: (column: string) => string
  /** A statement that yields a row if the table exists. */
  readonly tableExists: (table: string) => Fragment
  /**
   * A statement that yields what the tables are like whose names begin with the prefix, in the place where `table` is one of them: rows of
   * a table's name, `column`, `key` or `index`, the name of that, and what it is like in words that the database always chooses the same.
   * That of an index which refuses rows begins with `unique`.
   */
  readonly shapes: (table: string, prefix: string) => Fragment
  /** Where tables can be made for a moment and not be seen, or not be mistaken, by anybody else. */
  readonly scratch: { readonly schema?: string; readonly prefix?: string }
  /** Statements that make the tables which only this database needs. */
  readonly ownTables: (named: (table: string) => string) => ReadonlyArray<string>
  /** How tables are made where no transaction can undo it; `undefined` where one can. */
  readonly stepwise: Stepwise | undefined
}

/**
 * Tables that are made one statement at a time, each of which stays.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stepwise {
  /** Waits until nobody else makes the tables of the name, and yields 1 then. The lock is the connection's, and ends with it. */
  readonly lock: (name: string) => Fragment
  readonly unlock: (name: string) => Fragment
  /** Whether a statement failed because it was carried out before, by somebody who died before he could say so. */
  readonly wasDone: (error: SqlError) => boolean
}
