/**
 * The stores that processes share. One is loaded when it is asked for, so that a process needs no other's driver.
 */
import { Effect, Layer, Redacted } from "effect"
import type { JobStore, SchedulerError } from "effect-scheduler"

type Open = (place: Place) => Promise<Layer.Layer<JobStore.JobStore, SchedulerError.StoreError>>

const stores = {
  postgres: async ({ name, url }) =>
    (await import("effect-scheduler/postgres")).PostgresJobStore.layerUrl(Redacted.make(url), { schema: name }),
  mysql: async ({ url }) => (await import("effect-scheduler/mysql")).MySqlJobStore.layerUrl(Redacted.make(url)),
  sqlite: async ({ url }) =>
    (await import("effect-scheduler/sqlite")).SqliteJobStore.layerFile(url, { synchronous: "normal" }),
  redis: async ({ name, url }) =>
    (await import("effect-scheduler/redis")).RedisJobStore.layerUrl(url, { prefix: name, namespace: "processes" })
} satisfies Record<string, Open>

/** Where a store is, as it is told to another process. */
export interface Place {
  readonly store: keyof typeof stores
  /** Of the server, or a file's name. */
  readonly url: string
  /** A schema or a prefix. */
  readonly name: string
}

export const layerOf = (place: Place): Layer.Layer<JobStore.JobStore, SchedulerError.StoreError> =>
  Layer.unwrap(Effect.promise(() => (stores[place.store] as Open)(place)))
