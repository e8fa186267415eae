/**
 * SQLite's way of saying it.
 *
 * @since 0.1.0
 */
import * as Statement from "effect/sql/Statement"
import type { Dialect } from "../sql/Dialect.ts"
import type { Column } from "../sql/Table.ts"

/** SQLite allows 32,766 parameters. */
const mostParameters = 32_000
const mostRows = 256

/**
 * A batch is a list of `VALUES`, measured at three to ten times the speed of `json_each`, which parses a row's text once per column; and
 * the planner knows how many rows it has, and starts from them. The list is padded to a power of two with rows that have no key, so that
 * a statement has few texts and stays prepared.
 */
const rows = (columns: ReadonlyArray<Column>, values: ReadonlyArray<ReadonlyArray<unknown>>): Statement.Fragment => {
  const width = columns.length
  const exponent = values.length <= 1 ? 0 : 32 - Math.clz32(values.length - 1)
  const size = 2 ** exponent
  const parameters: Array<unknown> = []
  for (const row of values) {
    for (let i = 0; i < width; i++) parameters.push(row[i])
  }
  while (parameters.length < size * width) parameters.push(null)
  let texts = tables.get(columns)
  if (texts === undefined) tables.set(columns, texts = [])
  const text = texts[exponent] ??= tableOf(columns, size)
  return Statement.fragment([Statement.literal(text, parameters)])
}

/** By the identity of the columns: statements name them once. */
const tables = new WeakMap<ReadonlyArray<Column>, Array<string>>()

const tableOf = (columns: ReadonlyArray<Column>, size: number): string => {
  const row = `(${columns.map(() => "?").join(",")})`
  const names = columns.map(({ name }, i) => `column${i + 1} AS ${name}`).join(", ")
  return `(SELECT ${names} FROM (VALUES ${`${row},`.repeat(size - 1)}${row}) WHERE column1 IS NOT NULL)`
}

/**
 * Writers exclude each other for a whole transaction, so nothing needs a lock of its own.
 *
 * @category dialects
 * @since 0.1.0
 */
export const dialect: Dialect = {
  isRemote: false,
  keyType: () => "TEXT",
  textType: "TEXT",
  intType: "BIGINT",
  batch: (width) => Math.min(mostRows, 2 ** Math.floor(Math.log2(mostParameters / width))),
  rows,
  each: "CROSS JOIN",
  by: () => "",
  rowsHaveNs: false,
  among: undefined,
  update: ({ on, set, table }) => ({
    head: literal(`UPDATE ${table} AS t SET ${Object.entries(set).map((pair) => pair.join(" = ")).join(", ")} FROM`),
    tail: literal(`AS k WHERE ${on}`)
  }),
  whereFree: (column) => `WHERE true ON CONFLICT DO NOTHING RETURNING ${column}`,
  forUpdate: () => "",
  skipLocked: "",
  latest: "",
  isolation: undefined,
  exclusive: undefined,
  isTransient: () => false,
  undoesTransaction: () => false,
  clock: undefined,
  updateYields: false,
  partial: (column) => ` WHERE ${column} IS NOT NULL`,
  tableExists: (table) =>
    Statement.fragment([Statement.literal("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [table])]),
  shapes: (_table, prefix) =>
    Statement.fragment([Statement.literal(
      `WITH tables AS (SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, length(?)) = ?)
      SELECT t.name, 'column', c.name,
        c.type || iif(c."notnull", ' not null', '') || iif(c.dflt_value IS NULL, '', ' default ' || c.dflt_value)
      FROM tables t, pragma_table_info(t.name) c
      UNION ALL
      SELECT name, 'key', 'key', '(' || group_concat(column, ', ') || ')' FROM
        (SELECT t.name, c.name AS column FROM tables t, pragma_table_info(t.name) c WHERE c.pk > 0 ORDER BY t.name, c.pk)
      GROUP BY name
      UNION ALL
      SELECT t.name, 'index', i.name, iif(i."unique", 'unique ', '') || substr(m.sql, instr(m.sql, '('))
      FROM tables t, pragma_index_list(t.name) i JOIN sqlite_master m ON m.type = 'index' AND m.name = i.name
      WHERE i.origin = 'c'`,
      [prefix, prefix]
    )]),
  scratch: { prefix: "effect_scheduler_drift_" },
  ownTables: () => [],
  stepwise: undefined
}

function literal(text: string): Statement.Fragment {
  return Statement.fragment([Statement.literal(text)])
}
