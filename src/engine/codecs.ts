/**
 * A task's Schemas as codecs to stored text, made once per task. They are synchronous: a Schema that waits for something is refused when
 * it is used, with a message that says so.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { show } from "../internal/show.ts"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"

export interface Codec {
  readonly encode: (value: unknown) => Exit.Exit<string, Schema.SchemaError>
  readonly decode: (text: string) => Exit.Exit<unknown, Schema.SchemaError>
}

export interface TaskCodecs {
  readonly payload: Codec
  readonly success: Codec
  readonly error: Codec
}

const nothing: Codec = { encode: () => Exit.succeed("null"), decode: () => Exit.void }

const make = (schema: Task.PureSchema): Codec => {
  // Most tasks have nothing to say on one side or the other.
  if (schema === Schema.Void) return nothing
  const json = Schema.toCodecJson(schema) as Schema.Codec<unknown, unknown>
  const encode = Schema.encodeUnknownExit(json)
  return {
    encode: (value) => Exit.map(encode(value), (encoded) => JSON.stringify(encoded)),
    decode: Schema.decodeUnknownExit(Schema.fromJsonString(json))
  }
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

export const encodePayload = (task: Task.Any, payload: unknown): Effect.Effect<string, InvalidOption> =>
  Effect.mapError(codecsOf(task).payload.encode(payload), (error) =>
    new InvalidOption({
      field: "payload",
      value: show(payload),
      expected: `what the payload Schema of task ${task.name} accepts (${error.message.replaceAll("\n", "; ")})`
    }))
