/**
 * What a scheduler measures of itself, as metrics of Effect: they are read with `Metric.value`, or by whatever exports `Metric.snapshot`.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"

/**
 * 1 while the store of this name does not answer, and 0 since it has answered again: the place for an alarm.
 *
 * **Example** (Is the store away?)
 *
 * ```ts
 * import { Effect, Metric } from "effect"
 * import { SchedulerMetric } from "effect-scheduler"
 *
 * const isAway = Effect.map(Metric.value(SchedulerMetric.storeDown("default")), ({ value }) => value === 1)
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export const storeDown = (store: string): Metric.Gauge<number> =>
  Metric.gauge("effect_scheduler_store_down", {
    description: "1 while the job store does not answer",
    attributes: { store }
  })

/**
 * How many outages of the store of this name have begun.
 *
 * @category metrics
 * @since 0.1.0
 */
export const storeOutages = (store: string): Metric.Counter<number> =>
  Metric.counter("effect_scheduler_store_outages", {
    description: "Outages of the job store",
    attributes: { store },
    incremental: true
  })
