/**
 * A trigger without the instants of another.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Search from "./bounded-search.ts"
import type { TriggerSpec } from "./compile.ts"
import { isFixed } from "./fixed.ts"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires with its member, except at the instants of another trigger.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExceptSpec {
  readonly _tag: "except"
  readonly of: TriggerSpec
  readonly instants: TriggerSpec
}

/** @internal */
export const except: Kind<ExceptSpec> = {
  schema: (member) => Schema.TaggedStruct("except", { of: member, instants: member }),

  normalize: ({ instants, of }, member) => ({ _tag: "except", of: member(of), instants: member(instants) }),

  compile(spec, member) {
    const inner = member(spec.of)
    const excluded = member(spec.instants)

    const next = (after: number, anchor: number): number | undefined => {
      const outermost = Search.begin()
      try {
        while (Search.step()) {
          const at = inner.next(after, anchor)
          if (at === undefined) return undefined
          if (excluded.next(at - 1, anchor) !== at) return Search.isSpent() ? undefined : at
          after = at
        }
        return undefined
      } finally {
        Search.end(outermost)
      }
    }

    return {
      next,
      previous(before, anchor) {
        const outermost = Search.begin()
        try {
          while (Search.step()) {
            const at = inner.previous(before, anchor)
            if (at === undefined) return undefined
            if (excluded.next(at - 1, anchor) !== at) return Search.isSpent() ? undefined : at
            before = at
          }
          return undefined
        } finally {
          Search.end(outermost)
        }
      },
      // how often the two agree is not known without enumerating them
      count: () => undefined,
      canFire(from, to) {
        if (!isFixed(spec)) return inner.canFire(from, to)
        const at = next(from - 1, Instant.min)
        return at !== undefined && at <= to
      }
    }
  }
}
