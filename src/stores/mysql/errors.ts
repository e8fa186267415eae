/**
 * The numbers of MariaDB's and MySQL's errors, in the words of Effect's clients.
 *
 * @since 0.1.0
 */
import {
  AuthenticationError,
  AuthorizationError,
  ConnectionError,
  ConstraintError,
  DeadlockError,
  LockTimeoutError,
  SerializationError,
  type SqlErrorReason,
  SqlSyntaxError,
  StatementTimeoutError,
  UniqueViolation,
  UnknownError
} from "effect/sql/SqlError"

const deadlock = 1213
/** Somebody else has changed a row since this transaction looked at it (MariaDB, above `READ COMMITTED`). */
const changedSince = 1020

/** The server ends connections, or takes no more of them: a restart, too many, an idle or killed one. */
const cutOff = [1040, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 2006, 2013, 4031]

/** A server that only reads, as for a while when another one takes over. */
const readOnly = [1290, 1792, 1836]

interface Fields {
  readonly cause: unknown
  readonly message: string
  readonly operation: string
}

const kinds: ReadonlyArray<readonly [ReadonlyArray<number>, (fields: Fields) => SqlErrorReason]> = [
  [[deadlock], (fields) => new DeadlockError(fields)],
  [[changedSince], (fields) => new SerializationError(fields)],
  [[1205, 3572], (fields) => new LockTimeoutError(fields)],
  [[1317, 1969, 3024], (fields) => new StatementTimeoutError(fields)],
  [cutOff, (fields) => new ConnectionError(fields)],
  [
    [1022, 1062, 1169, 1586],
    (fields) => new UniqueViolation({ ...fields, constraint: /for key '(.+)'/.exec(fields.message)?.[1] ?? "" })
  ],
  [[1048, 1216, 1217, 1364, 1451, 1452, 3819, 4025], (fields) => new ConstraintError(fields)],
  [[1045, 1251, 1698, 1862], (fields) => new AuthenticationError(fields)],
  [[1044, 1142, 1143, 1227, 1370], (fields) => new AuthorizationError(fields)],
  [[1049, 1054, 1064, 1146, 1305], (fields) => new SqlSyntaxError(fields)]
]

const byNumber = new Map(kinds.flatMap(([numbers, make]) => numbers.map((number) => [number, make] as const)))

interface DriverError {
  readonly errno?: unknown
  readonly fatal?: unknown
  readonly sqlState?: unknown
}

const numberOf = (cause: unknown): number => {
  const { errno } = (typeof cause === "object" && cause !== null ? cause : {}) as DriverError
  return typeof errno === "number" ? errno : 0
}

/** Which kind of error a cause of the driver's is. */
export const reasonOf = (cause: unknown, operation: string): SqlErrorReason => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const fields = { cause, message, operation }
  const known = byNumber.get(numberOf(cause))
  if (known !== undefined) return known(fields)
  // without a state of the server's the error is the network's
  const { fatal, sqlState } = (typeof cause === "object" && cause !== null ? cause : {}) as DriverError
  return fatal === true && sqlState === undefined ? new ConnectionError(fields) : new UnknownError(fields)
}

/** Whether the server has rolled back the whole transaction, and not the statement alone. */
export const undoesTransaction = (cause: unknown): boolean => {
  const number = numberOf(cause)
  return number === deadlock || number === changedSince
}

/** Whether an error passes by itself. A savepoint is missing where the transaction it was in is. */
export const isTransient = (cause: unknown): boolean => {
  const number = numberOf(cause)
  return number === changedSince || cutOff.includes(number) || readOnly.includes(number) ||
    (number === 1305 && cause instanceof Error && cause.message.startsWith("SAVEPOINT"))
}

/** Whether a step of a migration failed because somebody took it who did not come to its end. */
export const wasDone = (cause: unknown): boolean => [1050, 1051, 1060, 1061, 1091].includes(numberOf(cause))
