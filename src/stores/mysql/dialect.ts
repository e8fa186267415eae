/**
 * MariaDB's and MySQL's way of saying it, as far as they say it the same way.
 *
 * @since 0.1.0
 */
import * as Statement from "effect/sql/Statement"
import type { Dialect } from "../sql/Dialect.ts"
import type { Column } from "../sql/Table.ts"
import { isTransient, undoesTransaction, wasDone } from "./errors.ts"

/**
 * What the two differ in, and what their sessions may.
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  readonly isMariaDb: boolean
  /** Whether a `SELECT` sees all that is committed, also in a transaction that has looked before. */
  readonly readsCommitted: boolean
}

/** Texts of up to so many characters are compared without being stored as large objects first. */
const shortText = 320

/** How many locks the names of `exclusive` share. */
const locks = 256

const literal = (text: string, parameters?: ReadonlyArray<unknown>): Statement.Fragment =>
  Statement.fragment([Statement.literal(text, parameters)])

/**
 * In the order of their keys, for rows are locked in the order in which they are found: so two who want the same ones do not wait for each
 * other.
 */
const ordered = (values: ReadonlyArray<ReadonlyArray<unknown>>): ReadonlyArray<ReadonlyArray<unknown>> =>
  values.length <= 1 ? values : values.toSorted((a, b) => {
    for (let i = 0; i < 2 && i < a.length; i++) {
      if (a[i] !== b[i]) return (a[i] as string) < (b[i] as string) ? -1 : 1
    }
    return 0
  })

/** FNV-1a. */
const hash = (name: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/**
 * Writers of different rows work side by side, as on PostgreSQL.
 *
 * @category dialects
 * @since 0.1.0
 */
export const make = ({ isMariaDb, readsCommitted }: Server): Dialect => {
  // by code point, and a name is not the same one with spaces after it
  const text = `CHARACTER SET utf8mb4 COLLATE ${isMariaDb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin"}`
  const keyType = (length: number) => `VARCHAR(${length}) ${text}`

  const typeOf = ({ type }: Column, i: number, values: ReadonlyArray<ReadonlyArray<unknown>>): string => {
    if (type !== "text") return "BIGINT"
    const isShort = values.every((row) => row[i] === null || (row[i] as string).length <= shortText)
    return isShort ? keyType(shortText) : `LONGTEXT ${text}`
  }

  return {
    isRemote: true,
    keyType,
    textType: `LONGTEXT ${text}`,
    intType: "BIGINT",
    batch: () => 1000,
    // one document, of a text that is the same however many rows there are; what is missing in it is NULL
    rows: (columns, values) => {
      const names = columns.map(({ name }, i) => `${name} ${typeOf(columns[i]!, i, values)} PATH '$.c${i}'`)
      const document = ordered(values).map((row) => {
        const fields: Record<string, unknown> = {}
        for (let i = 0; i < columns.length; i++) if (row[i] !== null) fields[`c${i}`] = row[i]
        return fields
      })
      return literal(`JSON_TABLE(?, '$[*]' COLUMNS (${names.join(", ")}))`, [JSON.stringify(document)])
    },
    rowsHaveNs: false,
    // tables are small at first, and would be read as a whole
    each: "STRAIGHT_JOIN",
    by: (index) => `FORCE INDEX (${index})`,
    // neither may look up the rows of a subquery in an index when it writes
    among: (columns, values) => {
      const names = columns.map(({ name }) => name).join(", ")
      const row = columns.length === 1 ? "?" : `(${columns.map(() => "?").join(", ")})`
      return literal(
        `${columns.length === 1 ? names : `(${names})`} IN (${values.map(() => row).join(", ")})`,
        values.flat()
      )
    },
    update: ({ on, set, table }) => ({
      head: literal("UPDATE"),
      tail: literal(
        `AS k STRAIGHT_JOIN ${table} AS t SET ${
          Object.entries(set).map(([column, value]) => `t.${column} = ${value}`).join(", ")
        } WHERE ${on}`
      )
    }),
    whereFree: undefined,
    forUpdate: (alias, key) => `ORDER BY ${alias}.${key} FOR UPDATE`,
    skipLocked: "FOR UPDATE SKIP LOCKED",
    // a lock reads what is committed in any transaction; but who claims passes over what it holds
    latest: readsCommitted ? "" : "LOCK IN SHARE MODE",
    isolation: undefined,
    exclusive: (names, named) => {
      const ids = Array.from(new Set(names.map((name) => hash(name) % locks))).sort((a, b) => a - b)
      return literal(
        `SELECT id FROM ${named("locks")} WHERE id IN (${ids.map(() => "?").join(", ")}) ORDER BY id FOR UPDATE`,
        ids
      )
    },
    shapes: (_table, prefix) =>
      literal(
        `SELECT c.table_name, 'column', c.column_name, CONCAT(c.column_type, IFNULL(CONCAT(' collate ', c.collation_name), ''),
          IF(c.is_nullable = 'NO', ' not null', ''), IFNULL(CONCAT(' default ', c.column_default), ''))
        FROM information_schema.columns c
        WHERE c.table_schema = DATABASE() AND LEFT(c.table_name, CHAR_LENGTH(?)) = ?
        UNION ALL
        SELECT s.table_name, IF(s.index_name = 'PRIMARY', 'key', 'index'), s.index_name, CONCAT(
          IF(MIN(s.non_unique) = 0 AND s.index_name <> 'PRIMARY', 'unique ', ''),
          '(', GROUP_CONCAT(s.column_name ORDER BY s.seq_in_index SEPARATOR ', '), ')')
        FROM information_schema.statistics s
        WHERE s.table_schema = DATABASE() AND LEFT(s.table_name, CHAR_LENGTH(?)) = ?
        GROUP BY s.table_name, s.index_name`,
        [prefix, prefix, prefix, prefix]
      ),
    scratch: { prefix: "effect_scheduler_drift_" },
    ownTables: (named) => [
      `CREATE TABLE ${named("locks")} (id INT NOT NULL PRIMARY KEY)`,
      `INSERT IGNORE INTO ${named("locks")} (id) VALUES ${
        Array.from({ length: locks }, (_, id) => `(${id})`).join(", ")
      }`
    ],
    isTransient: ({ reason }) => isTransient(reason.cause),
    undoesTransaction: ({ reason }) => undoesTransaction(reason.cause),
    stepwise: {
      lock: (name) => literal(`SELECT GET_LOCK(${lockName}, 60)`, [name]),
      unlock: (name) => literal(`SELECT RELEASE_LOCK(${lockName})`, [name]),
      wasDone: ({ reason }) => wasDone(reason.cause)
    },
    // whatever the session's zone
    clock: () => literal("SELECT FLOOR(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000)"),
    updateYields: false,
    partial: () => "",
    tableExists: (table) =>
      literal("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", [table])
  }
}

/** Such locks are the server's, not the database's, and have short names. */
const lockName = "CONCAT('effect-scheduler ', MD5(CONCAT(DATABASE(), '.', ?)))"
