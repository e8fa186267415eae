/**
 * What each kind of trigger brings: its data, and what the data means.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import type { Occurrences } from "./occurrences.ts"
import type { Names } from "./registry.ts"

/**
 * Occurrences that can also be asked whether they are empty whatever the anchor, which is how a trigger that can never
 * fire is refused when it is made.
 *
 * @internal
 */
export interface Compiled extends Occurrences {
  /** Whether some anchor has an instant in `[from, to]`. May say `true` where the question is too hard to answer. */
  readonly canFire: (from: number, to: number) => boolean
}

/**
 * One kind of trigger. Everything it needs is here, so that a kind is one file and one line in the registry.
 *
 * @internal
 */
export interface Kind<Spec extends { readonly _tag: string }> {
  /** The shape of the specification, given the schema of the triggers it may contain. */
  readonly schema: (member: Schema.Codec<TriggerSpec>) => Schema.Codec<Spec>
  /**
   * The canonical form: keys in a fixed order, defaults left out, so that equal triggers have equal text. It changes no
   * meaning and need not be given a valid specification.
   */
  readonly normalize: (spec: Spec, member: (spec: TriggerSpec) => TriggerSpec) => TriggerSpec
  /** The meaning, given that of the triggers it contains and what it may refer to by name. Throws a `TriggerError`. */
  readonly compile: (spec: Spec, member: (spec: TriggerSpec) => Compiled, names: Names) => Compiled
}
