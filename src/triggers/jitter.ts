/**
 * A trigger whose runs are spread in time.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Has the instants of its member as nominal instants, and plans each of them up to `millis` milliseconds later. Only the
 * outermost trigger can have it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JitterSpec {
  readonly _tag: "jitter"
  readonly of: TriggerSpec
  readonly millis: number
}

/** @internal */
export const jitter: Kind<JitterSpec> = {
  schema: (member) => Schema.TaggedStruct("jitter", { of: member, millis: Schema.Int }),

  normalize({ millis, of }, member) {
    const normal = member(of)
    return millis === 0 ? normal : { _tag: "jitter", of: normal, millis }
  },

  compile(spec, member) {
    Instant.checkDuration("jitter", spec.millis)
    return member(spec.of)
  }
}

/**
 * The planned instant of a nominal one: the same for the same seed, on every node and in every version of this library.
 *
 * @internal
 */
export const plannedAt = (millis: number, seed: string, nominal: number, next: number | undefined): number => {
  const room = next === undefined ? millis : Math.min(millis, next - nominal)
  return nominal + Math.floor(hash(seed, nominal) / 2 ** 32 * room)
}

/** 32 bits of a text and an instant: FNV-1a over the text, then the finalizer of MurmurHash3, which both are public domain. */
const hash = (seed: string, nominal: number): number => {
  let bits = 0x811c_9dc5
  for (let i = 0; i < seed.length; i++) bits = Math.imul(bits ^ seed.charCodeAt(i), 0x0100_0193)
  bits = mix(bits ^ nominal) // the low 32 bits
  return mix(bits ^ Math.floor(nominal / 2 ** 32)) >>> 0
}

const mix = (bits: number): number => {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return bits ^ (bits >>> 16)
}
