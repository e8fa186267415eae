/**
 * `effect-scheduler/redis`: the store in Redis.
 *
 * @since 0.1.0
 */
export * as RedisJobStore from "./stores/RedisJobStore.ts"
