/**
 * PostgreSQL's way of saying it.
 *
 * @since 0.1.0
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import * as Result from "effect/Result"
import * as Statement from "effect/sql/Statement"
import type { Dialect } from "../sql/Dialect.ts"
import * as Table from "../sql/Table.ts"
import type { Column } from "../sql/Table.ts"

const typeOf = ({ type }: Column): string => type === "text" ? "text" : "bigint"

/**
 * A batch is one array per column, measured at three times the speed of `jsonb_to_recordset`; but what all rows of a large one have in
 * common is said once: a run has 26 columns, of which a page of 1,000 differs in two. The statement has the same text however many rows
 * there are, and every parameter the same type whatever its values, so it is planned once per connection. A single row needs no arrays, and
 * the planner knows that it is one.
 *
 * How many there are is the answer to a query, so that the planner cannot know it and expects few: then it looks each row up in an index. A plan
 * that was made when a table was small, or for a full batch, would read the whole table instead: in a table of 60,000 runs that nobody has
 * analysed yet, planning 512 jobs took 70 ms for a single query, and takes 5. The namespace is one of the values for the same reason: of a
 * table that nobody has analysed a planner thinks that one row in 200 has it, and reads all rows that do. Recording 512 ends took 230 ms
 * in the first minute of a new table, and takes 9.
 */
const rows: Dialect["rows"] = (columns, values, ns) => {
  const first = values[0]!
  const isAlike = columns.map((_, i) =>
    // the first column is a key
    values.length === 1 || (i > 0 && values.length >= many && values.every((row) => row[i] === first[i]))
  )
  const alike = columns.flatMap((column, i) => isAlike[i] ? [comma, ...scalar(column, first[i])] : [])
  const head = [select, ...scalar(Table.ns, ns), ...alike]
  if (values.length === 1) return Statement.fragment([...head, end])
  const arrays = columns.flatMap((column, i) => isAlike[i] ? [] : [comma, ...array(column, values, i)])
  const names = Table.names(columns.filter((_, i) => !isAlike[i]))
  return Statement.fragment([
    ...head,
    Statement.literal(", v.* FROM unnest("),
    ...arrays.slice(1),
    Statement.literal(`) AS v (${names}) LIMIT (SELECT `),
    Statement.parameter(String(values.length)),
    Statement.literal("::bigint))")
  ])
}

/** From so many rows on it pays to say once what they have in common, although the statement then has a text of its own. */
const many = 32

const scalar = (column: Column, value: unknown): ReadonlyArray<Statement.Segment> => [
  // text takes the type that the statement asks for
  Statement.parameter(value === null ? null : String(value)),
  named(column)
]

const names = new WeakMap<Column, Statement.Segment>()

/** What follows a value; columns are few, and rows many. */
const named = (column: Column): Statement.Segment => {
  const known = names.get(column)
  if (known !== undefined) return known
  const segment = Statement.literal(`::${typeOf(column)} AS ${column.name}`)
  names.set(column, segment)
  return segment
}

const select = Statement.literal("(SELECT ")
const comma = Statement.literal(", ")
const end = Statement.literal(")")

const array = (
  column: Column,
  values: ReadonlyArray<ReadonlyArray<unknown>>,
  i: number
): ReadonlyArray<Statement.Segment> => [
  Statement.parameter(
    column.type === "text"
      ? Result.getOrThrow(PgTypes.array(values.map((row) => row[i]), PgTypes.OID.text))
      // the text of an array of numbers: cheaper to write than big integers are to make
      : `{${values.map((row) => row[i] ?? "NULL").join(",")}}`
  ),
  Statement.literal(`::${typeOf(column)}[]`)
]

/** What ends a session or refuses one for a while: a restart, a fail-over, too many connections. */
const passing = /^(57P0[1-5]|53[0-9A-Z]{3}|25006|40[0-9A-Z]{3}|08[0-9A-Z]{3})$/

/**
 * Writers of different rows work side by side: what a verb has read and is about to change, it has locked.
 *
 * @category dialects
 * @since 0.1.0
 */
export const dialect: Dialect = {
  // texts compare by code point, in every database whatever its locale
  isRemote: true,
  keyType: () => `TEXT COLLATE "C"`,
  textType: "TEXT",
  intType: "BIGINT",
  // of a large one a planner thinks that it pays to read the table: 4,000 ends in one of 25,000 runs that nobody had analysed took 15 s
  batch: () => 1000,
  rows,
  rowsHaveNs: true,
  each: "CROSS JOIN",
  by: () => "",
  among: undefined,
  update: ({ on, set, table }) => ({
    head: literal(`UPDATE ${table} AS t SET ${Object.entries(set).map((pair) => pair.join(" = ")).join(", ")} FROM`),
    tail: literal(`AS k WHERE ${on}`)
  }),
  whereFree: (column) => `WHERE true ON CONFLICT DO NOTHING RETURNING ${column}`,
  forUpdate: (alias, key) => `ORDER BY ${alias}.${key} FOR UPDATE OF ${alias}`,
  skipLocked: "FOR UPDATE SKIP LOCKED",
  latest: "",
  isolation: () => literal("SELECT current_setting('transaction_isolation')"),
  // the names share 256 locks, for a server has room for some thousands, and take them in one order
  exclusive: (names) =>
    Statement.fragment([
      Statement.literal(
        "SELECT pg_advisory_xact_lock(hashtext('effect-scheduler'), k) FROM (SELECT DISTINCT hashtext(n) & 255 FROM unnest("
      ),
      Statement.parameter(Result.getOrThrow(PgTypes.array(names, PgTypes.OID.text))),
      Statement.literal("::text[]) AS names (n) ORDER BY 1) AS locks (k)")
    ]),
  isTransient: ({ reason }) => passing.test(codeOf(reason.cause)),
  undoesTransaction: () => false,
  clock: () => literal("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"),
  updateYields: true,
  partial: (column) => ` WHERE ${column} IS NOT NULL`,
  tableExists: (table) =>
    Statement.fragment([
      Statement.literal("SELECT 1 WHERE to_regclass("),
      Statement.parameter(table),
      Statement.literal("::text) IS NOT NULL")
    ]),
  shapes: (table, prefix) =>
    Statement.fragment([
      Statement.literal(`WITH tables AS (
        SELECT c.oid, c.relname FROM pg_class c
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(`),
      Statement.parameter(table),
      Statement.literal(`::text)) AND starts_with(c.relname, `),
      Statement.parameter(prefix),
      Statement.literal(`::text))
      SELECT t.relname::text, 'column', a.attname::text, concat(
        format_type(a.atttypid, a.atttypmod),
        (SELECT ' collate ' || l.collname FROM pg_collation l WHERE l.oid = a.attcollation AND l.collname <> 'default'),
        CASE WHEN a.attnotnull THEN ' not null' END, ' default ' || pg_get_expr(d.adbin, d.adrelid))
      FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
      WHERE a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
      SELECT t.relname::text, CASE WHEN x.indisprimary THEN 'key' ELSE 'index' END, i.relname::text, concat(
        CASE WHEN x.indisunique AND NOT x.indisprimary THEN 'unique ' END,
        substring(pg_get_indexdef(i.oid) FROM '[(].*'), CASE WHEN NOT x.indisvalid THEN ', which is not valid' END)
      FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid`)
    ]),
  // gone with the transaction, and needs no right but the one to make temporary tables
  scratch: { schema: "pg_temp" },
  ownTables: () => [],
  stepwise: undefined
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

function literal(text: string): Statement.Fragment {
  return Statement.fragment([Statement.literal(text)])
}
