/**
 * Whether the tables are what this version makes of an empty database. Nobody keeps a second list of them: the migrations make the tables
 * once more, in a place that only this connection sees, and the database is asked about both.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { SqlClient as Client } from "effect/sql/SqlClient"
import { StoreError } from "../../SchedulerError.ts"
import { nameIn, type Sql, type Tables } from "./Database.ts"
import { storeError } from "./errors.ts"
import { makeTables, version, versionOf } from "./migrations.ts"

/** What a table is like; the texts are the database's own. */
interface Shape {
  readonly columns: Map<string, string>
  /** `undefined`: there is none. */
  key: string | undefined
  readonly indexes: Map<string, string>
}

/** The shapes of the tables in a place. */
const shapesIn = (sql: SqlClient, tables: Tables): Sql<ReadonlyMap<string, Shape>> =>
  Effect.map(sql`${tables.dialect.shapes(nameIn(tables)("jobs"), tables.prefix)}`.values, (rows) => {
    const shapes = new Map<string, Shape>()
    const bare = (name: string) => name.startsWith(tables.prefix) ? name.slice(tables.prefix.length) : name
    for (const [table, kind, name, text] of rows as ReadonlyArray<ReadonlyArray<string>>) {
      const of = bare(table!)
      let shape = shapes.get(of)
      if (shape === undefined) shapes.set(of, shape = { columns: new Map(), key: undefined, indexes: new Map() })
      if (kind === "key") shape.key = text!
      else shape[kind === "column" ? "columns" : "indexes"].set(bare(name!), text!.replaceAll(/\s+/g, " ").trim())
    }
    return shapes
  })

/** Makes the tables where nobody else sees them, looks at them, and takes them away. */
const expected = (sql: SqlClient, tables: Tables): Sql<ReadonlyMap<string, Shape>> => {
  const scratch: Tables = { ...tables, ...tables.dialect.scratch }
  const look = Effect.andThen(makeTables(sql, scratch), shapesIn(sql, scratch))
  const { stepwise } = tables.dialect
  if (stepwise === undefined) {
    return Effect.catchIf(
      sql.withTransaction(Effect.flatMap(look, (shapes) => Effect.fail(new Undo(shapes)))),
      (error) => error instanceof Undo,
      ({ shapes }) => Effect.succeed(shapes)
    )
  }
  // nothing undoes these but somebody who takes them away, before as well, for the last one may have died over it
  const clean = Effect.flatMap(
    shapesIn(sql, scratch),
    (shapes) =>
      Effect.forEach(shapes.keys(), (table) => sql`DROP TABLE ${sql.literal(nameIn(scratch)(table))}`, {
        discard: true
      })
  )
  const name = nameIn(scratch)("jobs")
  return sql.withTransaction(
    Effect.ensuring(
      Effect.andThen(sql`${stepwise.lock(name)}`, Effect.andThen(clean, Effect.tap(look, () => clean))),
      Effect.ignore(sql`${stepwise.unlock(name)}`)
    )
  )
}

/** Rolls a transaction back, and brings out what was seen in it. */
class Undo {
  readonly shapes: ReadonlyMap<string, Shape>
  constructor(shapes: ReadonlyMap<string, Shape>) {
    this.shapes = shapes
  }
}

const compare = (
  expected: ReadonlyMap<string, Shape>,
  found: ReadonlyMap<string, Shape>,
  named: (table: string) => string
): ReadonlyArray<string> => {
  const differences: Array<string> = []
  for (const [name, shape] of expected) {
    const table = named(name)
    const there = found.get(name)
    if (there === undefined) {
      differences.push(`table ${table} is missing`)
      continue
    }
    for (const [column, text] of shape.columns) {
      const is = there.columns.get(column)
      if (is === undefined) differences.push(`column ${table}.${column} is missing, expected ${text}`)
      else if (is !== text) differences.push(`column ${table}.${column} is ${is}, expected ${text}`)
    }
    for (const [column, text] of there.columns) {
      if (!shape.columns.has(column)) differences.push(`column ${table}.${column} (${text}) is not this library's`)
    }
    if (there.key === undefined) differences.push(`table ${table} has no primary key, expected ${shape.key}`)
    else if (there.key !== shape.key) {
      differences.push(`the primary key of ${table} is ${there.key}, expected ${shape.key}`)
    }
    const served = new Set(there.indexes.values())
    for (const [index, text] of shape.indexes) {
      // one that does the same under another name is as good
      if (!served.has(text)) {
        const is = there.indexes.get(index)
        differences.push(
          is === undefined
            ? `index ${index} of ${table} is missing, expected ${text}`
            : `index ${index} of ${table} is ${is}, expected ${text}`
        )
      }
    }
    // a further index costs time and hurts nobody, unless it refuses what this library writes
    const known = new Set(shape.indexes.values())
    for (const [index, text] of there.indexes) {
      if (text.startsWith("unique") && !known.has(text) && !shape.indexes.has(index)) {
        differences.push(`index ${index} of ${table} (${text}) is not this library's, and refuses rows`)
      }
    }
  }
  return differences
}

/**
 * How the tables differ from what this version makes, in plain words; empty when they do not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drift = Effect.fnUntraced(function*(tables: Tables) {
  const sql = yield* Client
  const look = Effect.gen(function*() {
    const reached = yield* versionOf(sql, tables)
    if (reached === 0) return [`there are no tables ${nameIn(tables)("…")}`]
    const aged = reached === version
      ? []
      : [`the tables are of version ${reached}, and this effect-scheduler makes version ${version}`]
    const found = yield* shapesIn(sql, tables)
    return [...aged, ...compare(yield* expected(sql, tables), found, nameIn(tables))]
  })
  return yield* Effect.mapError(look, (error) => storeError("drift", error, tables.dialect.isTransient))
})

/**
 * Fails unless the tables are what this version makes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuse = Effect.fnUntraced(function*(tables: Tables) {
  const differences = yield* drift(tables)
  if (differences.length === 0) return
  return yield* new StoreError({
    verb: "open",
    retryable: false,
    message: `The tables are not what this effect-scheduler makes: ${differences.join("; ")}`
  })
})
