/**
 * `effect-scheduler/mysql`: the store in MariaDB or MySQL, and the `SqlClient` that it can share with a program. Needs `mysql2`.
 *
 * @since 0.1.0
 */
export * as MysqlClient from "./stores/mysql/MysqlClient.ts"
export * as MySqlJobStore from "./stores/MySqlJobStore.ts"
