/** The MariaDB or MySQL of the tests, and databases in it that are gone with the scope. */
import { MysqlClient } from "effect-scheduler/mysql"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { connect } from "node:net"

const address = process.env["MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/test"

/** The address of a database, or of the one that is always there. */
export const url = (database?: string): Redacted.Redacted => {
  const url = new URL(address)
  if (database !== undefined) url.pathname = `/${database}`
  return Redacted.make(url.href)
}

/** Whether a server answers. Without one the tests of the store are left out, and say so. */
export const isRunning = await new Promise<boolean>((resolve) => {
  const { hostname, port } = new URL(address)
  const socket = connect({ host: hostname, port: Number(port || 3306), timeout: 2000 })
  const answer = (answer: boolean) => () => {
    socket.destroy()
    resolve(answer)
  }
  socket.on("connect", answer(true)).on("error", answer(false)).on("timeout", answer(false))
})

if (!isRunning) {
  console.warn(
    `\n*** no MariaDB or MySQL at ${address}: MySqlJobStore is NOT TESTED (MYSQL_URL names another one) ***\n`
  )
}

export const client = (database?: string, options?: Partial<MysqlClient.Options>) =>
  Layer.fresh(MysqlClient.layer({ url: url(database), ...options }))

const administer = (statement: string) =>
  Effect.flatMap(SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(client(undefined, { maxConnections: 1 }))
  )

/** The name of a database of one's own. */
export const temporaryDatabase = Effect.acquireRelease(
  Effect.tap(
    Effect.map(Random.nextIntBetween(0, 2 ** 31), (n) => `test_${process.pid}_${n}`),
    (database) => administer(`CREATE DATABASE ${database}`)
  ),
  (database) => Effect.ignore(administer(`DROP DATABASE IF EXISTS ${database}`))
)
