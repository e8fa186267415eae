/**
 * Whenever one of several triggers fires.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { TriggerSpec } from "./compile.ts"
import { TriggerError } from "./error.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires whenever one of its members fires; members that agree on an instant fire once.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnionSpec {
  readonly _tag: "union"
  readonly of: ReadonlyArray<TriggerSpec>
}

/** @internal */
export const union: Kind<UnionSpec> = {
  schema: (member) => Schema.TaggedStruct("union", { of: Schema.Array(member) }),

  normalize({ of }, member) {
    // unions within unions say nothing more than one flat union
    const members = of.map(member).flatMap((spec) => spec._tag === "union" ? spec.of : [spec])
    return members.length === 1 ? members[0]! : { _tag: "union", of: members }
  },

  compile({ of }, member) {
    if (of.length === 0) {
      throw new TriggerError({ reason: "neverFires", field: "of", value: "[]", expected: "at least one trigger" })
    }
    const members = of.map(member)
    return {
      next(after, anchor) {
        let first: number | undefined
        for (let i = 0; i < members.length; i++) {
          const at = members[i]!.next(after, anchor)
          if (at !== undefined && (first === undefined || at < first)) first = at
        }
        return first
      },
      previous(before, anchor) {
        let last: number | undefined
        for (let i = 0; i < members.length; i++) {
          const at = members[i]!.previous(before, anchor)
          if (at !== undefined && (last === undefined || at > last)) last = at
        }
        return last
      },
      // how often members agree is not known without enumerating them
      count: () => undefined,
      canFire: (from, to) => members.some((occurrences) => occurrences.canFire(from, to))
    }
  }
}
