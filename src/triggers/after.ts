/**
 * Once, a while after the anchor.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Instant from "./instant.ts"
import type { Kind } from "./kind.ts"

/**
 * Fires once, this many milliseconds after the job was added.
 *
 * @category models
 * @since 0.1.0
 */
export interface AfterSpec {
  readonly _tag: "after"
  readonly millis: number
}

/** @internal */
export const after: Kind<AfterSpec> = {
  schema: () => Schema.TaggedStruct("after", { millis: Schema.Int }),

  normalize: ({ millis }) => ({ _tag: "after", millis }),

  compile(spec) {
    const millis = spec.millis === 0 ? 0 : Instant.checkDuration("duration", spec.millis)
    // as every trigger it ends where DateTime does
    return {
      next(after, anchor) {
        const at = anchor + millis
        return at > after && at <= Instant.max ? at : undefined
      },
      previous(before, anchor) {
        const at = anchor + millis
        return at < before && at <= Instant.max ? at : undefined
      },
      count(from, to, anchor) {
        const at = anchor + millis
        return at > from && at <= Math.min(to, Instant.max) ? 1 : 0
      },
      canFire: (from, to) => from <= to
    }
  }
}
