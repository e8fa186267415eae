/**
 * `effect-scheduler/postgres`: the store in PostgreSQL. Needs `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
export * as PostgresJobStore from "./stores/PostgresJobStore.ts"
