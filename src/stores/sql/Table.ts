/**
 * How rows of the contract become rows of a table, and back: the columns of each table, in one place.
 *
 * Names avoid the words that SQL databases reserve, so no statement has to quote them.
 *
 * @since 0.1.0
 */
import type { JobRow, RunRow, VerdictRow } from "../../JobStore.ts"

/**
 * A column as statements see it. A flag is 0 or 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface Column {
  readonly name: string
  readonly type: "text" | "int" | "flag"
  /** The text is the JSON of a list, and `NULL` where that is empty. */
  readonly isList?: true
}

export const text = (name: string): Column => ({ name, type: "text" })
export const int = (name: string): Column => ({ name, type: "int" })
export const flag = (name: string): Column => ({ name, type: "flag" })
export const list = (name: string): Column => ({ name, type: "text", isList: true })

/** In every table: which of the services that share it a row belongs to. */
export const ns = text("ns")

/**
 * The columns that hold the fields of a row.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table<Row> {
  readonly columns: ReadonlyArray<Column>
  /** The column of a field. */
  readonly of: { readonly [Field in keyof Row]: Column }
  readonly encode: (row: Row) => Array<unknown>
  readonly decode: (values: ReadonlyArray<unknown>) => Row
}

const make = <Row>(of: { readonly [Field in keyof Row]: Column }): Table<Row> => {
  const fields = Object.keys(of) as Array<keyof Row>
  const columns = fields.map((field) => of[field])
  return {
    columns,
    of,
    encode: (row) => fields.map((field, i) => encode(columns[i]!, row[field])),
    decode: (values) => {
      const row: any = {}
      for (let i = 0; i < fields.length; i++) row[fields[i]] = decode(columns[i]!, values[i])
      return row
    }
  }
}

const encode = ({ isList, type }: Column, value: unknown): unknown => {
  if (type === "flag") return Number(value)
  if (isList !== true) return value
  return (value as ReadonlyArray<unknown>).length === 0 ? null : JSON.stringify(value)
}

const decode = ({ isList, type }: Column, value: unknown): unknown => {
  if (type === "flag") return Number(value) === 1
  if (isList === true) return value === null ? [] : JSON.parse(value as string)
  // some drivers answer with a bigint for 64 bits
  return typeof value === "bigint" ? Number(value) : value
}

/**
 * Some of the fields of a table.
 *
 * @category combinators
 * @since 0.1.0
 */
export const pick = <Row, Field extends keyof Row>(
  table: Table<Row>,
  fields: ReadonlyArray<Field>
): Table<Pick<Row, Field>> =>
  make(Object.fromEntries(fields.map((field) => [field, table.of[field]])) as Pick<Table<Row>["of"], Field>)

export const jobs = make<JobRow>({
  id: text("id"),
  incarnation: text("incarnation"),
  revision: int("revision"),
  task: text("task"),
  lane: text("lane"),
  trigger: text("spec"),
  payload: text("payload"),
  taskVersion: int("task_version"),
  policy: text("policy"),
  tags: text("tags"),
  metadata: text("metadata"),
  anchor: int("anchor"),
  cursor: int("cursor_at"),
  nextNominal: int("next_nominal"),
  nextDue: int("next_due"),
  state: text("state"),
  pause: text("pause"),
  overrides: text("overrides"),
  tz: text("tz"),
  created: int("created"),
  updated: int("updated")
})

export const runs = make<RunRow>({
  id: text("id"),
  job: text("job"),
  incarnation: text("incarnation"),
  nominal: int("nominal"),
  planned: int("planned"),
  origin: text("origin"),
  task: text("task"),
  taskVersion: int("task_version"),
  lane: text("lane"),
  payload: text("payload"),
  policy: text("policy"),
  readyAt: int("ready_at"),
  boost: int("boost"),
  serial: int("serial"),
  limits: list("limits"),
  atMostOnce: flag("at_most_once"),
  uniqueKey: text("unique_key"),
  uniqueWhile: text("unique_while"),
  retention: int("retention"),
  trace: text("trace"),
  created: int("created"),
  state: text("state"),
  orderAt: int("order_at"),
  fence: int("fence"),
  attempt: int("attempt"),
  attempts: text("attempts"),
  node: text("node"),
  cancel: text("cancel"),
  claimed: int("claimed"),
  started: int("started"),
  finished: int("finished"),
  outcome: text("outcome"),
  result: text("result"),
  progress: text("progress"),
  log: text("log"),
  expiresAt: int("expires_at")
})

/**
 * Columns of a run that only the store sees.
 *
 * - `wake_at`: set exactly while the run is waiting
 * - `blocked_at`: its `planned`, set exactly while it is blocked
 * - `going_key`: its `unique_key`, set exactly while it is going
 */
export const wakeAt = int("wake_at")
export const blockedAt = int("blocked_at")
export const goingKey = text("going_key")

export const verdicts = make<VerdictRow>({
  job: text("job"),
  incarnation: text("incarnation"),
  from: int("from_at"),
  to: int("to_at"),
  kind: text("kind"),
  reason: text("reason"),
  ref: text("ref"),
  note: text("note"),
  count: int("occurrences"),
  decided: int("decided"),
  node: text("node")
})

/** The columns as a list in a statement, under the alias of the table. */
export const names = (columns: ReadonlyArray<Column>, alias?: string): string =>
  columns.map(({ name }) => alias === undefined ? name : `${alias}.${name}`).join(", ")
