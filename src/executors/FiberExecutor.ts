/**
 * Carries out runs as fibers of this process: for handlers that wait rather than compute.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { Executor, type Service } from "../Executor.ts"
import { InvalidOption } from "../SchedulerError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many runs may be carried out at once. Default 1,000: a fiber that waits costs a few kilobytes, and a run has its slot until its
   * outcome is recorded, so few slots are also few records in a batch. What is scarce has a bound of its own: a smaller executor, or the policy
   * `concurrency`, which holds for all nodes together.
   */
  readonly concurrency?: number | undefined
  /** The name by which Tasks choose this executor. Default `"default"`. */
  readonly name?: string | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options = {}): Effect.fn.Return<Service, InvalidOption> {
  const concurrency = options.concurrency ?? 1_000
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    return yield* new InvalidOption({
      field: "concurrency",
      value: String(concurrency),
      expected: "a whole number of at least 1"
    })
  }
  let free = concurrency
  const available = Latch.makeUnsafe(true)
  const take = (max: number): Effect.Effect<number> =>
    Effect.suspend(() => {
      if (free === 0) return Effect.flatMap(available.await, () => take(max))
      const taken = Math.min(free, max)
      free -= taken
      if (free === 0) available.closeUnsafe()
      return Effect.succeed(taken)
    })
  return {
    name: options.name ?? "default",
    take,
    release: (slots) =>
      Effect.sync(() => {
        free += slots
        if (free > 0) available.openUnsafe()
      }),
    execute: (_run, body) => body
  }
})

/**
 * **Example** (At most 32 runs at once)
 *
 * ```ts
 * import { FiberExecutor } from "effect-scheduler"
 *
 * const Live = FiberExecutor.layer({ concurrency: 32 })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Executor, InvalidOption> => Layer.effect(Executor, make(options))
