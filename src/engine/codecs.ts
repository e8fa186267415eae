/**
 * A task's Schemas as codecs to stored text, made once per task.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Task from "../Task.ts"

export interface Codec {
  readonly encode: (value: unknown) => Effect.Effect<string, Schema.SchemaError>
  readonly decode: (text: string) => Effect.Effect<unknown, Schema.SchemaError>
}

export interface TaskCodecs {
  readonly payload: Codec
  readonly success: Codec
  readonly error: Codec
}

const make = (schema: Task.PureSchema): Codec => {
  const json = Schema.toCodecJson(schema) as Schema.Codec<unknown, unknown>
  const text = Schema.fromJsonString(json)
  const decode = Schema.decodeUnknownEffect(text)
  const encode = Schema.encodeUnknownEffect(json)
  // Most tasks have nothing to say on one side or the other; "null" needs no schema.
  return schema === Schema.Void
    ? { encode: () => Effect.succeed("null"), decode: (text) => text === "null" ? Effect.void : decode(text) }
    : { encode: (value) => Effect.map(encode(value), (encoded) => JSON.stringify(encoded)), decode }
}

const known = new WeakMap<Task.Any, TaskCodecs>()

export const codecsOf = (task: Task.Any): TaskCodecs => {
  let codecs = known.get(task)
  if (codecs === undefined) {
    codecs = { payload: make(task.payloadSchema), success: make(task.successSchema), error: make(task.errorSchema) }
    known.set(task, codecs)
  }
  return codecs
}
