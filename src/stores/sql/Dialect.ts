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
  /** The type of a text that is part of a key. Compares by code point. */
  readonly keyType: string
  readonly textType: string
  /** 64 bits. */
  readonly intType: string

  /** How many rows of so many columns fit into one statement. */
  readonly batch: (width: number) => number

  /** A table expression in parentheses that yields the values under the names of the columns. */
  readonly rows: (columns: ReadonlyArray<Column>, values: ReadonlyArray<ReadonlyArray<unknown>>) => Fragment

  /** `UPDATE table AS t` from rows called `k`, where `on` tells which belongs to which; values may mention `t` and `k`. */
  readonly update: (parts: {
    readonly table: string
    readonly set: Readonly<Record<string, string>>
    readonly on: string
  }) => { readonly head: Fragment; readonly tail: Fragment }

  /** Ends an `INSERT … SELECT` that passes over rows whose keys are taken, and yields the values of a column of those it added. */
  readonly whereFree: (column: string) => string

  /** Ends a `SELECT` whose rows of `alias` are about to be written: locks them in the order of the key. */
  readonly forUpdate: (alias: string, key: string) => string
  /** The same for a queue: rows that somebody else has locked are passed over. */
  readonly skipLocked: string

  /**
   * A statement that locks names until the transaction ends; they are few, and two names may share a lock. `undefined` where writers
   * exclude each other for a whole transaction, so that nothing needs a lock of its own.
   */
  readonly exclusive: ((names: ReadonlyArray<string>) => Fragment) | undefined

  /** Whether an error of the database passes by itself, beyond those that say so. */
  readonly isTransient: (error: SqlError) => boolean

  /** Whether a query can be made of what an `UPDATE` changed. */
  readonly updateYields: boolean

  /** The condition that keeps rows without a value out of an index. */
  readonly partial: (column: string) => string
  /** A statement that yields a row if the table exists. */
  readonly tableExists: (table: string) => Fragment
}
