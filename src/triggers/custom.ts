/**
 * Kinds of triggers that somebody else wrote.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { show, TriggerError } from "./error.ts"
import type { Kind } from "./kind.ts"
import type { Occurrences } from "./occurrences.ts"

/**
 * A trigger of a registered kind: the name of the kind, and its parameters as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface CustomSpec {
  readonly _tag: "custom"
  readonly name: string
  readonly parameters: Schema.Json
}

/**
 * What makes a kind of trigger: a name to store, the shape of its parameters, and what they mean.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<Parameters = any> {
  readonly name: string
  readonly parameters: Schema.Codec<Parameters, any>
  /** What it throws refuses the parameters, with a `TriggerError` that says so. */
  readonly occurrences: (parameters: Parameters) => CustomOccurrences
  readonly describe?: ((parameters: Parameters) => string) | undefined
}

/**
 * The meaning of a custom trigger: {@link Occurrences}, of which counting may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface CustomOccurrences extends Pick<Occurrences, "next" | "previous"> {
  readonly count?: Occurrences["count"] | undefined
}

/** @internal */
export const custom: Kind<CustomSpec> = {
  schema: () => Schema.TaggedStruct("custom", { name: Schema.String, parameters: Schema.Json }),

  normalize: ({ name, parameters }) => ({ _tag: "custom", name, parameters: sorted(parameters) }),

  compile({ name, parameters }, _member, names) {
    const definition = names.kind(name)
    const { count, next, previous } = occurrencesOf(definition, parameters)
    return {
      next,
      previous,
      count: count ?? (() => undefined),
      canFire: (from, to) => from <= to // nobody but the kind could tell
    }
  }
}

/** A kind that throws here refuses its parameters. */
const occurrencesOf = (definition: Definition, parameters: Schema.Json): CustomOccurrences => {
  const decoded = decodeParameters(definition, parameters)
  try {
    return definition.occurrences(decoded)
  } catch (error) {
    if (error instanceof TriggerError) throw error
    throw new TriggerError({
      reason: "spec",
      field: definition.name,
      value: show(parameters),
      expected: `parameters that its kind takes (it threw: ${error instanceof Error ? error.message : String(error)})`
    })
  }
}

/** Reads the parameters of a kind. */
export const decodeParameters = (definition: Definition, parameters: Schema.Json): unknown => {
  const decoded = Schema.decodeResult(definition.parameters)(parameters)
  if (Result.isSuccess(decoded)) return decoded.success
  throw new TriggerError({
    reason: "spec",
    field: definition.name,
    value: show(parameters),
    expected: decoded.failure.message
  })
}

/** JSON with the keys of its objects in order, so that equal parameters have equal text. */
const sorted = (json: Schema.Json): Schema.Json => {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(
    Object.entries(json).toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => [key, sorted(value)])
  )
}
