/** The task of the processes that share a Redis. */
import { Schema } from "effect"
import { Task } from "effect-scheduler"

export const Count = Task.make("Count", { payload: { n: Schema.Int }, success: Schema.Int })

/** Where a handler writes down that it was called. */
export const handledOf = (options: { readonly prefix: string; readonly namespace: string }): string =>
  `{${options.prefix}:${options.namespace}}:handled`
