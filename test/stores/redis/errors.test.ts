import { assert, describe, it } from "@effect/vitest"
import { Redis } from "effect/persistence"
import { storeError } from "../../../src/stores/redis/errors.ts"

const isRetryable = (message: string): boolean =>
  storeError("claim", new Redis.RedisError({ cause: new Error(message) })).retryable

describe("what goes wrong in Redis", () => {
  it("may be better the next time, when it was the connection", () => {
    for (
      const message of [
        "Socket closed unexpectedly",
        "The client is offline",
        "Connection timeout",
        "connect ECONNREFUSED 127.0.0.1:6379",
        "read ECONNRESET"
      ]
    ) assert.isTrue(isRetryable(message), message)
  })

  it("may be better the next time, when the server says so", () => {
    for (
      const message of [
        "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "READONLY You can't write against a read only replica.",
        "CLUSTERDOWN The cluster is down",
        "NOSCRIPT No matching script. Please use EVAL.",
        "OOM command not allowed when used memory > 'maxmemory'. script: 0123, on @user_script:7.",
        "ERR Error running script (call to f_0123): @user_script:7: -OOM command not allowed when used memory > 'maxmemory'."
      ]
    ) assert.isTrue(isRetryable(message), message)
  })

  it("will not be better by itself, when the server refuses", () => {
    for (
      const message of [
        "NOAUTH Authentication required.",
        "NOPERM this user has no permissions to run the 'evalsha' command",
        "WRONGTYPE Operation against a key holding the wrong kind of value script: 0123, on @user_script:7.",
        "ERR user_script:7: attempt to index a nil value"
      ]
    ) assert.isFalse(isRetryable(message), message)
  })

  it("names the verb, and keeps the cause", () => {
    const cause = new Redis.RedisError({ cause: "text" })
    const error = storeError("claim", cause)
    assert.strictEqual(error.verb, "claim")
    assert.strictEqual(error.message, "Redis: text")
    assert.strictEqual(error.cause, cause)
  })
})
