/**
 * A client as somebody else might have made it: prepared statements, the isolation that the server has unless told, and no idea of which
 * transactions are still open.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import * as Mysql from "mysql2/promise"
import { reasonOf } from "../../../src/stores/mysql/errors.ts"
import { url } from "./server.ts"

const connectionOf = (connection: Mysql.PoolConnection): Connection => {
  const run = (sql: string, values: ReadonlyArray<unknown>, rowsAsArray = false) =>
    Effect.tryPromise({
      try: () => connection.execute({ sql, rowsAsArray }, values as Array<any>),
      catch: (cause) => new SqlError({ reason: reasonOf(cause, "execute") })
    }).pipe(Effect.map(([rows]): ReadonlyArray<any> => Array.isArray(rows) ? rows : []))
  const unprepared = (sql: string) =>
    Effect.tryPromise({
      try: () => connection.query(sql),
      catch: (cause) => new SqlError({ reason: reasonOf(cause, "execute") })
    }).pipe(Effect.as([]))
  const execute: Connection["execute"] = (sql, values) => run(sql, values)
  return {
    execute,
    executeUnprepared: (sql, values) => values.length === 0 ? unprepared(sql) : run(sql, values),
    executeRaw: execute as Connection["executeRaw"],
    executeStream: (sql, values) => Stream.fromIterableEffect(run(sql, values)),
    executeValues: (sql, values) => run(sql, values, true),
    executeValuesUnprepared: (sql, values) => run(sql, values, true)
  }
}

export const client = (database: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effectContext(Effect.gen(function*() {
    const pool = yield* Effect.acquireRelease(
      Effect.sync(() => Mysql.createPool({ uri: Redacted.value(url(database)), charset: "utf8mb4" })),
      (pool) => Effect.promise(() => pool.end())
    )
    const acquirer = Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => pool.getConnection()),
        (connection) => Effect.sync(() => connection.release())
      ),
      connectionOf
    )
    const sql = yield* SqlClient.make({
      acquirer,
      compiler: Statement.makeCompiler({
        dialect: "mysql",
        placeholder: () => "?",
        onIdentifier: Statement.defaultEscape("`"),
        onRecordUpdate: () => ["", []],
        onCustom: () => ["", []]
      }),
      driver: "foreign",
      spanAttributes: [],
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
    })
    return Context.make(SqlClient.SqlClient, sql)
  })).pipe(Layer.provide(Reactivity.layer))
