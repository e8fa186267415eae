/**
 * What the library's own tests are made of, for those who write a store, an executor or a trigger of their own.
 *
 * @since 0.1.0
 */
export * as JobStoreSuite from "./JobStoreSuite.ts"
export * as TriggerLaws from "./TriggerLaws.ts"
