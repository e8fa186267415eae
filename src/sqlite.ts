/**
 * `effect-scheduler/sqlite`: the store in an SQLite file, and the `SqlClient` that it can share with a program.
 *
 * @since 0.1.0
 */
export * as SqliteClient from "./stores/sqlite/SqliteClient.ts"
export * as SqliteJobStore from "./stores/SqliteJobStore.ts"
