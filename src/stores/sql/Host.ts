/**
 * What a store can know about the processes that work on it.
 *
 * @since 0.1.0
 */
import * as Os from "node:os"
import type { Sql } from "./Database.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly name: string
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean
  /** Where the database knows which processes are connected. */
  readonly sessions?: Sessions | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Sessions {
  /** By which others can tell whether this process lives; `null` while they cannot. */
  readonly own: () => number | null
  /** Those whose processes are gone. */
  readonly gone: (sessions: ReadonlyArray<number>, now: number) => Sql<ReadonlySet<number>>
}

/**
 * What a program knows better.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The name of this machine; `os.hostname()` unless told. Runs of a process of this machine that is gone are taken over at once, so
   * containers that cannot see each other's processes must not share a name.
   */
  readonly host?: string | undefined
  /** Whether a process of this machine lives. */
  readonly isAlive?: ((pid: number) => boolean) | undefined
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // a process that exists and belongs to somebody else answers EPERM
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options, sessions?: Sessions): Host => ({
  name: options.host ?? Os.hostname(),
  isAlive: options.isAlive ?? isAlive,
  sessions
})
