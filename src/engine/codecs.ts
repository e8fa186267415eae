/**
 * A task's Schemas as codecs to stored text, made once per task. They are synchronous: a Schema that waits for something is refused when
 * it is used, with a message that says so.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { upgrade } from "../decisions/upgrade.ts"
import { show } from "../internal/show.ts"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"

export interface Codec {
  readonly encode: (value: unknown) => Exit.Exit<string, Schema.SchemaError>
  readonly decode: (text: string) => Exit.Exit<unknown, Schema.SchemaError>
}

/** Payloads are stored with the version of the task that encoded them. */
export interface PayloadCodec extends Pick<Codec, "encode"> {
  readonly decode: (text: string, version: number) => Exit.Exit<unknown, Schema.SchemaError | PayloadNotUpgraded>
}

/** No way leads from a stored payload to today's version of its task. */
export class PayloadNotUpgraded extends Schema.TaggedError<PayloadNotUpgraded>()("PayloadNotUpgraded", {
  message: Schema.String
}) {}

export interface TaskCodecs {
  readonly payload: PayloadCodec
  readonly success: Codec
  readonly error: Codec
}

const nothing: Codec = { encode: () => Exit.succeed("null"), decode: () => Exit.void }

const make = (schema: Task.PureSchema): Codec => {
  // Most tasks have nothing to say on one side or the other.
  if (schema === Schema.Void) return nothing
  const json = Schema.toCodecJson(schema) as Schema.Codec<unknown, unknown>
  const encode = Schema.encodeUnknownExit(json)
  const decode = Schema.decodeUnknownExit(json)
  const decodeText = Schema.decodeUnknownExit(Schema.fromJsonString(json))
  return {
    encode: (value) => Exit.map(encode(value), (encoded) => JSON.stringify(encoded)),
    decode: (text) => {
      // Parsed here it takes a quarter of the time that the Schema of the text would.
      let encoded: unknown
      try {
        encoded = JSON.parse(text)
      } catch {
        return decodeText(text) // which says what is wrong with it
      }
      return decode(encoded)
    }
  }
}

/** Why something could not be read, as it is kept with a job or a run: what is wrong, and not where in the code that was found. */
export const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

const payloadCodec = (task: Task.Any): PayloadCodec => {
  const { decode, encode } = make(task.payloadSchema)
  if (task.upgrade === undefined) return { encode, decode }
  return {
    encode,
    decode: (text, version) => {
      if (version === task.version) return decode(text)
      let encoded: unknown
      try {
        encoded = JSON.parse(text)
      } catch {
        return decode(text) // which says what is wrong with it
      }
      const upgraded = upgrade(task, encoded, version)
      return Result.isSuccess(upgraded)
        ? decode(JSON.stringify(upgraded.success) ?? "")
        : Exit.fail(new PayloadNotUpgraded({ message: upgraded.failure }))
    }
  }
}

const known = new WeakMap<Task.Any, TaskCodecs>()

export const codecsOf = (task: Task.Any): TaskCodecs => {
  let codecs = known.get(task)
  if (codecs === undefined) {
    codecs = { payload: payloadCodec(task), success: make(task.successSchema), error: make(task.errorSchema) }
    known.set(task, codecs)
  }
  return codecs
}

export const encodePayload = (task: Task.Any, payload: unknown): Exit.Exit<string, InvalidOption> =>
  Exit.mapError(codecsOf(task).payload.encode(payload), (error) =>
    new InvalidOption({
      field: "payload",
      value: show(payload),
      expected: `what the payload Schema of task ${task.name} accepts (${error.message.replaceAll("\n", "; ")})`
    }))
